/* db migrate: the numbered files of schemas/sql, each once, each in a transaction of its own.
 *
 * A migration that was applied must still be the same file: its hash is kept. Two migrators at once wait for each other
 * by an advisory lock. */
#include <stdlib.h>
#include <sodium.h>
#include <string.h>
#include <sysexits.h>

#include "common/io/embed.h"
#include "services/ctl/ctl.h"

#define MIGRATION_LOCK "select pg_advisory_lock(4271982)"

struct migration {
	int number;
	const char *name;
	struct str text;
	char sha256[65];
};

static void hash_text(struct str text, char hex[static 65])
{
	unsigned char hash[crypto_hash_sha256_BYTES];
	crypto_hash_sha256(hash, (const unsigned char *)text.p, text.n);
	sodium_bin2hex(hex, 65, hash, sizeof(hash));
}

/* The embedded migrations; the table of embedded files is sorted by path, so they come in order. */
static size_t migrations_list(struct ctl *ctl, struct migration **ret_list)
{
	struct migration *list = arena_zero(&ctl->arena, (embed_count + 1) * sizeof(*list));
	size_t n = 0;
	for (size_t i = 0; i < embed_count; i++) {
		struct str path = str_of(embed_files[i].path);
		if (!str_starts(path, STR("schemas/sql/")))
			continue;
		const char *name = embed_files[i].path + strlen("schemas/sql/");
		list[n] = (struct migration){ .number = (int)strtol(name, NULL, 10), .name = name,
					      .text = { embed_files[i].begin,
							(size_t)(embed_files[i].end - embed_files[i].begin) } };
		hash_text(list[n].text, list[n].sha256);
		n++;
	}
	*ret_list = list;
	return n;
}

static int migration_apply(struct ctl *ctl, struct db *db, const struct migration *migration)
{
	struct fault fault = FAULT_NONE;
	struct db_params params = { .arena = &ctl->arena };
	db_int4(&params, migration->number);
	db_text(&params, str_of(migration->name));
	db_text(&params, str_of(migration->sha256));
	const char *script = str_z(&ctl->arena, str_format(&ctl->arena, "begin;\n%.*s", STR_ARG(migration->text)));
	enum verdict verdict = db_script(db, script, &fault);
	if (verdict == OK) {
		db_queue(db, "migration_note", &params);
		db_queue_plain(db, "COMMIT");
		verdict = db_sync(db, &fault);
	}
	if (verdict == OK)
		return 0;
	db_rollback(db);
	return ctl_fail(2, "migration %s: %s; nothing of it was applied, the ones before it stand", migration->name, fault.text);
}

/* 1: applied and the same; 0: not applied; -1: applied, but the file has changed since. */
static int migration_state(const struct db_result *rows, const struct migration *migration)
{
	for (size_t i = 0; rows && i < db_rows(rows); i++) {
		if (db_get_int(rows, i, 0) == migration->number)
			return str_is(db_get_text(rows, i, 1), migration->sha256) ? 1 : -1;
	}
	return 0;
}

int ctl_migrate(struct ctl *ctl, bool dry, FILE *out)
{
	struct db *db = ctl_connect(ctl);
	if (!db)
		return 2;
	struct fault fault = FAULT_NONE;
	struct migration *list;
	size_t count = migrations_list(ctl, &list);
	const struct db_result *rows = NULL;
	int status = 0;
	enum verdict verdict = db_script(db, MIGRATION_LOCK, &fault);
	bool fresh = false;
	if (verdict == OK)
		verdict = db_run(db, "migration_table", NULL, &rows, &fault);
	if (verdict == OK) {
		fresh = !db_get_bool(rows, 0, 0);
		rows = NULL;
		if (!fresh)
			verdict = db_run(db, "migration_list", NULL, &rows, &fault);
	}
	if (verdict) {
		db_free(db);
		return ctl_fail(2, "%s", fault.text);
	}
	/* The result does not outlive the next statement: decide first, then apply. */
	int *states = arena_zero(&ctl->arena, (count + 1) * sizeof(*states));
	for (size_t i = 0; i < count; i++)
		states[i] = migration_state(rows, &list[i]);
	size_t applied = 0;
	for (size_t i = 0; i < count && status == 0; i++) {
		if (states[i] < 0)
			status = ctl_fail(2, "migration %s was applied with other content; a migration is never edited, add a new one",
					  list[i].name);
		if (states[i] != 0)
			continue;
		if (out)
			fprintf(out, "%s %s\n", dry ? "would apply" : "applying", list[i].name);
		if (!dry)
			status = migration_apply(ctl, db, &list[i]);
		applied++;
	}
	if (status == 0 && out)
		fprintf(out, "%zu of %zu migrations %s\n", applied, count, dry ? "to be applied (nothing was done)" : "applied now");
	db_free(db);
	return status;
}

int ctl_db_migrate(struct ctl *ctl, int argc, char **argv)
{
	bool dry = argc == 2 && strcmp(argv[1], "--dry-run") == 0;
	if (argc > 1 && !dry)
		return ctl_fail(EX_USAGE, "db migrate takes --dry-run or nothing");
	return ctl_migrate(ctl, dry, stdout);
}
