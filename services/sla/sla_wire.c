/* Decisions to facts and timers, items to events: the only file of sla that knows JSON and keys.
 *
 * A timer's fact answers for the claim that started the clock, whatever made us look at it; everything else for the
 * claim at hand. Must not decide. */
#include "services/sla/sla_run.h"

#include <stdio.h>
#include <string.h>

void sla_decode_event(const struct batch *batch, const struct item *item, const struct ticket *ticket, bool new_owner,
		      struct sla_event *ret_event)
{
	const struct event *event = &item->event;

	*ret_event = (struct sla_event){
		.fact = event->name,
		.at = event->time != INSTANT_NONE ? event->time : batch->now,
		.revision = ticket->revision,
		.new_owner = new_owner,
		.cause = { .traceparent = event->traceparent, .tracestate = event->tracestate,
			   .id = event->cause_id.p ? event->cause_id : event->id,
			   .source = event->cause_id.p ? event->cause_source : event->source },
	};
}

/* A card that names no project is about no thing, but what it must say is looked at all the same: "project:". */
struct str sla_subject_of(const struct sla_run *run, const struct item *item)
{
	struct arena *arena = run->batch->arena;
	const struct desk_event *known;
	const struct doc *doc = &item->event.doc;
	uint32_t node;

	if (!run->desk || item->timer)
		return ticket_of_item(item, arena);
	known = desk_event_of(item->event.name);
	/* What intake has not let in is nobody's claim. */
	if (!known || !item->event.origin.p)
		return STR_NONE;
	node = doc_member(doc, 0, str_of(known->member));
	return str_format(arena, "%s:%.*s", known->kind,
			  STR_ARG(node > 0 && doc_type(doc, node) == DOC_NUMBER ? doc_raw(doc, node) :
				  doc_get(doc, known->member, arena)));
}

bool sla_thing_named(struct str id)
{
	return id.n > 0 && id.p[id.n - 1] != ':';
}

void sla_decode_claim(const struct batch *batch, const struct item *item, const struct ticket *thing, int64_t zone_offset_us,
		      struct sla_event *ret_event)
{
	const struct event *event = &item->event;
	struct str date = doc_get(&event->doc, "date", batch->arena);

	sla_decode_event(batch, item, thing, false, ret_event);
	ret_event->at = event->time;
	ret_event->arrived = event->arrived != INSTANT_NONE ? event->arrived : batch->now;
	ret_event->day_end = date.n > 0 ? sla_instant_of(date, zone_offset_us) : INSTANT_NONE;
	ret_event->staff = str_starts(event->origin, STR(TOPIC_STAFF));
}

/* "CLOCK" is the breach, "CLOCK#2" its third warning. */
struct str sla_decode_timer(const struct timer *timer, int32_t *ret_warning)
{
	struct str id = timer->key;
	size_t n = id.n;
	int64_t warning;

	*ret_warning = -1;
	while (n > 0 && id.p[n - 1] != '#' && id.p[n - 1] != '/')
		n--;
	if (n == 0 || id.p[n - 1] != '#' || !str_int64((struct str){ id.p + n, id.n - n }, &warning))
		return id;
	*ret_warning = (int32_t)warning;
	id.n = n - 1;
	return id;
}

static struct str timer_key(const struct sla_clock *clock, int32_t warning, struct arena *arena)
{
	return warning < 0 ? clock->id : str_format(arena, "%.*s#%d", STR_ARG(clock->id), (int)warning);
}

static void write_seconds(struct writer *writer, const char *key, int64_t us)
{
	char text[40];

	write_key(writer, key);
	if (us % SECOND == 0)
		snprintf(text, sizeof(text), "%lld", (long long)(us / SECOND));
	else
		snprintf(text, sizeof(text), "%lld.%06lld", (long long)(us / SECOND), (long long)(us % SECOND));
	write_raw(writer, str_of(text));
}

static void write_limit(struct writer *writer, const struct clock_rule *rule, const struct calendar *calendar)
{
	switch (rule->limit.type) {
	case LIMIT_DURATION:
	case LIMIT_COUNT:
		write_member(writer, "limit", rule->limit.text);
		break;
	case LIMIT_EVENT:
		write_member(writer, "limit", str_is(rule->start.fact, "ticket.scheduled") ? STR("window_end") : STR("per_ticket"));
		break;
	}
	write_key(writer, "calendar");
	write_open(writer, '{');
	write_member(writer, "id", calendar ? calendar->id : STR("24x7"));
	write_member_int(writer, "version", calendar ? calendar->version : 1);
	write_close(writer, '}');
}

static const char *write_fact(struct writer *writer, const struct sla_fact *fact, const struct sla_clock *clock,
			      const struct clock_rule *rule)
{
	switch (fact->type) {
	case SLA_FACT_STARTED:
		write_member_instant(writer, "started_at", clock->started_at);
		write_member_instant(writer, "due_at", fact->due_at);
		write_limit(writer, rule, clock->calendar);
		return "sla.started";
	case SLA_FACT_PAUSED:
		write_member(writer, "why", fact->why);
		return "sla.paused";
	case SLA_FACT_RESUMED:
		write_member_instant(writer, "due_at", fact->due_at);
		return "sla.resumed";
	case SLA_FACT_RESCHEDULED:
		write_member_instant(writer, "was", fact->was);
		write_member_instant(writer, "due_at", fact->due_at);
		write_member(writer, "why", fact->why);
		return "sla.rescheduled";
	case SLA_FACT_WARNED:
		write_member_int(writer, "at_percent", fact->percent);
		write_member_instant(writer, "due_at", fact->due_at);
		return "sla.warned";
	case SLA_FACT_MET:
		write_member_instant(writer, "met_at", fact->met_at);
		write_member_instant(writer, "due_at", fact->due_at);
		write_seconds(writer, "open_s", fact->open_us);
		if (fact->late_us >= 0)
			write_seconds(writer, "late_s", fact->late_us);
		return "sla.met";
	case SLA_FACT_BREACHED:
		write_member_instant(writer, "due_at", fact->due_at);
		write_member_instant(writer, "detected_at", fact->at);
		write_member_int(writer, "lag_ms", (fact->at - fact->due_at) / MILLISECOND);
		return "sla.breached";
	case SLA_FACT_CORRECTED:
		write_member(writer, "was", STR("breached"));
		write_member(writer, "now", STR("met"));
		write_member_instant(writer, "met_at", fact->met_at);
		return "sla.corrected";
	case SLA_FACT_CANCELLED:
		write_member(writer, "why", fact->why);
		return "sla.cancelled";
	}
	return "";
}

/* How a fact about a clock of a thing begins: as a ticket's, but the thing is named by its kind, and has no states. */
static void thing_fact_open(struct writer *writer, const struct ticket *thing, struct str id, instant at, instant now,
			    struct arena *arena)
{
	write_open(writer, '{');
	write_member(writer, "kind", thing->kind);
	write_member(writer, str_z(arena, thing->kind), id);
	write_member_instant(writer, "at", at);
	write_member_instant(writer, "decided_at", now);
	write_key(writer, "policy");
	write_open(writer, '{');
	write_member(writer, "id", thing->policies[0].id);
	write_member_int(writer, "version", thing->policies[0].version);
	write_close(writer, '}');
}

static void emit(struct sla_run *run, struct sla_entry *entry, struct item *item, const struct sla_fact *fact)
{
	struct batch *batch = run->batch;
	const struct sla_clock *clock = &entry->c.clocks[fact->clock];
	const struct clock_rule *rule = &entry->c.policies[clock->policy]->clocks[fact->rule];
	struct writer writer = { .buf = &run->sla->body };
	struct ticket ticket = *entry->ticket;
	struct outgoing out = { .topic = TOPIC_TICKETS, .partition = batch->partition, .key = ticket.id, .subject = ticket.id,
				.at = fact->at, .revision = ticket.revision, .arrived = INSTANT_NONE };

	/* The policy of a clock's fact is the clock's. */
	ticket.policies[0] = ticket.policies[clock->policy];
	buf_clear(writer.buf);
	if (run->desk) {
		struct str id = ticket.id;

		(void)str_cut(&id, ':');
		out.topic = TOPIC_DESK;
		out.key = out.subject = id;
		out.revision = 0;
		thing_fact_open(&writer, &ticket, id, fact->at, batch->now, batch->arena);
	} else {
		ticket_fact_open(&writer, &ticket, ticket.revision, fact->at, batch->now);
	}
	write_member(&writer, "clock", clock->name);
	write_member(&writer, "clock_id", clock->id);
	write_member_int(&writer, "rule", fact->rule);
	out.name = str_of(write_fact(&writer, fact, clock, rule));
	write_close(&writer, '}');
	out.body = str_copy(batch->arena, buf_view(writer.buf));
	if (fact->type == SLA_FACT_BREACHED || fact->type == SLA_FACT_WARNED) {
		out.cause_id = clock->cause.id;
		out.cause_source = clock->cause.source;
		out.traceparent = clock->cause.traceparent;
		out.tracestate = clock->cause.tracestate;
	}
	batch_emit(batch, item, &out);
}

void sla_emit_facts(struct sla_run *run, struct sla_entry *entry, struct item *item)
{
	for (; entry->said < entry->c.fact_count; entry->said++)
		emit(run, entry, item, &entry->c.facts[entry->said]);
}

static void put_timer(struct sla_run *run, const struct sla_entry *entry, const struct sla_clock *clock, int32_t warning,
		      bool there)
{
	struct timer timer = { .key = timer_key(clock, warning, run->batch->arena),
			       .due = sla_timer_due(&entry->c, clock, warning), .ticket = entry->ticket->id,
			       .kind = warning < 0 ? STR("breach") : STR("warn"), .cause_id = clock->cause.id,
			       .cause_source = clock->cause.source, .traceparent = clock->cause.traceparent,
			       .tracestate = clock->cause.tracestate };

	if (timer.due != INSTANT_NONE)
		batch_timer_set(run->batch, NULL, &timer);
	else if (there)
		batch_timer_cancel(run->batch, timer.key);
}

void sla_emit_timers(struct sla_run *run, struct sla_entry *entry)
{
	for (size_t i = 0; i < entry->c.clock_count; i++) {
		const struct sla_clock *clock = &entry->c.clocks[i];
		const struct clock_rule *rules = entry->c.policies[clock->policy]->clocks;
		bool ran = clock->stored == SLA_RUNNING;
		bool runs = clock->state == SLA_RUNNING;
		size_t before = ran ? rules[clock->stored_rule].warning_count : 0;
		size_t after = runs ? rules[clock->rule].warning_count : 0;

		if (!ran && !runs)
			continue;
		/* Most batches leave most clocks as they are. */
		if (ran && runs && !clock->retime && clock->stored_rule == clock->rule && clock->stored_due == clock->due_at)
			continue;
		put_timer(run, entry, clock, -1, ran);
		for (size_t k = 0; k < before || k < after; k++)
			put_timer(run, entry, clock, (int32_t)k, k < before);
	}
}
