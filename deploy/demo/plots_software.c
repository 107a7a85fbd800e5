/* Business software, under R19: graded response, signature, survey. */
#include "deploy/demo/plots.h"

static const struct step smooth[] = {
	REPLY(FACT_ASSIGNED, 22), CONTACT(FACT_REPLIED, 10), WORK(FACT_CONTACTED, 35), RESOLVE(FACT_WORKED, 1, 25),
	CLOSING_SURVEYED("96"),
};
static const struct step remote[] = {
	REPLY(FACT_ASSIGNED, 35), STEP(FACT_REPLIED, 6, "staff.mode_chosen", OWNER ",\"mode\":\"remote\""),
	CONTACT(FACT_MODE_CHOSEN, 15), WORK(FACT_CONTACTED, 30), RESOLVE(FACT_WORKED, 1, 20), CLOSING_SURVEYED("92"),
};
/* Remote was not enough: somebody goes there. */
static const struct step onsite[] = {
	REPLY(FACT_ASSIGNED, 30), STEP(FACT_REPLIED, 8, "staff.mode_chosen", OWNER ",\"mode\":\"onsite\""),
	CONTACT(FACT_MODE_CHOSEN, 12), SCHEDULE(FACT_CONTACTED, 1, 4), ARRIVE(FACT_SCHEDULED, 1, 60),
	WORK_RECORDED(FACT_ARRIVED, 40), RESOLVE(FACT_WORKED, 1, 10), CLOSING_SURVEYED("90"),
};
/* Without an appointment nobody goes on site: the first arrival is refused. */
static const struct step hasty[] = {
	REPLY(FACT_ASSIGNED, 15), STEP(FACT_REPLIED, 5, "staff.mode_chosen", OWNER ",\"mode\":\"onsite\""),
	ARRIVE(FACT_MODE_CHOSEN, 1, 30), SCHEDULE(FACT_REFUSED, 1, 5), ARRIVE(FACT_SCHEDULED, 1, 40),
	WORK_RECORDED(FACT_ARRIVED, 30), RESOLVE(FACT_WORKED, 1, 10), CLOSING_SURVEYED("88"),
};
static const struct step advice[] = { REPLY(FACT_ASSIGNED, 40), ADVISE(FACT_REPLIED, 15), CLOSING_SURVEYED("98") };
static const struct step waiting[] = {
	REPLY(FACT_ASSIGNED, 30), STEP(FACT_REPLIED, 10, "staff.waiting",
	OWNER ",\"on\":\"customer\",\"reason\":\"information\""),
	STEP(FACT_WAITING, 70, "staff.resumed", OWNER ",\"on\":\"customer\""),
	WORK(FACT_RESUMED, 20), RESOLVE(FACT_WORKED, 1, 20), CLOSING_SURVEYED("93"),
};
static const struct step supplemented[] = {
	STEP(FACT_INCOMPLETE, 45, "request.supplemented",
	     "\"customer\":{\"phone\":\"13900001111\"},\"product\":{\"model\":\"AX-300\",\"version\":\"2.1\"}"),
	REPLY(FACT_ASSIGNED, 20), WORK(FACT_REPLIED, 30), RESOLVE(FACT_WORKED, 1, 20), CLOSING_SURVEYED("91"),
};
static const struct step late[] = {
	REPLY(FACT_BREACHED, 25), WORK(FACT_REPLIED, 20), RESOLVE(FACT_WORKED, 1, 20), CLOSING_SURVEYED("70"),
};
/* The answer was given in time, but the field app was offline: the breach is corrected. */
static const struct step corrected[] = {
	REPLY_IN_TIME(4), WORK(FACT_ANSWERED, 20), RESOLVE(FACT_WORKED, 1, 20), CLOSING_SURVEYED("94"),
};
/* Confirmed without signature: closing is refused until there is one. */
static const struct step unsigned_first[] = {
	REPLY(FACT_ASSIGNED, 25), WORK(FACT_REPLIED, 30), RESOLVE(FACT_WORKED, 1, 20),
	STEP(FACT_RESOLVED, 20, "customer.confirmed", "\"satisfied\":true,\"comment\":\"可以了\""), CLOSE(FACT_CONFIRMED, 6),
	STEP(FACT_REFUSED, 30, "customer.confirmed", SIGNED),
	STEP_AGAIN(FACT_CONFIRMED, 2, 6, "staff.close_requested", CLERK), SURVEY("89"), END(FACT_SCORED),
};
static const struct step reopened[] = {
	REPLY(FACT_ASSIGNED, 25), WORK(FACT_REPLIED, 30), RESOLVE(FACT_WORKED, 1, 20),
	STEP(FACT_RESOLVED, 30, "customer.confirmed", "\"satisfied\":false,\"comment\":\"重启后又出现同样的问题\""),
	WORK(FACT_REOPENED, 30), RESOLVE(FACT_WORKED, 2, 20), CONFIRM(2, 20), CLOSE(FACT_CONFIRMED, 8), SURVEY("82"),
	END(FACT_SCORED),
};
static const struct step rejected[] = {
	REPLY(FACT_ASSIGNED, 20), WORK(FACT_REPLIED, 25), RESOLVE(FACT_WORKED, 1, 15),
	STEP(FACT_RESOLVED, 20, "customer.rejected", "\"reason\":\"问题没有解决\""),
	WORK(FACT_REOPENED, 25), RESOLVE(FACT_WORKED, 2, 20), CONFIRM(2, 20), CLOSE(FACT_CONFIRMED, 8), SURVEY("80"),
	END(FACT_SCORED),
};
/* Satisfied when it was closed, dissatisfied when asked: a task for the manager. */
static const struct step dissatisfied[] = {
	REPLY(FACT_ASSIGNED, 50), WORK(FACT_REPLIED, 30), RESOLVE(FACT_WORKED, 1, 20), CLOSING_SURVEYED("35"),
};
/* General at first, then seen to be urgent: its two hours count from the beginning and are over. */
static const struct step urgent_after_all[] = {
	STEP(FACT_ASSIGNED, 20, "staff.classified", CLERK ",\"severity\":\"urgent\",\"cause\":\"全楼断电\""),
	REPLY(FACT_BREACHED, 15), WORK(FACT_REPLIED, 20), RESOLVE(FACT_WORKED, 1, 20), CLOSING_SURVEYED("75"),
};
static const struct step not_so_urgent[] = {
	STEP(FACT_ASSIGNED, 15, "staff.classified", CLERK ",\"severity\":\"general\",\"cause\":\"操作问题\""),
	REPLY(FACT_RESCHEDULED, 20), WORK(FACT_REPLIED, 20), RESOLVE(FACT_WORKED, 1, 20), CLOSING_SURVEYED("97"),
};
static const struct step ungraded[] = {
	STEP(FACT_REGISTERED, 20, "staff.classified", CLERK ",\"severity\":\"general\""),
	REPLY(FACT_ASSIGNED, 20), WORK(FACT_REPLIED, 20), RESOLVE(FACT_WORKED, 1, 20), CLOSING_SURVEYED("90"),
};
static const struct step unknown_kind[] = {
	STEP(FACT_REGISTERED, 25, "staff.classified", CLERK ",\"kind\":\"consultation\",\"severity\":\"general\""),
	REPLY(FACT_ASSIGNED, 20), ADVISE(FACT_REPLIED, 20), CLOSING_SURVEYED("95"),
};
static const struct step withdrawn[] = {
	STEP(FACT_ASSIGNED, 30, "customer.cancelled", "\"reason\":\"已自行解决\""), END(FACT_CANCELLED),
};
/* An engineer may not close, and what is resolved cannot be resolved again. */
static const struct step forbidden[] = {
	REPLY(FACT_ASSIGNED, 20), WORK(FACT_REPLIED, 20), RESOLVE(FACT_WORKED, 1, 15), RESOLVE(FACT_RESOLVED, 1, 10),
	STEP(FACT_REFUSED, 10, "staff.close_requested", OWNER), STEP_AGAIN(FACT_REFUSED, 2, 10, "customer.confirmed", SIGNED),
	CLOSE(FACT_CONFIRMED, 8), SURVEY("90"), END(FACT_SCORED),
};

#define S LINE_SOFTWARE
#define DIRECT PLOT_DIRECT
#define H 60
const struct plot plots_software[] = {
	{ "urgent fault", 190, S, "fault", "urgent", "software", NULL, NULL, DIRECT, 0, 0, 0, 0, smooth },
	{ "general fault, done remotely", 190, S, "fault", "general", "software", NULL, NULL, DIRECT, 0, 0, 0, 60, remote },
	{ "general fault, on site", 60, S, "fault", "general", "software", NULL, NULL, DIRECT, 0, 0, 0, 30, onsite },
	{ "arrived without appointment", 12, S, "fault", "urgent", "software", NULL, NULL, DIRECT, 0, 400, 0, 0, hasty },
	{ "consultation", 180, S, "consultation", NULL, NULL, NULL, NULL, DIRECT, 0, 0, 0, 0, advice },
	{ "suggestion", 25, S, "suggestion", NULL, NULL, NULL, NULL, DIRECT, 0, 0, 0, 0, advice },
	{ "feedback", 25, S, "feedback", NULL, NULL, NULL, NULL, DIRECT, 0, 0, 0, 0, advice },
	{ "waits for the customer", 50, S, "fault", "general", "software", NULL, NULL, DIRECT, 0, 420, 0, 0, waiting },
	{ "incomplete, then supplemented", 60, S, "fault", "general", "software", NULL, NULL, PLOT_INCOMPLETE, 0, 0, 0, 0,
	  supplemented },
	{ "answered too late (2 h)", 28, S, "fault", "urgent", "software", NULL, NULL, DIRECT, 10, 420, 0, 0, late },
	{ "of yesterday, answered too late (24 h)", 22, S, "fault", "general", "software", NULL, NULL, DIRECT, 0, 25, 18 * H,
	  23 * H, late },
	{ "of the day before, answered too late (48 h)", 14, S, "consultation", NULL, NULL, NULL, NULL, DIRECT, 0, 25, 42 * H,
	  47 * H, late },
	{ "answered in time, told too late", 30, S, "fault", "urgent", "software", NULL, NULL, DIRECT, 10, 420, 0, 0,
	  corrected },
	{ "no signature at first", 45, S, "fault", "general", "software", NULL, NULL, DIRECT, 0, 480, 0, 0, unsigned_first },
	{ "not solved, reopened", 30, S, "fault", "general", "software", NULL, NULL, DIRECT, 0, 450, 0, 0, reopened },
	{ "solution rejected, reopened", 20, S, "fault", "urgent", "software", NULL, NULL, DIRECT, 0, 450, 0, 0, rejected },
	{ "dissatisfied in the survey", 40, S, "fault", "general", "software", NULL, NULL, DIRECT, 0, 0, 0, 0, dissatisfied },
	{ "complaint", 25, S, "complaint", "general", NULL, NULL, NULL, DIRECT, 0, 0, 0, 0, advice },
	{ "major complaint", 12, S, "complaint", "major", NULL, NULL, NULL, DIRECT, 0, 0, 0, 0, advice },
	{ "urgent after all", 15, S, "fault", "general", "software", NULL, NULL, DIRECT, 0, 450, 3 * H, 5 * H,
	  urgent_after_all },
	{ "not so urgent", 12, S, "fault", "urgent", "software", NULL, NULL, DIRECT, 0, 480, 5, 30, not_so_urgent },
	{ "graded by a person", 25, S, "fault", NULL, "software", NULL, NULL, 0, 0, 0, 0, 0, ungraded },
	{ "kind found by a person", 20, S, NULL, NULL, NULL, NULL, NULL, 0, 0, 0, 0, 0, unknown_kind },
	{ "withdrawn", 25, S, "fault", "general", "software", NULL, NULL, DIRECT, 0, 0, 0, 0, withdrawn },
	{ "forbidden and impossible claims", 15, S, "fault", "general", "software", NULL, NULL, DIRECT, 0, 480, 0, 0,
	  forbidden },
	{ 0 },
};
