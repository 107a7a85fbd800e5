/* Rows in, rows out: the surveys of the tickets of a batch, in one statement each way.
 *
 * Binds and reads columns of survey.sql, nothing more. Sets are sorted by key before they are saved. */
#include <stdlib.h>

#include "services/survey/survey.h"

static int compare_id(const void *a, const void *b)
{
	return str_cmp(((const struct survey *)a)->id, ((const struct survey *)b)->id);
}

static void survey_read(struct survey *survey, const struct db_result *rows, size_t i, struct arena *arena)
{
	int column = 0;

	survey->id = str_copy(arena, db_get_text(rows, i, column++));
	survey->ticket = str_copy(arena, db_get_text(rows, i, column++));
	survey->type = str_is(db_get_text(rows, i, column++), "followup") ? SURVEY_TYPE_FOLLOWUP : SURVEY_TYPE_SURVEY;
	survey->state = survey_state_of(db_get_text(rows, i, column++));
	survey->policy.id = str_copy(arena, db_get_text(rows, i, column++));
	survey->policy.version = (int32_t)db_get_int(rows, i, column++);
	survey->programme = str_copy(arena, db_get_text(rows, i, column++));
	survey->form = str_copy(arena, db_get_text(rows, i, column++));
	survey->recipient = str_copy(arena, db_get_text(rows, i, column++));
	survey->excluded = str_copy(arena, db_get_text(rows, i, column++));
	survey->closing = (int32_t)db_get_int(rows, i, column++);
	survey->due_at = db_get_instant(rows, i, column++);
	survey->sent_at = db_get_instant(rows, i, column++);
	survey->ended_at = db_get_instant(rows, i, column++);
	survey->score = str_copy(arena, db_get_text(rows, i, column++));
	survey->satisfied = str_copy(arena, db_get_text(rows, i, column++));
	survey->answers = str_copy(arena, db_get_text(rows, i, column++));
	survey->comment = str_copy(arena, db_get_text(rows, i, column++));
}

enum verdict survey_load(struct batch *batch, const struct ticket_set *tickets, const bool *wanted, struct survey_set *ret,
			 struct fault *fault)
{
	struct survey_set set = { tickets, arena_zero(batch->arena, (tickets->count + 1) * sizeof(*set.first)) };
	struct str *ids = arena_alloc(batch->arena, (tickets->count + 1) * sizeof(*ids));
	struct db_params params = { .arena = batch->arena };
	const struct db_result *rows = NULL;
	size_t n = 0;
	enum verdict verdict;

	*ret = set;
	for (size_t i = 0; i < tickets->count; i++)
		if (wanted[i])
			ids[n++] = tickets->items[i].id;
	if (n == 0)
		return OK;
	db_int4(&params, batch->partition);
	db_text_array(&params, ids, n);
	verdict = db_run(batch->db, "survey_load", &params, &rows, fault);
	if (verdict)
		return verdict;
	for (size_t i = 0; i < db_rows(rows); i++) {
		const struct ticket *ticket = ticket_find(tickets, db_get_text(rows, i, 1));
		struct survey survey = { 0 };

		survey_read(&survey, rows, i, batch->arena);
		if (ticket)
			survey_add(batch, &set, ticket, &survey);
	}
	return OK;
}

struct survey *survey_first(const struct survey_set *set, const struct ticket *ticket)
{
	return set->first[ticket - set->tickets->items];
}

struct survey *survey_find(const struct survey_set *set, const struct ticket *ticket, struct str id)
{
	struct survey *survey = id.p ? survey_first(set, ticket) : NULL;

	while (survey && !str_eq(survey->id, id))
		survey = survey->next;
	return survey;
}

struct survey *survey_add(struct batch *batch, struct survey_set *set, const struct ticket *ticket, const struct survey *survey)
{
	struct survey **first = &set->first[ticket - set->tickets->items];
	struct survey *own = arena_copy(batch->arena, survey, sizeof(*survey));

	own->next = *first;
	*first = own;
	return own;
}

/* Changed ones, sorted by key. */
static struct survey *changed_ones(struct batch *batch, const struct survey_set *set, size_t *ret_count)
{
	struct survey *list = NULL;
	size_t n = 0, capacity = 0;

	for (size_t i = 0; i < set->tickets->count; i++)
		for (const struct survey *survey = set->first[i]; survey; survey = survey->next) {
			if (!survey->changed)
				continue;
			arena_grow(batch->arena, &list, &capacity, n + 1, sizeof(*list));
			list[n++] = *survey;
		}
	if (n)
		qsort(list, n, sizeof(*list), compare_id);
	*ret_count = n;
	return list;
}

void survey_save(struct batch *batch, const struct survey_set *set)
{
	struct db_params params = { .arena = batch->arena };
	size_t n, stride = sizeof(struct survey);
	struct survey *s = changed_ones(batch, set, &n);

	if (n == 0)
		return;
	for (size_t i = 0; i < n; i++) {
		s[i].type_name = survey_type_text(s[i].type);
		s[i].state_name = survey_state_text(s[i].state);
	}
	db_int4(&params, batch->partition);
	db_column_array(&params, DB_TEXT, &s->id, stride, n);
	db_column_array(&params, DB_TEXT, &s->ticket, stride, n);
	db_column_array(&params, DB_TEXT, &s->type_name, stride, n);
	db_column_array(&params, DB_TEXT, &s->state_name, stride, n);
	db_column_array(&params, DB_TEXT, &s->policy.id, stride, n);
	db_column_array(&params, DB_INT4, &s->policy.version, stride, n);
	db_column_array(&params, DB_TEXT, &s->programme, stride, n);
	db_column_array(&params, DB_TEXT, &s->form, stride, n);
	db_column_array(&params, DB_TEXT, &s->recipient, stride, n);
	db_column_array(&params, DB_TEXT, &s->excluded, stride, n);
	db_column_array(&params, DB_INT4, &s->closing, stride, n);
	db_column_array(&params, DB_INSTANT, &s->due_at, stride, n);
	db_column_array(&params, DB_INSTANT, &s->sent_at, stride, n);
	db_column_array(&params, DB_INSTANT, &s->ended_at, stride, n);
	db_column_array(&params, DB_TEXT, &s->score, stride, n);
	db_column_array(&params, DB_TEXT, &s->satisfied, stride, n);
	db_column_array(&params, DB_TEXT, &s->answers, stride, n);
	db_column_array(&params, DB_TEXT, &s->comment, stride, n);
	db_queue(batch->db, "survey_save", &params);
}
