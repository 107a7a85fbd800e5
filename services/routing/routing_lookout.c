/* The look-out for people: when somebody comes, goes or changes, the tickets are looked at that this may concern.
 *
 * The worker posts "watch" to each of our lanes when the directory has changed; what does not fit into one batch goes on by
 * postings of our own, lost with the process: the next take looks at all of them again. Batches of postings hold nothing
 * else, so their tickets are loaded here. */
#include "services/routing/routing_run.h"

/* ---- who waits for somebody ---- */

static struct routing_place place_of(const struct item *item, struct arena *arena)
{
	int64_t rank = -1;
	struct routing_place place = { .received_at = 0, .ticket = STR("") };

	/* "watch" begins at the head of the queue, "retry" goes on where the last one stopped. */
	if (doc_int64(&item->event.doc, doc_member(&item->event.doc, 0, STR("rank")), &rank)) {
		place.received_at = doc_instant(&item->event.doc, doc_member(&item->event.doc, 0, STR("received_at")));
		place.ticket = doc_get(&item->event.doc, "ticket", arena);
	}
	place.rank = (int32_t)rank;
	return place;
}

static void post_rest(struct routing_run *run, const char *name, const struct routing_place *last)
{
	struct batch *batch = run->batch;
	struct buf body = { 0 };
	struct writer writer = { .buf = &body };

	write_open(&writer, '{');
	write_member_int(&writer, "rank", last->rank);
	write_member_instant(&writer, "received_at", last->received_at);
	write_member(&writer, "ticket", last->ticket);
	write_close(&writer, '}');
	(void)worker_post(batch->worker, batch->topic, batch->partition, name, buf_view(&body));
	buf_done(&body);
}

/* Each of the tickets once; `act` is not asked about what is not there any more. */
static enum verdict each(struct routing_run *run, struct item *item, const struct str *ids, size_t count,
			 enum verdict (*act)(struct routing_work *work, struct fault *fault), struct fault *fault)
{
	enum verdict verdict = ticket_load_ids(run->batch, ids, count, &run->tickets, fault);

	run->served_read = false;
	for (size_t i = 0; i < count && verdict == OK; i++) {
		struct ticket *ticket = ticket_find(&run->tickets, ids[i]);
		struct routing_work work;

		if (!ticket || !ticket->known)
			continue;
		verdict = routing_work_begin(&work, run, item, ticket, fault);
		if (verdict == OK)
			verdict = act(&work, fault);
		routing_book_load(&work);
	}
	return verdict;
}

static enum verdict try_again(struct routing_work *work, struct fault *fault)
{
	return work->ticket->unassignable ? routing_dispatch(work, false, fault) : OK;
}

static enum verdict find_owners(struct routing_run *run, struct item *item, struct fault *fault)
{
	struct batch *batch = run->batch;
	struct routing_place after = place_of(item, batch->arena), *places;
	enum verdict verdict;
	struct str *ids;
	size_t count;

	verdict = routing_store_unassignable(run, &after, &places, &count, fault);
	if (verdict != OK || count == 0)
		return verdict;
	ids = arena_alloc(batch->arena, count * sizeof(*ids));
	for (size_t i = 0; i < count; i++)
		ids[i] = places[i].ticket;
	verdict = each(run, item, ids, count, try_again, fault);
	if (verdict == OK && count == ROUTING_RETRY_MAX)
		post_rest(run, "retry", &places[count - 1]);
	return verdict;
}

/* ---- who goes ---- */

static enum verdict hand_over(struct routing_run *run, struct item *item, struct fault *fault)
{
	const struct directory *directory = run->directory;
	struct batch *batch = run->batch;
	struct routing_place after = place_of(item, batch->arena);
	struct str *people = arena_alloc(batch->arena, (directory->count + 1) * sizeof(*people)), *ids;
	size_t count = 0, found;
	enum verdict verdict;

	for (size_t i = 0; i < directory->count; i++)
		if (directory_goes(&directory->people[i], batch->now))
			people[count++] = directory->people[i].id;
	if (count == 0)
		return OK;
	verdict = routing_store_owned(run, people, count, after.ticket, &ids, &found, fault);
	if (verdict != OK || found == 0)
		return verdict;
	verdict = each(run, item, ids, found, routing_hand_over, fault);
	if (verdict == OK && found == ROUTING_RETRY_MAX) {
		after.ticket = ids[found - 1];
		post_rest(run, "handover", &after);
	}
	return verdict;
}

/* One is as good as many: those of a batch look at the same people, and the first one of all begins at the head. */
static struct item *first_of(struct batch *batch, const char *name)
{
	struct item *first = NULL;

	for (size_t i = 0; i < batch->count; i++) {
		struct item *item = &batch->items[i];

		if (!item->posted)
			continue;
		if (str_is(item->event.name, "watch"))
			return item;
		if (!first && str_is(item->event.name, name))
			first = item;
	}
	return first;
}

enum verdict routing_look_out(struct routing_run *run, struct fault *fault)
{
	struct item *leaving = first_of(run->batch, "handover"), *waiting = first_of(run->batch, "retry");
	enum verdict verdict = leaving ? hand_over(run, leaving, fault) : OK;

	return verdict == OK && waiting ? find_owners(run, waiting, fault) : verdict;
}
