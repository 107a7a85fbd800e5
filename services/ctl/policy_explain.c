/* policy explain: why a ticket stands under its policies, and where the number of each of its clocks comes from.
 *
 * The versions are those that the ticket has pinned, the rule of a clock is the one that sla judges it by; so what is told is what
 * was decided, not what would be decided now. Only for policies that do not apply the reason is looked for here. */
#include <jansson.h>
#include <string.h>
#include <sysexits.h>

#include "common/base/doc.h"
#include "services/ctl/policy.h"
#include "services/ctl/screen.h"

#define REASONS_MAX 32

struct pinned {
	struct policy_stored stored;
	struct policy *policy;
	json_t *document;
};

struct explain {
	struct ctl *ctl;
	struct db *db;
	struct attributes attributes;
	struct str ticket, kind, severity, mode, channel, state, policies;
	json_t *data;
	int32_t lane;
	instant received_at;
	struct pinned *pinned;
	size_t count;
	struct buf out;
	struct writer writer;
};

static const char *const by[] = { "by default", "by kind", "by product", "by customer" };

/* What the ticket has at a path, as text; "nothing" when it has none. */
static struct str has(const struct explain *explain, const char *path)
{
	const struct {
		const char *path;
		struct str value;
	} fields[] = { { "kind", explain->kind }, { "severity", explain->severity }, { "mode", explain->mode },
		       { "channel", explain->channel } };
	struct str rest = str_of(path);
	json_t *node = explain->data;
	struct str text;
	char *raw;

	for (size_t i = 0; i < array_count(fields); i++)
		if (strcmp(path, fields[i].path) == 0)
			return fields[i].value.n ? fields[i].value : STR("nothing");
	while (rest.p && node)
		node = json_object_get(node, str_z(&explain->ctl->arena, str_cut(&rest, '.')));
	if (!node || json_is_null(node))
		return STR("nothing");
	raw = json_is_string(node) ? NULL : json_dumps(node, JSON_COMPACT | JSON_ENCODE_ANY);
	text = str_copy(&explain->ctl->arena, str_of(raw ? raw : json_string_value(node)));
	mem_free(raw);
	return text;
}

static struct str asked(const struct explain *explain, const json_t *value)
{
	char *raw = json_is_string(value) ? NULL : json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
	struct str text = str_copy(&explain->ctl->arena, str_of(raw ? raw : json_string_value(value)));

	mem_free(raw);
	return text;
}

/* "product.model AX-300, which the ticket has" of each member of applies.match. */
static struct str why(const struct explain *explain, const json_t *document)
{
	json_t *match = json_object_get(json_object_get(document, "applies"), "match"), *value;
	struct buf text cleanup(buf_done) = { 0 };
	const char *key;

	if (json_object_size(match) == 0)
		return STR("it asks for nothing and applies to every request");
	json_object_foreach (match, key, value)
		buf_format(&text, "%s%s %.*s (the ticket has %.*s)", text.n ? ", " : "it asks for ", key,
			   STR_ARG(asked(explain, value)), STR_ARG(has(explain, key)));
	return str_copy(&explain->ctl->arena, buf_view(&text));
}

static bool is_one_of(const struct explain *explain, const json_t *value, struct str own)
{
	for (size_t i = 0; i < json_array_size(value); i++)
		if (str_eq(asked(explain, json_array_get(value, i)), own))
			return true;
	return !json_is_array(value) && str_eq(asked(explain, value), own);
}

/* Why a policy in force then is not among the ticket's. */
static struct str why_not(const struct explain *explain, const struct policy *policy, const json_t *document)
{
	json_t *match = json_object_get(json_object_get(document, "applies"), "match"), *value;
	struct arena *arena = &explain->ctl->arena;
	const char *key;

	json_object_foreach (match, key, value) {
		struct str own = has(explain, key);

		if ((json_is_string(value) || json_is_array(value)) && own.p[0] != '[' && !is_one_of(explain, value, own))
			return str_format(arena, "it asks for %s %.*s, the ticket has %.*s", key, STR_ARG(asked(explain, value)), STR_ARG(own));
	}
	for (size_t i = 0; i < explain->count; i++)
		if (str_eq(explain->pinned[i].policy->family, policy->family) && explain->pinned[i].policy->rank >= policy->rank)
			return str_format(arena, "%.*s is of the same family (%.*s) and more specific: it applies %s", 
					  STR_ARG(explain->pinned[i].policy->id), STR_ARG(policy->family), by[explain->pinned[i].policy->rank]);
	return STR("its condition did not hold when the ticket was registered, or it was brought in later");
}

static void put_policy(struct explain *explain, const struct policy *policy, const struct policy_stored *stored, struct str reason,
		       bool applies)
{
	char when[SCREEN_TEXT];
	struct writer *writer = &explain->writer;

	if (explain->ctl->json) {
		write_open(writer, '{');
		write_member(writer, "policy", policy->id);
		write_member_int(writer, "version", policy->version);
		write_member_bool(writer, "applies", applies);
		write_member(writer, "rank", str_of(by[policy->rank]));
		write_member(writer, "pointer", STR("/applies/match"));
		write_member(writer, "why", reason);
		write_close(writer, '}');
		return;
	}
	buf_format(&explain->out, "  %.*s version %d", STR_ARG(policy->id), policy->version);
	if (applies)
		buf_format(&explain->out, ", %s%s, in force from %.*s", by[policy->rank], policy->statutory ? ", statutory" : "",
			   STR_ARG(screen_when(stored->effective_from, when)));
	buf_z(&explain->out, ": ");
	screen_put(&explain->out, reason, 0);
	buf_char(&explain->out, '\n');
}

static bool open_pinned(struct explain *explain, const char *words, struct pinned *ret)
{
	if (policy_find(explain->ctl, explain->db, words, &ret->stored))
		return false;
	ret->policy = policy_open(explain->ctl, &ret->stored, &explain->attributes);
	ret->document = ret->policy ? json_loadb(ret->stored.text.p, ret->stored.text.n, 0, NULL) : NULL;
	return ret->document != NULL;
}

static void close_pinned(struct pinned *pinned)
{
	policy_free(pinned->policy);
	json_decref(pinned->document);
}

static bool tell_policies(struct explain *explain)
{
	struct str rest = explain->policies;

	explain->pinned = arena_zero(&explain->ctl->arena, REASONS_MAX * sizeof(*explain->pinned));
	while (rest.p && explain->count < REASONS_MAX) {
		struct str line = str_cut(&rest, '\n'), name = line;

		name = str_cut(&line, ' ');
		if (name.n == 0)
			continue;
		if (!open_pinned(explain, str_z(&explain->ctl->arena, str_format(&explain->ctl->arena, "%.*s@%.*s", STR_ARG(name),
										   STR_ARG(line))),
				 &explain->pinned[explain->count]))
			return false;
		explain->count++;
	}
	for (size_t i = 0; i < explain->count; i++)
		put_policy(explain, explain->pinned[i].policy, &explain->pinned[i].stored, why(explain, explain->pinned[i].document), true);
	return true;
}

static bool is_pinned(const struct explain *explain, struct str words)
{
	struct str name = str_cut(&words, '@');

	for (size_t i = 0; i < explain->count; i++)
		if (str_eq(explain->pinned[i].stored.name, name))
			return true;
	return false;
}

/* The others that were in force when it was received. */
static bool tell_others(struct explain *explain)
{
	struct db_params params = { .arena = &explain->ctl->arena };
	struct fault fault = FAULT_NONE;
	const struct db_result *rows = NULL;
	const char **names;
	size_t count;

	db_instant(&params, explain->received_at);
	if (db_run(explain->db, "policy_in_force", &params, &rows, &fault))
		return ctl_fail(3, "%s", fault.text) == 0;
	count = db_rows(rows);
	names = arena_zero(&explain->ctl->arena, (count + 1) * sizeof(*names));
	for (size_t i = 0; i < count; i++)
		names[i] = str_z(&explain->ctl->arena, str_copy(&explain->ctl->arena, db_get_text(rows, i, 0)));
	for (size_t i = 0; i < count; i++) {
		struct pinned other = { 0 };

		if (is_pinned(explain, str_of(names[i])))
			continue;
		if (open_pinned(explain, names[i], &other))
			put_policy(explain, other.policy, &other.stored, why_not(explain, other.policy, other.document), false);
		close_pinned(&other);
	}
	return true;
}

static const struct pinned *pinned_of(const struct explain *explain, struct str name)
{
	for (size_t i = 0; i < explain->count; i++)
		if (str_eq(explain->pinned[i].stored.name, name))
			return &explain->pinned[i];
	return NULL;
}

static void put_clock(struct explain *explain, const struct db_result *rows, size_t i)
{
	struct str policy = db_get_text(rows, i, 0), name = db_get_text(rows, i, 2), state = db_get_text(rows, i, 4), limit, start;
	long long version = (long long)db_get_int(rows, i, 1), rule = (long long)db_get_int(rows, i, 3);
	struct str calendar = db_null(rows, i, 7) ? STR("24x7") : str_format(&explain->ctl->arena, "%.*s version %lld",
			STR_ARG(db_get_text(rows, i, 7)), (long long)db_get_int(rows, i, 8));
	const struct pinned *pinned = pinned_of(explain, policy);
	json_t *clock = pinned ? json_array_get(json_object_get(pinned->document, "clocks"), (size_t)rule) : NULL;
	struct str pointer = str_format(&explain->ctl->arena, "/clocks/%lld/limit", rule);
	struct writer *writer = &explain->writer;
	char from[SCREEN_TEXT], until[SCREEN_TEXT];

	limit = clock ? asked(explain, json_object_get(clock, "limit")) : STR("?");
	start = clock ? asked(explain, json_object_get(clock, "start")) : STR("?");
	if (explain->ctl->json) {
		write_open(writer, '{');
		write_member(writer, "clock", name);
		write_member(writer, "state", state);
		write_member_instant(writer, "started_at", db_get_instant(rows, i, 5));
		write_member_instant(writer, "due_at", db_get_instant(rows, i, 6));
		write_member(writer, "limit", limit);
		write_member(writer, "start", start);
		write_member(writer, "policy", policy);
		write_member_int(writer, "version", version);
		write_member(writer, "pointer", pointer);
		write_member(writer, "calendar", calendar);
		write_close(writer, '}');
		return;
	}
	buf_format(&explain->out, "  %.*s (%.*s): due %.*s = %.*s after %.*s at %.*s, calendar %.*s\n      %.*s version %lld, %.*s\n",
		   STR_ARG(name), STR_ARG(state), STR_ARG(screen_when(db_get_instant(rows, i, 6), until)), STR_ARG(limit), STR_ARG(start),
		   STR_ARG(screen_when(db_get_instant(rows, i, 5), from)), STR_ARG(calendar), STR_ARG(policy), version, STR_ARG(pointer));
}

static bool tell_clocks(struct explain *explain)
{
	struct db_params params = { .arena = &explain->ctl->arena };
	struct fault fault = FAULT_NONE;
	const struct db_result *rows = NULL;

	db_int4(&params, explain->lane);
	db_text(&params, explain->ticket);
	if (db_run(explain->db, "policy_ticket_clocks", &params, &rows, &fault))
		return ctl_fail(3, "%s", fault.text) == 0;
	if (db_rows(rows) == 0 && !explain->ctl->json)
		buf_z(&explain->out, "  none: no policy has a clock for it that has started\n");
	for (size_t i = 0; i < db_rows(rows); i++)
		put_clock(explain, rows, i);
	return true;
}

/* Exit status. */
static int find(struct explain *explain, const char *words)
{
	struct db_params params = { .arena = &explain->ctl->arena };
	struct fault fault = FAULT_NONE;
	const struct db_result *rows = NULL;
	struct str *const texts[] = { &explain->ticket, NULL, &explain->kind, &explain->severity, &explain->mode, &explain->channel,
				      &explain->state, NULL, &explain->policies };
	struct str data;

	db_text(&params, str_of(words));
	if (db_run(explain->db, "policy_ticket", &params, &rows, &fault))
		return ctl_fail(3, "%s", fault.text);
	if (db_rows(rows) == 0)
		return ctl_fail(2, "there is no ticket %s", words);
	if (db_rows(rows) > 1)
		return ctl_fail(2, "%s: several tickets begin so", words);
	for (size_t i = 0; i < array_count(texts); i++)
		if (texts[i])
			*texts[i] = str_copy(&explain->ctl->arena, db_get_text(rows, 0, (int)i));
	explain->lane = (int32_t)db_get_int(rows, 0, 1);
	explain->received_at = db_get_instant(rows, 0, 7);
	data = db_get_text(rows, 0, 9);
	explain->data = json_loadb(data.p, data.n, 0, NULL);
	return 0;
}

static int tell(struct explain *explain)
{
	struct writer *writer = &explain->writer;
	bool json = explain->ctl->json, good;
	char when[SCREEN_TEXT];

	writer->buf = &explain->out;
	if (json) {
		write_open(writer, '{');
		write_member(writer, "ticket", explain->ticket);
		write_key(writer, "policies");
		write_open(writer, '[');
	} else {
		buf_format(&explain->out, "%.*s, received %.*s, stands under\n", STR_ARG(explain->ticket),
			   STR_ARG(screen_when(explain->received_at, when)));
	}
	good = tell_policies(explain);
	if (good && !json)
		buf_z(&explain->out, "in force then, but not for it:\n");
	good = good && tell_others(explain);
	if (json) {
		write_close(writer, ']');
		write_key(writer, "clocks");
		write_open(writer, '[');
	} else {
		buf_z(&explain->out, "its clocks:\n");
	}
	good = good && tell_clocks(explain);
	if (json) {
		write_close(writer, ']');
		write_close(writer, '}');
		buf_char(&explain->out, '\n');
	}
	if (good)
		fwrite(explain->out.p, 1, explain->out.n, stdout);
	return good ? 0 : 3;
}

int ctl_policy_explain(struct ctl *ctl, int argc, char **argv)
{
	struct explain explain = { .ctl = ctl };
	int status;

	if (argc != 2 || argv[1][0] == '-')
		return ctl_fail(EX_USAGE, "policy explain: which TICKET? Its id, or the beginning of it");
	explain.db = ctl_connect(ctl);
	if (!explain.db)
		return 3;
	status = find(&explain, argv[1]);
	if (status == 0)
		status = tell(&explain);
	for (size_t i = 0; i < explain.count; i++)
		close_pinned(&explain.pinned[i]);
	json_decref(explain.data);
	attributes_done(&explain.attributes);
	buf_done(&explain.out);
	db_free(explain.db);
	return status;
}
