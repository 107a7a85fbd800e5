/* dead list and dead show: what was refused, why, and what it was. */
#include "services/ctl/dead.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

#include "common/io/event.h"
#include "services/ctl/screen.h"

struct dead dead_read(struct ctl *ctl, const struct db_result *rows, size_t i, struct str service)
{
	struct arena *arena = &ctl->arena;

	return (struct dead){
		.service = service, .id = db_get_int(rows, i, 0), .at = db_get_instant(rows, i, 1),
		.reason = str_copy(arena, db_get_text(rows, i, 2)), .detail = str_copy(arena, db_get_text(rows, i, 3)),
		.topic = str_copy(arena, db_get_text(rows, i, 4)), .partition = (int32_t)db_get_int(rows, i, 5),
		.offset = db_get_int(rows, i, 6), .event_id = str_copy(arena, db_get_text(rows, i, 7)),
		.event_source = str_copy(arena, db_get_text(rows, i, 8)),
			.event_type = str_copy(arena, db_get_text(rows, i, 9)),
		.size = db_null(rows, i, 10) ? -1 : db_get_int(rows, i, 10), .redriven_at = db_get_instant(rows, i, 11),
	};
}

void dead_write(struct writer *writer, const struct dead *dead)
{
	char id[96];

	snprintf(id, sizeof(id), "%.*s/%lld", STR_ARG(dead->service), (long long)dead->id);
	write_member(writer, "dead_letter", str_of(id));
	write_member_instant(writer, "at", dead->at);
	write_member(writer, "reason", dead->reason);
	write_member(writer, "detail", dead->detail);
	write_member(writer, "type", dead->event_type);
	write_member(writer, "event_id", dead->event_id);
	write_member(writer, "event_source", dead->event_source);
	write_member(writer, "topic", dead->topic);
	write_member_int(writer, "partition", dead->partition);
	write_member_int(writer, "offset", dead->offset);
	write_member_instant(writer, "redriven_at", dead->redriven_at);
}

struct str dead_header(const struct dead *dead, const char *name)
{
	for (size_t i = dead->header_count; i > 0; i--)
		if (str_is(dead->headers[i - 1].name, name))
			return dead->headers[i - 1].value;
	return STR_NONE;
}

static bool fetch_from(struct ctl *ctl, struct db *db, struct str service, int64_t id, struct dead *ret, bool *ret_found)
{
	struct db_params params = { .arena = &ctl->arena };
	struct fault fault = FAULT_NONE;
	const struct db_result *rows = NULL;

	db_int(&params, id);
	if (db_run(db, "service_dead_one", &params, &rows, &fault))
		return ctl_fail(2, "%s", fault.text) == 0;
	*ret_found = db_rows(rows) > 0;
	if (!*ret_found)
		return true;
	*ret = dead_read(ctl, rows, 0, service);
	ret->key = str_copy(&ctl->arena, db_get_text(rows, 0, 12));
	ret->value = str_copy(&ctl->arena, db_get_text(rows, 0, 14));
	if (event_headers_unpack(str_copy(&ctl->arena, db_get_text(rows, 0, 13)), &ctl->arena, &ret->headers,
				 &ret->header_count,
				 &fault))
		return ctl_fail(2, "%s", fault.text) == 0;
	return true;
}

bool dead_fetch(struct ctl *ctl, const struct services *services, const char *name, struct dead *ret, struct db **ret_db)
{
	struct str rest = str_of(name), service = STR_NONE;
	struct dead dead = { 0 };
	int64_t id = 0;

	*ret_db = NULL;
	if (strchr(name, '/'))
		service = str_cut(&rest, '/');
	if (!str_int64(rest, &id))
		return ctl_fail(EX_USAGE, "%s: an ID is SERVICE/NUMBER, as dead list shows it", name) == 0;
	for (size_t i = 0; i < services->count; i++) {
		bool found = false;
		struct db *db;

		if (service.p && !str_eq(services->names[i], service))
			continue;
		db = services_connect(ctl, services->names[i]);
		if (!db || !fetch_from(ctl, db, services->names[i], id, &dead, &found)) {
			db_free(db);
			return false;
		}
		if (found && *ret_db) {
			ctl_fail(1, "%s: both %.*s and %.*s have one of this number; say which: %.*s/%lld", name,
				 STR_ARG(ret->service),
				 STR_ARG(dead.service), STR_ARG(ret->service), (long long)id);
			db_free(db);
			db_free(*ret_db);
			return false;
		}
		if (found) {
			*ret = dead;
			*ret_db = db;
		} else {
			db_free(db);
		}
	}
	if (!*ret_db)
		ctl_fail(1, "%s: there is no such dead letter; aftercarectl dead list shows them", name);
	return *ret_db != NULL;
}

/* ---- list ---- */

static int newest_first(const void *a, const void *b)
{
	const struct dead *left = a, *right = b;

	return left->at != right->at ? (left->at < right->at ? 1 : -1) : left->id < right->id ? 1 : -(left->id > right->id);
}

static void list_show(struct ctl *ctl, const struct dead *dead, size_t count)
{
	struct screen screen;
	struct buf line = { 0 };
	char text[SCREEN_TEXT];

	screen_init(&screen, stdout);
	for (size_t i = 0; i < count; i++) {
		struct str id = str_format(&ctl->arena, "%.*s/%lld", STR_ARG(dead[i].service), (long long)dead[i].id);
		struct str type = dead[i].event_type;

		if (str_starts(type, STR("aftercare.")) && str_ends(type, STR(".v1")) && type.n > 13)
			type = (struct str){ type.p + 10, type.n - 13 };
		buf_clear(&line);
		screen_cell(&line, id, 14);
		buf_char(&line, ' ');
		screen_cell(&line, screen_when(dead[i].at, text), 21);
		buf_z(&line, screen_colour(&screen, SCREEN_YELLOW));
		screen_cell(&line, dead[i].reason, 20);
		buf_z(&line, screen_colour(&screen, SCREEN_PLAIN));
		screen_cell(&line, type.n ? type : STR("-"), 24);
		buf_char(&line, ' ');
		if (dead[i].redriven_at != INSTANT_NONE)
			buf_z(&line, screen_word(&screen, "[redriven] ", "[已重发] "));
		screen_put(&line, dead[i].detail, screen.columns > 110 ? screen.columns - 81 : 120);
		printf("%.*s\n", (int)line.n, line.p);
	}
	if (count == 0)
		puts(screen_word(&screen, "there are no dead letters", "没有死信"));
	else
		printf(screen_word(&screen, "%zu shown, times in %s; aftercarectl dead show ID, dead redrive ID\n",
				   "共显示 %zu 条,时区 %s;aftercarectl dead show ID、dead redrive ID\n"), count, screen.zone);
	buf_done(&line);
}

static void list_json(struct ctl *ctl, const struct dead *dead, size_t count)
{
	struct buf text = { 0 };
	struct writer writer = { .buf = &text };

	write_open(&writer, '[');
	for (size_t i = 0; i < count; i++) {
		write_open(&writer, '{');
		dead_write(&writer, &dead[i]);
		write_close(&writer, '}');
	}
	write_close(&writer, ']');
	puts(str_z(&ctl->arena, buf_view(&text)));
	buf_done(&text);
}

static bool services_open(struct ctl *ctl, struct services *ret)
{
	struct db *db = ctl_connect(ctl);
	bool good = db && services_list(ctl, db, ret);

	db_free(db);
	if (good && ret->hidden.p)
		ctl_fail(3, "%.*s: your role may not look into it", STR_ARG(ret->hidden));
	return good;
}

int ctl_dead_list(struct ctl *ctl, int argc, char **argv)
{
	struct str wanted = STR_NONE, reason = STR_NONE;
	int64_t limit = 20;
	struct services services;
	struct dead *dead = NULL;
	size_t count = 0, capacity = 0;
	bool known = false;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--service") == 0 && i + 1 < argc)
			wanted = str_of(argv[++i]);
		else if (strcmp(argv[i], "--reason") == 0 && i + 1 < argc)
			reason = str_of(argv[++i]);
		else if (strcmp(argv[i], "--limit") == 0 && i + 1 < argc && str_int64(str_of(argv[i + 1]), &limit) && limit > 0)
			i++;
		else
			return ctl_fail(EX_USAGE, "dead list: %s is not understood (see aftercarectl dead list --help)",
					argv[i]);
	}
	if (!services_open(ctl, &services))
		return 2;
	for (size_t s = 0; s < services.count; s++) {
		struct db_params params = { .arena = &ctl->arena };
		struct fault fault = FAULT_NONE;
		const struct db_result *rows = NULL;
		struct db *db;

		if (wanted.p && !str_eq(wanted, services.names[s]))
			continue;
		known = true;
		db = services_connect(ctl, services.names[s]);
		db_text(&params, reason);
		db_int(&params, limit);
		if (!db || db_run(db, "service_dead_list", &params, &rows, &fault)) {
			db_free(db);
			return ctl_fail(2, "%.*s: %s", STR_ARG(services.names[s]), fault.text);
		}
		for (size_t i = 0; i < db_rows(rows); i++) {
			arena_grow(&ctl->arena, &dead, &capacity, count + 1, sizeof(*dead));
			dead[count++] = dead_read(ctl, rows, i, services.names[s]);
		}
		db_free(db);
	}
	if (wanted.p && !known)
		return ctl_fail(EX_USAGE, "there is no service %.*s", STR_ARG(wanted));
	if (count)
		qsort(dead, count, sizeof(*dead), newest_first);
	if ((int64_t)count > limit)
		count = (size_t)limit;
	if (ctl->json)
		list_json(ctl, dead, count);
	else
		list_show(ctl, dead, count);
	return 0;
}

/* ---- show ---- */

static bool is_readable(struct str value)
{
	if (!str_utf8(value))
		return false;
	for (size_t i = 0; i < value.n; i++)
		if ((unsigned char)value.p[i] < 0x20 && !strchr("\t\r\n", value.p[i]))
			return false;
	return true;
}

static void hex_dump(struct str value)
{
	for (size_t at = 0; at < value.n; at += 16) {
		printf("  %08zx ", at);
		for (size_t i = at; i < at + 16; i++)
			printf(i < value.n ? " %02x" : "   ", i < value.n ? (unsigned char)value.p[i] : 0);
		printf("  ");
		for (size_t i = at; i < at + 16 && i < value.n; i++)
			putchar(value.p[i] >= 0x20 && value.p[i] < 0x7f ? value.p[i] : '.');
		putchar('\n');
	}
}

static void show_lines(struct str value)
{
	struct buf line = { 0 };

	while (value.p) {
		buf_clear(&line);
		screen_put(&line, str_cut(&value, '\n'), 0);
		printf("  %.*s\n", (int)line.n, line.p ? line.p : "");
	}
	buf_done(&line);
}

static void show_line(struct buf *line, const char *name, struct str value)
{
	buf_clear(line);
	screen_cell(line, str_of(name), 14);
	screen_put(line, value.p ? value : STR("(none)"), 0);
	printf("%.*s\n", (int)line->n, line->p);
}

static void one_show(struct ctl *ctl, const struct dead *dead)
{
	struct arena *arena = &ctl->arena;
	struct screen screen;
	struct buf line = { 0 };
	char at[SCREEN_TEXT];

	screen_init(&screen, stdout);
	show_line(&line, "dead letter", str_format(arena, "%.*s/%lld", STR_ARG(dead->service), (long long)dead->id));
	show_line(&line, "reason", dead->reason);
	show_line(&line, "detail", dead->detail);
	show_line(&line, "refused at", str_format(arena, "%.*s %s", STR_ARG(screen_when(dead->at, at)), screen.zone));
	if (dead->redriven_at != INSTANT_NONE)
		show_line(&line, "redriven at", screen_when(dead->redriven_at, at));
	show_line(&line, "came from", str_format(arena, "%.*s, partition %d, offset %lld", STR_ARG(dead->topic),
						 (int)dead->partition, (long long)dead->offset));
	show_line(&line, "event", dead->event_id.n ? str_format(arena, "%.*s from %.*s, id %.*s", STR_ARG(dead->event_type),
								STR_ARG(dead->event_source), STR_ARG(dead->event_id))
						   : STR("(no CloudEvent)"));
	show_line(&line, "key", dead->key.p && !is_readable(dead->key) ? STR("(bytes that are no text)") : dead->key);
	printf("headers\n");
	for (size_t i = 0; i < dead->header_count; i++) {
		buf_clear(&line);
		screen_put(&line, dead->headers[i].name, 60);
		buf_z(&line, ": ");
		screen_put(&line, dead->headers[i].value, 0);
		printf("  %.*s\n", (int)line.n, line.p);
	}
	printf("value, %zu bytes%s\n", dead->value.n, dead->value.p ? "" : " (null)");
	if (dead->value.p && is_readable(dead->value))
		show_lines(dead->value);
	else if (dead->value.p)
		hex_dump(dead->value);
	buf_done(&line);
}

static void write_bytes(struct writer *writer, const char *text_key, const char *hex_key, struct str value)
{
	struct buf hex = { 0 };

	if (!value.p || str_utf8(value)) {
		write_member(writer, text_key, value);
		return;
	}
	for (size_t i = 0; i < value.n; i++)
		buf_format(&hex, "%02x", (unsigned char)value.p[i]);
	write_member(writer, hex_key, buf_view(&hex));
	buf_done(&hex);
}

static void one_json(struct ctl *ctl, const struct dead *dead)
{
	struct buf text = { 0 };
	struct writer writer = { .buf = &text };

	write_open(&writer, '{');
	dead_write(&writer, dead);
	write_bytes(&writer, "key", "key_hex", dead->key);
	write_key(&writer, "headers");
	write_open(&writer, '[');
	for (size_t i = 0; i < dead->header_count; i++) {
		write_open(&writer, '{');
		write_member(&writer, "name", dead->headers[i].name);
		write_bytes(&writer, "value", "value_hex", dead->headers[i].value);
		write_close(&writer, '}');
	}
	write_close(&writer, ']');
	write_bytes(&writer, "value", "value_hex", dead->value);
	write_close(&writer, '}');
	puts(str_z(&ctl->arena, buf_view(&text)));
	buf_done(&text);
}

int ctl_dead_show(struct ctl *ctl, int argc, char **argv)
{
	struct services services;
	struct dead dead;
	struct db *db;

	if (argc != 2 || argv[1][0] == '-')
		return ctl_fail(EX_USAGE, "dead show takes one ID (aftercarectl dead list shows them)");
	if (!services_open(ctl, &services))
		return 2;
	if (!dead_fetch(ctl, &services, argv[1], &dead, &db))
		return 1;
	if (ctl->json)
		one_json(ctl, &dead);
	else
		one_show(ctl, &dead);
	db_free(db);
	return 0;
}
