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

/* Each of the tickets once; `act` is not asked about what is not there any more. `places` (may be NULL) are theirs. */
static enum verdict each(struct routing_run *run, struct item *item, const struct str *ids,
			 const struct routing_place *places, size_t count,
			 enum verdict (*act)(struct routing_work *work, struct fault *fault), struct fault *fault)
{
	enum verdict verdict = ticket_load_ids(run->batch, ids, count, &run->tickets, fault);

	run->served_read = false;
	for (size_t i = 0; i < count && verdict == OK; i++) {
		struct ticket *ticket = ticket_find(&run->tickets, ids[i]);
		struct routing_work work;

		if (!ticket || !ticket->known)
			continue;
		if (places)
			run->place = places[i];
		verdict = routing_work_begin(&work, run, item, ticket, fault);
		if (verdict == OK)
			verdict = act(&work, fault);
		routing_book_load(&work);
	}
	return verdict;
}

/* The tickets of the places, in their order; NULL where one is not there any more. One statement a lane. */
static enum verdict load_places(struct routing_run *run, const struct routing_place *places, size_t count,
				struct ticket **tickets, struct fault *fault)
{
	struct str *ids = arena_alloc(run->batch->arena, (count + 1) * sizeof(*ids));
	bool *read = arena_zero(run->batch->arena, (count + 1) * sizeof(*read));

	for (size_t i = 0; i < count; i++) {
		struct batch theirs = *run->batch;
		struct ticket_set set;
		enum verdict verdict;
		size_t n = 0;

		if (read[i])
			continue;
		for (size_t k = i; k < count; k++)
			if (places[k].lane == places[i].lane)
				ids[n++] = places[k].ticket;
		theirs.partition = places[i].lane;
		verdict = ticket_load_ids(&theirs, ids, n, &set, fault);
		if (verdict != OK)
			return verdict;
		for (size_t k = i; k < count; k++)
			if (places[k].lane == places[i].lane) {
				tickets[k] = ticket_find(&set, places[k].ticket);
				read[k] = true;
			}
	}
	return OK;
}

/* Lanes are looked at one by one, but somebody who has little time left is for the ticket that is first in all of them: what
 * stands before ours elsewhere is counted as given, as its own lane will give it (C043, C110). */
static enum verdict reserve_ahead(struct routing_work *work, struct fault *fault)
{
	struct routing_run *run = work->run;
	struct routing_place *places;
	struct ticket **tickets;
	enum verdict verdict;
	size_t count;

	verdict = routing_store_ahead(run, &run->reserved, &run->place, &places, &count, fault);
	if (verdict != OK)
		return verdict;
	run->reserved = run->place;
	tickets = arena_zero(run->batch->arena, (count + 1) * sizeof(struct ticket *));
	verdict = load_places(run, places, count, tickets, fault);
	for (size_t i = 0; i < count && verdict == OK; i++) {
		const struct person *person = NULL;
		struct routing_work other;

		if (!tickets[i] || !tickets[i]->known || !tickets[i]->unassignable)
			continue;
		verdict = routing_work_begin(&other, run, work->item, tickets[i], fault);
		if (verdict == OK)
			verdict = routing_would_get(&other, &person, fault);
		if (verdict == OK && person)
			routing_reserve(run, person);
	}
	return verdict;
}

static enum verdict try_again(struct routing_work *work, struct fault *fault)
{
	const struct person *person;
	enum verdict verdict;

	if (!work->ticket->unassignable)
		return OK;
	verdict = routing_would_get(work, &person, fault);
	/* Who has no limit has time for both. */
	if (verdict == OK && person && person->max_open > 0)
		verdict = reserve_ahead(work, fault);
	return verdict == OK && person ? routing_dispatch(work, false, fault) : verdict;
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
	run->reserved = (struct routing_place){ .rank = -1, .ticket = STR("") };
	verdict = each(run, item, ids, places, count, try_again, fault);
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
	verdict = each(run, item, ids, NULL, found, routing_hand_over, fault);
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
