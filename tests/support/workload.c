/* The workload; see the header. */
#include <stdio.h>
#include <string.h>

#include "tests/support/workload.h"

/* Per burst and partition: 7 events with an effect (one of them twice), 2 timers, 2 dead letters; one fact of the log (twice);
 * in partition 0 a record that is no event. */
#define EVENTS (2 * 7)
#define TIMERS (2 * 2)
#define FACTS 2
#define EFFECTS (EVENTS + TIMERS + FACTS)
#define DEAD (2 * 2 + 1)
#define EMITTED (2 * (2 + 1 + 1 + 1 + 2) + 2)

static void send_fact(const struct workload *workload, int lane)
{
	static int64_t sequence;
	struct probe_fact fact = { .writer = lane ? "other/aftercare.staff/1" : "other/aftercare.staff/0", .incarnation = 1,
				   .sequence = ++sequence, .lane = lane };
	char id[100];

	snprintf(id, sizeof(id), "%s%d-fact-%d", workload->name, workload->bursts, lane);
	fact.id = id;
	probe_send_fact(workload->probe, &fact, "{'emit': 1}");
	probe_send_fact(workload->probe, &fact, "{'emit': 1}");
	fact.name = "probe.other";
	fact.sequence = ++sequence;
	probe_send_fact(workload->probe, &fact, "{}");
}

void workload_begin(struct workload *workload, struct probe *probe)
{
	static int number;

	*workload = (struct workload){ .probe = probe, .dead_before = probe_number(probe, "select count(*) from dead_letter") };
	snprintf(workload->name, sizeof(workload->name), "r%d-", ++number);
}

void workload_send(struct workload *workload)
{
	char base[90], id[100];

	workload->bursts++;
	for (int p = 0; p < PROBE_PARTITIONS; p++) {
		snprintf(base, sizeof(base), "%s%d-%d", workload->name, workload->bursts, p);
#define SEND(what, ...) (snprintf(id, sizeof(id), "%s-" what, base), probe_send(workload->probe, p, id, __VA_ARGS__))
		SEND("a", "{'emit': 2, 'set': {'key': '%s-t0', 'in_ms': 30, 'then': {'emit': 1}}}", base);
		SEND("once", "{'once': true, 'emit': 1}");
		SEND("once", "{'once': true, 'emit': 1}");
		SEND("refuse", "{'refuse': true, 'emit': 1}");
		SEND("set", "{'set': {'key': '%s-t1', 'in_ms': 3600000}}", base);
		SEND("post", "{'post': {}}");
		if (p == 0)
			probe_send_bytes(workload->probe, TOPIC_INBOUND, p, "no event", 8);
		SEND("violate", "{'violate': 's', 'emit': 1}");
		SEND("cancel", "{'cancel': '%s-t1'}", base);
		SEND("late", "{'emit': 1, 'set': {'key': '%s-t2', 'in_ms': 120, 'then': {'emit': 2}}}", base);
		SEND("end", "{}");
#undef SEND
		send_fact(workload, p);
	}
	probe_flush(workload->probe);
}

bool workload_done(const struct workload *workload)
{
	return probe_number(workload->probe, "select ((select count(distinct id) from effect where id like '%s%%') >= %d "
			    "and (select count(*) from dead_letter) - %lld >= %d)::int", workload->name,
			    workload->bursts * EFFECTS, (long long)workload->dead_before, workload->bursts * DEAD);
}

bool workload_rests(const struct workload *workload)
{
	return probe_number(workload->probe, "select count(*) from source where published_seq <> out_seq") == 0;
}

void workload_stuck(const struct workload *workload, const char *what)
{
	struct probe *probe = workload->probe;
	long long effects = probe_number(probe, "select count(distinct id) from effect where id like '%s%%'", workload->name);
	long long dead = probe_number(probe, "select count(*) from dead_letter") - workload->dead_before;
	long long timers = probe_number(probe, "select count(*) from timer");
	long long unpublished = probe_number(probe, "select sum(out_seq - published_seq) from source");

	probe_fail(probe, "%s: stuck: %lld effects of %d, %lld dead letters of %d, %lld timers left, %lld facts not published",
		   what, effects,
		   workload->bursts * EFFECTS, dead, workload->bursts * DEAD, timers, unpublished);
}

/* Fails unless the number is `want`. */
static void expect(const struct workload *workload, const char *what, const char *of, int64_t number, int64_t want)
{
	if (number != want)
		probe_fail(workload->probe, "%s: %s: %lld, not %lld", what, of, (long long)number, (long long)want);
}

void workload_check(const struct workload *workload, const char *what)
{
	struct probe *probe = workload->probe;
	const char *name = workload->name;
	int bursts = workload->bursts;

	expect(workload, what, "effects of inputs and timers",
	       probe_number(probe, "select count(*) from effect where id like '%s%%'", name), bursts * EFFECTS);
	expect(workload, what, "inputs out of order",
	       probe_number(probe, "select count(*) from (select position, lag(position) over (partition by topic, partition "
			    "order by n) as before from effect where what = 'event') e where position <= before"), 0);
	expect(workload, what, "timers before they were due",
	       probe_number(probe, "select count(*) from effect where now < due or at < due"), 0);
	expect(workload, what, "timers left", probe_number(probe, "select count(*) from timer"), 0);
	expect(workload, what, "cancelled timers that fired",
	       probe_number(probe, "select count(*) from effect where id like '%s%%-t1'", name), 0);
	expect(workload, what, "dead letters", probe_number(probe, "select count(*) from dead_letter") - workload->dead_before,
	       bursts * DEAD);
	expect(workload, what, "places of dead letters",
	       probe_number(probe, "select count(distinct (topic, partition, \"offset\")) from dead_letter") -
	       workload->dead_before, bursts * DEAD);
	expect(workload, what, "dead letters of good events",
	       probe_number(probe, "select count(*) from dead_letter where event_id like '%s%%' and event_id not like "
			    "'%%-refuse' and event_id not like '%%-violate'", name), 0);
	expect(workload, what, "facts",
	       probe_number(probe, "select count(*) from outbox_fact where topic = '" TOPIC_MESSAGES "' and "
			    "convert_from(key, 'UTF8') like '%s%%'", name), bursts * EMITTED);
	probe_check(probe);
}
