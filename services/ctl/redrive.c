/* dead redrive: the bytes that were refused, once more.
 *
 * They go where they came from as they came, so that they are checked again by the same door. What intake had accepted and
 * a later daemon refused came to that daemon as intake's copy; by its id intake knows it, so it would be counted as a
 * repeat: only under a new id can it be tried again. Every event is sent and acknowledged before it is marked. */
#include <string.h>
#include <sysexits.h>

#include "services/ctl/dead.h"
#include "services/ctl/kafka.h"

struct redrive {
	struct ctl *ctl;
	struct services services;
	rd_kafka_t *producer;
	bool as_new;
	size_t sent, left;
};

/* What our own daemons put upon the copy of a claim; it was not there when it was sent. */
static bool is_ours(struct str header)
{
	static const char *const names[] = { "ce_lane", "ce_writer", "ce_incarnation", "ce_sourceseq", "ce_origin",
					     "ce_arrived",
					     "ce_revision", "ce_causeid", "ce_causesource" };

	for (size_t i = 0; i < array_count(names); i++)
		if (str_is(header, names[i]))
			return true;
	return false;
}

/* The headers of the claim as it is sent as a new one: with its next id, without ours. */
static size_t headers_renew(struct redrive *redrive, const struct dead *dead, struct bus_header *headers)
{
	struct arena *arena = &redrive->ctl->arena;
	size_t count = 0;

	for (size_t i = 0; i < dead->header_count; i++) {
		if (is_ours(dead->headers[i].name))
			continue;
		headers[count] = dead->headers[i];
		if (str_is(headers[count].name, "ce_id"))
			headers[count].value = str_format(arena, "%.*s.again-%lld", STR_ARG(headers[count].value),
							  (long long)dead->id);
		count++;
	}
	return count;
}

static bool mark(struct redrive *redrive, struct db *db, const struct dead *dead)
{
	struct db_params params = { .arena = &redrive->ctl->arena };
	struct fault fault = FAULT_NONE;

	db_int(&params, dead->id);
	if (db_run(db, "service_dead_redriven", &params, NULL, &fault) == OK)
		return true;
	ctl_fail(2, "%.*s/%lld was sent, but could not be marked: %s", STR_ARG(dead->service), (long long)dead->id, fault.text);
	return false;
}

static bool publish(struct redrive *redrive, const struct dead *dead)
{
	bool copy = dead_header(dead, "ce_origin").p != NULL;
	const struct bus_header *headers = dead->headers;
	size_t count = dead->header_count;
	int32_t partitions;

	if (copy) {
		struct bus_header *renewed = arena_zero(&redrive->ctl->arena, (count + 1) * sizeof(*renewed));

		count = headers_renew(redrive, dead, renewed);
		headers = renewed;
	}
	partitions = ctl_kafka_partitions(redrive->producer, str_z(&redrive->ctl->arena, dead->topic));
	if (partitions == 0)
		return false;
	/* What shares a key with it stands in the same partition: it keeps its place in their order. */
	return ctl_kafka_send(redrive->producer, str_z(&redrive->ctl->arena, dead->topic),
			      dead->partition < partitions ? dead->partition : -1, dead->key, dead->value, headers, count);
}

/* Whether it can be sent with any effect; says why not. */
static bool is_worth_it(struct redrive *redrive, const struct dead *dead)
{
	bool copy = dead_header(dead, "ce_origin").p != NULL;
	const char *name = str_z(&redrive->ctl->arena, str_format(&redrive->ctl->arena, "%.*s/%lld", STR_ARG(dead->service),
								  (long long)dead->id));

	if (dead->offset < 0) {
		ctl_fail(1, "%s: no event from outside, there is nothing to send again", name);
		return false;
	}
	if (copy && !redrive->as_new) {
		ctl_fail(1, "%s: left alone. intake has accepted this event, %.*s refused it; sent again under its own id it is a repeat and "
			    "has no effect. Mend what is missing, then: aftercarectl dead redrive %s --as-new",
			 name, STR_ARG(dead->service), name);
		return false;
	}
	return true;
}

static int redrive_one(struct redrive *redrive, const char *name)
{
	struct dead dead;
	struct db *db;
	int status = 0;

	if (!dead_fetch(redrive->ctl, &redrive->services, name, &dead, &db))
		return 1;
	if (!is_worth_it(redrive, &dead)) {
		redrive->left++;
		status = 1;
	} else if (!publish(redrive, &dead) || !mark(redrive, db, &dead)) {
		status = 2;
	} else {
		redrive->sent++;
		printf("%.*s/%lld sent to %.*s, partition %d%s%s\n", STR_ARG(dead.service), (long long)dead.id,
		       STR_ARG(dead.topic),
		       (int)dead.partition, dead_header(&dead, "ce_origin").p ? ", as a new event" : "",
		       dead.redriven_at != INSTANT_NONE ? " (not for the first time)" : "");
	}
	db_free(db);
	return status;
}

int ctl_dead_redrive(struct ctl *ctl, int argc, char **argv)
{
	struct redrive redrive = { .ctl = ctl };
	struct db *db;
	int status = 0, names = 0;
	bool good;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--as-new") == 0)
			redrive.as_new = true;
		else if (argv[i][0] == '-')
			return ctl_fail(EX_USAGE, "dead redrive: unknown argument %s (see --help)", argv[i]);
		else
			names++;
	}
	if (names == 0)
		return ctl_fail(EX_USAGE, "which ID? aftercarectl dead list shows them");
	db = ctl_connect(ctl);
	good = db && services_list(ctl, db, &redrive.services);
	db_free(db);
	if (!good || !(redrive.producer = ctl_kafka_open(ctl, false)))
		return 2;
	for (int i = 1; i < argc && status < 2; i++) {
		int one = argv[i][0] == '-' ? 0 : redrive_one(&redrive, argv[i]);

		status = one > status ? one : status;
	}
	rd_kafka_destroy(redrive.producer);
	if (ctl->json)
		printf("{\"sent\":%zu,\"left_alone\":%zu}\n", redrive.sent, redrive.left);
	else if (redrive.sent)
		printf("%zu sent. What was accepted before has no second effect; what is refused again becomes a new dead letter.\n",
		       redrive.sent);
	return status;
}
