/* Any bytes at all on any topic: a dead letter, nothing else disturbed, no daemon exits.
 *
 * Random bytes, and records that look like ours and are not. In a stack of its own: what is written into our logs here breaks
 * the contract, so that no other test could check the logs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/scene.h"

static void fill(char *bytes, size_t size, int sort)
{
	static const char *const starts[] = { "", "{", "[", "\"", "{\"specversion\":\"1.0\",", "\xef\xbb\xbf{}", "\x00\x00\x00\x00\x01", "null" };
	size_t n = strlen(starts[sort % 8]);

	for (size_t i = 0; i < size; i++)
		bytes[i] = (char)rand();
	memcpy(bytes, starts[sort % 8], n < size ? n : size);
}

static const struct sent *send_garbage(struct desk *desk, const char *topic, int round)
{
	static const char *const names[] = { "ce_type", "ce_id", "ce_source", "ce_specversion", "ce_time", "ce_subject", "content-type",
					     "ce_lane", "ce_writer", "ce_incarnation", "ce_sourceseq", "ce_revision", "ce_arrived" };
	struct desk_header headers[8];
	char bytes[8][64], value[600], key[40];
	struct raw raw = { .topic = topic, .partition = round % 12, .headers = headers, .header_count = (size_t)rand() % 8,
			   .value = round % 7 == 0 ? NULL : value, .key = key };
	/* A compacted topic takes nothing without a key. */
	bool keyless = round % 5 == 0 && strcmp(topic, "aftercare.directory") != 0 && strcmp(topic, "aftercare.ticket-state") != 0;

	for (size_t i = 0; i < raw.header_count; i++) {
		fill(bytes[i], sizeof(bytes[i]), rand());
		headers[i] = (struct desk_header){ names[(size_t)rand() % 13], bytes[i], (size_t)rand() % sizeof(bytes[i]) };
	}
	fill(value, sizeof(value), rand());
	fill(key, sizeof(key), rand());
	raw.value_size = raw.value ? (size_t)rand() % sizeof(value) : 0;
	raw.key_size = (size_t)rand() % sizeof(key);
	if (keyless) {
		raw.key = NULL;
		raw.key_size = 0;
	}
	return desk_send_raw(desk, &raw);
}

/* With an envelope that looks like ours: what a careless or hostile producer on the log could write. */
static const struct sent *send_forgery(struct desk *desk, const char *topic, const char *ticket, int round)
{
	static const char *const types[] = { "aftercare.ticket.closed.v1", "aftercare.ticket.assigned.v1", "aftercare.sla.breached.v1",
					     "aftercare.staff.replied.v1", "aftercare.survey.scored.v1", "aftercare.ticket.registered.v1" };
	static const char *const values[] = { "{}", "[]", "{\"ticket\": 7, \"revision\": \"x\"}", "{\"state\": \"closed\"", "\"text\"",
					      "{\"ticket\": \"AC-0\", \"revision\": -1, \"at\": \"never\", \"policy\": 3}" };
	const char *type = types[round % 6], *value = values[(round / 6) % 6], *id = desk_unique(desk, "forged");
	struct desk_header headers[] = {
		{ "ce_specversion", "1.0", 3 }, { "ce_id", id, strlen(id) }, { "ce_source", "forger", 6 }, { "ce_type", type, strlen(type) },
		{ "ce_time", "2026-01-05T16:20:00Z", 20 }, { "ce_subject", ticket, strlen(ticket) },
	};
	struct raw raw = { .topic = topic, .partition = round % 12, .headers = headers, .header_count = 6, .value = value,
			   .value_size = strlen(value), .key = ticket, .key_size = strlen(ticket) };

	return desk_send_raw(desk, &raw);
}

/* With a whole envelope, of a writer that nobody knows: only the body tells that it is nonsense. Whether it is refused or
 * passed over is the daemons' to say; they must not stop for it, and our tickets must not change. */
static void send_good_forgery(struct desk *desk, const char *topic, int round)
{
	static const char *const names[] = { "ticket.registered", "ticket.assigned", "ticket.closed", "ticket.classified", "ticket.resolved",
					     "ticket.confirmed", "ticket.reopened", "sla.started", "sla.breached", "survey.due",
					     "survey.scored", "notify.requested", "staff.replied", "staff.assigned", "customer.confirmed",
					     "staff.upserted", "policy.approved", "message.failed", "survey.answered", "task.done" };
	static const char *const bodies[] = {
		"{}", "null", "[]", "7", "{\"ticket\":7,\"revision\":\"x\",\"state\":\"nowhere\"}",
		"{\"ticket\":\"AC-FAKE\",\"revision\":1,\"kind\":\"fault\",\"state\":\"received\",\"at\":\"2026-01-05T16:20:00Z\","
		"\"decided_at\":\"2026-01-05T16:20:00Z\",\"received_at\":\"2026-01-05T16:20:00Z\",\"channel\":\"phone\",\"customer\":{},"
		"\"policy\":{\"id\":\"no-such-policy\",\"version\":99},\"policies\":[{\"id\":\"no-such-policy\",\"version\":99}],"
		"\"lifecycle\":77,\"missing\":[]}",
		"{\"ticket\":\"AC-FAKE\",\"revision\":2147483648,\"state\":\"closed\",\"to\":[1],\"policies\":{\"a\":1},\"due_at\":\"9999-99-99\"}",
		"{\"ticket\":\"AC-FAKE\",\"clock\":\"response\",\"clock_id\":\"x\",\"due_at\":\"0001-01-01T00:00:00Z\",\"survey\":{},\"answers\":[[]]}",
	};
	const char *name = names[round % 20], *body = bodies[(round / 20) % 8], *id = desk_unique(desk, "forged");
	const char *type = desk_text(desk, "aftercare.%s.v1", name), *lane = desk_text(desk, "%d", round % 12);
	const char *sequence = desk_text(desk, "%d", round + 1);
	struct desk_header headers[] = {
		{ "ce_specversion", "1.0", 3 }, { "ce_id", id, strlen(id) }, { "ce_source", "aftercare/forger", 16 },
		{ "ce_type", type, strlen(type) }, { "ce_time", "2026-01-05T16:20:00Z", 20 }, { "ce_subject", "AC-FAKE", 7 },
		{ "ce_writer", "forger/aftercare.tickets/0", 26 }, { "ce_lane", lane, strlen(lane) }, { "ce_incarnation", "1", 1 },
		{ "ce_sourceseq", sequence, strlen(sequence) }, { "ce_revision", "1", 1 }, { "ce_causeid", "x", 1 },
		{ "ce_causesource", "y", 1 }, { "ce_origin", "aftercare.staff/0/0", 19 }, { "ce_arrived", "2026-01-05T16:20:00Z", 20 },
	};
	struct raw raw = { .topic = topic, .partition = round % 12, .headers = headers, .header_count = round % 3 ? 15 : 13, .value = body,
			   .value_size = strlen(body), .key = "AC-FAKE", .key_size = 7 };

	desk_send_raw(desk, &raw);
}

/* Topics that a daemon reads come first: what stands there is answered by a dead letter each. */
static const char *const topics[] = { "aftercare.inbound", "aftercare.staff", "aftercare.directory", "aftercare.tickets",
				      "aftercare.desk", "aftercare.messages", "aftercare.ticket-state", "aftercare.metrics" };
#define READ 5
#define ROUNDS 120

static void scenario_any_bytes_on_any_topic_disturb_nothing(void **state)
{
	static const struct sent *garbage[READ * ROUNDS], *forged[READ * ROUNDS];
	struct desk *desk = *state;
	json_t *before, *after, *one;
	const char *ticket;
	size_t i;

	scene_needs_stack(desk);
	ticket = scene_assigned(desk, 0, NULL);
	before = stack_status(desk_stack(desk));
	srand(getenv("AFTERCARE_TEST_SEED") ? (unsigned)atoi(getenv("AFTERCARE_TEST_SEED")) : 7);
	for (int round = 0; round < ROUNDS; round++)
		for (size_t t = 0; t < sizeof(topics) / sizeof(*topics); t++) {
			const struct sent *bytes = send_garbage(desk, topics[t], round);
			const struct sent *forgery = send_forgery(desk, topics[t], ticket, round);

			if (t < READ) {
				garbage[t * ROUNDS + (size_t)round] = bytes;
				forged[t * ROUNDS + (size_t)round] = forgery;
			}
		}
	for (int round = 0; round < 480; round++) {
		send_good_forgery(desk, "aftercare.tickets", round);
		send_good_forgery(desk, "aftercare.desk", round);
	}
	desk_settle(desk);
	for (i = 0; i < READ * ROUNDS; i++) {
		if (!desk_dead(desk, garbage[i]))
			desk_fail(desk, NULL, "no dead letter of garbage at %s/%d/%lld", garbage[i]->topic, garbage[i]->partition,
				  (long long)garbage[i]->offset);
		if (!desk_dead(desk, forged[i]))
			desk_fail(desk, NULL, "no dead letter of a forgery at %s/%d/%lld", forged[i]->topic, forged[i]->partition,
				  (long long)forged[i]->offset);
	}
	scene_finish(desk, ticket);
	scene_finish(desk, scene_assigned(desk, 0, NULL));
	after = stack_status(desk_stack(desk));
	json_array_foreach(before, i, one) {
		const char *name = json_string_value(json_object_get(one, "name"));
		json_t *now = stack_service(after, name);

		if (!json_equal(json_object_get(one, "pid"), json_object_get(now, "pid")) ||
		    !json_equal(json_object_get(one, "restarts"), json_object_get(now, "restarts")) ||
		    strcmp(json_string_value(json_object_get(now, "state")), "ready") != 0)
			desk_fail(desk, NULL, "%s is not the process it was", name);
	}
	json_decref(before);
	json_decref(after);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scenario_any_bytes_on_any_topic_disturb_nothing),
	};

	return cmocka_run_group_tests_name("test_garbage", tests, scene_open_own, scene_close);
}
