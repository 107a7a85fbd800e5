/* One test for each rule of the exactly-once protocol whose absence the other tests of the ledger would not meet for certain,
 * or not soon: each plays the failure that the model's table names, with locks, signals and statements of a second owner, so
 * that it comes every time. `make mutate` takes the rules out; tests/fault/README.md says which test is for which. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/probe.h"

#define LOCK 7
#define COMMIT_LOCK 9
#define WRITE_LOCK 100

/* Places where a write of a transaction can be stopped: each waits for the advisory lock of its number. */
static const struct {
	const char *name, *when, *condition;
} writes[] = {
	{ "position", "before update of next_offset on source",
	  "when (old.next_offset <> new.next_offset and old.topic = '" TOPIC_INBOUND "')" },
	{ "number", "before update of out_seq on source", "when (old.out_seq <> new.out_seq)" },
	{ "effect", "before insert on effect", "" },
	{ "outbox", "before insert on outbox", "" },
	{ "timer_set", "before insert on timer", "" },
	{ "timer_fire", "before delete on timer", "" },
	{ "mark", "before insert or update on watermark", "" },
	{ "dead", "before insert on dead_letter", "" },
};

static int open_with_locks(void **state)
{
	struct probe *probe;

	if (probe_open(state))
		return 1;
	probe = *state;
	probe_do(probe, "create function hold() returns trigger language plpgsql as $$ begin perform "
		 "pg_advisory_xact_lock(tg_argv[0]::int8); if tg_op = 'DELETE' then return old; end if; return new; end $$");
	for (size_t i = 0; i < array_count(writes); i++)
		probe_do(probe, "create trigger hold_%s %s for each row %s execute function hold(%d)", writes[i].name,
			 writes[i].when, writes[i].condition, WRITE_LOCK + (int)i);
	probe_do(probe, "create constraint trigger hold_commit after insert on effect deferrable initially deferred for each "
		 "row execute function hold(%d)", COMMIT_LOCK);
	return 0;
}

/* What its connection was sent is not done after this, by no server process that still has it. */
static void cut(struct probe *probe)
{
	probe_do(probe, "create temp table cut as select pid, pg_terminate_backend(pid) from pg_stat_activity "
		 "where usename = 'aftercare_probe'");
	probe_until(probe, 0, "select count(*) from pg_stat_activity join cut using (pid)");
	probe_do(probe, "drop table cut");
}

static int64_t done(struct probe *probe, const char *id)
{
	return probe_number(probe, "select count(*) from effect where id = '%s'", id);
}

static void until_done(struct probe *probe, const char *id)
{
	probe_until(probe, 1, "select (count(*) > 0)::int from effect where id = '%s'", id);
}

/* Everything that stands before it in its partition has been taken up when this is done. */
static void go_past(struct probe *probe, const char *id)
{
	probe_send(probe, 0, id, "{'emit': 1}");
	probe_flush(probe);
	until_done(probe, id);
}

static void take_as_second(struct probe *probe)
{
	probe_do(probe, "update source set epoch = epoch + 1, owner = 'second'");
}

/* ---- one transaction ---- */

static void send_fact(struct probe *probe, const char *id, int64_t sequence)
{
	probe_send_fact(probe, &(struct probe_fact){ .id = id, .writer = "test/at", .incarnation = 1, .sequence = sequence },
			"{'emit': 1}");
}

/* The daemon dies and its server process with it, once at each kind of write: before it everything of the transaction or
 * nothing. */
static void test_all_or_nothing_at_each_write(void **state)
{
	struct probe *probe = *state;

	for (int i = 0; i < (int)array_count(writes); i++) {
		static const char *const kinds[] = { "event", "timer", "fact", "refused", "past" };
		char id[5][40];

		for (int k = 0; k < 5; k++)
			snprintf(id[k], sizeof(id[k]), "%s-%s", writes[i].name, kinds[k]);
		probe_start(probe);
		probe_hold(probe, WRITE_LOCK + i);
		probe_send(probe, 0, id[0], "{'emit': 2, 'set': {'key': '%s', 'in_ms': 50, 'then': {'emit': 1}}}", id[1]);
		probe_send(probe, 0, id[3], "{'refuse': true}");
		send_fact(probe, id[2], 2 * i + 1);
		probe_flush(probe);
		probe_until_waiting(probe);
		probe_kill(probe);
		cut(probe);
		probe_release(probe, WRITE_LOCK + i);
		send_fact(probe, id[2], 2 * i + 1);
		send_fact(probe, id[4], 2 * i + 2);
		probe_start(probe);
		probe_send(probe, 0, id[4], "{'emit': 1}");
		probe_flush(probe);
		probe_until(probe, 2, "select count(*) from effect where id = '%s'", id[4]);
		assert_int_equal(done(probe, id[0]), 1);
		until_done(probe, id[1]);
		assert_int_equal(done(probe, id[1]), 1);
		assert_int_equal(done(probe, id[2]), 1);
		assert_int_equal(probe_number(probe, "select count(*) from dead_letter where event_id = '%s'", id[3]), 1);
		probe_check(probe);
	}
}

/* The answer to COMMIT is lost, and it was none: done again, the event is refused. What was numbered first was never said. */
static void test_nothing_is_said_before_it_is_known(void **state)
{
	struct probe *probe = *state;

	probe_hold(probe, COMMIT_LOCK);
	probe_send(probe, 0, "doubt", "{'emit': 1, 'violate': 'v'}");
	probe_flush(probe);
	probe_until_waiting(probe);
	probe_switch(probe, "v", 1);
	cut(probe);
	probe_release(probe, COMMIT_LOCK);
	go_past(probe, "past-doubt");
	assert_int_equal(probe_number(probe, "select count(*) from dead_letter where event_id = 'doubt'"), 1);
	probe_check(probe);
}

/* The server's word is no judgement about the event. */
static void test_a_deadlock_is_not_poison(void **state)
{
	struct probe *probe = *state;
	int64_t dead = probe_number(probe, "select count(*) from dead_letter");

	probe_do(probe, "create function deadlock() returns trigger language plpgsql as $$ begin raise exception 'deadlock' "
		 "using errcode = '40P01'; end $$;"
		 "create trigger deadlock before insert on effect for each row when (new.id = 'deadlocked') "
		 "execute function deadlock()");
	probe_send(probe, 0, "deadlocked", "{'emit': 1}");
	probe_flush(probe);
	while (probe_said(probe, "40P01") == 0 && probe_number(probe, "select count(*) from dead_letter") == dead)
		stack_moment();
	probe_do(probe, "drop trigger deadlock on effect; drop function deadlock()");
	go_past(probe, "past-deadlock");
	assert_int_equal(done(probe, "deadlocked"), 1);
	assert_int_equal(probe_number(probe, "select count(*) from dead_letter"), dead);
	probe_check(probe);
}

/* ---- owners ---- */

/* I7: what the second owner does not know of, nobody does: the daemon takes again before it does anything. */
static void test_only_the_latest_taker_commits(void **state)
{
	struct probe *probe = *state;

	go_past(probe, "before-second");
	take_as_second(probe);
	go_past(probe, "after-second");
	assert_int_equal(probe_number(probe, "select anew::int from effect where id = 'after-second'"), 1);
	assert_int_equal(done(probe, "after-second"), 1);
	/* A timer too, which is due before the next look at the row. */
	probe_send(probe, 0, "sets", "{'set': {'key': 'second-timer', 'in_ms': 700, 'then': {'emit': 1}}}");
	probe_flush(probe);
	until_done(probe, "sets");
	take_as_second(probe);
	until_done(probe, "second-timer");
	assert_int_equal(probe_number(probe, "select anew::int from effect where id = 'second-timer'"), 1);
	probe_check(probe);
}

/* The row is in the hands of the owner from the compare-and-set to COMMIT. */
static void test_the_row_is_locked_during_a_batch(void **state)
{
	struct probe *probe = *state;

	probe_hold(probe, LOCK);
	probe_send(probe, 0, "locked", "{'lock': 7, 'emit': 1}");
	probe_flush(probe);
	probe_until_waiting(probe);
	assert_int_equal(probe_number(probe, "select count(*) from (select from source where topic = '" TOPIC_INBOUND
					     "' and partition = 0 for update skip locked) free"), 0);
	probe_release(probe, LOCK);
	until_done(probe, "locked");
	probe_check(probe);
}

static void test_an_idle_owner_notices(void **state)
{
	struct probe *probe = *state;

	go_past(probe, "idle-from-here");
	take_as_second(probe);
	probe_until(probe, 0, "select count(*) from source where owner = 'second'");
	go_past(probe, "noticed");
	probe_check(probe);
}

/* A rewind that has not raised the epoch, and no input comes. */
static void test_an_idle_owner_notices_a_rewind(void **state)
{
	struct probe *probe = *state;

	go_past(probe, "rewound");
	probe_do(probe, "update source set next_offset = next_offset - 1 where topic = '" TOPIC_INBOUND "' and partition = 0");
	probe_until(probe, 2, "select count(*) from effect where id = 'rewound'");
	probe_check(probe);
}

/* A transaction that the server has not read yet when its connection is lost may run at any later time: in vain. */
static void test_a_late_batch_changes_nothing(void **state)
{
	struct probe *probe = *state;

	for (int round = 0; round < 2; round++) {
		go_past(probe, round ? "known-1" : "known-0");
		probe_do(probe, "create temp table late as select * from source where topic = '" TOPIC_INBOUND
			 "' and partition = 1");
		if (round == 0) {
			cut(probe);
		} else {
			probe_kill(probe);
			cut(probe);
			probe_start(probe);
		}
		go_past(probe, round ? "late-1" : "late-0");
		assert_int_equal(probe_number(probe, "with run as (update source s set next_offset = s.next_offset + 1 from "
						     "late l where s.id = l.id and s.epoch = l.epoch and "
						     "s.next_offset = l.next_offset and s.out_seq = l.out_seq returning 1) "
						     "select count(*) from run"), 0);
		probe_do(probe, "drop table late");
	}
	probe_check(probe);
}

/* What was fetched for the transaction that is gone is fetched again, from where the row says. */
static void test_a_take_reads_from_where_the_row_says(void **state)
{
	struct probe *probe = *state;

	probe_hold(probe, LOCK);
	probe_send(probe, 0, "read-again", "{'lock': 7, 'emit': 1}");
	probe_flush(probe);
	probe_until_waiting(probe);
	cut(probe);
	probe_release(probe, LOCK);
	go_past(probe, "past-again");
	assert_int_equal(done(probe, "read-again"), 1);
	probe_check(probe);
}

/* Until the daemon has told Kafka, as it does every few seconds for those who watch, where it stands. */
static void until_told(struct probe *probe)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	long deadline = stack_deadline();
	int64_t told = -1;
	rd_kafka_t *asker;
	char why[200];

	rd_kafka_conf_set_log_cb(conf, NULL);
	rd_kafka_conf_set(conf, "bootstrap.servers", probe->brokers, why, sizeof(why));
	rd_kafka_conf_set(conf, "group.id", "aftercare-probe", why, sizeof(why));
	asker = rd_kafka_new(RD_KAFKA_CONSUMER, conf, why, sizeof(why));
	assert_non_null(asker);
	while (told != probe_number(probe, "select next_offset from source where topic = '" TOPIC_INBOUND
				    "' and partition = 0")) {
		rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);

		rd_kafka_topic_partition_list_add(list, TOPIC_INBOUND, 0);
		if (rd_kafka_committed(asker, list, 5000) == RD_KAFKA_RESP_ERR_NO_ERROR)
			told = list->elems[0].offset;
		rd_kafka_topic_partition_list_destroy(list);
		if (stack_clock() > deadline)
			probe_fail(probe, "Kafka was told %lld", (long long)told);
		stack_moment();
	}
	rd_kafka_destroy(asker);
}

/* What Kafka was told is behind what the row says when the daemon dies. */
static void test_the_positions_of_kafka_mean_nothing(void **state)
{
	struct probe *probe = *state;

	go_past(probe, "told");
	until_told(probe);
	go_past(probe, "untold");
	probe_kill(probe);
	probe_start(probe);
	go_past(probe, "told-again");
	assert_int_equal(done(probe, "untold"), 1);
	probe_check(probe);
}

/* ---- publishing ---- */

/* Committed, sent, and nothing of it acknowledged; the daemon dies; the next one finds another server. */
static void test_what_is_sent_again_is_what_was_written(void **state)
{
	struct probe *probe = *state;
	int64_t source, published;

	go_past(probe, "before-again");
	source = probe_number(probe, "select id from source where topic = '" TOPIC_INBOUND "' and partition = 0");
	probe_until(probe, 0, "select count(*) from source where published_seq <> out_seq");
	published = probe_number(probe, "select published_seq from source where id = %lld", (long long)source);
	probe_hold(probe, LOCK);
	probe_send(probe, 0, "again", "{'emit': 30, 'lock': 7}");
	probe_flush(probe);
	probe_until_waiting(probe);
	probe_freeze(probe->broker);
	probe_release(probe, LOCK);
	until_done(probe, "again");
	/* A look at the row since: the watermark has been written. */
	probe_until(probe, 1, "select count(*) from source s, effect e where s.id = %lld and e.id = 'again' "
		    "and s.seen_at > e.at + interval '500 ms'",
		    (long long)source);
	assert_int_equal(probe_number(probe, "select published_seq from source where id = %lld", (long long)source), published);
	probe_kill(probe);
	cut(probe);
	probe_do(probe, "update source set timeline = '0000ABCD' where id = %lld", (long long)source);
	kill(probe->broker, SIGCONT);
	probe_start(probe);
	go_past(probe, "past-again-2");
	probe_check(probe);
}

/* The second standby does not know that there was a first failover. */
static void test_two_failovers_do_not_share_an_incarnation(void **state)
{
	struct probe *probe = *state;
	int64_t incarnations[3];

	for (int i = 0; i < 3; i++) {
		if (i > 0) {
			probe_kill(probe);
			cut(probe);
			probe_do(probe, "update source s set timeline = '0000ABC%d'%s", i,
				 i == 1 ? "" : ", incarnation = b.incarnation from before b where b.id = s.id");
			probe_start(probe);
		}
		go_past(probe, i == 0 ? "no-failover" : i == 1 ? "failover-1" : "failover-2");
		incarnations[i] = probe_number(probe, "select incarnation from source where topic = '" TOPIC_INBOUND
					       "' and partition = 0");
		if (i == 0)
			probe_do(probe, "create temp table before as select * from source");
	}
	probe_do(probe, "drop table before");
	assert_true(incarnations[0] < incarnations[1]);
	assert_true(incarnations[1] < incarnations[2]);
	probe_check(probe);
}

/* Between an owner's take and its look into the outbox the next one takes, publishes and clears: what is missing there is no
 * lost fact. */
static void test_a_hole_under_another_epoch_is_no_loss(void **state)
{
	struct probe *probe = *state;
	int64_t source, epoch, published;

	go_past(probe, "before-hole");
	source = probe_number(probe, "select id from source where topic = '" TOPIC_INBOUND "' and partition = 0");
	probe_until(probe, 0, "select count(*) from source where published_seq <> out_seq");
	probe_hold(probe, LOCK);
	probe_send(probe, 0, "hole", "{'emit': 3, 'lock': 7}");
	probe_flush(probe);
	probe_until_waiting(probe);
	probe_freeze(probe->broker);
	probe_release(probe, LOCK);
	until_done(probe, "hole");
	published = probe_number(probe, "select published_seq from source where id = %lld", (long long)source);
	/* It comes back, takes, and waits where it would read what it has to publish. */
	probe_do(probe, "begin; lock table outbox in access exclusive mode");
	probe_do(probe, "select pg_terminate_backend(pid, 60000) from pg_stat_activity where usename = 'aftercare_probe'");
	probe_until(probe, 1, "select count(*) from pg_locks where relation = 'outbox'::regclass and not granted and mode = "
		    "'AccessShareLock'");
	epoch = probe_number(probe, "select epoch from source where id = %lld", (long long)source) + 1;
	probe_do(probe, "create temp table cleared as select * from outbox where source = %lld and last_seq > %lld",
		 (long long)source, (long long)published);
	probe_do(probe, "delete from outbox where source = %lld and last_seq > %lld; update source set epoch = %lld, owner = "
		 "'second', published_seq = out_seq where id = %lld; commit", (long long)source, (long long)published,
		 (long long)epoch, (long long)source);
	probe_until(probe, 1, "select (epoch > %lld)::int from source where id = %lld", (long long)epoch, (long long)source);
	assert_true(probe_runs(probe));
	/* Nobody has published it here. */
	probe_do(probe, "begin; insert into outbox select * from cleared; update source set epoch = epoch + 1, published_seq = "
		 "%lld where id = %lld; commit; drop table cleared", (long long)published, (long long)source);
	kill(probe->broker, SIGCONT);
	go_past(probe, "past-hole");
	probe_check(probe);
}

/* ---- the row changed under the owner's epoch: the compare-and-set is on all that the owner believes ---- */

static void test_a_position_set_back_under_the_epoch(void **state)
{
	struct probe *probe = *state;

	go_past(probe, "set-back");
	probe_do(probe, "update source set next_offset = next_offset - 1 where topic = '" TOPIC_INBOUND "' and partition = 0");
	go_past(probe, "past-set-back");
	assert_int_equal(done(probe, "set-back"), 2);
	probe_check(probe);
}

/* The other server lacks what the owner did last, knows its epoch, and no input comes: what was lost is done again. The log
 * keeps what the other server has not. */
static void test_an_idle_owner_after_a_failover(void **state)
{
	struct probe *probe = *state;

	go_past(probe, "before-loss");
	probe_until(probe, 0, "select count(*) from source where published_seq <> out_seq");
	probe_do(probe, "create temp table before as select * from source where topic = '" TOPIC_INBOUND "' and partition = 0");
	go_past(probe, "lost");
	probe_until(probe, 0, "select count(*) from source where published_seq <> out_seq");
	probe->phantoms = true;
	probe_do(probe, "begin; update source s set next_offset = b.next_offset, out_seq = b.out_seq, "
		 "published_seq = b.published_seq, timeline = '0000ABCD' from before b where s.id = b.id; "
		 "delete from effect where id = 'lost'; "
		 "delete from outbox o using before b where o.source = b.id and o.last_seq > b.out_seq; drop table before; "
		 "create temp table cut as select pid, pg_terminate_backend(pid) from pg_stat_activity "
		 "where usename = 'aftercare_probe'; commit; drop table cut");
	until_done(probe, "lost");
	go_past(probe, "past-loss");
	assert_int_equal(done(probe, "lost"), 1);
	probe_check(probe);
}

/* A helper issues one number; the owner's timer, which takes two and is due before the next look at the row, must not use it
 * again. Last of all: the fact of the helper is none. */
static void test_a_number_issued_under_the_epoch(void **state)
{
	struct probe *probe = *state;
	int64_t issued;

	probe_send(probe, 0, "numbers", "{'emit': 1, 'set': {'key': 'numbered', 'in_ms': 700, 'then': {'emit': 2}}}");
	probe_flush(probe);
	until_done(probe, "numbers");
	probe_do(probe, "begin; update source set out_seq = out_seq + 1 where topic = '" TOPIC_INBOUND "' and partition = 0;"
		 "insert into outbox select source, s.out_seq, s.out_seq, o.incarnation, topic[1:1], o.partition[1:1], "
		 "key[1:1], headers[1:1], value[1:1] from outbox o join (select id, out_seq from source where topic = '"
		 TOPIC_INBOUND "' and partition = 0) s on s.id = o.source order by last_seq desc limit 1");
	issued = probe_number(probe, "select out_seq from source where topic = '" TOPIC_INBOUND "' and partition = 0");
	probe_do(probe, "commit");
	probe_until(probe, 0, "select count(*) from timer");
	assert_int_equal(done(probe, "numbered"), 1);
	assert_int_equal(probe_number(probe, "select count(*) from (select from outbox_fact group by source, seq having "
				      "count(*) > 1) twice"), 0);
	probe_until(probe, issued + 2, "select published_seq from source where topic = '" TOPIC_INBOUND "' and partition = 0");
	assert_int_equal(probe_number(probe, "select out_seq from source where topic = '" TOPIC_INBOUND "' and partition = 0"),
			 issued + 2);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		PROBE_TEST(test_all_or_nothing_at_each_write),
		PROBE_TEST(test_nothing_is_said_before_it_is_known),
		PROBE_TEST(test_a_deadlock_is_not_poison),
		PROBE_TEST(test_only_the_latest_taker_commits),
		PROBE_TEST(test_the_row_is_locked_during_a_batch),
		PROBE_TEST(test_an_idle_owner_notices),
		PROBE_TEST(test_an_idle_owner_notices_a_rewind),
		PROBE_TEST(test_a_late_batch_changes_nothing),
		PROBE_TEST(test_a_take_reads_from_where_the_row_says),
		PROBE_TEST(test_the_positions_of_kafka_mean_nothing),
		PROBE_TEST(test_what_is_sent_again_is_what_was_written),
		PROBE_TEST(test_two_failovers_do_not_share_an_incarnation),
		PROBE_TEST(test_a_hole_under_another_epoch_is_no_loss),
		PROBE_TEST(test_a_position_set_back_under_the_epoch),
		PROBE_TEST(test_an_idle_owner_after_a_failover),
		PROBE_TEST(test_a_number_issued_under_the_epoch),
	};

	probe_daemon(argc, argv);
	return cmocka_run_group_tests(tests, open_with_locks, probe_close);
}
