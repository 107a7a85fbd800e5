/* Finding the services: a seventh daemon appears in every command by itself, because its schema has a ledger. */
#include "services/ctl/services.h"

bool services_list(struct ctl *ctl, struct db *db, struct services *ret)
{
	struct fault fault = FAULT_NONE;
	const struct db_result *rows = NULL;
	struct str *names;

	if (db_run(db, "service_list", NULL, &rows, &fault))
		return ctl_fail(2, "%s", fault.text) == 0;
	names = arena_zero(&ctl->arena, (db_rows(rows) + 1) * sizeof(*names));
	*ret = (struct services){ .names = names };
	for (size_t i = 0; i < db_rows(rows); i++) {
		struct str name = str_copy(&ctl->arena, db_get_text(rows, i, 0));

		if (db_get_bool(rows, i, 1))
			names[ret->count++] = name;
		else
			ret->hidden = str_format(&ctl->arena, "%.*s%s%.*s", STR_ARG(ret->hidden), ret->hidden.n ? ", " : "",
						 STR_ARG(name));
	}
	return true;
}

struct db *services_connect(struct ctl *ctl, struct str service)
{
	static const char *const sql[] = { "services/ctl/ctl_service.sql", NULL };
	struct fault fault = FAULT_NONE;
	struct db *db = db_new(ctl->database, "aftercarectl", str_z(&ctl->arena, service), sql);

	if (db_connect(db, &fault) == OK)
		return db;
	ctl_fail(2, "%s", fault.text);
	db_free(db);
	return NULL;
}
