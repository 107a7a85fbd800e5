/* Works on site, under R26: there in 24 hours, mended in 48, a spare in 72; what the warranty pays for. */
#include "deploy/demo/plots.h"

static const struct step visit[] = {
	CONTACT(FACT_ASSIGNED, 20), SCHEDULE(FACT_CONTACTED, 1, 3), ARRIVE(FACT_SCHEDULED, 1, 70), WORK_RECORDED(FACT_ARRIVED,
	45),
	RESOLVE(FACT_WORKED, 1, 8), CLOSING, END(FACT_CLOSED),
};
static const struct step parts[] = {
	CONTACT(FACT_ASSIGNED, 20), SCHEDULE(FACT_CONTACTED, 1, 3), ARRIVE(FACT_SCHEDULED, 1, 60),
	STEP(FACT_ARRIVED, 20, "staff.waiting", OWNER ",\"on\":\"internal\",\"reason\":\"parts\""),
	STEP(FACT_WAITING, 80, "staff.resumed", OWNER ",\"on\":\"internal\""),
	WORK_RECORDED(FACT_RESUMED, 25), RESOLVE(FACT_WORKED, 1, 8), CLOSING, END(FACT_CLOSED),
};
static const struct step there_too_late[] = {
	CONTACT(FACT_BREACHED, 10), SCHEDULE(FACT_CONTACTED, 1, 3), ARRIVE(FACT_SCHEDULED, 1, 50), WORK_RECORDED(FACT_ARRIVED,
	40),
	RESOLVE(FACT_WORKED, 1, 8), CLOSING, END(FACT_CLOSED),
};
/* Breached when it came (24 h), and again (48 h) while they are at work. */
static const struct step mended_too_late[] = {
	CONTACT(FACT_ASSIGNED, 10), SCHEDULE(FACT_CONTACTED, 1, 3), ARRIVE(FACT_SCHEDULED, 1, 40), WORK_RECORDED(FACT_ARRIVED,
	30),
	{ FACT_BREACHED, 2, 30, "staff.resolved", OWNER ",\"solution\":\"更换主板\",\"cause_code\":\"board\"", STEP_NOW },
	CLOSING, END(FACT_CLOSED),
};
/* After 72 hours a spare stands in; the ticket stays open until the customer has the mended original back. */
static const struct step spare[] = {
	CONTACT(FACT_ASSIGNED, 10), SCHEDULE(FACT_CONTACTED, 1, 3), ARRIVE(FACT_SCHEDULED, 1, 30),
	STEP(FACT_SPARE_REQUIRED, 20, "staff.spare_issued",
	     OWNER ",\"item\":{\"model\":\"{model}\",\"quality_grade\":3,\"serial_no\":\"SP-{number}\"}"),
	STEP(FACT_SPARE_ISSUED, 90, "staff.original_restored",
	     OWNER ",\"item\":{\"model\":\"{model}\",\"quality_grade\":3,\"serial_no\":\"88-{number}\"}"),
	WORK_RECORDED(FACT_RESTORED, 20), RESOLVE(FACT_WORKED, 1, 8), CLOSING, END(FACT_CLOSED),
};
static const struct step advice[] = { REPLY(FACT_ASSIGNED, 30), ADVISE(FACT_REPLIED, 15), CLOSING, END(FACT_CLOSED) };

#define W LINE_WORKS
#define DIRECT PLOT_DIRECT
#define H 60
const struct plot plots_works[] = {
	{ "works, visit", 170, W, "fault", NULL, "camera", "onsite", NULL, DIRECT, 0, 470, 0, 30, visit },
	{ "works, waits for parts", 40, W, "fault", NULL, "gate", "onsite", NULL, DIRECT, 0, 380, 0, 0, parts },
	{ "works of yesterday, there too late (24 h)", 22, W, "fault", NULL, "camera", "onsite", NULL, DIRECT, 0, 25, 19 * H,
	  23 * H, there_too_late },
	{ "works of two days ago, mended too late (48 h)", 14, W, "fault", NULL, "camera", "onsite", NULL, DIRECT, 0, 20,
	  42 * H,
	  45 * H, mended_too_late },
	{ "works of three days ago, a spare (72 h)", 12, W, "fault", NULL, "camera", "onsite", NULL, DIRECT, 0, 20, 67 * H,
	  70 * H, spare },
	{ "works, consultation", 40, W, "consultation", NULL, NULL, NULL, NULL, DIRECT, 0, 0, 0, 0, advice },
	{ 0 },
};
