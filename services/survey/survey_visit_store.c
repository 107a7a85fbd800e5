/* Rows in, rows out: the installations that a batch is about, with their visits, in one statement each.
 *
 * Binds and reads columns of survey_visit.sql, nothing more. Sets are sorted by key before they are saved. */
#include <stdlib.h>

#include "services/survey/survey_visit.h"

/* ---- the scan ---- */

enum verdict visit_load_scan(struct batch *batch, struct visit_scan *ret, int64_t *ret_policies, struct fault *fault)
{
	struct db_params params = { .arena = batch->arena };
	const struct db_result *rows = NULL;
	enum verdict verdict;

	db_int4(&params, batch->partition);
	verdict = db_run(batch->db, "visit_load_scan", &params, &rows, fault);
	if (verdict)
		return verdict;
	*ret_policies = db_get_int(rows, 0, 0);
	ret->policies = db_null(rows, 0, 1) ? -1 : db_get_int(rows, 0, 1);
	ret->changed = db_get_int(rows, 0, 2);
	ret->installation = str_copy(batch->arena, db_null(rows, 0, 3) ? STR("") : db_get_text(rows, 0, 3));
	return OK;
}

void visit_save_scan(struct batch *batch, const struct visit_scan *scan)
{
	struct db_params params = { .arena = batch->arena };

	db_int4(&params, batch->partition);
	db_int(&params, scan->policies);
	db_int(&params, scan->changed);
	db_text(&params, scan->installation);
	db_queue(batch->db, "visit_save_scan", &params);
}

enum verdict visit_load_page(struct batch *batch, struct visit_scan *scan, size_t most, struct str *ret_ids, size_t *ret_count,
			     struct fault *fault)
{
	struct db_params params = { .arena = batch->arena };
	const struct db_result *rows = NULL;
	enum verdict verdict;
	size_t count;

	db_int4(&params, batch->partition);
	db_int(&params, scan->changed);
	db_text(&params, scan->installation);
	db_int(&params, (int64_t)most);
	verdict = db_run(batch->db, "visit_load_page", &params, &rows, fault);
	if (verdict)
		return verdict;
	count = db_rows(rows);
	for (size_t i = 0; i < count; i++)
		ret_ids[i] = str_copy(batch->arena, db_get_text(rows, i, 1));
	if (count) {
		scan->changed = db_get_int(rows, count - 1, 0);
		scan->installation = ret_ids[count - 1];
	}
	*ret_count = count;
	return OK;
}

/* ---- load ---- */

enum verdict visit_load_named(struct batch *batch, const struct str *visits, size_t count, struct str *ret_installations,
			      size_t *ret_count, struct fault *fault)
{
	struct db_params params = { .arena = batch->arena };
	const struct db_result *rows = NULL;
	enum verdict verdict;

	*ret_count = 0;
	if (count == 0)
		return OK;
	db_int4(&params, batch->partition);
	db_text_array(&params, visits, count);
	verdict = db_run(batch->db, "visit_load_named", &params, &rows, fault);
	for (size_t i = 0; verdict == OK && i < db_rows(rows) && i < count; i++)
		ret_installations[(*ret_count)++] = str_copy(batch->arena, db_get_text(rows, i, 0));
	return verdict;
}

static int compare_str(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static int compare_number(const void *a, const void *b)
{
	const struct visit *left = *(struct visit *const *)a, *right = *(struct visit *const *)b;

	return left->number < right->number ? -1 : left->number > right->number;
}

struct visit_installation *visit_find(const struct visit_set *set, struct str id)
{
	size_t low = 0, high = set->count;

	while (id.p && low < high) {
		size_t middle = (low + high) / 2;
		int order = str_cmp(set->items[middle].id, id);

		if (order == 0)
			return &set->items[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

struct visit_installation *visit_find_by(const struct visit_set *set, struct str visit)
{
	for (size_t i = 0; visit.p && i < set->count; i++)
		for (const struct visit *row = set->items[i].rows; row; row = row->next)
			if (str_eq(row->id, visit))
				return &set->items[i];
	return NULL;
}

static void read_visit(struct visit *visit, const struct db_result *rows, size_t i, struct arena *arena)
{
	int column = 0;

	visit->id = str_copy(arena, db_get_text(rows, i, column++));
	visit->installation = str_copy(arena, db_get_text(rows, i, column++));
	visit->programme = str_copy(arena, db_get_text(rows, i, column++));
	visit->policy.id = str_copy(arena, db_get_text(rows, i, column++));
	visit->policy.version = (int32_t)db_get_int(rows, i, column++);
	visit->number = (int32_t)db_get_int(rows, i, column++);
	visit->state = visit_state_of(db_get_text(rows, i, column++));
	visit->from = db_get_instant(rows, i, column++);
	visit->due = db_get_instant(rows, i, column++);
	visit->planned_on = db_get_instant(rows, i, column++);
	visit->done_on = db_get_instant(rows, i, column++);
	visit->named = str_copy(arena, db_get_text(rows, i, column++));
	visit->recorded = db_get_bool(rows, i, column++);
}

/* Chains the visits to their installations, by number. */
static void read_visits(struct batch *batch, const struct db_result *rows, struct visit_set *set)
{
	size_t count = db_rows(rows);
	struct visit **list = arena_alloc(batch->arena, (count + 1) * sizeof(*list));

	for (size_t i = 0; i < count; i++) {
		list[i] = arena_zero(batch->arena, sizeof(**list));
		read_visit(list[i], rows, i, batch->arena);
	}
	if (count)
		qsort(list, count, sizeof(*list), compare_number);
	for (size_t i = count; i-- > 0;) {
		struct visit_installation *installation = visit_find(set, list[i]->installation);

		list[i]->next = installation->rows;
		installation->rows = list[i];
	}
}

static void read_installations(struct batch *batch, const struct db_result *rows, struct visit_set *set)
{
	for (size_t i = 0; i < db_rows(rows); i++) {
		struct visit_installation *installation = visit_find(set, db_get_text(rows, i, 0));
		struct str data = str_copy(batch->arena, db_get_text(rows, i, 2));
		struct fault ignored = FAULT_NONE;

		installation->known = true;
		installation->customer = str_copy(batch->arena, db_get_text(rows, i, 1));
		/* intake has taken it as JSON; what is none counts as empty. */
		if (data.n && doc_parse(&installation->doc, data, batch->arena, &ignored))
			installation->doc = (struct doc){ 0 };
	}
}

enum verdict visit_load(struct batch *batch, struct str *ids, size_t count, struct visit_set *ret, struct fault *fault)
{
	struct db_params things = { .arena = batch->arena }, visits = { .arena = batch->arena };
	struct visit_set set = { arena_zero(batch->arena, (count + 1) * sizeof(*set.items)), 0 };
	enum verdict verdict;

	*ret = set;
	if (count == 0)
		return OK;
	qsort(ids, count, sizeof(*ids), compare_str);
	for (size_t i = 0; i < count; i++)
		if (set.count == 0 || !str_eq(set.items[set.count - 1].id, ids[i]))
			set.items[set.count++].id = ids[i];
	db_column_array(&things, DB_TEXT, &set.items[0].id, sizeof(*set.items), set.count);
	db_queue(batch->db, "visit_load_installations", &things);
	db_int4(&visits, batch->partition);
	db_column_array(&visits, DB_TEXT, &set.items[0].id, sizeof(*set.items), set.count);
	db_queue(batch->db, "visit_load", &visits);
	verdict = db_sync(batch->db, fault);
	if (verdict)
		return verdict;
	read_installations(batch, db_result(batch->db, 0), &set);
	read_visits(batch, db_result(batch->db, 1), &set);
	*ret = set;
	return OK;
}

/* ---- save ---- */

static int compare_id(const void *a, const void *b)
{
	return str_cmp(((const struct visit *)a)->id, ((const struct visit *)b)->id);
}

static struct visit *changed_ones(struct batch *batch, const struct visit_set *set, size_t *ret_count)
{
	struct visit *list = NULL;
	size_t n = 0, capacity = 0;

	for (size_t i = 0; i < set->count; i++)
		for (const struct visit *visit = set->items[i].rows; visit; visit = visit->next) {
			if (!visit->changed)
				continue;
			arena_grow(batch->arena, &list, &capacity, n + 1, sizeof(*list));
			list[n] = *visit;
			list[n].state_name = visit_state_text(visit->state);
			n++;
		}
	if (n)
		qsort(list, n, sizeof(*list), compare_id);
	*ret_count = n;
	return list;
}

void visit_save(struct batch *batch, const struct visit_set *set)
{
	struct db_params params = { .arena = batch->arena };
	size_t n, stride = sizeof(struct visit);
	struct visit *v = changed_ones(batch, set, &n);

	if (n == 0)
		return;
	db_int4(&params, batch->partition);
	db_column_array(&params, DB_TEXT, &v->id, stride, n);
	db_column_array(&params, DB_TEXT, &v->installation, stride, n);
	db_column_array(&params, DB_TEXT, &v->programme, stride, n);
	db_column_array(&params, DB_TEXT, &v->policy.id, stride, n);
	db_column_array(&params, DB_INT4, &v->policy.version, stride, n);
	db_column_array(&params, DB_INT4, &v->number, stride, n);
	db_column_array(&params, DB_TEXT, &v->state_name, stride, n);
	db_column_array(&params, DB_INSTANT, &v->from, stride, n);
	db_column_array(&params, DB_INSTANT, &v->due, stride, n);
	db_column_array(&params, DB_INSTANT, &v->planned_on, stride, n);
	db_column_array(&params, DB_INSTANT, &v->done_on, stride, n);
	db_column_array(&params, DB_TEXT, &v->named, stride, n);
	db_column_array(&params, DB_BOOL, &v->recorded, stride, n);
	db_queue(batch->db, "visit_save", &params);
}
