/* The stories, as data: what somebody does when a fact has come, and after what pause. Every story ends with a step that
 * has no claim; a story that never gets there is a failure of the system, and the summary says so. */
#include "deploy/demo/demo.h"

#define BY(id) "\"by\":{\"id\":\"" id "\"}"
#define OWNER BY("{owner}")
#define SIGNED \
	"\"satisfied\":true,\"score\":95,\"signature\":{\"signer\":\"王建国\",\"time\":\"{now}\",\"reference\":\"S-{owner}\"}"

/* The parts that stories are made of. */
#define REPLY(after, times, ms) \
	{ after, times, ms, "staff.replied", \
	  OWNER ",\"text\":\"已收到,工程师马上处理\",\"channel\":\"{channel}\",\"automatic\":false", STEP_NOW }
#define CONTACT(after, ms) \
	{ after, 1, ms, "staff.contacted", OWNER ",\"channel\":\"phone\",\"outcome\":\"reached\"", STEP_NOW }
#define WORK(after, times, ms) \
	{ after, times, ms, "staff.worked", OWNER ",\"content\":\"远程检查日志,更换电源模块\"", STEP_NOW }
#define RESOLVE(after, times, ms) \
	{ after, times, ms, "staff.resolved", \
	  OWNER ",\"solution\":\"更换电源模块后恢复\",\"cause_code\":\"power\"", STEP_NOW }
#define CONFIRM(times, ms) { FACT_RESOLVED, times, ms, "customer.confirmed", SIGNED, STEP_NOW }
#define CLOSE(ms) { FACT_CONFIRMED, 0, ms, "staff.close_requested", BY("C01"), STEP_NOW }
#define ANSWER(score) \
	{ FACT_SURVEY_SENT, 0, 900, "survey.answered", \
	  "\"survey\":\"{survey}\",\"score\":" score ",\"comment\":\"\"", STEP_NOW }
#define END(after) { after, 0, 0, NULL, NULL, STEP_NOW }
#define CLOSING(score) CONFIRM(1, 800), CLOSE(400), ANSWER(score), END(FACT_SCORED)

static const struct step smooth[] = {
	REPLY(FACT_ASSIGNED, 1, 700), CONTACT(FACT_REPLIED, 500), WORK(FACT_CONTACTED, 1, 900), RESOLVE(FACT_WORKED, 1, 900),
	CLOSING("96"),
};
static const struct step remote[] = {
	REPLY(FACT_ASSIGNED, 1, 600),
	{ FACT_REPLIED, 1, 300, "staff.mode_chosen", OWNER ",\"mode\":\"remote\"", STEP_NOW },
	CONTACT(FACT_MODE_CHOSEN, 700), WORK(FACT_CONTACTED, 1, 800), RESOLVE(FACT_WORKED, 1, 900), CLOSING("92"),
};
static const struct step onsite[] = {
	REPLY(FACT_ASSIGNED, 1, 600),
	{ FACT_REPLIED, 1, 300, "staff.mode_chosen", OWNER ",\"mode\":\"onsite\"", STEP_NOW },
	CONTACT(FACT_MODE_CHOSEN, 600),
	{ FACT_CONTACTED, 1, 400, "staff.scheduled",
	  OWNER ",\"window\":{\"from\":\"{from}\",\"to\":\"{to}\"},\"content\":\"更换电源\",\"place\":\"滨海大道 88 号\"",
		STEP_NOW },
	{ FACT_SCHEDULED, 1, 900, "staff.arrived", OWNER ",\"place\":\"滨海大道 88 号\"", STEP_NOW },
	WORK(FACT_ARRIVED, 1, 900), RESOLVE(FACT_WORKED, 1, 600), CLOSING("90"),
};
/* Without an appointment nobody goes on site: the first arrival is refused. */
static const struct step hasty[] = {
	REPLY(FACT_ASSIGNED, 1, 500),
	{ FACT_REPLIED, 1, 300, "staff.mode_chosen", OWNER ",\"mode\":\"onsite\"", STEP_NOW },
	{ FACT_MODE_CHOSEN, 1, 500, "staff.arrived", OWNER ",\"place\":\"滨海大道 88 号\"", STEP_NOW },
	{ FACT_REFUSED, 1, 500, "staff.scheduled",
	  OWNER ",\"window\":{\"from\":\"{from}\",\"to\":\"{to}\"},\"content\":\"检修\",\"place\":\"机房\"", STEP_NOW },
	{ FACT_SCHEDULED, 1, 700, "staff.arrived", OWNER ",\"place\":\"机房\"", STEP_NOW },
	WORK(FACT_ARRIVED, 1, 700), RESOLVE(FACT_WORKED, 1, 600), CLOSING("88"),
};
static const struct step consultation[] = {
	REPLY(FACT_ASSIGNED, 1, 900), RESOLVE(FACT_REPLIED, 1, 700), CLOSING("98"),
};
static const struct step waiting[] = {
	REPLY(FACT_ASSIGNED, 1, 600),
	{ FACT_REPLIED, 1, 400, "staff.waiting", OWNER ",\"on\":\"customer\",\"reason\":\"information\"", STEP_NOW },
	{ FACT_WAITING, 1, 2500, "staff.resumed", OWNER ",\"on\":\"customer\"", STEP_NOW },
	WORK(FACT_RESUMED, 1, 600), RESOLVE(FACT_WORKED, 1, 700), CLOSING("93"),
};
static const struct step parts[] = {
	REPLY(FACT_ASSIGNED, 1, 600), CONTACT(FACT_REPLIED, 300),
	{ FACT_CONTACTED, 1, 400, "staff.waiting", OWNER ",\"on\":\"internal\",\"reason\":\"parts\"", STEP_NOW },
	{ FACT_WAITING, 1, 3000, "staff.resumed", OWNER ",\"on\":\"internal\"", STEP_NOW },
	WORK(FACT_RESUMED, 1, 500), RESOLVE(FACT_WORKED, 1, 700), CLOSING("85"),
};
static const struct step supplemented[] = {
	{ FACT_INCOMPLETE, 1, 2000, "request.supplemented",
	  "\"customer\":{\"phone\":\"13900001111\"},\"product\":{\"model\":\"AX-300\",\"version\":\"2.1\"}", STEP_NOW },
	REPLY(FACT_ASSIGNED, 1, 600), WORK(FACT_REPLIED, 1, 700), RESOLVE(FACT_WORKED, 1, 700), CLOSING("91"),
};
/* The reply comes after the clock has run out. */
static const struct step late[] = {
	REPLY(FACT_BREACHED, 1, 1500), WORK(FACT_MET, 1, 600), RESOLVE(FACT_WORKED, 1, 700), CLOSING("70"),
};
/* It was given in time, but the field app was offline: the breach is corrected. */
static const struct step corrected[] = {
	{ FACT_BREACHED, 1, 2500, "staff.replied",
	  OWNER ",\"text\":\"已电话答复客户\",\"channel\":\"phone\",\"automatic\":false", STEP_BEFORE_DUE },
	WORK(FACT_CORRECTED, 1, 600), RESOLVE(FACT_WORKED, 1, 700), CLOSING("94"),
};
/* Confirmed without signature: closing is refused until there is one. */
static const struct step unsigned_first[] = {
	REPLY(FACT_ASSIGNED, 1, 500), WORK(FACT_REPLIED, 1, 700), RESOLVE(FACT_WORKED, 1, 600),
	{ FACT_RESOLVED, 1, 600, "customer.confirmed", "\"satisfied\":true,\"comment\":\"可以了\"", STEP_NOW },
	{ FACT_CONFIRMED, 1, 300, "staff.close_requested", BY("C02"), STEP_NOW },
	{ FACT_REFUSED, 1, 900, "customer.confirmed", SIGNED, STEP_NOW },
	{ FACT_CONFIRMED, 2, 400, "staff.close_requested", BY("C02"), STEP_NOW },
	ANSWER("89"), END(FACT_SCORED),
};
static const struct step reopened[] = {
	REPLY(FACT_ASSIGNED, 1, 500), WORK(FACT_REPLIED, 1, 700), RESOLVE(FACT_WORKED, 1, 600),
	{ FACT_RESOLVED, 1, 900, "customer.confirmed", "\"satisfied\":false,\"comment\":\"重启后又出现同样的问题\"", STEP_NOW },
	WORK(FACT_REOPENED, 1, 900), RESOLVE(FACT_WORKED, 2, 700), CONFIRM(2, 700), CLOSE(400), ANSWER("82"), END(FACT_SCORED),
};
static const struct step rejected[] = {
	REPLY(FACT_ASSIGNED, 1, 500), WORK(FACT_REPLIED, 1, 600), RESOLVE(FACT_WORKED, 1, 600),
	{ FACT_RESOLVED, 1, 700, "customer.rejected", "\"reason\":\"问题没有解决\"", STEP_NOW },
	WORK(FACT_REOPENED, 1, 800), RESOLVE(FACT_WORKED, 2, 700), CONFIRM(2, 700), CLOSE(400), ANSWER("80"), END(FACT_SCORED),
};
/* Satisfied when it was closed, dissatisfied when asked: a task for the manager. */
static const struct step dissatisfied[] = {
	REPLY(FACT_ASSIGNED, 1, 600), WORK(FACT_REPLIED, 1, 700), RESOLVE(FACT_WORKED, 1, 700), CONFIRM(1, 800), CLOSE(400),
	ANSWER("35"), END(FACT_SCORED),
};
/* General at first, then seen to be urgent: its two hours count from the beginning and are over. */
static const struct step urgent_after_all[] = {
	{ FACT_ASSIGNED, 1, 1200, "staff.classified",
	  BY("C01") ",\"severity\":\"urgent\",\"cause\":\"全楼断电\"", STEP_NOW },
	REPLY(FACT_BREACHED, 1, 900), WORK(FACT_MET, 1, 600), RESOLVE(FACT_WORKED, 1, 700), CLOSING("75"),
};
static const struct step not_so_urgent[] = {
	{ FACT_ASSIGNED, 1, 1000, "staff.classified",
	  BY("C02") ",\"severity\":\"general\",\"cause\":\"操作问题\"", STEP_NOW },
	REPLY(FACT_RESCHEDULED, 1, 900), WORK(FACT_MET, 1, 600), RESOLVE(FACT_WORKED, 1, 700), CLOSING("97"),
};
static const struct step ungraded[] = {
	{ FACT_REGISTERED, 1, 1500, "staff.classified", BY("C01") ",\"severity\":\"general\"", STEP_NOW },
	REPLY(FACT_ASSIGNED, 1, 700), WORK(FACT_REPLIED, 1, 600), RESOLVE(FACT_WORKED, 1, 700), CLOSING("90"),
};
static const struct step unknown_kind[] = {
	{ FACT_REGISTERED, 1, 1800, "staff.classified",
	  BY("C02") ",\"kind\":\"consultation\",\"severity\":\"general\"", STEP_NOW },
	REPLY(FACT_ASSIGNED, 1, 700), RESOLVE(FACT_REPLIED, 1, 700), CLOSING("95"),
};
static const struct step cancelled[] = {
	{ FACT_ASSIGNED, 1, 1500, "customer.cancelled", "\"reason\":\"已自行解决\"", STEP_NOW },
	END(FACT_CANCELLED),
};
/* An engineer may not close, and what is resolved cannot be resolved again. */
static const struct step forbidden[] = {
	REPLY(FACT_ASSIGNED, 1, 500), WORK(FACT_REPLIED, 1, 600), RESOLVE(FACT_WORKED, 1, 600), RESOLVE(FACT_RESOLVED, 1, 400),
	{ FACT_REFUSED, 1, 400, "staff.close_requested", OWNER, STEP_NOW },
	{ FACT_REFUSED, 2, 400, "customer.confirmed", SIGNED, STEP_NOW },
	CLOSE(400), ANSWER("90"), END(FACT_SCORED),
};

#define H HOUR
#define M MINUTE
const struct plot plots[] = {
	{ "urgent fault", 50, "fault", "urgent", "power", NULL, NULL, false, true, 1 * M, 100 * M, smooth },
	{ "general fault, done remotely", 45, "fault", "general", "software", NULL, NULL, false, true, 5 * M, 20 * H, remote },
	{ "general fault, on site", 28, "fault", "general", "power", NULL, NULL, false, true, 5 * M, 20 * H, onsite },
	{ "arrived without appointment", 6, "fault", "urgent", "power", NULL, NULL, false, true, 2 * M, 80 * M, hasty },
	{ "consultation", 30, "consultation", NULL, NULL, NULL, NULL, false, true, 5 * M, 40 * H, consultation },
	{ "waits for the customer", 12, "fault", "general", "software", NULL, NULL, false, true, 5 * M, 20 * H, waiting },
	{ "waits for parts", 8, "fault", "urgent", "power", NULL, NULL, false, true, 2 * M, 60 * M, parts },
	{ "incomplete, then supplemented", 15, "fault", "general", "software", NULL, NULL, true, false, 5 * M, 10 * H,
	  supplemented },
	{ "answered too late (2 h)", 8, "fault", "urgent", "power", NULL, NULL, false, true, 2 * H - 7 * SECOND,
	  2 * H - 3 * SECOND, late },
	{ "answered too late (24 h)", 6, "fault", "general", "power", NULL, NULL, false, true, 24 * H - 8 * SECOND,
	  24 * H - 3 * SECOND, late },
	{ "answered too late (48 h)", 3, "consultation", NULL, NULL, NULL, NULL, false, true, 48 * H - 8 * SECOND,
	  48 * H - 4 * SECOND, late },
	{ "answered in time, told too late", 10, "fault", "urgent", "power", NULL, NULL, false, true, 2 * H - 6 * SECOND,
	  2 * H - 3 * SECOND, corrected },
	{ "the gateway was down for two hours", 4, "fault", "urgent", "power", NULL, NULL, false, true, 2 * H + 1 * M,
	  2 * H + 6 * M, corrected },
	{ "no signature at first", 12, "fault", "general", "power", NULL, NULL, false, true, 5 * M, 20 * H, unsigned_first },
	{ "not solved, reopened", 8, "fault", "general", "power", NULL, NULL, false, true, 5 * M, 20 * H, reopened },
	{ "solution rejected, reopened", 5, "fault", "urgent", "power", NULL, NULL, false, true, 5 * M, 60 * M, rejected },
	{ "dissatisfied in the survey", 9, "fault", "general", "software", NULL, NULL, false, true, 5 * M, 20 * H,
	  dissatisfied },
	{ "complaint", 8, "complaint", "general", NULL, NULL, NULL, false, true, 5 * M, 20 * H, consultation },
	{ "major complaint", 4, "complaint", "major", NULL, NULL, NULL, false, true, 5 * M, 5 * H, consultation },
	{ "urgent after all", 6, "fault", "general", "power", NULL, NULL, false, true, 3 * H, 5 * H, urgent_after_all },
	{ "not so urgent", 4, "fault", "urgent", "software", NULL, NULL, false, true, 30 * M, 90 * M, not_so_urgent },
	{ "graded by a person", 5, "fault", NULL, "software", NULL, NULL, false, false, 5 * M, 10 * H, ungraded },
	{ "kind found by a person", 5, NULL, NULL, NULL, NULL, NULL, false, false, 5 * M, 10 * H, unknown_kind },
	{ "withdrawn", 5, "fault", "general", "software", NULL, NULL, false, true, 5 * M, 20 * H, cancelled },
	{ "nobody skilled on post", 6, "fault", "general", "power", NULL, "KV-9", false, false, 5 * M, 10 * H, smooth },
	{ "forbidden and impossible claims", 6, "fault", "general", "power", NULL, NULL, false, true, 5 * M, 20 * H,
	  forbidden },
	{ 0 },
};
