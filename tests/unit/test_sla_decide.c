/* When a clock starts, moves and is met: the limit to the tick, late claims, grades known later, grades changed.
 *
 * Times are seconds since T0; each row is one fact or timer and what sla says about it, word for word. Linked with sla's
 * decisions and common/base only. */
#include "tests/unit/test_sla_scene.h"

static void test_exactly_at_the_limit(void **state)
{
	(void)state;
	PLAY(&graded, NULL,
	     { "registered", 0, 0, "kind=fault severity=urgent", "started graded/response/1 0-7200" },
	     { "!breach response/1", 2 * H, 0, "", "" },
	     { "replied", 2 * H, 0, "", "met graded/response/1 at 7200" },
	     { "!breach response/1", 2 * H + TICK, 0, "", "" });
	PLAY(&graded, NULL,
	     { "registered", 0, 0, "kind=fault severity=urgent", "started graded/response/1 0-7200" },
	     { "replied", 2 * H + TICK, 0, "",
	       "breached graded/response/1 due 7200 at 7200.000001; met graded/response/1 at 7200.000001 late 0.000001" });
	PLAY(&graded, NULL,
	     { "registered", 0, 0, "kind=fault severity=urgent", "started graded/response/1 0-7200" },
	     { "!breach response/1", 2 * H + TICK, 0, "", "breached graded/response/1 due 7200 at 7200.000001" },
	     { "!breach response/1", 2 * H + 1, 0, "", "" });
	PLAY(&graded, NULL,
	     { "registered", 0, 0, "kind=consultation", "started graded/response/1 0-172800" },
	     { "replied", 1 * H, 0, "auto=1", "" },
	     { "replied", 2 * H, 0, "", "met graded/response/1 at 7200" },
	     { "replied", 3 * H, 0, "", "" });
}

static void test_found_late(void **state)
{
	(void)state;
	/* The watchdog was away over the deadline: the true due time, the time of finding. */
	PLAY(&graded, NULL,
	     { "registered", 0, 0, "severity=urgent", "started graded/response/1 0-7200" },
	     { "!breach response/1", 9 * H, 0, "", "breached graded/response/1 due 7200 at 32400" },
	     { "replied", 9 * H, 0, "", "met graded/response/1 at 32400 late 25200" });
	/* The fact was read late, but had happened in time: no breach at all. */
	PLAY(&graded, NULL,
	     { "registered", 0, 0, "severity=urgent", "started graded/response/1 0-7200" },
	     { "replied", 1 * H, 9 * H, "", "met graded/response/1 at 3600" },
	     { "!now", 9 * H, 0, "", "" });
	/* Both the request and its end lie in the past. */
	PLAY(&graded, NULL,
	     { "registered", 0, 9 * H, "severity=urgent", "started graded/response/1 0-7200" },
	     { "!now", 9 * H, 0, "", "breached graded/response/1 due 7200 at 32400" },
	     { "!now", 10 * H, 0, "", "" });
	/* Another machine's clock is ahead of ours. */
	PLAY(&graded, NULL,
	     { "registered", 0, 0, "severity=urgent", "started graded/response/1 0-7200" },
	     { "replied", 2 * H + 5, 2 * H - 5, "",
	       "breached graded/response/1 due 7200 at 7200.000001; met graded/response/1 at 7205 late 5" });
}

static void test_late_claims(void **state)
{
	(void)state;
	PLAY(&graded, NULL,
	     { "registered", 0, 0, "severity=urgent", "started graded/response/1 0-7200" },
	     { "!breach response/1", 2 * H + 1, 0, "", "breached graded/response/1 due 7200 at 7201" },
	     { "replied", 2 * H, 3 * H, "", "corrected graded/response/1 at 7200" },
	     { "replied", 3 * H, 3 * H, "", "" },
	     { "closed", 4 * H, 0, "state=closed", "" });
	PLAY(&graded, NULL,
	     { "registered", 0, 0, "severity=urgent", "started graded/response/1 0-7200" },
	     { "!breach response/1", 2 * H + 1, 0, "", "breached graded/response/1 due 7200 at 7201" },
	     { "replied", 2 * H + 1, 3 * H, "", "met graded/response/1 at 7201 late 1" },
	     { "replied", 1 * H, 4 * H, "", "" });
}

static void test_condition_known_later(void **state)
{
	(void)state;
	PLAY(&graded, NULL,
	     { "registered", 0, 0, "kind=fault", "" },
	     { "verified", 60, 0, "", "" },
	     { "classified", 600, 0, "severity=urgent", "started graded/response/1 0-7200" },
	     { "replied", 700, 0, "", "met graded/response/1 at 700" });
	PLAY(&graded, NULL,
	     { "registered", 0, 0, "kind=fault", "" },
	     { "replied", 300, 0, "", "" },
	     { "classified", 600, 0, "severity=urgent", "started graded/response/1 0-7200; met graded/response/1 at 300" });
	PLAY(&graded, NULL,
	     { "registered", 0, 0, "kind=fault", "" },
	     { "replied", 100, 0, "auto=1", "" },
	     { "replied", 3 * H, 0, "", "" },
	     { "replied", 4 * H, 0, "", "" },
	     { "classified", 5 * H, 0, "severity=urgent",
	       "started graded/response/1 0-7200; breached graded/response/1 due 7200 at 18000; met graded/response/1 at 10800 late 3600" });
	PLAY(&graded, NULL,
	     { "registered", 0, 0, "kind=fault", "" },
	     { "classified", 5 * H, 0, "severity=urgent", "started graded/response/1 0-7200" },
	     { "!now", 5 * H, 0, "", "breached graded/response/1 due 7200 at 18000" });
}

static void test_regrade(void **state)
{
	(void)state;
	/* Up: one hour in, and too late. */
	PLAY(&graded, NULL,
	     { "registered", 0, 0, "severity=general", "started graded/response/1 0-86400" },
	     { "classified", 1 * H, 0, "severity=urgent", "rescheduled graded/response/1 due 7200 reclassified" },
	     { "!now", 1 * H, 0, "", "" },
	     { "replied", 2 * H, 0, "", "met graded/response/1 at 7200" });
	PLAY(&graded, NULL,
	     { "registered", 0, 0, "severity=general", "started graded/response/1 0-86400" },
	     { "classified", 3 * H, 0, "severity=urgent", "rescheduled graded/response/1 due 7200 reclassified" },
	     { "!now", 3 * H, 0, "", "breached graded/response/1 due 7200 at 10800" } );
	/* Down: before and after the breach; a second breach is never said. */
	PLAY(&graded, NULL,
	     { "registered", 0, 0, "severity=urgent", "started graded/response/1 0-7200" },
	     { "classified", 1 * H, 0, "severity=general", "rescheduled graded/response/1 due 86400 reclassified" },
	     { "!breach response/1", 2 * H + TICK, 0, "", "" },
	     { "!breach response/1", 24 * H + TICK, 0, "", "breached graded/response/1 due 86400 at 86400.000001" });
	PLAY(&graded, NULL,
	     { "registered", 0, 0, "severity=urgent", "started graded/response/1 0-7200" },
	     { "!breach response/1", 2 * H + 1, 0, "", "breached graded/response/1 due 7200 at 7201" },
	     { "classified", 3 * H, 0, "severity=general", "rescheduled graded/response/1 due 86400 reclassified" },
	     { "!breach response/1", 25 * H, 0, "", "" },
	     { "replied", 4 * H, 25 * H, "", "corrected graded/response/1 at 14400" });
	PLAY(&graded, NULL,
	     { "registered", 0, 0, "severity=urgent", "started graded/response/1 0-7200" },
	     { "!breach response/1", 2 * H + 1, 0, "", "breached graded/response/1 due 7200 at 7201" },
	     { "classified", 3 * H, 0, "severity=general", "rescheduled graded/response/1 due 86400 reclassified" },
	     { "replied", 25 * H, 0, "", "met graded/response/1 at 90000 late 3600" });
	/* Away, and back again. */
	PLAY(&graded, NULL,
	     { "registered", 0, 0, "severity=urgent", "started graded/response/1 0-7200" },
	     { "classified", 60, 0, "severity=major", "cancelled graded/response/1 reclassified" },
	     { "classified", 120, 0, "severity=general", "started graded/response/2 0-86400" },
	     { "classified", 180, 0, "severity=general", "" },
	     { "replied", 240, 0, "", "met graded/response/2 at 240" },
	     { "classified", 300, 0, "severity=urgent", "" },
	     { "classified", 360, 0, "severity=major", "" },
	     { "classified", 420, 0, "severity=urgent", "" });
}

static void test_regrade_to_another_start_and_stop(void **state)
{
	(void)state;
	PLAY(&moved, NULL,
	     { "registered", 0, 0, "severity=urgent", "started moved/first/1 0-7200; started moved/urgent-only/1 0-21600" },
	     { "assigned", 1 * H, 0, "to=E1", "" },
	     { "classified", 1 * H + 60, 0, "severity=general",
	       "rescheduled moved/first/1 due 39600 reclassified; cancelled moved/urgent-only/1 reclassified" },
	     { "contacted", 2 * H, 0, "", "" },
	     { "classified", 3 * H, 0, "severity=urgent",
	       "rescheduled moved/first/1 due 7200 reclassified; started moved/urgent-only/2 0-21600; met moved/first/1 at 7200" });
	/* The rule that holds now has not begun: the clock ends, and a new one waits for its start. */
	PLAY(&moved, NULL,
	     { "registered", 0, 0, "severity=urgent", "started moved/first/1 0-7200; started moved/urgent-only/1 0-21600" },
	     { "classified", 60, 0, "severity=minor",
	       "cancelled moved/first/1 reclassified; cancelled moved/urgent-only/1 reclassified" },
	     { "scheduled", 1 * H, 0, "", "started moved/first/2 3600-7200" },
	     { "scheduled", 2 * H, 0, "", "" });
}

static void test_two_policies(void **state)
{
	(void)state;
	PLAY(&graded, &other,
	     { "registered", 0, 0, "severity=urgent", "started graded/response/1 0-7200; started other/response/1 0-14400" },
	     { "replied", 1 * H, 0, "", "met graded/response/1 at 3600" },
	     { "answered", 2 * H, 0, "grade=bad", "" },
	     { "answered", 3 * H, 0, "grade=good", "met other/response/1 at 10800" });
	PLAY(&graded, &other,
	     { "registered", 0, 0, "severity=urgent", "started graded/response/1 0-7200; started other/response/1 0-14400" },
	     { "!breach graded/response/1", 2 * H + 1, 0, "", "breached graded/response/1 due 7200 at 7201" },
	     { "arrived", 3 * H, 0, "", "cancelled other/response/1 arrived" },
	     { "solution_sent", 4 * H, 0, "", "" },
	     { "closed", 5 * H, 0, "state=closed", "cancelled graded/response/1 closed" });
}

/* C237: of a company's limit and a statutory one of that name the earlier is the due time of both; the law never loosens one. */
static void test_statutory(void **state)
{
	struct policy law = other;

	(void)state;
	law.statutory = true;
	PLAY(&graded, &law,
	     { "registered", 0, 0, "severity=general", "started other/response/1 0-14400; started graded/response/1 0-14400" },
	     { "replied", 5 * H, 0, "", "breached graded/response/1 due 14400 at 18000; met graded/response/1 at 18000 late 3600" });
	PLAY(&graded, &law,
	     { "registered", 0, 0, "severity=urgent", "started other/response/1 0-14400; started graded/response/1 0-7200" },
	     { "replied", 1 * H, 0, "", "met graded/response/1 at 3600" });
	/* A regrade: the law's bound stays; without it the company's own limit counts again. */
	PLAY(&law, &graded,
	     { "registered", 0, 0, "severity=urgent", "started other/response/1 0-14400; started graded/response/1 0-7200" },
	     { "classified", 1 * H, 0, "severity=general", "rescheduled graded/response/1 due 14400 reclassified" },
	     { "arrived", 2 * H, 0, "", "cancelled other/response/1 arrived" },
	     { "worked", 3 * H, 0, "", "rescheduled graded/response/1 due 86400 worked" });
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exactly_at_the_limit),
		cmocka_unit_test(test_found_late),
		cmocka_unit_test(test_late_claims),
		cmocka_unit_test(test_condition_known_later),
		cmocka_unit_test(test_regrade),
		cmocka_unit_test(test_regrade_to_another_start_and_stop),
		cmocka_unit_test(test_two_policies),
		cmocka_unit_test(test_statutory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
