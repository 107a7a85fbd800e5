/* What a service says inside its batch: facts, refusals, timers, postings. Only collected here; outcome.c queues it. */
#include "common/worker/inner.h"

#include <stdio.h>
#include <string.h>

#include "common/base/hash.h"
#include "common/io/ident.h"

static struct batch_inner *inner_of(struct batch *batch)
{
	return (struct batch_inner *)batch;
}

/* What a fact's id is derived from: the place of the input, or the timer and its due time. */
static struct str item_identity(const struct batch *batch, const struct item *item)
{
	if (item->timer)
		return str_format(batch->arena, "timer/%.*s/%lld", STR_ARG(item->timer->key), (long long)item->timer->due);
	if (item->posted)
		return str_format(batch->arena, "posted/%.*s/%lld/%lld", STR_ARG(item->event.name),
				  (long long)((const struct batch_inner *)batch)->source->out_seq,
				  (long long)(item - batch->items));
	return str_format(batch->arena, "%lld", (long long)item->event.record.offset);
}

static void outgoing_inherit(struct outgoing *outgoing, const struct item *item)
{
	const struct event *event = &item->event;
	const struct timer *timer = item->timer;
	if (!outgoing->traceparent.p) {
		outgoing->traceparent = timer ? timer->traceparent : event->traceparent;
		outgoing->tracestate = timer ? timer->tracestate : event->tracestate;
	}
	if (outgoing->cause_id.p)
		return;
	if (timer) {
		outgoing->cause_id = timer->cause_id;
		outgoing->cause_source = timer->cause_source;
	} else {
		outgoing->cause_id = event->cause_id.p ? event->cause_id : event->id;
		outgoing->cause_source = event->cause_id.p ? event->cause_source : event->source;
	}
}

void batch_emit(struct batch *batch, struct item *item, const struct outgoing *outgoing)
{
	struct batch_inner *inner = inner_of(batch);
	arena_grow(batch->arena, &inner->emissions, &inner->emission_capacity, inner->emission_count + 1,
		   sizeof(*inner->emissions));
	struct emission *emission = &inner->emissions[inner->emission_count++];
	*emission = (struct emission){ .item = item, .outgoing = *outgoing };
	struct outgoing *out = &emission->outgoing;
	if (out->bare)
		return;
	if (!out->key.p)
		out->key = out->subject;
	if (out->partition < 0)
		out->partition = hash_partition(out->key, worker_partitions(batch->worker, out->topic));
	bool copy = out->origin.p != NULL;
	if (!out->id.p) {
		char *text = arena_alloc(batch->arena, IDENT_EVENT);
		out->id = ident_event(str_of(inner->source->writer), item_identity(batch, item), item->ordinal, text);
	}
	if (!out->source.p)
		out->source = str_format(batch->arena, "aftercare/%s", batch->worker->service->name);
	if (!copy)
		outgoing_inherit(out, item);
	if (out->at == INSTANT_NONE && !out->time_text.p)
		out->at = batch->now;
	item->ordinal++;
}

void batch_refuse(struct batch *batch, struct item *item, enum reason reason, const char *format, ...)
{
	struct batch_inner *inner = inner_of(batch);
	char text[1024];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	/* Never cut inside a character: the detail goes to the database as text. */
	size_t n = strlen(text);
	while (n > 0 && !str_utf8((struct str){ text, n }) && n + 4 > strlen(text))
		n--;
	text[n] = '\0';
	item->refused = true;
	item->reason = reason;
	item->detail = str_copy(batch->arena, str_of(text));
	for (size_t i = 0; i < inner->emission_count; i++) {
		if (inner->emissions[i].item == item)
			inner->emissions[i].withdrawn = true;
	}
}

void batch_repeat(struct batch *batch, struct item *item)
{
	(void)item;
	inner_of(batch)->repeats++;
}

static struct timer_change *timer_change_add(struct batch *batch)
{
	struct batch_inner *inner = inner_of(batch);
	arena_grow(batch->arena, &inner->timers, &inner->timer_capacity, inner->timer_count + 1, sizeof(*inner->timers));
	struct timer_change *change = &inner->timers[inner->timer_count];
	*change = (struct timer_change){ .order = (uint32_t)inner->timer_count };
	inner->timer_count++;
	return change;
}

void batch_timer_set(struct batch *batch, const struct item *item, const struct timer *timer)
{
	struct timer_change *change = timer_change_add(batch);
	change->timer = *timer;
	if (!item || timer->cause_id.p)
		return;
	struct outgoing inherited = { 0 };
	outgoing_inherit(&inherited, item);
	change->timer.cause_id = inherited.cause_id;
	change->timer.cause_source = inherited.cause_source;
	change->timer.traceparent = inherited.traceparent;
	change->timer.tracestate = inherited.tracestate;
}

void batch_timer_cancel(struct batch *batch, struct str key)
{
	struct timer_change *change = timer_change_add(batch);
	change->timer.key = key;
	change->cancel = true;
}

int32_t worker_partitions(struct worker *worker, const char *topic)
{
	for (size_t i = 0; i < worker->out_count; i++) {
		if (strcmp(worker->out_topics[i], topic) == 0)
			return worker->out_partitions[i];
	}
	return 1;
}

int32_t worker_lanes(const struct worker *worker)
{
	return worker_partitions((struct worker *)(uintptr_t)worker, TOPIC_TICKETS);
}

int32_t worker_lane(const struct worker *worker, struct str key)
{
	return hash_partition(key, worker_lanes(worker));
}

bool worker_post(struct worker *worker, const char *topic, int32_t partition, const char *name, struct str body)
{
	for (size_t i = 0; i < worker->source_count; i++) {
		struct source *source = worker->sources[i];
		if (!source->taken || source->partition != partition ||
		    strcmp(worker->service->topics[source->topic].name, topic) != 0)
			continue;
		struct posting *posting = mem_zero(sizeof(*posting));
		posting->name = (struct str){ mem_copy(name, strlen(name)), strlen(name) };
		posting->body = (struct str){ mem_copy(body.p ? body.p : "", body.n), body.n };
		struct posting **last = &source->postings;
		while (*last)
			last = &(*last)->next;
		FAILPOINT("postings.queued");
		*last = posting;
		return true;
	}
	return false;
}

bool source_posted(const struct source *source, const char *name)
{
	for (const struct posting *posting = source->postings; posting; posting = posting->next) {
		if (str_is(posting->name, name))
			return true;
	}
	return false;
}

void worker_wait_fd(struct worker *worker, int fd)
{
	worker->wait_fd = fd;
}

void worker_wake_in(struct worker *worker, int64_t us)
{
	int64_t at = worker_monotonic() + us;
	if (at < worker->wake_at)
		worker->wake_at = at;
}
