/* The directory's installations as rows, and findings as JSON.
 *
 * intake looks up whole batches by statements of its own and reads the rows here; whoever asks for one ticket asks here. */
#include "common/worker/installation.h"

static int64_t number(const struct db_result *rows, size_t row, int column)
{
	return db_null(rows, row, column) ? INSTALLATION_UNKNOWN : db_get_int(rows, row, column);
}

void installation_read(const struct db_result *rows, size_t row, int first, struct arena *arena, struct installation *ret)
{
	*ret = (struct installation){
		.id = str_copy(arena, db_get_text(rows, row, first)),
		.customer = str_copy(arena, db_get_text(rows, row, first + 1)),
		.product = str_copy(arena, db_get_text(rows, row, first + 2)),
		.accepted_on = str_copy(arena, db_get_text(rows, row, first + 3)),
		.sold_by = str_copy(arena, db_get_text(rows, row, first + 4)),
		.manufacturer_months = number(rows, row, first + 5),
		.quality_grade = number(rows, row, first + 6),
	};
}

enum verdict installation_find(struct batch *batch, const struct installation_wish *wish, const struct installation **ret,
			       struct fault *fault)
{
	struct db_params params = { .arena = batch->arena };
	const struct installation *found[3] = { NULL, NULL, NULL };
	const struct db_result *rows;
	enum verdict verdict;

	db_text(&params, wish->installation);
	db_text(&params, wish->serial_no);
	db_text(&params, wish->customer);
	db_text(&params, wish->model);
	verdict = db_run(batch->db, "knowledge_installation", &params, &rows, fault);
	if (verdict != OK)
		return verdict;
	for (size_t i = 0; i < db_rows(rows); i++) {
		struct installation *one = arena_alloc(batch->arena, sizeof(*one));

		installation_read(rows, i, 1, batch->arena, one);
		found[db_get_int(rows, i, 0)] = one;
	}
	*ret = installation_owned(wish->customer, found[0], found[1], found[2]);
	return OK;
}

static void write_text(struct writer *writer, const char *key, struct str text, bool again)
{
	if (text.n > 0) {
		write_member(writer, key, text);
	} else if (again) {
		write_key(writer, key);
		write_raw(writer, STR("null"));
	}
}

static void write_number(struct writer *writer, const char *key, int64_t number_given, bool again)
{
	if (number_given != INSTALLATION_UNKNOWN)
		write_member_int(writer, key, number_given);
	else
		write_text(writer, key, STR_NONE, again);
}

static void write_installation(struct writer *writer, const struct findings *findings, bool again)
{
	const struct installation *installation = findings->installation;

	write_key(writer, "installation");
	write_open(writer, '{');
	write_member(writer, "id", installation->id);
	write_text(writer, "model", installation->product, again);
	write_text(writer, "accepted_on", installation->accepted_on, again);
	write_text(writer, "warranty_until", findings->warranty_known ? str_of(findings->until) : STR_NONE, again);
	if (findings->warranty_known)
		write_member_bool(writer, "in_warranty", findings->in_warranty);
	else
		write_text(writer, "in_warranty", STR_NONE, again);
	write_number(writer, "manufacturer_months", installation->manufacturer_months, again);
	write_text(writer, "sold_by", installation->sold_by, again);
	write_number(writer, "quality_grade", installation->quality_grade, again);
	write_close(writer, '}');
}

void findings_write(struct writer *writer, const struct findings *findings, bool again)
{
	write_member(writer, "entitlement", findings->entitlement);
	if (findings->review || again)
		write_member_bool(writer, "review", findings->review);
	if (findings->installation)
		write_installation(writer, findings, again);
	else
		write_text(writer, "installation", STR_NONE, again);
	write_key(writer, "charge");
	write_open(writer, '{');
	write_member(writer, "labour", findings->charge.labour);
	write_member(writer, "parts", findings->charge.parts);
	write_close(writer, '}');
}
