/* ticket, the wording half: what happened as a sentence, in English and Chinese, from one table.
 *
 * A sentence holds {path|form} for a member of the fact's data; a part in [brackets] stands only when all its members are
 * there. A fact without a sentence is told by its name and whatever free text it has. */
#include <string.h>

#include "services/ctl/ticket.h"

struct sentence {
	const char *fact, *english, *chinese;
};

static const struct sentence sentences[] = {
	{ "ticket.registered", "request by {channel|word}[: {problem}][; missing {missing|list}][; same customer: {related|list}]",
	  "客户来件({channel|word})[:{problem}][;缺少 {missing|list}][;同一客户另有 {related|list}]" },
	{ "ticket.incomplete", "incomplete: {missing|list} asked for", "信息待补:{missing|list}" },
	{ "ticket.supplemented", "the missing was supplied", "信息已补充" },
	{ "ticket.verified", "verified[ by {by|doer}][: {facts}]", "已核实[,{by|doer}][:{facts}]" },
	{ "ticket.classified", "graded[ {severity|word}][, {kind|word}][ by {by|doer}][, cause {cause}]",
	  "已分级[:{severity|word}][,{kind|word}][,{by|doer}][,原因 {cause}]" },
	{ "ticket.assigned", "assigned to {to|person}[, {role|word}][: rule {why.rule}][, {why.candidates|chosen}][; ruled out: {why.candidates|ruled}][; due {due_at|when}]",
	  "派给 {to|person}[({role|word})][:规则 {why.rule}][,{why.candidates|chosen}][;排除 {why.candidates|ruled}][;时限 {due_at|when}]" },
	{ "ticket.unassignable", "nobody can take it[: {why.candidates|ruled}]; tried again when people change",
	  "无人可派[:{why.candidates|ruled}];人员变动时重试" },
	{ "ticket.owner_changed", "handed over to {to|person}", "移交给 {to|person}" },
	{ "ticket.mode_chosen", "to be done {mode|word}", "处理方式:{mode|word}" },
	{ "ticket.replied", "replied to the customer[ by {channel|word}][: {text}]", "已回复客户[({channel|word})][:{text}]" },
	{ "ticket.contacted", "customer contacted[ by {channel|word}][, {outcome|word}]",
	  "已联系客户[({channel|word})][,{outcome|word}]" },
	{ "ticket.contact_attempted", "tried to reach the customer[ by {channel|word}][: {outcome|word}]",
	  "尝试联系客户[({channel|word})][:{outcome|word}]" },
	{ "ticket.scheduled", "visit agreed {window.from|when} to {window.to|when}[, {place}][: {content}]",
	  "预约 {window.from|when} 至 {window.to|when}[,{place}][:{content}]" },
	{ "ticket.arrived", "arrived[: {place}]", "已到现场[:{place}]" },
	{ "ticket.worked", "worked: {content}", "处理:{content}" },
	{ "ticket.waiting", "waits for the {on|word}[: {reason|word}]", "等待{on|word}[:{reason|word}]" },
	{ "ticket.resumed", "goes on[ after {waited_s|seconds}]", "恢复处理[,等待了 {waited_s|seconds}]" },
	{ "ticket.escalated", "escalated[ to {to|person}]", "已上报[给 {to|person}]" },
	{ "ticket.resolved", "resolved: {solution}", "已解决:{solution}" },
	{ "ticket.confirmed", "confirmed by the customer[, signed by {signature.signer} ({signature.reference})][: {comment}]",
	  "客户已确认[,签字 {signature.signer}({signature.reference})][:{comment}]" },
	{ "ticket.reopened", "reopened, time {count}[: {reason}][: {comment}]",
	  "第 {count} 次重新打开[:{reason}][:{comment}]" },
	{ "ticket.closed", "closed[: {result|word}]", "已结案[:{result|word}]" },
	{ "ticket.cancelled", "withdrawn by the customer[: {reason}]", "客户撤销[:{reason}]" },
	{ "ticket.messaged", "the customer writes: {text}", "客户留言:{text}" },
	{ "ticket.survey_answered", "survey answered[: {score}][, {comment}]", "问卷已回[:{score}][,{comment}]" },
	{ "sla.started", "clock {clock|word} runs: {limit|limit}, due {due_at|when}",
	  "计时 {clock|word}:{limit|limit},到期 {due_at|when}" },
	{ "sla.warned", "warned: {clock|word} at {at_percent} %, due {due_at|when}",
	  "预警:{clock|word} 已用 {at_percent} %,到期 {due_at|when}" },
	{ "sla.met", "met: {clock|word} after {open_s|seconds}[, {late_s|seconds} late]",
	  "完成:{clock|word} 用时 {open_s|seconds}[,迟 {late_s|seconds}]" },
	{ "sla.breached", "BREACHED: {clock|word} was due {due_at|when}, seen {lag_ms|ms} later",
	  "超时:{clock|word} 应于 {due_at|when},{lag_ms|ms} 后发现" },
	{ "sla.corrected", "corrected: {clock|word} was met in time, at {met_at|when}",
	  "更正:{clock|word} 已按时完成于 {met_at|when}" },
	{ "sla.rescheduled", "{clock|word} is now due {due_at|when}, not {was|when}[: {why|word}]",
	  "{clock|word} 改为 {due_at|when} 到期,原 {was|when}[:{why|word}]" },
	{ "sla.paused", "clock {clock|word} pauses[: {why|word}]", "计时 {clock|word} 暂停[:{why|word}]" },
	{ "sla.resumed", "clock {clock|word} goes on, due {due_at|when}", "计时 {clock|word} 恢复,到期 {due_at|when}" },
	{ "sla.cancelled", "clock {clock|word} ended unfinished[: {why|word}]", "计时 {clock|word} 终止[:{why|word}]" },
	{ "notify.requested", "message on its way to [{to.role|word} ][{to.person|person} ]by {channel|word}: {template.id|word}", "消息发送中:[{to.role|word}][{to.person|person}]({channel|word}):{template.id|word}" },
	{ "notify.sent", "told [{to.role|word} ][{to.person|person} ]by {channel|word}: {template.id|word}",
	  "已通知[{to.role|word}][{to.person|person}]({channel|word}):{template.id|word}" },
	{ "notify.failed", "could not tell [{to.role|word} ][{to.person|person} ]by {channel|word}: {template.id|word}[, {reason}]", "通知失败:[{to.role|word}][{to.person|person}]({channel|word}):{template.id|word}[,{reason}]" },
	{ "survey.due", "survey due[: {form|word}]", "应发问卷[:{form|word}]" },
	{ "survey.sent", "survey sent[: {form|word}]", "问卷已发[:{form|word}]" },
	{ "survey.scored", "survey scored {score}[: {comment}]", "问卷得分 {score}[:{comment}]" },
	{ "survey.unreturned", "survey not returned", "问卷未回" },
	{ "followup.due", "follow-up call due[, for the {to.role|word}]", "应电话回访[,由{to.role|word}]" },
	{ "task.opened", "task for the {for|word}: {what|word}[, due {due_at|when}]",
	  "任务({for|word}):{what|word}[,时限 {due_at|when}]" },
	{ "task.closed", "task done: {task}", "任务完成:{task}" },
};

static const struct {
	const char *code, *chinese;
} codes[] = {
	{ "consultation", "咨询" }, { "feedback", "问题反馈" }, { "fault", "故障报修" }, { "complaint", "投诉" },
	{ "suggestion", "建议" },
	{ "install", "安装调试" }, { "return", "退换货" }, { "other", "其他" }, { "urgent", "紧急" }, { "general", "一般" },
	{ "major", "重大" }, { "remote", "远程" }, { "onsite", "上门" }, { "workshop", "送修" }, { "factory", "返厂" },
	{ "received", "已受理" }, { "incomplete", "信息待补" }, { "verified", "已核实" }, { "classified", "已分级" },
	{ "assigned", "已派工" }, { "contacted", "已联系" }, { "scheduled", "已预约" }, { "in_progress", "处理中" },
	{ "waiting_customer", "待客户确认" }, { "waiting_internal", "会同研究中" }, { "at_factory", "返厂维修中" },
	{ "spare_in_place", "备品替代中" }, { "resolved_unconfirmed", "已解决待确认" }, { "confirmed", "客户已确认" },
	{ "closed", "已结案" }, { "rejected", "不予受理" }, { "cancelled", "已撤销" }, { "reopened", "重新打开" },
	{ "phone", "电话" }, { "email", "邮件" }, { "online", "在线" }, { "website", "网站" }, { "wechat", "微信" },
	{ "walk_in", "上门来访" }, { "letter", "信函" }, { "fax", "传真" }, { "log", "记录" }, { "customer", "客户" },
	{ "internal", "内部" },
	{ "csr", "客服" }, { "engineer", "工程师" }, { "tech_support", "技术支持" }, { "field_service", "现场工程师" },
	{ "dispatcher", "调度" }, { "manager", "经理" }, { "director", "总监" }, { "system", "系统" }, { "response", "响应" },
	{ "reply", "答复" }, { "assign", "派工" }, { "contact", "联系客户" }, { "arrive", "到场" },
	{ "arrive_window", "按约到场" }, { "resolve", "修复" }, { "spare", "备品" }, { "warranty_card", "保修卡" },
	{ "dissatisfied-customer", "客户不满意" }, { "customer.name", "客户姓名" }, { "product.model", "产品型号" },
	{ "customer.phone|customer.email", "电话或邮箱" }, { "problem", "故障描述" },
	{ "reclassified", "重新分级" }, { "reassigned", "改派" }, { "acknowledge", "受理告知" }, { "overdue", "超时告知" },
	{ "resolved", "已解决" }, { "survey", "满意度调查" }, { "owner", "机主" }, { "none", "无" }, { "running", "计时中" },
	{ "paused", "暂停" },
	{ "breached", "超时" }, { "met", "达标" }, { "corrected", "已更正" }, { "reached", "已接通" }, { "parts", "配件" },
	{ "decision", "决定" }, { "solution", "解决方案" }, { "answer_rings", "电话接听" }, { "rings", "声" }, { "promise", "承诺" },
	{ "first_reply", "初步回复" }, { "first_line", "首次处理" }, { "verify", "核实" },
};

struct str ticket_word(const struct ticket_view *view, struct str code)
{
	char *text;

	for (size_t i = 0; view->screen.chinese && i < array_count(codes); i++)
		if (str_is(code, codes[i].code))
			return str_of(codes[i].chinese);
	text = arena_copy(&view->ctl->arena, code.p ? code.p : "", code.n);
	for (size_t i = 0; i < code.n; i++)
		if (text[i] == '_')
			text[i] = ' ';
	return (struct str){ text, code.n };
}

struct str ticket_person(const struct ticket_view *view, struct str id)
{
	for (size_t i = 0; i < view->people_count; i++)
		if (str_eq(view->people[i], id) && view->names && view->names[i].n)
			return str_format(&view->ctl->arena, "%.*s (%.*s)", STR_ARG(view->names[i]), STR_ARG(id));
	return id;
}

struct str ticket_limit(const struct ticket_view *view, struct str limit)
{
	struct duration length;
	char text[SCREEN_TEXT];

	if (!duration_parse(limit, &length) || length.months)
		return ticket_word(view, limit);
	if (length.us % HOUR == 0)
		return str_format(&view->ctl->arena, "%lld %s", (long long)(length.us / HOUR),
				  screen_word(&view->screen, "h", "小时"));
	return str_copy(&view->ctl->arena, screen_length(&view->screen, length.us, text));
}

/* Day and time, or the time alone on the operator's today. */
static struct str when(const struct ticket_view *view, instant at)
{
	char day[SCREEN_TEXT], clock[SCREEN_TEXT];

	if (at == INSTANT_NONE)
		return STR_NONE;
	return str_format(&view->ctl->arena, "%.*s %.*s", STR_ARG(screen_day(&view->screen, at, day)),
			  STR_ARG(screen_clock(at, clock)));
}

/* The need that a candidate did not meet, as what he is. */
static struct str failed(const struct ticket_view *view, struct str need)
{
	static const struct sentence needs[] = {
		{ "on_post", "off post", "不在岗" },
		{ "on_leave", "on leave now or when it is due", "休假中或到期时休假" },
		{ "leaving", "leaves", "即将离岗" },
		{ "skill", "not skilled in it", "无此技能" },
		{ "capacity", "has enough open", "在手已满" },
		{ "certificate", "no certificate", "无证书" }, { "onboarded", "not onboarded", "未通过上岗" },
		{ "not_named_in_complaint", "named in it", "为被投诉人" }, { "language", "another language", "语言不符" },
	};

	for (size_t i = 0; i < array_count(needs); i++)
		if (str_is(need, needs[i].fact))
			return str_of(screen_word(&view->screen, needs[i].english, needs[i].chinese));
	return ticket_word(view, need);
}

/* "3 could", or "陈刚: off post; 5 not skilled in it" of the list of candidates; other roles go without saying. */
static struct str candidates(const struct ticket_view *view, const struct doc *doc, uint32_t list, bool ruled)
{
	struct arena *arena = &view->ctl->arena;
	struct str text = STR_NONE;
	size_t able = 0, out = 0, unskilled = 0;

	for (uint32_t one = doc_type(doc, list) == DOC_ARRAY ? doc_first(doc, list) : 0; one; one = doc_next(doc, list, one)) {
		struct str why = doc_string(doc, doc_member(doc, one, STR("ruled_out_by")), arena);
		struct str id = doc_string(doc, doc_member(doc, one, STR("id")), arena);

		able += !why.p;
		unskilled += str_is(why, "skill");
		if (!ruled || !why.p || str_is(why, "role") || str_is(why, "person") || str_is(why, "skill") || ++out > 4)
			continue;
		text = str_format(arena, "%.*s%s%.*s: %.*s", STR_ARG(text), out > 1 ? ", " : "",
				  STR_ARG(ticket_person(view, id)),
				  STR_ARG(failed(view, why)));
	}
	if (!ruled)
		return able ? str_format(arena, screen_word(&view->screen, "%zu could", "%zu 人可派"), able) : STR_NONE;
	if (out > 4)
		text = str_format(arena, screen_word(&view->screen, "%.*s and %zu more", "%.*s 等另外 %zu 人"), STR_ARG(text),
				  out - 4);
	if (unskilled)
		text = str_format(arena, "%.*s%s%zu %s", STR_ARG(text), text.n ? ", " : "", unskilled,
				  screen_word(&view->screen, "not skilled in it", "人无此技能"));
	return text;
}

/* The word of a field's path; a ticket's id stays as it is. */
static struct str known(const struct ticket_view *view, struct str code)
{
	return str_starts(code, STR("AC-")) || !view->screen.chinese ? code : ticket_word(view, code);
}

static struct str joined(const struct ticket_view *view, const struct doc *doc, uint32_t list)
{
	struct str text = STR_NONE;

	for (uint32_t one = doc_type(doc, list) == DOC_ARRAY ? doc_first(doc, list) : 0; one; one = doc_next(doc, list, one))
		text = str_format(&view->ctl->arena, "%.*s%s%.*s", STR_ARG(text), text.n ? ", " : "",
				  STR_ARG(known(view, doc_string(doc, one, &view->ctl->arena))));
	return text;
}

/* The person; what no person did, the system did. */
static struct str doer(const struct ticket_view *view, const struct doc *doc, uint32_t by)
{
	struct str id = doc_string(doc, doc_member(doc, by, STR("id")), &view->ctl->arena);
	struct str role = doc_string(doc, doc_member(doc, by, STR("role")), &view->ctl->arena);

	if ((id.n && !str_is(role, "system")) || !role.n)
		return ticket_person(view, id);
	return str_format(&view->ctl->arena, "%s%.*s", screen_word(&view->screen, "the ", ""), STR_ARG(ticket_word(view, role)));
}

static struct str plain(const struct ticket_view *view, const struct doc *doc, uint32_t node)
{
	switch (doc_type(doc, node)) {
	case DOC_STRING:
		return doc_string(doc, node, &view->ctl->arena);
	case DOC_NUMBER:
	case DOC_TRUE:
	case DOC_FALSE:
		return doc_raw(doc, node);
	case DOC_NULL:
	case DOC_ARRAY:
	case DOC_OBJECT:
		break;
	}
	return STR_NONE;
}

/* The member in its form; nothing when it is not there. */
static struct str filled(const struct ticket_view *view, const struct doc *doc, struct str path, struct str form)
{
	uint32_t node = doc->count ? doc_path(doc, 0, path) : 0;
	struct str text;
	double number;
	char length[SCREEN_TEXT];

	if (!node)
		return STR_NONE;
	if (str_is(form, "list"))
		return joined(view, doc, node);
	if (str_is(form, "chosen") || str_is(form, "ruled"))
		return candidates(view, doc, node, str_is(form, "ruled"));
	if (str_is(form, "doer"))
		return doer(view, doc, node);
	if (str_is(form, "when"))
		return when(view, doc_instant(doc, node));
	if (str_is(form, "seconds") || str_is(form, "ms")) {
		if (!doc_double(doc, node, &number))
			return STR_NONE;
		return str_copy(&view->ctl->arena,
				screen_length(&view->screen, (int64_t)(number * (form.p[0] == 'm' ? 1e3 : 1e6)), length));
	}
	text = plain(view, doc, node);
	if (!text.p || text.n == 0)
		return STR_NONE;
	if (str_is(form, "word"))
		return ticket_word(view, text);
	if (str_is(form, "person"))
		return ticket_person(view, text);
	return str_is(form, "limit") ? ticket_limit(view, text) : text;
}

static struct str composed(const struct ticket_view *view, const struct doc *doc, const char *sentence)
{
	struct buf text = { 0 };
	struct str result;
	size_t part = 0;             /* where the bracketed part began in text */
	bool whole = true;

	for (const char *p = sentence; *p; p++) {
		if (*p == '[') {
			part = text.n;
			whole = true;
		} else if (*p == ']') {
			if (!whole)
				text.n = part;
		} else if (*p == '{') {
			const char *end = strchr(p, '}');
			struct str form = { p + 1, (size_t)(end - p) - 1 }, path = str_cut(&form, '|');
			struct str value = filled(view, doc, path, form);

			whole = whole && value.n > 0;
			buf_str(&text, value);
			p = end;
		} else {
			buf_char(&text, *p);
		}
	}
	result = str_copy(&view->ctl->arena, buf_view(&text));
	buf_done(&text);
	return result.p ? result : STR("");
}

/* By name, with the first free text that the fact has. */
static struct str by_name(const struct ticket_view *view, const struct happening *happening)
{
	static const char *const texts[] = { "text", "content", "solution", "reason", "outcome", "comment", "what" };
	struct str name = happening->name, rest = name, said = STR_NONE;

	if (str_is(str_cut(&rest, '.'), "ticket") && rest.n)
		name = rest;
	for (size_t i = 0; i < array_count(texts) && !said.n && happening->doc.count; i++)
		said = doc_get(&happening->doc, texts[i], &view->ctl->arena);
	return str_format(&view->ctl->arena, "%.*s%s%.*s", STR_ARG(ticket_word(view, name)), said.n ? ": " : "", STR_ARG(said));
}

struct str ticket_words(const struct ticket_view *view, const struct happening *happening)
{
	if (happening->dead)
		return str_format(&view->ctl->arena, screen_word(&view->screen, "refused: %.*s, %.*s (%.*s/%lld): %.*s",
								 "被拒:%.*s,%.*s(%.*s/%lld):%.*s"),
				  STR_ARG(happening->name), STR_ARG(happening->dead->reason), STR_ARG(happening->dead->service),
				  (long long)happening->dead->id, STR_ARG(happening->dead->detail));
	for (size_t i = 0; i < array_count(sentences); i++)
		if (str_is(happening->name, sentences[i].fact))
			return composed(view, &happening->doc,
					screen_word(&view->screen, sentences[i].english, sentences[i].chinese));
	return by_name(view, happening);
}
