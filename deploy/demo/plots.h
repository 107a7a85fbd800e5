/* The parts that stories are made of; for plots_*.c. Minutes are simulated. */
#ifndef AFTERCARE_DEMO_PLOTS_H
#define AFTERCARE_DEMO_PLOTS_H

#include "deploy/demo/demo.h"

#define BY(id) "\"by\":{\"id\":\"" id "\"}"
#define OWNER BY("{owner}")
#define CLERK BY("{csr}")
#define SIGNED \
	"\"satisfied\":true,\"score\":95,\"signature\":{\"signer\":\"王建国\",\"time\":\"{now}\",\"reference\":\"S-{owner}\"}"
#define STEP(after, minutes, claim, data) { after, 1, minutes, claim, data, STEP_NOW }
#define STEP_AGAIN(after, times, minutes, claim, data) { after, times, minutes, claim, data, STEP_NOW }

#define REPLY(after, minutes) \
	STEP(after, minutes, "staff.replied", OWNER ",\"text\":\"已收到,工程师马上处理\",\"channel\":\"{channel}\",\"automatic\":false")
/* What a breach calls for, or what was done before it and is told only after it. */
#define REPLY_IN_TIME(minutes) \
	{ FACT_BREACHED, 1, minutes, "staff.replied", \
	  OWNER ",\"text\":\"已电话答复客户\",\"channel\":\"phone\",\"automatic\":false", STEP_BEFORE_DUE }
#define CONTACT(after, minutes) \
	STEP(after, minutes, "staff.contacted", OWNER ",\"channel\":\"phone\",\"outcome\":\"reached\"")
#define VISIT "\"window\":{\"from\":\"{from}\",\"to\":\"{to}\"},\"content\":\"检修\",\"place\":\"滨海大道 88 号\""
#define SCHEDULE(after, times, minutes) STEP_AGAIN(after, times, minutes, "staff.scheduled", OWNER "," VISIT)
#define ARRIVE(after, times, minutes) \
	STEP_AGAIN(after, times, minutes, "staff.arrived", OWNER ",\"place\":\"滨海大道 88 号\"")
#define WORK(after, minutes) STEP(after, minutes, "staff.worked", OWNER ",\"content\":\"检查日志,更换电源模块\"")
#define WORK_RECORDED(after, minutes) \
	STEP(after, minutes, "staff.worked", OWNER ",\"content\":\"更换电源模块并试运行\",\"from\":\"{began}\",\"to\":\"{now}\"," \
	     "\"feedback\":\"客户表示设备运行正常\"")
#define RESOLVE(after, times, minutes) \
	STEP_AGAIN(after, times, minutes, "staff.resolved", OWNER ",\"solution\":\"更换电源模块后恢复\",\"cause_code\":\"power\"")
#define ADVISE(after, minutes) STEP(after, minutes, "staff.resolved", OWNER ",\"solution\":\"已向客户说明操作方法\"")
#define CONFIRM(times, minutes) STEP_AGAIN(FACT_RESOLVED, times, minutes, "customer.confirmed", SIGNED)
#define CLOSE(after, minutes) STEP(after, minutes, "staff.close_requested", CLERK)
#define SURVEY(score) \
	STEP(FACT_SURVEY_SENT, 40, "survey.answered", "\"survey\":\"{survey}\",\"score\":" score ",\"comment\":\"\"")
#define END(after) { after, 0, 0, NULL, NULL, STEP_NOW }
#define CLOSING CONFIRM(1, 25), CLOSE(FACT_CONFIRMED, 8)
#define CLOSING_SURVEYED(score) CLOSING, SURVEY(score), END(FACT_SCORED)

#endif
