/* status: whether every daemon is there and keeps up, from the ledgers in PostgreSQL and the ends of the topics in Kafka.
 *
 * It looks twice, a good second apart: a rate needs two looks, and an owner makes its mark once a second even when it has
 * nothing to do. It asks no daemon, so it also sees those that are no longer able to answer. */
#include "services/ctl/status.h"

#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "services/ctl/kafka.h"
#include "services/ctl/screen.h"
#include "services/ctl/services.h"

#define BETWEEN_MS 1500              /* between the two looks: longer than an owner's beat */
#define SILENT (5 * SECOND)          /* an owner that has said nothing for so long is gone */
#define LATE_S 10.0                  /* more work than that much time takes is late */
#define OVERDUE (2 * SECOND)         /* a clock should have fired by then */

struct look {
	struct ctl *ctl;
	struct status *status;
	struct services services;
	struct position *positions;
	size_t count, capacity;
	double seconds;              /* between the looks */
};

static void blind(struct look *look, struct str what)
{
	struct status *status = look->status;

	arena_grow(&look->ctl->arena, &status->blind, &status->blind_capacity, status->blind_count + 1, sizeof(*status->blind));
	status->blind[status->blind_count++] = what;
}

static struct position *position_of(struct look *look, struct str service, struct str topic, int32_t partition)
{
	for (size_t i = 0; i < look->count; i++) {
		struct position *position = &look->positions[i];

		if (position->partition == partition && str_eq(position->service, service) && str_eq(position->topic, topic))
			return position;
	}
	arena_grow(&look->ctl->arena, &look->positions, &look->capacity, look->count + 1, sizeof(*look->positions));
	look->positions[look->count] = (struct position){ .service = service, .topic = str_copy(&look->ctl->arena, topic),
							  .partition = partition, .next = { -1, -1 }, .end = { -1, -1 } };
	return &look->positions[look->count++];
}

static bool look_at_sources(struct look *look, struct db *const *dbs, int turn)
{
	for (size_t s = 0; s < look->services.count; s++) {
		struct fault fault = FAULT_NONE;
		const struct db_result *rows = NULL;

		if (db_run(dbs[s], "service_sources", NULL, &rows, &fault)) {
			blind(look, str_format(&look->ctl->arena, "%.*s: %s", STR_ARG(look->services.names[s]), fault.text));
			return false;
		}
		for (size_t i = 0; i < db_rows(rows); i++) {
			struct position *position = position_of(look, look->services.names[s], db_get_text(rows, i, 0),
								(int32_t)db_get_int(rows, i, 1));

			position->owner = str_copy(&look->ctl->arena, db_get_text(rows, i, 2));
			position->clean = db_get_bool(rows, i, 3);
			position->next[turn] = db_get_int(rows, i, 4);
			position->unpublished[turn] = db_get_int(rows, i, 5);
			position->seen_us = db_get_int(rows, i, 6);
		}
	}
	return true;
}

static bool look_at_ends(struct look *look, rd_kafka_t *client, int turn)
{
	rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)look->count + 1);
	bool good;

	for (size_t i = 0; i < look->count; i++) {
		const char *topic = str_z(&look->ctl->arena, look->positions[i].topic);

		if (!rd_kafka_topic_partition_list_find(list, topic, look->positions[i].partition))
			rd_kafka_topic_partition_list_add(list, topic, look->positions[i].partition);
	}
	good = ctl_kafka_ends(client, list, 5000);
	for (size_t i = 0; i < look->count; i++) {
		const rd_kafka_topic_partition_t *found = rd_kafka_topic_partition_list_find(
			list, str_z(&look->ctl->arena, look->positions[i].topic), look->positions[i].partition);

		look->positions[i].end[turn] = found ? found->offset : -1;
	}
	rd_kafka_topic_partition_list_destroy(list);
	return good;
}

/* ---- clocks, dead letters ---- */

static void look_at_rest(struct look *look, struct db *db)
{
	struct status *status = look->status;
	struct arena *arena = &look->ctl->arena;
	struct db_params params = { .arena = arena };
	struct fault fault = FAULT_NONE;
	const struct db_result *rows = NULL;
	bool clocks;

	db_instant(&params, status->since);
	if (db_run(db, "service_dead_reasons", &params, &rows, &fault)) {
		blind(look, str_format(arena, "dead letters: %s", fault.text));
		return;
	}
	for (size_t i = 0; i < db_rows(rows); i++) {
		struct str reason = str_copy(arena, db_get_text(rows, i, 0));
		size_t at = 0;

		while (at < status->dead_count && !str_eq(status->dead[at].reason, reason))
			at++;
		if (at == status->dead_count) {
			arena_grow(arena, &status->dead, &status->dead_capacity, at + 1, sizeof(*status->dead));
			status->dead[status->dead_count++] = (struct dead_reason){ .reason = reason };
		}
		status->dead[at].count += db_get_int(rows, i, 1);
		status->dead_total += db_get_int(rows, i, 1);
	}
	if (db_run(db, "service_has_clocks", NULL, &rows, &fault) || !db_get_bool(rows, 0, 0))
		return;
	params = (struct db_params){ .arena = arena };
	db_instant(&params, status->now);
	clocks = db_run(db, "service_clocks", &params, &rows, &fault) == OK;
	if (!clocks) {
		blind(look, str_format(arena, "clocks: %s", fault.text));
		return;
	}
	status->has_clocks = true;
	status->running += db_get_int(rows, 0, 0);
	status->paused += db_get_int(rows, 0, 1);
	status->breached += db_get_int(rows, 0, 2);
	status->overdue += db_get_int(rows, 0, 3);
	status->next_hour += db_get_int(rows, 0, 4);
	if (db_get_int(rows, 0, 5) > status->oldest_us)
		status->oldest_us = db_get_int(rows, 0, 5);
}

/* ---- judging ---- */

static struct daemon *daemon_of(struct look *look, struct str service, struct str owner)
{
	struct status *status = look->status;

	for (size_t i = 0; i < status->daemon_count; i++)
		if (str_eq(status->daemons[i].service, service) && str_eq(status->daemons[i].owner, owner))
			return &status->daemons[i];
	arena_grow(&look->ctl->arena, &status->daemons, &status->daemon_capacity, status->daemon_count + 1,
		   sizeof(*status->daemons));
	status->daemons[status->daemon_count] = (struct daemon){ .service = service, .owner = owner, .health = HEALTH_NEVER };
	return &status->daemons[status->daemon_count++];
}

static void note_lane(struct look *look, struct daemon *daemon, int32_t lane)
{
	if (lane >= daemon->lane_count) {
		bool *lanes = arena_zero(&look->ctl->arena, (size_t)lane + 16);

		if (daemon->lane_count)
			memcpy(lanes, daemon->lanes, (size_t)daemon->lane_count);
		daemon->lanes = lanes;
		daemon->lane_count = lane + 16;
	}
	daemon->lanes[lane] = true;
}

static void sum_up(struct look *look)
{
	for (size_t s = 0; s < look->services.count; s++) {
		bool any = false;

		for (size_t i = 0; i < look->count; i++) {
			const struct position *position = &look->positions[i];
			struct daemon *daemon;
			bool silent = position->seen_us > SILENT;

			if (!str_eq(position->service, look->services.names[s]))
				continue;
			any = true;
			daemon = daemon_of(look, position->service, position->owner);
			note_lane(look, daemon, position->partition);
			daemon->partitions++;
			daemon->unseen += silent;
			if (position->seen_us > daemon->seen_us)
				daemon->seen_us = position->seen_us;
			/* Good as long as every row was left in good order; the worst decides. */
			if (silent && daemon->health != HEALTH_DOWN)
				daemon->health = position->clean ? HEALTH_STOPPED : HEALTH_DOWN;
			daemon->unpublished += position->unpublished[1];
			look->status->outbox += position->unpublished[1];
			if (position->next[0] >= 0)
				daemon->rate += (double)(position->next[1] - position->next[0]) / look->seconds;
			if (position->end[1] < 0)
				daemon->lag = -1;
			else if (daemon->lag >= 0 && position->end[1] > position->next[1])
				daemon->lag += position->end[1] - position->next[1];
		}
		if (!any)
			(void)daemon_of(look, look->services.names[s], STR_NONE);
	}
}

/* Of a daemon that makes its marks: does it also get on? */
static void judge_progress(struct look *look, struct daemon *daemon)
{
	struct arena *arena = &look->ctl->arena;

	if (daemon->lag > 0 && daemon->rate > 0 && (double)daemon->lag / daemon->rate > LATE_S)
		daemon->trouble = str_format(arena, "%.0f s of work are waiting", (double)daemon->lag / daemon->rate);
	for (size_t i = 0; i < look->count && !daemon->trouble.p; i++) {
		const struct position *position = &look->positions[i];

		if (!str_eq(position->service, daemon->service) || !str_eq(position->owner, daemon->owner))
			continue;
		if (position->end[0] > position->next[1] && position->next[0] == position->next[1])
			daemon->trouble = str_format(arena, "%.*s, partition %d: no progress at offset %lld",
						     STR_ARG(position->topic), (int)position->partition,
						     (long long)position->next[1]);
		else if (position->unpublished[0] > 0 && position->unpublished[1] >= position->unpublished[0] &&
			 position->next[0] == position->next[1])
			daemon->trouble = str_format(arena, "%lld facts are committed and do not reach Kafka",
						     (long long)position->unpublished[1]);
	}
	if (daemon->trouble.p)
		daemon->health = HEALTH_LATE;
}

static void judge(struct look *look)
{
	struct status *status = look->status;
	bool late = status->overdue > 0 && status->oldest_us > OVERDUE, down = false;

	for (size_t i = 0; i < status->daemon_count; i++) {
		struct daemon *daemon = &status->daemons[i];

		if (daemon->partitions > 0 && daemon->unseen == 0) {
			daemon->health = HEALTH_RUNNING;
			judge_progress(look, daemon);
		} else if (daemon->partitions > daemon->unseen) {
			daemon->health = HEALTH_PARTLY;
			daemon->trouble = str_format(&look->ctl->arena, "%zu of its %zu partitions have no owner",
						     daemon->unseen, daemon->partitions);
		}
		late = late || daemon->health == HEALTH_LATE;
		down = down || daemon->health > HEALTH_LATE;
	}
	status->exit = down ? 2 : status->blind_count ? 3 : late ? 1 : 0;
}

/* ---- the command ---- */

static void look_twice(struct look *look, struct db *const *dbs)
{
	const struct timespec pause = { BETWEEN_MS / 1000, BETWEEN_MS % 1000 * 1000000L };
	rd_kafka_t *client = ctl_kafka_open(look->ctl, false);
	bool seen = look_at_sources(look, dbs, 0) && client && look_at_ends(look, client, 0);
	instant first = screen_now();

	(void)nanosleep(&pause, NULL);
	(void)look_at_sources(look, dbs, 1);
	look->seconds = (double)(screen_now() - first) / (double)SECOND;
	if (!seen || !look_at_ends(look, client, 1))
		blind(look, STR("the brokers: how far behind the daemons are is not known"));
	if (client)
		rd_kafka_destroy(client);
}

int ctl_status(struct ctl *ctl, int argc, char **argv)
{
	struct status status = { .now = ctl_now(ctl), .since = screen_midnight(ctl_now(ctl)), .exit = 3 };
	struct look look = { .ctl = ctl, .status = &status };
	struct db *db, **dbs;
	bool open;

	if (argc > 1)
		return ctl_fail(EX_USAGE, "status takes no %s (see aftercarectl status --help)", argv[1]);
	db = ctl_connect(ctl);
	open = db && services_list(ctl, db, &look.services);
	db_free(db);
	if (!open)
		return 3;
	if (look.services.count == 0 && !look.services.hidden.p)
		return ctl_fail(3, "there is no service in this database; aftercarectl db migrate makes them");
	dbs = arena_zero(&ctl->arena, (look.services.count + 1) * sizeof(struct db *));
	for (size_t i = 0; i < look.services.count && open; i++)
		open = (dbs[i] = services_connect(ctl, look.services.names[i])) != NULL;
	if (open) {
		if (look.services.hidden.p)
			blind(&look, str_format(&ctl->arena, "%.*s: your role may not look into it",
						STR_ARG(look.services.hidden)));
		look_twice(&look, dbs);
		for (size_t i = 0; i < look.services.count; i++)
			look_at_rest(&look, dbs[i]);
		sum_up(&look);
		judge(&look);
		if (ctl->json)
			status_json(ctl, &status);
		else
			status_show(ctl, &status);
	}
	for (size_t i = 0; i < look.services.count; i++)
		db_free(dbs[i]);
	return status.exit;
}
