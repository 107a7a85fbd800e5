/* replay, reading: the CSV file and the map, checked before anything is sent. */
#define _GNU_SOURCE /* strptime, timegm */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <zlib.h>

#include "services/ctl/replay.h"

#define LOG_MAX ((size_t)512 << 20)
#define COLUMNS_MAX 256

static const char *map_text(const json_t *root, const char *path, const char *name, bool *good)
{
	const char *text = json_string_value(json_object_get(root, name));
	if (!text && *good)
		*good = ctl_fail(1, "%s: /%s: a string is wanted", path, name) == 0;
	return text;
}

static bool zone_parse(const char *text, int64_t *ret)
{
	char stamp[64];
	instant at;
	snprintf(stamp, sizeof(stamp), "2000-01-01T00:00:00%s", text);
	if (!instant_parse(str_of(stamp), &at))
		return false;
	*ret = instant_of_civil(2000, 1, 1, 0) - at;
	return true;
}

bool replay_map_read(struct ctl *ctl, const char *path, struct replay_map *ret_map)
{
	struct str text;
	json_error_t error;
	if (!ctl_read_file(ctl, path, 1u << 20, &text))
		return false;
	struct replay_map map = { .root = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, &error) };
	if (!map.root) {
		ctl_fail(1, "%s:%d: %s", path, error.line, error.text);
		return false;
	}
	bool good = true;
	map.source = map_text(map.root, path, "source", &good);
	map.case_column = map_text(map.root, path, "case", &good);
	map.activity_column = map_text(map.root, path, "activity", &good);
	map.time_column = map_text(map.root, path, "time", &good);
	map.time_format = map_text(map.root, path, "time_format", &good);
	const char *zone = map_text(map.root, path, "zone", &good);
	if (good && !zone_parse(zone, &map.zone))
		good = ctl_fail(1, "%s: /zone: \"%s\" is no offset like Z or +08:00", path, zone) == 0;
	map.first = json_object_get(map.root, "request");
	map.activities = json_object_get(map.root, "activities");
	if (good && (!json_is_object(map.first) || !json_is_object(map.activities)))
		good = ctl_fail(1, "%s: /request and /activities must be objects", path) == 0;
	if (good)
		*ret_map = map;
	else
		json_decref(map.root);
	return good;
}

static bool file_read(const char *path, struct buf *ret)
{
	gzFile file = gzopen(path, "rb");
	if (!file) {
		ctl_fail(1, "%s: %m", path);
		return false;
	}
	int n;
	do {
		n = gzread(file, buf_room(ret, 1 << 20), 1 << 20);
		ret->n += n > 0 ? (size_t)n : 0;
	} while (n > 0 && ret->n < LOG_MAX);
	int code;
	const char *why = gzerror(file, &code);
	if (n < 0)
		ctl_fail(1, "%s: %s", path, why);
	else if (n > 0)
		ctl_fail(1, "%s: more than 512 MiB", path);
	gzclose_r(file);
	return n == 0;
}

/* Cuts one record of the text into fields, in place. Returns behind it; NULL at the end. */
static char *record_cut(char *at, const char *end, const char **fields, size_t *ret_count, uint32_t *line)
{
	size_t n = 0;
	if (at >= end)
		return NULL;
	for (;;) {
		char *out = at, *begin = at;
		bool quoted = at < end && *at == '"';
		if (quoted)
			at++;
		while (at < end) {
			if (quoted && *at == '"' && at + 1 < end && at[1] == '"') {
				*out++ = '"';
				at += 2;
			} else if (quoted && *at == '"') {
				quoted = false;
				at++;
			} else if (!quoted && (*at == ',' || *at == '\n')) {
				break;
			} else {
				*line += *at == '\n';
				if (*at != '\r' || quoted)
					*out++ = *at;
				at++;
			}
		}
		bool more = at < end && *at == ',';
		*line += at < end && *at == '\n';
		*out = '\0';
		if (n < COLUMNS_MAX)
			fields[n++] = begin;
		at++;
		if (!more)
			break;
	}
	*ret_count = n;
	return at;
}

static int column_find(const struct replay_log *log, const char *name)
{
	for (size_t i = 0; i < log->column_count; i++) {
		if (str_is(log->columns[i], name))
			return (int)i;
	}
	return -1;
}

static bool time_read(const struct replay_map *map, const char *text, instant *ret)
{
	struct tm tm = { 0 };
	const char *rest = strptime(text, map->time_format, &tm);
	if (!rest)
		return false;
	int64_t fraction = 0, unit = SECOND;
	if (*rest == '.') {
		for (rest++; *rest >= '0' && *rest <= '9'; rest++)
			fraction += (*rest - '0') * (unit /= 10);
	}
	if (*rest)
		return false;
	*ret = (int64_t)timegm(&tm) * SECOND + fraction - map->zone;
	return true;
}

static int compare_rows(const void *a, const void *b)
{
	const struct replay_row *left = a, *right = b;
	if (left->at != right->at)
		return left->at < right->at ? -1 : 1;
	return left->line < right->line ? -1 : left->line > right->line;
}

struct case_slot {
	const char *id;
	uint32_t index;
};

/* The index of a case in an open table of twice as many slots as rows. */
static uint32_t case_index(struct replay_log *log, struct case_slot *slots, size_t slot_count, const char *id)
{
	size_t at = str_hash(str_of(id)) % slot_count;
	while (slots[at].id && strcmp(slots[at].id, id) != 0)
		at = (at + 1) % slot_count;
	if (!slots[at].id) {
		slots[at] = (struct case_slot){ id, (uint32_t)log->case_count };
		log->cases[log->case_count++] = id;
	}
	return slots[at].index;
}

static bool rows_read(struct ctl *ctl, const char *path, const struct replay_map *map, char *text, size_t length,
		      struct replay_log *log)
{
	const char *fields[COLUMNS_MAX];
	size_t count = 0, capacity = 0;
	uint32_t line = 0, begin;
	char *at = record_cut(text, text + length, fields, &count, &line);
	if (!at)
		return ctl_fail(1, "%s: empty", path), false;
	log->columns = arena_alloc(&ctl->arena, count * sizeof(*log->columns));
	log->column_count = count;
	for (size_t i = 0; i < count; i++)
		log->columns[i] = str_of(fields[i]);
	int case_at = column_find(log, map->case_column), time_at = column_find(log, map->time_column);
	if (case_at < 0 || time_at < 0 || column_find(log, map->activity_column) < 0)
		return ctl_fail(1, "%s:1: the map wants the columns \"%s\", \"%s\" and \"%s\"; at least one is not there", path,
				map->case_column, map->activity_column, map->time_column), false;
	for (;;) {
		begin = line + 1;
		at = record_cut(at, text + length, fields, &count, &line);
		if (!at)
			break;
		if (count != log->column_count)
			return ctl_fail(1, "%s:%u: %zu fields where the header has %zu", path, begin, count, log->column_count), false;
		arena_grow(&ctl->arena, &log->rows, &capacity, log->row_count + 1, sizeof(*log->rows));
		struct replay_row *row = &log->rows[log->row_count++];
		*row = (struct replay_row){ .line = begin,
					    .fields = arena_copy(&ctl->arena, fields, count * sizeof(*fields)) };
		if (!time_read(map, row->fields[time_at], &row->at))
			return ctl_fail(1, "%s:%u: \"%s\" is no time of the form %s", path, begin, row->fields[time_at],
					map->time_format), false;
	}
	log->cases = arena_alloc(&ctl->arena, (log->row_count + 1) * sizeof(*log->cases));
	size_t slot_count = log->row_count * 2 + 1;
	struct case_slot *slots = arena_zero(&ctl->arena, slot_count * sizeof(*slots));
	qsort(log->rows, log->row_count, sizeof(*log->rows), compare_rows);
	for (size_t i = 0; i < log->row_count; i++) {
		struct replay_row *row = &log->rows[i];
		size_t known = log->case_count;
		row->case_index = case_index(log, slots, slot_count, row->fields[case_at]);
		row->first = log->case_count > known;
	}
	return true;
}

bool replay_log_read(struct ctl *ctl, const char *path, const struct replay_map *map, struct replay_log *ret_log)
{
	struct buf text = { 0 };
	*ret_log = (struct replay_log){ 0 };
	if (!file_read(path, &text)) {
		buf_done(&text);
		return false;
	}
	/* Fields are cut in place and live as long as the arena. */
	char *copy = arena_alloc(&ctl->arena, text.n + 1);
	memcpy(copy, text.p, text.n);
	copy[text.n] = '\0';
	size_t length = text.n;
	buf_done(&text);
	return rows_read(ctl, path, map, copy, length, ret_log);
}

/* ---- templates ---- */

static const char *field_of(const struct replay_log *log, const struct replay_row *row, struct str column)
{
	for (size_t i = 0; i < log->column_count; i++) {
		if (str_eq(log->columns[i], column))
			return row->fields[i];
	}
	return NULL;
}

static json_t *fill_string(const struct replay_log *log, const struct replay_row *row, const char *text)
{
	struct buf out = { 0 };
	bool good = true;
	while (*text && good) {
		const char *close = *text == '{' ? strchr(text, '}') : NULL;
		if (!close) {
			buf_char(&out, *text++);
			continue;
		}
		const char *value = field_of(log, row, (struct str){ text + 1, (size_t)(close - text - 1) });
		good = value || ctl_fail(1, "the map names \"%.*s\", which is no column", (int)(close - text - 1), text + 1) == 0;
		if (value)
			buf_z(&out, value);
		text = close + 1;
	}
	json_t *result = good ? json_stringn(out.p ? out.p : "", out.n) : NULL;
	buf_done(&out);
	return result;
}

static json_t *fill(const struct replay_log *log, const struct replay_row *row, const json_t *template);

static json_t *fill_lookup(const struct replay_log *log, const struct replay_row *row, const json_t *template)
{
	const char *column = json_string_value(json_object_get(template, "from"));
	const char *value = field_of(log, row, str_of(column));
	const json_t *found = value ? json_object_get(json_object_get(template, "values"), value) : NULL;
	if (!found)
		found = json_object_get(template, "else");
	if (!found) {
		ctl_fail(1, "line %u: the map has no value for %s = \"%s\"", row->line, column, value ? value : "");
		return NULL;
	}
	return fill(log, row, found);
}

/* The nesting of a map is a person's: recursion is fine. */
static json_t *fill(const struct replay_log *log, const struct replay_row *row, const json_t *template)
{
	if (json_is_string(template))
		return fill_string(log, row, json_string_value(template));
	if (json_is_object(template) && json_object_get(template, "from") && json_object_get(template, "values"))
		return fill_lookup(log, row, template);
	if (!json_is_object(template))
		return json_deep_copy(template);
	json_t *object = json_object();
	const char *key;
	json_t *value;
	json_object_foreach((json_t *)(uintptr_t)template, key, value) {
		json_t *filled = fill(log, row, value);
		if (!filled || json_object_set_new(object, key, filled)) {
			json_decref(object);
			return NULL;
		}
	}
	return object;
}

char *replay_fill(const struct replay_log *log, const struct replay_row *row, const json_t *template, const char *request_source,
		  const char *request_id)
{
	json_t *data = fill(log, row, template);
	if (!data)
		return NULL;
	if (request_id)
		json_object_set_new(data, "request", json_pack("{s:s, s:s}", "source", request_source, "id", request_id));
	char *text = json_dumps(data, JSON_COMPACT);
	json_decref(data);
	return text;
}
