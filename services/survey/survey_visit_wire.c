/* JSON to structs and back for visits: claims, the documents of installations, visit.* facts and the tasks that a missed
 * visit gives. Nothing is decided here. */
#include "common/base/warranty.h"
#include "services/survey/survey_visit.h"

bool survey_wants_desk(struct str name)
{
	return str_is(name, "visit.done") || str_is(name, "visit.recorded") || str_is(name, "visit.planned");
}

/* ---- in ---- */

struct visit_claim visit_decode(const struct event *event, struct arena *arena)
{
	return (struct visit_claim){
		.visit = doc_get(&event->doc, "visit", arena),
		.installation = doc_get(&event->doc, "installation", arena),
		.customer = doc_get(&event->doc, "customer", arena),
		.on = doc_get(&event->doc, "on", arena),
		.done = str_is(event->name, "visit.done"),
		.record = str_is(event->name, "visit.recorded"),
		.planned = str_is(event->name, "visit.planned"),
	};
}

/* The day that a date or time is or belongs to; INSTANT_NONE when it is neither. */
static instant day_of(struct str when, int64_t offset_us)
{
	instant at;

	if (instant_parse_date(when, offset_us, &at))
		return at;
	return instant_parse(when, &at) ? instant_day(at, offset_us) : INSTANT_NONE;
}

instant visit_day(const struct visit_claim *claim, const struct event *event, instant now, int64_t offset_us, bool *ret_dated)
{
	instant day = claim->on.n ? day_of(claim->on, offset_us) : INSTANT_NONE;

	*ret_dated = day != INSTANT_NONE && (claim->planned || day <= now);
	if (*ret_dated)
		return day;
	return instant_day(event->time != INSTANT_NONE && event->time < now ? event->time : now, offset_us);
}

static struct str text_of(const struct visit_installation *installation, const char *name, struct arena *arena)
{
	return installation->doc.count ? doc_get(&installation->doc, name, arena) : STR_NONE;
}

instant visit_accepted(const struct visit_installation *installation, int64_t offset_us, struct arena *arena)
{
	return day_of(text_of(installation, "accepted_on", arena), offset_us);
}

instant visit_warranty(const struct visit_installation *installation, const struct warranty *warranty, struct arena *arena)
{
	int64_t months = -1;

	if (installation->doc.count)
		(void)doc_int64(&installation->doc, doc_member(&installation->doc, 0, STR("manufacturer_months")), &months);
	return warranty_last_day(warranty, text_of(installation, "accepted_on", arena), months);
}

static void write_id(struct writer *writer, const char *object, struct str id)
{
	write_key(writer, object);
	write_open(writer, '{');
	write_member(writer, "id", id);
	write_close(writer, '}');
}

struct ticket visit_thing(struct survey_service *state, struct batch *batch, const struct visit_installation *installation)
{
	static const char *const own[] = { "id", "product", "model", NULL };
	struct writer writer = { .buf = &state->body };
	struct str model = text_of(installation, "product", batch->arena);

	buf_clear(&state->body);
	write_open(&writer, '{');
	write_id(&writer, "customer", installation->customer);
	write_key(&writer, "product");
	write_open(&writer, '{');
	write_member_if(&writer, "model", model);
	write_member_if(&writer, "version", text_of(installation, "version", batch->arena));
	write_member_if(&writer, "serial_no", text_of(installation, "serial_no", batch->arena));
	write_member(&writer, "installation", installation->id);
	write_close(&writer, '}');
	write_key(&writer, "installation");
	write_open(&writer, '{');
	write_member(&writer, "id", installation->id);
	write_member_if(&writer, "model", model);
	if (installation->doc.count)
		write_members_of(&writer, &installation->doc, 0, own);
	write_close(&writer, '}');
	write_close(&writer, '}');
	return (struct ticket){
		.id = installation->id, .lane = batch->partition, .kind = STR("installation"), .received_at = batch->now,
		.waiting_since = INSTANT_NONE, .resolved_at = INSTANT_NONE, .closed_at = INSTANT_NONE, .assigned_at = INSTANT_NONE,
		.data = str_copy(batch->arena, buf_view(&state->body)),
	};
}

/* ---- out ---- */

static void write_day(struct writer *writer, const char *name, instant day, int64_t offset_us)
{
	char text[DATE_TEXT];

	write_key(writer, name);
	if (day == INSTANT_NONE)
		write_null(writer);
	else
		write_string(writer, instant_format_date(day, offset_us, text));
}

static void write_begin(struct writer *writer, const struct batch *batch, instant at, const struct policy *policy)
{
	buf_clear(writer->buf);
	write_open(writer, '{');
	write_member_instant(writer, "at", at);
	write_member_instant(writer, "decided_at", batch->now);
	if (!policy)
		return;
	write_key(writer, "policy");
	write_open(writer, '{');
	write_member(writer, "id", policy->id);
	write_member_int(writer, "version", policy->version);
	write_close(writer, '}');
}

static void send(struct survey_service *state, struct batch *batch, struct item *item, const char *name, struct str id,
		 int32_t partition, instant at)
{
	batch_emit(batch, item, &(struct outgoing){
		.topic = TOPIC_DESK, .partition = partition, .name = str_of(name), .subject = id, .at = at, .arrived = INSTANT_NONE,
		.body = str_copy(batch->arena, buf_view(&state->body)),
	});
}

static void write_visit(struct writer *writer, const struct visit *visit, int64_t offset_us)
{
	write_member(writer, "visit", visit->id);
	write_member(writer, "programme", visit->programme);
	write_member(writer, "installation", visit->installation);
	write_day(writer, "due_at", visit->state == VISIT_DROPPED ? INSTANT_NONE : visit->due, offset_us);
}

void visit_emit_due(struct survey_service *state, struct batch *batch, struct item *item, const struct visit_installation *installation,
		    const struct visit *visit, const struct policy *policy, const struct programme *programme)
{
	struct writer writer = { .buf = &state->body };

	write_begin(&writer, batch, batch->now, policy);
	write_visit(&writer, visit, policy->zone_offset_us);
	write_key(&writer, "window");
	write_open(&writer, '{');
	write_day(&writer, "from", visit->from, policy->zone_offset_us);
	write_day(&writer, "to", visit->due, policy->zone_offset_us);
	write_close(&writer, '}');
	write_member_if(&writer, "customer", installation->customer);
	write_member_if(&writer, "form", programme->form);
	write_key(&writer, "to");
	write_open(&writer, '{');
	write_member(&writer, "role", programme->to);
	write_close(&writer, '}');
	write_close(&writer, '}');
	send(state, batch, item, "visit.due", visit->id, batch->partition, batch->now);
}

static void emit_task(struct survey_service *state, struct batch *batch, struct item *item, const struct visit *visit,
		      const struct policy *policy, const struct action *action, int number)
{
	struct writer writer = { .buf = &state->body };
	struct str task = str_format(batch->arena, "%.*s.t%d", STR_ARG(visit->id), number);

	write_begin(&writer, batch, batch->now, policy);
	write_member(&writer, "task", task);
	write_member(&writer, "what", action->what);
	write_member(&writer, "for", action->to.count ? action->to.items[0] : STR("manager"));
	write_member_instant(&writer, "due_at",
			     action->has_due ? instant_add(batch->now, action->due, policy->zone_offset_us) : INSTANT_NONE);
	write_member(&writer, "thing", visit->id);
	write_member(&writer, "installation", visit->installation);
	write_close(&writer, '}');
	send(state, batch, item, "task.opened", task, -1, batch->now);
}

void visit_emit_missed(struct survey_service *state, struct batch *batch, struct item *item,
		       const struct visit_installation *installation, const struct visit *visit, const struct policy *policy,
		       const struct programme *programme)
{
	struct writer writer = { .buf = &state->body };

	write_begin(&writer, batch, batch->now, policy);
	write_visit(&writer, visit, policy->zone_offset_us);
	write_member_if(&writer, "customer", installation->customer);
	write_day(&writer, "planned_on", visit->planned_on, policy->zone_offset_us);
	write_close(&writer, '}');
	send(state, batch, item, "visit.missed", visit->id, batch->partition, batch->now);
	for (size_t i = 0; i < programme->missed.count; i++)
		emit_task(state, batch, item, visit, policy, &programme->missed.items[i], (int)i + 1);
}

void visit_emit_completed(struct survey_service *state, struct batch *batch, struct item *item, const struct visit_claim *claim,
			  const struct visit *visit, const struct policy *policy)
{
	static const char *const ours[] = { "at", "decided_at", "policy", "visit", "programme", "installation", "due_at", "done_on",
					    "late", "named", NULL };
	static const char *const foreign[] = { "at", "decided_at", "policy", "visit", "installation", NULL };
	const struct event *event = &item->event;
	instant at = event->time != INSTANT_NONE && event->time < batch->now ? event->time : batch->now;
	struct writer writer = { .buf = &state->body };

	write_begin(&writer, batch, at, policy);
	if (visit) {
		write_visit(&writer, visit, policy->zone_offset_us);
		write_day(&writer, "done_on", visit->done_on, policy->zone_offset_us);
		write_member_bool(&writer, "late", visit->done_on > visit->due);
		if (claim->visit.p && !str_eq(claim->visit, visit->id))
			write_member(&writer, "named", claim->visit);
	} else {
		write_member_if(&writer, "visit", claim->visit);
		write_member_if(&writer, "installation", claim->installation);
	}
	write_members_of(&writer, &event->doc, 0, visit ? ours : foreign);
	write_close(&writer, '}');
	send(state, batch, item, "visit.completed", visit ? visit->id : item->event.record.key, batch->partition, at);
}
