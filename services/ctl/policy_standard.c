/* policy standard: the published service standard (C233), in Markdown, Chinese or English.
 *
 * Made from the versions in force, compiled by the compiler that the daemons use: hours of service, channels, and every clock with
 * its limit. So it says what the watchdog does; nothing of it is kept anywhere else. */
#include <jansson.h>
#include <string.h>
#include <sysexits.h>

#include "services/ctl/policy.h"
#include "services/ctl/screen.h"
#include "services/ctl/ticket.h"

struct standard {
	struct ctl *ctl;
	struct db *db;
	struct ticket_view view;     /* for the words of codes */
	struct attributes attributes;
	struct buf out;
};

static const struct {
	const char *event, *english, *chinese;
} events[] = {
	{ "received", "receipt", "受理" }, { "reply.sent", "reply to the customer", "回复客户" }, { "assigned", "assignment", "派工" },
	{ "contacted", "contact with the customer", "联系客户" }, { "scheduled", "the appointment", "预约" },
	{ "arrived", "arrival on site", "到达现场" }, { "resolved", "resolution", "解决" }, { "confirmed", "the customer's confirmation", "客户确认" },
	{ "closed", "closing", "结案" }, { "promised", "the promise", "承诺" }, { "solution.sent", "the detailed solution", "提供解决方案" },
	{ "spare.issued", "the spare", "提供备品" }, { "verified", "verification", "核实" }, { "reopened", "reopening", "重新打开" },
	{ "project.completed", "completion of the project", "工程竣工" }, { "warranty_card.issued", "the warranty card", "发出保修卡" },
	{ "call.ringing", "the ring", "来电" }, { "call.answered", "answer of the call", "接听" }, { "investigation.started", "investigation", "展开调查" },
};

static const char *word(const struct standard *standard, const char *english, const char *chinese)
{
	return standard->view.screen.chinese ? chinese : english;
}

/* A cell of a table must not end it. */
static void put(struct standard *standard, struct str text)
{
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '|')
			buf_char(&standard->out, '\\');
		buf_char(&standard->out, text.p[i] == '\n' ? ' ' : text.p[i]);
	}
}

static void put_event(struct standard *standard, const json_t *event)
{
	const char *name = json_string_value(event);
	json_t *list = json_object_get(event, "any") ? json_object_get(event, "any") : json_object_get(event, "all");

	if (json_is_object(event) && !name)
		name = json_string_value(json_object_get(event, "event"));
	for (size_t i = 0; i < json_array_size(list); i++) {
		if (i)
			buf_z(&standard->out, json_object_get(event, "any") ? word(standard, " or ", "或") : word(standard, " and ", "且"));
		put_event(standard, json_array_get(list, i));
	}
	for (size_t i = 0; name && i < array_count(events); i++)
		if (strcmp(events[i].event, name) == 0) {
			buf_z(&standard->out, word(standard, events[i].english, events[i].chinese));
			return;
		}
	if (name)
		put(standard, ticket_word(&standard->view, str_of(name)));
}

static void put_match(struct standard *standard, const json_t *match)
{
	const char *key;
	json_t *value;
	bool any = false;

	json_object_foreach ((json_t *)(uintptr_t)match, key, value) {
		size_t count = json_is_array(value) ? json_array_size(value) : 1;

		if (any)
			buf_z(&standard->out, word(standard, ", ", ","));
		any = true;
		if (strcmp(key, "kind") != 0 && strcmp(key, "severity") != 0 && strcmp(key, "mode") != 0)
			buf_format(&standard->out, "%s ", key);
		for (size_t i = 0; i < count; i++) {
			json_t *one = json_is_array(value) ? json_array_get(value, i) : value;
			char *raw = json_is_string(one) ? NULL : json_dumps(one, JSON_COMPACT | JSON_ENCODE_ANY);

			buf_z(&standard->out, i ? word(standard, " or ", "、") : "");
			put(standard, raw ? str_of(raw) : ticket_word(&standard->view, str_of(json_string_value(one))));
			mem_free(raw);
		}
	}
	if (!any)
		buf_z(&standard->out, word(standard, "all", "全部"));
}

static void put_limit(struct standard *standard, const struct clock_rule *clock, const json_t *limit)
{
	const char *event = json_string_value(json_object_get(limit, "event"));

	if (clock->limit.type == LIMIT_DURATION)
		put(standard, ticket_limit(&standard->view, clock->limit.text));
	else if (event)
		buf_format(&standard->out, word(standard, "at the time agreed (%s)", "按约定时间(%s)"), event);
	else if (json_is_integer(json_object_get(limit, "count"))) {
		buf_format(&standard->out, "%lld ", (long long)json_integer_value(json_object_get(limit, "count")));
		put(standard, ticket_word(&standard->view, str_of(json_string_value(json_object_get(limit, "of")))));
	} else {
		char *raw = json_dumps(limit, JSON_COMPACT | JSON_ENCODE_ANY);

		put(standard, str_of(raw ? raw : ""));
		mem_free(raw);
	}
}

/* "24x7", or the hours of each day of the calendar's week. */
static bool put_hours(struct standard *standard, struct str calendar)
{
	static const char *const days[][2] = { { "mon", "周一" }, { "tue", "周二" }, { "wed", "周三" }, { "thu", "周四" },
					       { "fri", "周五" }, { "sat", "周六" }, { "sun", "周日" } };
	struct policy_stored stored;
	json_t *root, *week;

	if (str_is(calendar, "24x7")) {
		buf_z(&standard->out, word(standard, "round the clock, every day", "全年每天 24 小时"));
		return true;
	}
	if (policy_find(standard->ctl, standard->db, str_z(&standard->ctl->arena, calendar), &stored))
		return false;
	root = json_loadb(stored.text.p, stored.text.n, 0, NULL);
	week = json_object_get(root, "week");
	buf_format(&standard->out, "%.*s v%d: ", STR_ARG(stored.name), stored.version);
	for (size_t i = 0; i < array_count(days); i++) {
		json_t *hours = json_object_get(week, days[i][0]);

		if (json_array_size(hours) == 0)
			continue;
		buf_format(&standard->out, "%s", word(standard, days[i][0], days[i][1]));
		for (size_t k = 0; k < json_array_size(hours); k++)
			buf_format(&standard->out, " %s–%s", json_string_value(json_array_get(json_array_get(hours, k), 0)),
				   json_string_value(json_array_get(json_array_get(hours, k), 1)));
		buf_z(&standard->out, "; ");
	}
	json_decref(root);
	return true;
}

static void put_clocks(struct standard *standard, const struct policy *policy, const json_t *document)
{
	buf_z(&standard->out, word(standard, "\n| standard | for | from | until | within | hours |\n|---|---|---|---|---|---|\n",
				   "\n| 项目 | 适用 | 自 | 至 | 时限 | 计时 |\n|---|---|---|---|---|---|\n"));
	for (size_t i = 0; i < policy->clock_count; i++) {
		const struct clock_rule *clock = &policy->clocks[i];
		json_t *text = json_array_get(json_object_get(document, "clocks"), i);

		buf_z(&standard->out, "| ");
		put(standard, ticket_word(&standard->view, clock->name));
		buf_z(&standard->out, " | ");
		put_match(standard, json_object_get(text, "match"));
		buf_z(&standard->out, " | ");
		put_event(standard, json_object_get(text, "start"));
		buf_z(&standard->out, " | ");
		put_event(standard, json_object_get(text, "stop"));
		buf_z(&standard->out, " | ");
		put_limit(standard, clock, json_object_get(text, "limit"));
		buf_format(&standard->out, " | %.*s |\n", STR_ARG(clock->calendar));
	}
}

static bool put_policy(struct standard *standard, const struct policy_stored *stored)
{
	struct policy *policy = policy_open(standard->ctl, stored, &standard->attributes);
	json_t *document = json_loadb(stored->text.p, stored->text.n, 0, NULL);
	char from[DATE_TEXT];
	bool good = policy && document;

	if (good) {
		struct str title = standard->view.screen.chinese ? policy->title_zh : policy->title_en;

		buf_z(&standard->out, "\n## ");
		put(standard, title.n ? title : policy->id);
		buf_format(&standard->out, word(standard, "\n\n`%.*s` version %d, in force from %.*s%s\n\n", "\n\n`%.*s` 第 %d 版,自 %.*s 起施行%s\n\n"),
			   STR_ARG(policy->id), policy->version,
			   STR_ARG(instant_format_date(stored->effective_from, policy->zone_offset_us, from)),
			   policy->statutory ? word(standard, ", statutory", ",法定要求") : "");
		buf_z(&standard->out, word(standard, "* For: ", "* 适用:"));
		put_match(standard, json_object_get(json_object_get(document, "applies"), "match"));
		buf_z(&standard->out, word(standard, "\n* Hours of service: ", "\n* 服务时间:"));
		good = put_hours(standard, policy->calendar);
		if (policy->channels.count)
			buf_z(&standard->out, word(standard, "\n* Channels: ", "\n* 受理渠道:"));
		for (size_t i = 0; i < policy->channels.count; i++) {
			buf_z(&standard->out, i ? word(standard, ", ", "、") : "");
			put(standard, ticket_word(&standard->view, policy->channels.items[i]));
		}
		buf_char(&standard->out, '\n');
		if (policy->clock_count)
			put_clocks(standard, policy, document);
		else
			buf_z(&standard->out, word(standard, "\nIt sets no time limit.\n", "\n未设时限。\n"));
	}
	policy_free(policy);
	json_decref(document);
	return good;
}

static int tell(struct standard *standard)
{
	struct arena *arena = &standard->ctl->arena;
	struct db_params params = { .arena = arena };
	struct fault fault = FAULT_NONE;
	const struct db_result *rows = NULL;
	instant now = ctl_now(standard->ctl);
	struct policy_stored stored;
	char when[SCREEN_TEXT];
	const char **names;
	size_t count;

	db_instant(&params, now);
	if (db_run(standard->db, "policy_in_force", &params, &rows, &fault))
		return ctl_fail(2, "%s", fault.text);
	count = db_rows(rows);
	names = arena_zero(arena, (count + 1) * sizeof(*names));
	for (size_t i = 0; i < count; i++)
		names[i] = str_z(arena, str_copy(arena, db_get_text(rows, i, 0)));
	buf_format(&standard->out, word(standard, "# Service standard\n\nGenerated %.*s from the policies in force; \"within\" includes the last "
						  "moment.\n", "# 服务标准\n\n%.*s 依据现行制度生成;时限含末刻。\n"),
		   STR_ARG(screen_when(now, when)));
	if (count == 0)
		buf_z(&standard->out, word(standard, "\nNo policy is in force.\n", "\n现无生效制度。\n"));
	for (size_t i = 0; i < count; i++)
		if (policy_find(standard->ctl, standard->db, names[i], &stored) || !put_policy(standard, &stored))
			return 2;
	fwrite(standard->out.p, 1, standard->out.n, stdout);
	return 0;
}

int ctl_policy_standard(struct ctl *ctl, int argc, char **argv)
{
	struct standard standard = { .ctl = ctl, .view = { .ctl = ctl } };
	int status;

	screen_init(&standard.view.screen, stdout);
	if (argc == 3 && strcmp(argv[1], "--language") == 0 && (strcmp(argv[2], "zh-CN") == 0 || strcmp(argv[2], "en") == 0))
		standard.view.screen.chinese = argv[2][0] == 'z';
	else if (argc > 1)
		return ctl_fail(EX_USAGE, "policy standard: only --language zh-CN or en is understood");
	standard.db = ctl_connect(ctl);
	if (!standard.db)
		return 2;
	status = tell(&standard);
	attributes_done(&standard.attributes);
	buf_done(&standard.out);
	db_free(standard.db);
	return status;
}
