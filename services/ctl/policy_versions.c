/* policy list, show: the versions that the database has. */
#include <jansson.h>
#include <string.h>
#include <sysexits.h>

#include "common/base/doc.h"
#include "common/base/near.h"
#include "services/ctl/policy.h"
#include "services/ctl/screen.h"

struct str policy_state_name(struct str state, instant effective_from, instant now)
{
	return str_is(state, "approved") && effective_from <= now ? STR("effective") : state;
}

struct policy *policy_open(struct ctl *ctl, const struct policy_stored *stored, struct attributes *attributes)
{
	struct buf errors cleanup(buf_done) = { 0 };
	struct fault fault = FAULT_NONE;
	struct policy *policy = NULL;

	if (policy_compile(stored->text, str_z(&ctl->arena, stored->name), NULL, 0, attributes, &policy, &errors, &fault) == OK)
		return policy;
	ctl_fail(2, "%.*s version %d was loaded by another version of Aftercare, this one does not understand it: %s",
		 STR_ARG(stored->name), stored->version, fault.text);
	return NULL;
}

static int absent(struct ctl *ctl, struct db *db, const char *words)
{
	struct fault fault = FAULT_NONE;
	const struct db_result *rows = NULL;
	const char *near = NULL;

	if (db_run(db, "policy_names", NULL, &rows, &fault) == OK) {
		const char **names = arena_zero(&ctl->arena, (db_rows(rows) + 1) * sizeof(*names));

		for (size_t i = 0; i < db_rows(rows); i++)
			names[i] = str_z(&ctl->arena, db_get_text(rows, i, 0));
		near = near_word(names, str_of(words));
		if (!near && db_rows(rows) == 0)
			return ctl_fail(2, "no policy is loaded at all; aftercarectl policy load FILE brings one in");
	}
	return near ? ctl_fail(2, "there is no %s (did you mean %s?)", words, near) :
		      ctl_fail(2, "there is no %s; aftercarectl policy list shows what there is", words);
}

int policy_find(struct ctl *ctl, struct db *db, const char *words, struct policy_stored *ret)
{
	struct db_params params = { .arena = &ctl->arena };
	struct str rest = str_of(words);
	struct str name = str_cut(&rest, '@');
	struct fault fault = FAULT_NONE;
	const struct db_result *rows = NULL;
	int64_t version = 0;

	if (name.n == 0 || (rest.p && (!str_int64(rest, &version) || version < 1 || version > INT32_MAX)))
		return ctl_fail(EX_USAGE, "%s: NAME or NAME@VERSION is wanted, such as graded-2h-24h-48h@2", words);
	db_text(&params, name);
	db_int4(&params, (int32_t)version);
	db_instant(&params, ctl_now(ctl));
	if (db_run(db, "policy_one", &params, &rows, &fault))
		return ctl_fail(2, "%s", fault.text);
	if (db_rows(rows) == 0)
		return absent(ctl, db, words);
	*ret = (struct policy_stored){
		.type = str_copy(&ctl->arena, db_get_text(rows, 0, 0)), .name = str_copy(&ctl->arena, db_get_text(rows, 0, 1)),
		.version = (int32_t)db_get_int(rows, 0, 2), .state = str_copy(&ctl->arena, db_get_text(rows, 0, 3)),
		.effective_from = db_get_instant(rows, 0, 4), .text = str_copy(&ctl->arena, db_get_text(rows, 0, 5)),
		.sha256 = str_copy(&ctl->arena, db_get_text(rows, 0, 6)), .approved_at = db_get_instant(rows, 0, 7),
	};
	return 0;
}

/* ---- list ---- */

struct row {
	struct str type, name, state, by;
	int32_t version;
	instant from, until, at;
	int64_t open;
};

static void row_json(const struct row *row)
{
	struct buf line cleanup(buf_done) = { 0 };
	struct writer writer = { .buf = &line };

	write_open(&writer, '{');
	write_member(&writer, "type", row->type);
	write_member(&writer, "name", row->name);
	write_member_int(&writer, "version", row->version);
	write_member(&writer, "state", row->state);
	write_member_instant(&writer, "effective_from", row->from);
	write_member_instant(&writer, "effective_until", row->until);
	write_member(&writer, "by", row->by);
	write_member_instant(&writer, "at", row->at);
	write_member_int(&writer, "open_tickets", row->open);
	write_close(&writer, '}');
	printf("%.*s\n", STR_ARG(buf_view(&line)));
}

static void row_show(const struct row *row)
{
	struct buf line cleanup(buf_done) = { 0 };
	char text[SCREEN_TEXT];

	screen_cell(&line, row->type, 10);
	screen_cell(&line, row->name, 34);
	buf_format(&line, "%7d  ", row->version);
	screen_cell(&line, row->state, 10);
	screen_cell(&line, screen_when(row->from, text), 21);
	screen_cell(&line, screen_when(row->until, text), 21);
	buf_format(&line, "%9lld  ", (long long)row->open);
	screen_put(&line, row->by, 0);
	printf("%.*s\n", STR_ARG(buf_view(&line)));
}

int ctl_policy_list(struct ctl *ctl, int argc, char **argv)
{
	struct fault fault = FAULT_NONE;
	const struct db_result *rows = NULL;
	instant now = ctl_now(ctl);
	struct db *db;

	(void)argv;
	if (argc > 1)
		return ctl_fail(EX_USAGE, "policy list takes no arguments");
	db = ctl_connect(ctl);
	if (!db)
		return 2;
	if (db_run(db, "policy_list", NULL, &rows, &fault)) {
		db_free(db);
		return ctl_fail(2, "%s", fault.text);
	}
	if (!ctl->json)
		printf("%-9s %-33s %7s  %-9s %-20s %-20s %9s  %s\n", "type", "name", "version", "state", "in force from", "until",
		       "tickets", "by");
	for (size_t i = 0; i < db_rows(rows); i++) {
		struct row row = {
			.type = db_get_text(rows, i, 0), .name = db_get_text(rows, i, 1), .version = (int32_t)db_get_int(rows, i, 2),
			.from = db_get_instant(rows, i, 4), .until = db_get_instant(rows, i, 5), .by = db_get_text(rows, i, 6),
			.at = db_get_instant(rows, i, 7), .open = db_get_int(rows, i, 8),
		};

		row.state = policy_state_name(db_get_text(rows, i, 3), row.from, now);
		if (ctl->json)
			row_json(&row);
		else
			row_show(&row);
	}
	db_free(db);
	return 0;
}

/* ---- show ---- */

static void put_steps(struct writer *writer, const struct db_result *steps)
{
	write_key(writer, "steps");
	write_open(writer, '[');
	for (size_t i = 0; i < db_rows(steps); i++) {
		write_open(writer, '{');
		write_member(writer, "state", db_get_text(steps, i, 0));
		write_member(writer, "by", db_get_text(steps, i, 1));
		write_member_instant(writer, "at", db_get_instant(steps, i, 2));
		write_member(writer, "login", db_get_text(steps, i, 3));
		write_member_instant(writer, "effective_from", db_get_instant(steps, i, 4));
		write_close(writer, '}');
	}
	write_close(writer, ']');
}

static void show_json(const struct policy_stored *stored, const struct db_result *steps, instant now)
{
	struct buf line cleanup(buf_done) = { 0 };
	struct writer writer = { .buf = &line };

	write_open(&writer, '{');
	write_member(&writer, "type", stored->type);
	write_member(&writer, "name", stored->name);
	write_member_int(&writer, "version", stored->version);
	write_member(&writer, "state", policy_state_name(stored->state, stored->effective_from, now));
	write_member_instant(&writer, "effective_from", stored->effective_from);
	write_member(&writer, "sha256", stored->sha256);
	put_steps(&writer, steps);
	write_key(&writer, "document");
	write_raw(&writer, stored->text);
	write_close(&writer, '}');
	printf("%.*s\n", STR_ARG(buf_view(&line)));
}

static void show_steps(const struct policy_stored *stored, const struct db_result *steps, instant now)
{
	struct buf text cleanup(buf_done) = { 0 };
	char when[SCREEN_TEXT];
	struct str state = policy_state_name(stored->state, stored->effective_from, now);

	buf_format(&text, "%.*s version %d: %.*s, in force from %.*s\n", STR_ARG(stored->name), stored->version, STR_ARG(state),
		   STR_ARG(screen_when(stored->effective_from, when)));
	for (size_t i = 0; i < db_rows(steps); i++) {
		buf_format(&text, "  %.*s  %-9.*s ", STR_ARG(screen_when(db_get_instant(steps, i, 2), when)),
			   STR_ARG(db_get_text(steps, i, 0)));
		screen_put(&text, db_get_text(steps, i, 1), 0);
		buf_char(&text, '\n');
	}
	fwrite(text.p, 1, text.n, stdout);
}

/* Laid out for reading; the same document as what is stored. */
static void show_document(const struct policy_stored *stored)
{
	json_t *root = json_loadb(stored->text.p, stored->text.n, 0, NULL);
	char *text = root ? json_dumps(root, JSON_INDENT(2)) : NULL;

	if (text)
		puts(text);
	else
		printf("%.*s\n", STR_ARG(stored->text));
	mem_free(text);
	json_decref(root);
}

int ctl_policy_show(struct ctl *ctl, int argc, char **argv)
{
	struct db_params params = { .arena = &ctl->arena };
	struct policy_stored stored = { 0 };
	struct fault fault = FAULT_NONE;
	const struct db_result *steps = NULL;
	const char *words = NULL;
	bool history = false;
	struct db *db;
	int status;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--steps") == 0)
			history = true;
		else if (argv[i][0] == '-' || words)
			return ctl_fail(EX_USAGE, "policy show: %s is not understood (see aftercarectl policy show --help)", argv[i]);
		else
			words = argv[i];
	}
	if (!words)
		return ctl_fail(EX_USAGE, "which one? Give NAME or NAME@VERSION; aftercarectl policy list shows them");
	db = ctl_connect(ctl);
	if (!db)
		return 2;
	status = policy_find(ctl, db, words, &stored);
	if (status == 0) {
		db_text(&params, stored.type);
		db_text(&params, stored.name);
		db_int4(&params, stored.version);
		if (db_run(db, "policy_steps", &params, &steps, &fault))
			status = ctl_fail(2, "%s", fault.text);
		else if (ctl->json)
			show_json(&stored, steps, ctl_now(ctl));
		else if (history)
			show_steps(&stored, steps, ctl_now(ctl));
		else
			show_document(&stored);
	}
	db_free(db);
	return status;
}
