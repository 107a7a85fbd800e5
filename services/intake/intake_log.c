/* What intake reads in the log of tickets: only whether a ticket is still open, so that a new one can name the others of its
 * customer. Nearly every record is skipped by its name, unread.
 *
 * Must never refuse a claim by what it learns here: whether a closed ticket takes a claim is routing's to say. */
#include "services/intake/intake.h"

#include <stdlib.h>

#include "common/worker/ticket.h"

bool intake_wants(struct str name)
{
	static const char *const names[] = { "closed", "rejected", "cancelled", "reopened", "return_rejected" };
	const struct str family = STR("ticket.");

	if (!str_starts(name, family))
		return false;
	name = (struct str){ name.p + family.n, name.n - family.n };
	for (size_t i = 0; i < array_count(names); i++)
		if (str_is(name, names[i]))
			return true;
	return false;
}

struct news {
	struct str ticket;
	bool open;
};

static int by_ticket(const void *a, const void *b)
{
	return str_cmp(((const struct news *)a)->ticket, ((const struct news *)b)->ticket);
}

/* One line per ticket: its last word in the batch. */
static size_t read_news(struct batch *batch, struct news *news)
{
	struct table table;
	size_t count = 0;

	intake_table_init(&table, batch->count, batch->arena);
	for (size_t i = 0; i < batch->count; i++) {
		struct item *item = &batch->items[i];
		struct str ticket;
		enum state state;
		uint32_t *at;

		if (item->refused)
			continue;
		ticket = ticket_of_item(item, batch->arena);
		state = state_of(doc_get(&item->event.doc, "state", batch->arena));
		if (!intake_ticket_shaped(ticket) || state == STATE_NONE)
			continue;
		at = intake_table_find(&table, ticket);
		if (!at) {
			intake_table_put(&table, ticket, (uint32_t)count);
			at = intake_table_find(&table, ticket);
			count++;
		}
		news[*at] = (struct news){ ticket, state_is_open(state) };
	}
	qsort(news, count, sizeof(*news), by_ticket);
	return count;
}

enum verdict intake_follow_log(struct batch *batch, struct fault *fault)
{
	struct news *news = arena_alloc(batch->arena, (batch->count + 1) * sizeof(*news));
	struct str *open = arena_alloc(batch->arena, (batch->count + 1) * sizeof(*open));
	struct db_params params = { .arena = batch->arena };
	size_t count = read_news(batch, news), open_count = 0;

	(void)fault; /* nothing can fail before the worker sends the batch */
	if (count == 0)
		return OK;
	for (size_t i = 0; i < count; i++)
		if (news[i].open)
			open[open_count++] = news[i].ticket;
	db_column_array(&params, DB_TEXT, &news[0].ticket, sizeof(*news), count);
	db_text_array(&params, open, open_count);
	db_queue(batch->db, "intake_set_open", &params);
	return OK;
}
