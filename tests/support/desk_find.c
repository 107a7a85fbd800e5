/* Where a record that was read can be found again, and the waits for one that has not come yet.
 *
 * Repeats are told by the contract's rule alone: what does not ascend per (topic, partition, writer) is one. */
#define _GNU_SOURCE /* tdestroy */
#include <search.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/desk_inner.h"

static int by_key(const void *a, const void *b)
{
	return strcmp(((const struct slot *)a)->key, ((const struct slot *)b)->key);
}

const struct slot *desk_slot_find(void *const *tree, const char *key)
{
	struct slot wanted = { .key = (char *)(uintptr_t)key };
	struct slot *const *found = tfind(&wanted, tree, by_key);

	return found ? *found : NULL;
}

struct slot *desk_slot(void **tree, const char *key)
{
	const struct slot *known = desk_slot_find(tree, key);
	struct slot *slot;

	if (known)
		return (struct slot *)(uintptr_t)known;
	slot = calloc(1, sizeof(*slot));
	slot->key = strdup(key);
	slot->incarnation = slot->sequence = -1;
	tsearch(slot, tree, by_key);
	return slot;
}

static void slot_free(void *slot)
{
	free(((struct slot *)slot)->key);
	free(slot);
}

void desk_slots_free(void *tree)
{
	tdestroy(tree, slot_free);
}

/* ---- placing ---- */

/* What tells two dead letters apart. */
static const char *const dead_marks[] = { "dl_service", "dl_topic", "dl_partition", "dl_offset" };

bool record_repeats(void **marks, const struct record *record)
{
	struct slot *mark;
	char key[300] = "dead";

	if (record->topic == DESK_DEAD)
		for (size_t i = 0; i < sizeof(dead_marks) / sizeof(*dead_marks); i++) {
			const char *value = record_header(record, dead_marks[i]);

			snprintf(key + strlen(key), sizeof(key) - strlen(key), " %s", value ? value : "?");
		}
	else if (record->writer[0])
		snprintf(key, sizeof(key), "%d %d %s", record->topic, record->partition, record->writer);
	else
		return false;
	mark = desk_slot(marks, key);
	if (record->topic == DESK_DEAD)
		return mark->sequence++ >= 0;
	if (record->incarnation < mark->incarnation ||
	    (record->incarnation == mark->incarnation && record->sequence <= mark->sequence))
		return true;
	mark->incarnation = record->incarnation;
	mark->sequence = record->sequence;
	return false;
}

static struct desk_ticket *ticket_of(struct desk *desk, const char *id)
{
	struct slot *slot = desk_slot(&desk->tickets, id);

	if (!slot->ticket) {
		slot->ticket = calloc(1, sizeof(*slot->ticket));
		slot->ticket->id = strdup(id);
		desk->order = realloc(desk->order, (desk->ticket_count + 1) * sizeof(*desk->order));
		desk->order[desk->ticket_count++] = slot->ticket;
	}
	return slot->ticket;
}

static void request_key(char key[400], const char *source, const char *id)
{
	snprintf(key, 400, "%s\n%s", source, id);
}

void desk_place(struct desk *desk, struct record *record)
{
	struct desk_ticket *ticket;
	const char *id = record->subject;
	char key[400];

	desk_grow(&desk->records, desk->record_count, &desk->record_capacity);
	desk->records[desk->record_count++] = record;
	record->repeat = record_repeats(&desk->marks, record);
	if (record->repeat)
		return;
	if (record->topic == DESK_DEAD) {
		desk_grow(&desk->dead, desk->dead_count, &desk->dead_capacity);
		desk->dead[desk->dead_count++] = record;
		return;
	}
	/* On the desk the subject may be a survey's or a person's id; then the data name the ticket, when there is one. */
	if (record->topic != DESK_TICKETS)
		id = record_text(record, "ticket");
	if (!id[0])
		return;
	ticket = ticket_of(desk, id);
	desk_grow(&ticket->items, ticket->count, &ticket->capacity);
	ticket->items[ticket->count++] = record;
	if (record->topic != DESK_TICKETS || strcmp(record->name, "ticket.registered") != 0)
		return;
	request_key(key, record->cause_source, record->cause_id);
	desk_slot(&desk->requests, key)->ticket = ticket;
}

/* ---- looking up ---- */

const struct desk_ticket *desk_ticket(const struct desk *desk, const char *ticket)
{
	const struct slot *slot = desk_slot_find(&desk->tickets, ticket);

	return slot ? slot->ticket : NULL;
}

size_t desk_ticket_count(const struct desk *desk)
{
	return desk->ticket_count;
}

void desk_each_ticket(const struct desk *desk, void (*each)(const struct desk_ticket *ticket, void *userdata), void *userdata)
{
	for (size_t i = 0; i < desk->ticket_count; i++)
		each(desk->order[i], userdata);
}

const struct record *desk_find(const struct desk *desk, const char *ticket, const char *name, size_t nth)
{
	const struct desk_ticket *log = desk_ticket(desk, ticket);

	for (size_t i = 0; log && i < log->count; i++)
		if (!log->items[i]->copy && strcmp(log->items[i]->name, name) == 0 && --nth == 0)
			return log->items[i];
	return NULL;
}

size_t desk_count(const struct desk *desk, const char *ticket, const char *name)
{
	size_t count = 0;

	while (desk_find(desk, ticket, name, count + 1))
		count++;
	return count;
}

const struct record *desk_find_of(const struct desk *desk, const char *ticket, const char *name, const struct sent *cause)
{
	const struct desk_ticket *log = desk_ticket(desk, ticket);

	for (size_t i = 0; log && i < log->count; i++) {
		const struct record *record = log->items[i];

		if (!record->copy && strcmp(record->name, name) == 0 && strcmp(record->cause_id, cause->id) == 0 &&
		    strcmp(record->cause_source, cause->source) == 0)
			return record;
	}
	return NULL;
}

const char *desk_opened(const struct desk *desk, const struct sent *request)
{
	const struct slot *slot;
	char key[400];

	request_key(key, request->source, request->id);
	slot = desk_slot_find(&desk->requests, key);
	return slot ? slot->ticket->id : NULL;
}

const struct record *desk_dead(const struct desk *desk, const struct sent *sent)
{
	for (size_t i = 0; sent->offset >= 0 && i < desk->dead_count; i++) {
		const struct record *record = desk->dead[i];
		const char *topic = record_header(record, "dl_topic"), *partition = record_header(record, "dl_partition");
		const char *offset = record_header(record, "dl_offset");

		if (topic && partition && offset && strcmp(topic, sent->topic) == 0 && atoi(partition) == sent->partition &&
		    atoll(offset) == sent->offset)
			return record;
	}
	return NULL;
}

size_t desk_dead_count(const struct desk *desk)
{
	return desk->dead_count;
}

const struct record *desk_find_thing(const struct desk *desk, enum desk_topic topic, const char *name, const char *path,
				     const char *value)
{
	for (size_t i = 0; i < desk->record_count; i++) {
		const struct record *record = desk->records[i];

		if (record->topic == topic && !record->repeat && strcmp(record->name, name) == 0 &&
		    strcmp(record_text(record, path), value) == 0)
			return record;
	}
	return NULL;
}

/* ---- waiting ---- */

struct wish {
	const char *ticket, *name, *other, *path;
	const struct sent *sent;
	size_t nth;
	enum desk_topic topic;
	const void *found;
};

static bool has_ticket(struct desk *desk, void *userdata)
{
	struct wish *wish = userdata;

	wish->found = desk_opened(desk, wish->sent);
	return wish->found || desk_dead(desk, wish->sent);
}

static bool has_nth(struct desk *desk, void *userdata)
{
	struct wish *wish = userdata;

	wish->found = desk_find(desk, wish->ticket, wish->name, wish->nth);
	if (!wish->found && wish->other)
		wish->found = desk_find(desk, wish->ticket, wish->other, wish->nth);
	return wish->found;
}

static bool has_of(struct desk *desk, void *userdata)
{
	struct wish *wish = userdata;

	wish->found = desk_find_of(desk, wish->ticket, wish->name, wish->sent);
	return wish->found || desk_dead(desk, wish->sent);
}

static bool has_dead(struct desk *desk, void *userdata)
{
	struct wish *wish = userdata;

	wish->found = desk_dead(desk, wish->sent);
	return wish->found;
}

static bool has_thing(struct desk *desk, void *userdata)
{
	struct wish *wish = userdata;

	wish->found = desk_find_thing(desk, wish->topic, wish->name, wish->path, wish->other);
	return wish->found;
}

const char *desk_expect_ticket(struct desk *desk, const struct sent *request)
{
	struct wish wish = { .sent = request };

	if (!desk_until(desk, has_ticket, &wish) || !wish.found)
		desk_fail(desk, NULL, "the request %s has opened no ticket%s%s", request->id,
			  desk_dead(desk, request) ? ", it was refused: " : "",
			  desk_dead(desk, request) ? record_header(desk_dead(desk, request), "dl_detail") : "");
	return wish.found;
}

const struct record *desk_expect_nth(struct desk *desk, const char *ticket, const char *name, size_t nth)
{
	struct wish wish = { .ticket = ticket, .name = name, .nth = nth };

	if (!desk_until(desk, has_nth, &wish))
		desk_fail(desk, ticket, "no %s, number %zu", name, nth);
	return wish.found;
}

const struct record *desk_expect(struct desk *desk, const char *ticket, const char *name)
{
	return desk_expect_nth(desk, ticket, name, 1);
}

const struct record *desk_expect_either(struct desk *desk, const char *ticket, const char *name, const char *other)
{
	struct wish wish = { .ticket = ticket, .name = name, .other = other, .nth = 1 };

	if (!desk_until(desk, has_nth, &wish))
		desk_fail(desk, ticket, "neither %s nor %s", name, other);
	return wish.found;
}

const struct record *desk_expect_of(struct desk *desk, const char *ticket, const char *name, const struct sent *cause)
{
	struct wish wish = { .ticket = ticket, .name = name, .sent = cause };

	if (!desk_until(desk, has_of, &wish) || !wish.found)
		desk_fail(desk, ticket, "no %s of the claim %s%s%s", name, cause->id,
			  desk_dead(desk, cause) ? ", it was refused: " : "",
			  desk_dead(desk, cause) ? record_header(desk_dead(desk, cause), "dl_detail") : "");
	return wish.found;
}

const struct record *desk_expect_dead(struct desk *desk, const struct sent *sent, const char *reason)
{
	struct wish wish = { .sent = sent };
	const char *given;

	if (!desk_until(desk, has_dead, &wish))
		desk_fail(desk, NULL, "no dead letter of %s (%s/%d/%lld)", sent->id, sent->topic, sent->partition,
			  (long long)sent->offset);
	given = record_header(wish.found, "dl_reason");
	if (reason && (!given || strcmp(given, reason) != 0))
		desk_fail(desk, NULL, "%s was refused as %s (%s), not as %s", sent->id, given ? given : "nothing",
			  record_header(wish.found, "dl_detail"), reason);
	return wish.found;
}

const struct record *desk_expect_thing(struct desk *desk, enum desk_topic topic, const char *name, const char *path,
				       const char *value)
{
	struct wish wish = { .topic = topic, .name = name, .path = path, .other = value };

	if (!desk_until(desk, has_thing, &wish))
		desk_fail(desk, NULL, "no %s on %s with %s = %s", name, desk_topic_names[topic], path, value);
	return wish.found;
}
