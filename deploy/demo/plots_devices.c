/* Devices, under R04: a reply in 2 hours whatever it is, contact, visits in the agreed window, records of the work, complaints
 * with a handler of their own and a corrective action. And the whole plants, under all three regulations. */
#include "deploy/demo/plots.h"

static const struct step on_the_phone[] = {
	REPLY(FACT_ASSIGNED, 25), CONTACT(FACT_REPLIED, 15), WORK(FACT_CONTACTED, 25), RESOLVE(FACT_WORKED, 1, 15),
	CLOSING_SURVEYED("91"),
};
static const struct step advice[] = {
	REPLY(FACT_ASSIGNED, 30), CONTACT(FACT_REPLIED, 8), ADVISE(FACT_CONTACTED, 15), CLOSING_SURVEYED("96"),
};
static const struct step visit[] = {
	REPLY(FACT_ASSIGNED, 20), CONTACT(FACT_REPLIED, 12), SCHEDULE(FACT_CONTACTED, 1, 3), ARRIVE(FACT_SCHEDULED, 1, 75),
	WORK_RECORDED(FACT_ARRIVED, 40), RESOLVE(FACT_WORKED, 1, 8), CLOSING_SURVEYED("94"),
};
/* The customer cannot be there after all: another window. */
static const struct step rescheduled[] = {
	REPLY(FACT_ASSIGNED, 20), CONTACT(FACT_REPLIED, 10), SCHEDULE(FACT_CONTACTED, 1, 3), SCHEDULE(FACT_SCHEDULED, 1, 50),
	ARRIVE(FACT_SCHEDULED, 2, 70), WORK_RECORDED(FACT_ARRIVED, 35), RESOLVE(FACT_WORKED, 1, 8), CLOSING_SURVEYED("87"),
};
static const struct step window_missed[] = {
	REPLY(FACT_ASSIGNED, 20), CONTACT(FACT_REPLIED, 10), SCHEDULE(FACT_CONTACTED, 1, 3), ARRIVE(FACT_BREACHED, 1, 25),
	WORK_RECORDED(FACT_ARRIVED, 30), RESOLVE(FACT_WORKED, 1, 8), CLOSING_SURVEYED("58"),
};
/* Nothing is resolved on site before time, content and the customer's word are written down. */
static const struct step no_record[] = {
	REPLY(FACT_ASSIGNED, 20), CONTACT(FACT_REPLIED, 10), SCHEDULE(FACT_CONTACTED, 1, 3), ARRIVE(FACT_SCHEDULED, 1, 70),
	RESOLVE(FACT_ARRIVED, 1, 25), WORK_RECORDED(FACT_REFUSED, 15), RESOLVE(FACT_WORKED, 1, 5), CLOSING_SURVEYED("90"),
};
static const struct step other_department[] = {
	REPLY(FACT_ASSIGNED, 20), CONTACT(FACT_REPLIED, 10),
	STEP(FACT_CONTACTED, 10, "staff.subtask_opened", OWNER ",\"department\":\"rd\",\"subtask\":\"固件分析\""),
	RESOLVE(FACT_SUBTASK, 1, 15),
	STEP(FACT_REFUSED, 40, "staff.subtask_closed",
	OWNER ",\"department\":\"rd\",\"subtask\":\"固件分析\",\"answer\":\"升级到 2.2\""),
	RESOLVE(FACT_SUBTASK_DONE, 1, 20), CLOSING_SURVEYED("86"),
};
static const struct step late[] = {
	REPLY(FACT_BREACHED, 20), CONTACT(FACT_REPLIED, 8), WORK(FACT_CONTACTED, 25), RESOLVE(FACT_WORKED, 1, 15),
	CLOSING_SURVEYED("66"),
};
static const struct step corrected[] = {
	REPLY_IN_TIME(4), CONTACT(FACT_ANSWERED, 8), WORK(FACT_CONTACTED, 20), RESOLVE(FACT_WORKED, 1, 15),
	CLOSING_SURVEYED("93"),
};
/* Not by the person complained about, and not without a corrective action. */
static const struct step complaint[] = {
	REPLY(FACT_ASSIGNED, 25), CONTACT(FACT_REPLIED, 10), ADVISE(FACT_CONTACTED, 40), CONFIRM(1, 25), CLOSE(FACT_CONFIRMED,
	6),
	STEP(FACT_REFUSED, 30, "staff.corrective_action", BY("Q01") ",\"text\":\"重新培训上门礼仪,一个月后复查\""),
	CLOSE(FACT_CORRECTIVE, 8), SURVEY("76"), END(FACT_SCORED),
};
static const struct step unknown_kind[] = {
	STEP(FACT_REGISTERED, 25, "staff.classified", CLERK ",\"kind\":\"consultation\""),
	REPLY(FACT_ASSIGNED, 20), CONTACT(FACT_REPLIED, 5), ADVISE(FACT_CONTACTED, 15), CLOSING_SURVEYED("95"),
};
static const struct step plant[] = {
	REPLY(FACT_ASSIGNED, 20), CONTACT(FACT_REPLIED, 10), SCHEDULE(FACT_CONTACTED, 1, 3), ARRIVE(FACT_SCHEDULED, 1, 75),
	WORK_RECORDED(FACT_ARRIVED, 50), RESOLVE(FACT_WORKED, 1, 10), CLOSING, END(FACT_CLOSED),
};
static const struct step plant_late[] = {
	REPLY(FACT_BREACHED, 20), CONTACT(FACT_REPLIED, 10), SCHEDULE(FACT_CONTACTED, 1, 3), ARRIVE(FACT_SCHEDULED, 1, 75),
	WORK_RECORDED(FACT_ARRIVED, 50), RESOLVE(FACT_WORKED, 1, 10), CLOSING, END(FACT_CLOSED),
};

#define D LINE_DEVICES
#define T LINE_TURNKEY
#define DIRECT PLOT_DIRECT
#define H 60
const struct plot plots_devices[] = {
	{ "device, mended on the phone", 110, D, "fault", NULL, "power", NULL, NULL, DIRECT, 0, 0, 0, 0, on_the_phone },
	{ "device, consultation", 70, D, "consultation", NULL, NULL, NULL, NULL, DIRECT, 0, 0, 0, 0, advice },
	{ "device, suggestion", 10, D, "suggestion", NULL, NULL, NULL, NULL, DIRECT, 0, 0, 0, 0, advice },
	{ "device, visit", 110, D, "fault", NULL, "power", "onsite", NULL, DIRECT, 0, 450, 0, 0, visit },
	{ "device, visit put off", 25, D, "fault", NULL, "power", "onsite", NULL, DIRECT, 0, 400, 0, 0, rescheduled },
	{ "device, came after the agreed window", 20, D, "fault", NULL, "power", "onsite", NULL, DIRECT, 0, 350, 0, 0,
	  window_missed },
	{ "device, no record of the work", 15, D, "fault", NULL, "power", "onsite", NULL, DIRECT, 0, 400, 0, 0, no_record },
	{ "device, another department", 20, D, "fault", NULL, "firmware", NULL, NULL, DIRECT, 0, 400, 0, 0, other_department },
	{ "device, answered too late (2 h)", 25, D, "fault", NULL, "power", NULL, NULL, DIRECT, 10, 420, 0, 0, late },
	{ "device, answered in time, told too late", 20, D, "fault", NULL, "power", NULL, NULL, DIRECT, 10, 420, 0, 0,
	  corrected },
	{ "device, nobody skilled on post", 12, D, "fault", NULL, "power", NULL, "KV-9", 0, 0, 60, 0, 40, on_the_phone },
	{ "device of yesterday, nobody skilled (24 h)", 8, D, "fault", NULL, "power", NULL, "KV-9", 0, 0, 20, 22 * H, 23 * H,
	  late },
	{ "complaint about a person", 20, D, "complaint", NULL, NULL, NULL, NULL, DIRECT | PLOT_ABOUT_STAFF, 0, 450, 0, 0,
	  complaint },
	{ "device, kind found by a person", 10, D, NULL, NULL, NULL, NULL, NULL, 0, 0, 0, 0, 0, unknown_kind },
	{ "whole plant", 40, T, "fault", "urgent", "power", "onsite", NULL, DIRECT, 0, 400, 0, 0, plant },
	{ "whole plant, answered too late", 8, T, "fault", "urgent", "power", "onsite", NULL, DIRECT, 0, 300, 0, 0,
	  plant_late },
	{ 0 },
};
