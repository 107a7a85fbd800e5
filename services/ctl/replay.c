/* replay: a log of the past as claims, in the order of its times.
 *
 * The first row of a case is its request.submitted; what follows in the case waits until the log shows its
 * ticket.registered, as any sender has to (a claim about an unknown ticket is refused). Event ids come from the row's content, so
 * that a row that stands twice in the log is a repeat for the system too, and a replay that is done again changes nothing. */
#include <librdkafka/rdkafka.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

#include "common/io/ident.h"
#include "services/ctl/replay.h"

#define IN_FLIGHT_MAX 2000           /* requests not yet registered */
#define STALL_US (60 * SECOND)

struct replay {
	struct ctl *ctl;
	const struct replay_map *map;
	const struct replay_log *log;
	rd_kafka_t *producer, *reader;
	struct progress {
		uint64_t rows, claims, registered, failed;
	} progress;
	int64_t began, moved;
	struct replay_case {
		struct str ticket;
		char ticket_text[IDENT_TICKET];
		char id[IDENT_EVENT];         /* of its request.submitted */
		bool asked, registered;
		uint32_t *waiting;            /* rows held back until it is registered */
		size_t waiting_count, waiting_capacity;
	} *cases;
	uint32_t *by_id;              /* open table: id of the request -> case index + 1 */
	size_t by_id_slots;
	int32_t lanes;
	uint64_t in_flight;           /* requests sent and not yet registered */
	bool broken;
};

static int64_t monotonic(void)
{
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * SECOND + now.tv_nsec / 1000;
}

static void progress_tell(const struct replay *replay, bool last)
{
	const struct progress *progress = &replay->progress;
	double seconds = (double)(monotonic() - replay->began) / (double)SECOND;
	double rate = seconds > 0 ? (double)progress->rows / seconds : 0;
	double left = rate > 0 ? (double)(replay->log->row_count - progress->rows) / rate : 0;
	fprintf(stderr, "%s%llu of %zu rows, %llu claims, %llu of %zu cases registered, %.0f rows/s, %.0f s left%s",
		isatty(2) ? "\r\033[K" : "", (unsigned long long)progress->rows, replay->log->row_count,
		(unsigned long long)progress->claims, (unsigned long long)progress->registered, replay->log->case_count, rate,
		left, isatty(2) && !last ? "" : "\n");
}

/* The same row gives the same id, wherever it stands in the file: what stands twice is a repeat. */
static struct str row_identity(struct replay *replay, const struct replay_row *row, const char *name, char text[static IDENT_EVENT])
{
	struct buf key = { 0 };
	for (size_t i = 0; i < replay->log->column_count; i++) {
		buf_z(&key, row->fields[i]);
		buf_char(&key, '\x1f');
	}
	buf_z(&key, name);
	struct str id = ident_event(str_of(replay->map->source), buf_view(&key), 0, text);
	buf_done(&key);
	return id;
}

static void publish(struct replay *replay, const char *topic, struct str key, const char *id, const char *name, instant at,
		    const char *data)
{
	char type[128], stamp[INSTANT_TEXT];
	snprintf(type, sizeof(type), "aftercare.%s.v1", name);
	struct str time = instant_format(at, stamp);
	for (;;) {
		rd_kafka_resp_err_t error = rd_kafka_producev(
			replay->producer, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_KEY(key.p, key.n),
			RD_KAFKA_V_VALUE((void *)(uintptr_t)data, strlen(data)), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
			RD_KAFKA_V_HEADER("ce_specversion", "1.0", -1), RD_KAFKA_V_HEADER("ce_id", id, -1),
			RD_KAFKA_V_HEADER("ce_source", replay->map->source, -1), RD_KAFKA_V_HEADER("ce_type", type, -1),
			RD_KAFKA_V_HEADER("ce_time", time.p, (ssize_t)time.n),
			RD_KAFKA_V_HEADER("content-type", "application/json", -1), RD_KAFKA_V_END);
		if (error == RD_KAFKA_RESP_ERR_NO_ERROR)
			break;
		if (error != RD_KAFKA_RESP_ERR__QUEUE_FULL) {
			replay->broken = ctl_fail(2, "%s: %s", topic, rd_kafka_err2str(error));
			return;
		}
		rd_kafka_poll(replay->producer, 10);
	}
	replay->progress.claims++;
	replay->moved = monotonic();
}

/* The claims of a row other than the request: all on the staff topic, keyed by the ticket, so that a case stays in order. */
static void row_send(struct replay *replay, const struct replay_row *row)
{
	struct replay_case *of = &replay->cases[row->case_index];
	struct str activity = STR_NONE;
	for (size_t i = 0; i < replay->log->column_count; i++) {
		if (str_is(replay->log->columns[i], replay->map->activity_column))
			activity = str_of(row->fields[i]);
	}
	const json_t *claims = json_object_get(replay->map->activities, activity.p);
	if (!json_is_array(claims)) {
		replay->broken = ctl_fail(1, "line %u: the map says nothing about the activity \"%s\"", row->line, activity.p);
		return;
	}
	for (size_t i = 0; i < json_array_size(claims) && !replay->broken; i++) {
		const json_t *claim = json_array_get(claims, i);
		const char *name = json_string_value(json_object_get(claim, "claim"));
		char *data = name ? replay_fill(replay->log, row, json_object_get(claim, "data"), replay->map->source, of->id) : NULL;
		char id[IDENT_EVENT];
		if (!data) {
			replay->broken = ctl_fail(1, "line %u: no claim can be made of it", row->line);
			return;
		}
		(void)row_identity(replay, row, name, id);
		publish(replay, "aftercare.staff", of->ticket, id, name, row->at, data);
		free(data);
	}
	replay->progress.rows++;
}

static size_t id_slot(const struct replay *replay, struct str id)
{
	size_t at = str_hash(id) % replay->by_id_slots;
	while (replay->by_id[at] && !str_is(id, replay->cases[replay->by_id[at] - 1].id))
		at = (at + 1) % replay->by_id_slots;
	return at;
}

/* Ids and tickets of all cases are known before anything is sent: a replay done again finds its tickets in the log at once. */
static void cases_name(struct replay *replay)
{
	for (size_t i = 0; i < replay->log->row_count; i++) {
		const struct replay_row *row = &replay->log->rows[i];
		if (!row->first)
			continue;
		struct replay_case *of = &replay->cases[row->case_index];
		struct str key = row_identity(replay, row, "request.submitted", of->id);
		struct ident ident = ident_claim(str_of(replay->map->source), key);
		of->ticket = ident_ticket(&ident, key, replay->lanes, of->ticket_text);
		replay->by_id[id_slot(replay, key)] = row->case_index + 1;
	}
}

static void case_ask(struct replay *replay, const struct replay_row *row)
{
	struct replay_case *of = &replay->cases[row->case_index];
	char *data = replay_fill(replay->log, row, replay->map->first, NULL, NULL);
	if (!data) {
		replay->broken = true;
		return;
	}
	of->asked = true;
	replay->in_flight += !of->registered;
	publish(replay, "aftercare.inbound", str_of(of->id), of->id, "request.submitted", row->at, data);
	free(data);
}

/* Reads the ticket log for registrations; sends what waited for them. */
static void log_follow(struct replay *replay, int wait_ms)
{
	for (;;) {
		rd_kafka_message_t *message = rd_kafka_consumer_poll(replay->reader, wait_ms);
		if (!message)
			return;
		wait_ms = 0;
		rd_kafka_headers_t *headers = NULL;
		const void *type = NULL, *cause = NULL;
		size_t type_size = 0, cause_size = 0;
		if (!message->err && !rd_kafka_message_headers(message, &headers) &&
		    !rd_kafka_header_get_last(headers, "ce_type", &type, &type_size) &&
		    str_is((struct str){ type, type_size }, "aftercare.ticket.registered.v1") &&
		    !rd_kafka_header_get_last(headers, "ce_causeid", &cause, &cause_size)) {
			uint32_t found = replay->by_id[id_slot(replay, (struct str){ cause, cause_size })];
			struct replay_case *of = found ? &replay->cases[found - 1] : NULL;
			if (of && !of->registered) {
				of->registered = true;
				replay->in_flight -= of->asked;
				replay->progress.registered++;
				replay->moved = monotonic();
				for (size_t w = 0; w < of->waiting_count && !replay->broken; w++)
					row_send(replay, &replay->log->rows[of->waiting[w]]);
			}
		}
		rd_kafka_message_destroy(message);
	}
}

static bool replay_stalled(struct replay *replay)
{
	if (monotonic() - replay->moved < STALL_US)
		return false;
	ctl_fail(2, "nothing has moved for 60 s: %llu requests wait to be registered; are the daemons running? (aftercarectl status)",
		 (unsigned long long)replay->in_flight);
	return true;
}

static int replay_rows(struct replay *replay, uint64_t rate)
{
	int64_t told = 0;
	for (size_t i = 0; i < replay->log->row_count && !replay->broken; i++) {
		const struct replay_row *row = &replay->log->rows[i];
		struct replay_case *of = &replay->cases[row->case_index];
		if (row->first)
			case_ask(replay, row);
		if (of->registered) {
			row_send(replay, row);
		} else {
			arena_grow(&replay->ctl->arena, &of->waiting, &of->waiting_capacity, of->waiting_count + 1,
				   sizeof(*of->waiting));
			of->waiting[of->waiting_count++] = (uint32_t)i;
		}
		rd_kafka_poll(replay->producer, 0);
		bool slow = rate && (double)(i + 1) > (double)(monotonic() - replay->began) / (double)SECOND * (double)rate;
		while (slow || replay->in_flight >= IN_FLIGHT_MAX) {
			log_follow(replay, 5);
			rd_kafka_poll(replay->producer, 0);
			slow = rate && (double)(i + 1) > (double)(monotonic() - replay->began) / (double)SECOND * (double)rate;
			if (replay->broken || replay_stalled(replay))
				return 2;
		}
		if (i % 64 == 0)
			log_follow(replay, 0);
		if (monotonic() - told > SECOND) {
			told = monotonic();
			progress_tell(replay, false);
		}
	}
	while (!replay->broken && replay->progress.registered < replay->log->case_count) {
		log_follow(replay, 50);
		rd_kafka_poll(replay->producer, 0);
		if (replay_stalled(replay))
			return 2;
	}
	return replay->broken ? 1 : 0;
}

static void on_report(rd_kafka_t *client, const rd_kafka_message_t *message, void *opaque)
{
	struct replay *replay = opaque;
	(void)client;
	replay->progress.failed += message->err != 0;
}

static rd_kafka_t *client_open(struct replay *replay, bool reader)
{
	char error[512];
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	size_t count = 0;
	const struct conf_pass *passes = replay->ctl->conf ? conf_passes(replay->ctl->conf, &count) : NULL;
	const char *const settings[][2] = { { "bootstrap.servers", replay->ctl->brokers },
					    { "client.id", "aftercarectl" },
					    { reader ? "group.id" : "partitioner", reader ? "aftercarectl-replay" : "murmur2_random" },
					    { reader ? "enable.auto.commit" : "enable.idempotence", reader ? "false" : "true" },
					    { reader ? "fetch.wait.max.ms" : "linger.ms", reader ? "20" : "5" } };
	bool good = true;
	for (size_t i = 0; i < array_count(settings) && good; i++)
		good = !rd_kafka_conf_set(conf, settings[i][0], settings[i][1], error, sizeof(error));
	for (size_t i = 0; i < count && good; i++)
		good = !rd_kafka_conf_set(conf, passes[i].name, passes[i].value, error, sizeof(error));
	if (!reader)
		rd_kafka_conf_set_dr_msg_cb(conf, on_report);
	rd_kafka_conf_set_opaque(conf, replay);
	rd_kafka_t *client = good ? rd_kafka_new(reader ? RD_KAFKA_CONSUMER : RD_KAFKA_PRODUCER, conf, error, sizeof(error)) : NULL;
	if (!client) {
		rd_kafka_conf_destroy(conf);
		ctl_fail(EX_CONFIG, "%s", error);
	}
	return client;
}

/* Every lane of the log from its beginning, so that a replay done again finds its tickets; no group is joined. */
static bool reader_assign(rd_kafka_t *reader, int32_t *ret_lanes)
{
	const struct rd_kafka_metadata *metadata = NULL;
	rd_kafka_topic_t *topic = rd_kafka_topic_new(reader, "aftercare.tickets", NULL);
	rd_kafka_resp_err_t error = rd_kafka_metadata(reader, 0, topic, &metadata, 10000);
	rd_kafka_topic_destroy(topic);
	if (error)
		return ctl_fail(2, "brokers: %s", rd_kafka_err2str(error)) == 0;
	rd_kafka_topic_partition_list_t *lanes = rd_kafka_topic_partition_list_new(16);
	*ret_lanes = metadata->topics[0].partition_cnt;
	for (int i = 0; i < metadata->topics[0].partition_cnt && !error; i++) {
		int64_t low = 0, high = 0;
		error = rd_kafka_query_watermark_offsets(reader, "aftercare.tickets", i, &low, &high, 10000);
		rd_kafka_topic_partition_list_add(lanes, "aftercare.tickets", i)->offset = low;
	}
	if (!error)
		error = rd_kafka_assign(reader, lanes);
	rd_kafka_topic_partition_list_destroy(lanes);
	rd_kafka_metadata_destroy(metadata);
	return error ? ctl_fail(2, "aftercare.tickets: %s", rd_kafka_err2str(error)) == 0 : true;
}

int replay_send(struct ctl *ctl, const struct replay_map *map, const struct replay_log *log, uint64_t rate)
{
	struct replay replay = { .ctl = ctl, .map = map, .log = log, .began = monotonic(), .moved = monotonic() };
	replay.cases = arena_zero(&ctl->arena, (log->case_count + 1) * sizeof(*replay.cases));
	replay.by_id_slots = 2 * log->case_count + 1;
	replay.by_id = arena_zero(&ctl->arena, replay.by_id_slots * sizeof(*replay.by_id));
	replay.producer = client_open(&replay, false);
	replay.reader = client_open(&replay, true);
	int status = 2;
	if (replay.producer && replay.reader && reader_assign(replay.reader, &replay.lanes)) {
		rd_kafka_poll_set_consumer(replay.reader);
		cases_name(&replay);
		status = replay_rows(&replay, rate);
		if (rd_kafka_flush(replay.producer, 60000) || replay.progress.failed)
			status = ctl_fail(2, "the broker has not accepted everything; run the same replay again, nothing is doubled");
		progress_tell(&replay, true);
	}
	if (status == 0)
		printf("replayed %zu rows of %zu cases as %llu claims\n", log->row_count, log->case_count,
		       (unsigned long long)replay.progress.claims);
	if (replay.reader)
		rd_kafka_consumer_close(replay.reader);
	if (replay.reader)
		rd_kafka_destroy(replay.reader);
	if (replay.producer)
		rd_kafka_destroy(replay.producer);
	return status;
}

int ctl_replay(struct ctl *ctl, int argc, char **argv)
{
	const char *file = NULL, *map_path = NULL;
	uint64_t rate = 0;
	bool dry = false;
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--map") == 0 && i + 1 < argc)
			map_path = argv[++i];
		else if (strcmp(argv[i], "--rate") == 0 && i + 1 < argc)
			rate = strtoull(argv[++i], NULL, 10);
		else if (strcmp(argv[i], "--dry-run") == 0)
			dry = true;
		else if (argv[i][0] != '-' && !file)
			file = argv[i];
		else
			return ctl_fail(EX_USAGE, "replay: unknown argument %s", argv[i]);
	}
	if (!file || !map_path)
		return ctl_fail(EX_USAGE, "replay FILE --map MAP.json [--rate ROWS_PER_SECOND] [--dry-run]");
	if (!ctl->brokers && !dry)
		return ctl_fail(1, "no brokers are known: give --config FILE, or AFTERCARE_BROKERS in the environment");
	struct replay_map map;
	struct replay_log log;
	if (!replay_map_read(ctl, map_path, &map))
		return 1;
	int status = 1;
	if (replay_log_read(ctl, file, &map, &log)) {
		printf("%s: %zu rows of %zu cases\n", file, log.row_count, log.case_count);
		status = dry ? 0 : replay_send(ctl, &map, &log, rate);
	}
	json_decref(map.root);
	return status;
}
