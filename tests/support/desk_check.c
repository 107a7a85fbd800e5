/* What must hold of the logs whatever the test is about: revisions, clocks, order. Each check fails the test.
 *
 * These are the contract's promises to whoever reads the logs, so they are checked on what was read, never in the
 * database. */
#define _GNU_SOURCE /* tdestroy */
#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/support/desk_inner.h"

/* ---- one ticket ---- */

struct clock_life {
	char *id;
	int started, breached, ended;
};

struct life {
	const struct desk *desk;
	struct clock_life clocks[64];
	size_t clock_count;
};

static struct clock_life *clock_of(struct life *life, const struct record *record)
{
	const char *id = record_text(record, "clock_id");

	for (size_t i = 0; i < life->clock_count; i++)
		if (strcmp(life->clocks[i].id, id) == 0)
			return &life->clocks[i];
	if (!id[0] || life->clock_count == sizeof(life->clocks) / sizeof(*life->clocks))
		desk_fail(life->desk, record->subject, "%s without clock_id, or more clocks than a ticket should have", record->name);
	life->clocks[life->clock_count] = (struct clock_life){ .id = strdup(id) };
	return &life->clocks[life->clock_count++];
}

static void see_clock(struct life *life, const struct record *record)
{
	const char *what = record->name + 4;
	struct clock_life *clock = clock_of(life, record);

	if (strcmp(what, "started") == 0)
		clock->started++;
	else if (clock->started == 0)
		desk_fail(life->desk, record->subject, "%s of %s before it was started", record->name, clock->id);
	else if (clock->ended > 0)
		desk_fail(life->desk, record->subject, "%s of %s behind its end", record->name, clock->id);
	clock->breached += strcmp(what, "breached") == 0;
	clock->ended += strcmp(what, "met") == 0 || strcmp(what, "corrected") == 0 || strcmp(what, "cancelled") == 0;
	if (clock->started > 1 || clock->breached > 1 || clock->ended > 1)
		desk_fail(life->desk, record->subject, "%s has %d starts, %d breaches, %d ends", clock->id, clock->started,
			  clock->breached, clock->ended);
}

static void see_revision(struct life *life, const struct record *record, int *revision)
{
	if (record->revision != (int)record_number(record, "revision"))
		desk_fail(life->desk, record->subject, "%s has revision %d in its header and %d in its data", record->name,
			  record->revision, (int)record_number(record, "revision"));
	if (strncmp(record->name, "ticket.", 7) != 0) {
		if (record->revision > *revision)
			desk_fail(life->desk, record->subject, "%s quotes revision %d, the ticket is at %d", record->name,
				  record->revision, *revision);
		return;
	}
	if (record->revision != *revision + 1)
		desk_fail(life->desk, record->subject, "%s has revision %d behind %d", record->name, record->revision, *revision);
	++*revision;
}

static void check_ticket(const struct desk *desk, const struct desk_ticket *log)
{
	struct life life = { .desk = desk };
	int revision = 0;

	for (size_t i = 0; i < log->count; i++) {
		const struct record *record = log->items[i];

		if (record->topic != DESK_TICKETS || record->copy)
			continue;
		see_revision(&life, record, &revision);
		if (strncmp(record->name, "sla.", 4) == 0)
			see_clock(&life, record);
		if (!record->cause_id[0] || !record->cause_source[0])
			desk_fail(desk, log->id, "%s names no cause", record->name);
	}
	for (size_t i = 0; i < life.clock_count; i++)
		free(life.clocks[i].id);
}

void desk_check_ticket(const struct desk *desk, const char *ticket)
{
	const struct desk_ticket *log = desk_ticket(desk, ticket);

	if (!log)
		desk_fail(desk, ticket, "nothing is known of it");
	check_ticket(desk, log);
}

/* ---- everything ---- */

/* First copies ascend by how they were found. What remains to be seen: a repeat must repeat something, byte for byte, and a
 * record stands in the partition that its headers name. */
static void check_record(const struct desk *desk, const struct record *record, void **seen)
{
	char key[400];
	struct slot *slot;

	if (record->topic == DESK_DEAD || !record->writer[0])
		return;
	if (record->incarnation < 0 || record->sequence < 0)
		desk_fail(desk, record->subject, "%s of %s has no incarnation or sourceseq", record->name, record->writer);
	if (record->topic == DESK_TICKETS && record->lane != record->partition)
		desk_fail(desk, record->subject, "%s says lane %d and stands in partition %d", record->name, record->lane,
			  record->partition);
	snprintf(key, sizeof(key), "%d %d %s %lld %lld %s", record->topic, record->partition, record->writer,
		 (long long)record->incarnation, (long long)record->sequence, record->id);
	slot = desk_slot(seen, key);
	if (record->repeat && slot->sequence < 0)
		desk_fail(desk, record->subject, "%s (%s %lld %lld) stands behind a later one of its writer", record->name,
			  record->writer, (long long)record->incarnation, (long long)record->sequence);
	if (!record->repeat && slot->sequence >= 0)
		desk_fail(desk, record->subject, "%s twice", record->name);
	slot->sequence = 1;
}

static void free_slot(void *slot)
{
	free(((struct slot *)slot)->key);
	free(slot);
}

void desk_check_all(const struct desk *desk)
{
	void *seen = NULL;

	for (size_t i = 0; i < desk->ticket_count; i++)
		check_ticket(desk, desk->order[i]);
	for (size_t i = 0; i < desk->record_count; i++)
		check_record(desk, desk->records[i], &seen);
	tdestroy(seen, free_slot);
}
