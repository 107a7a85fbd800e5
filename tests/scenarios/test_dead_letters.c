/* Section 5 of the contract: every reason that an input can have, with its bytes, key and headers unchanged.
 *
 * `forbidden`, `ticket_closed`, `illegal_transition`, `gate_unmet` and `policy_missing` stand in the scenarios of R19.
 * `poison` needs a daemon that crashes on an input; none is known that does. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/scene.h"

/* The dead letter is what was sent, and says who refused it and where from. */
static const struct record *check_letter(struct desk *desk, const struct sent *sent, const struct raw *raw, const char *reason,
					 const char *detail)
{
	static const char *const added[] = { "dl_reason", "dl_detail", "dl_service", "dl_topic", "dl_partition", "dl_offset", "dl_time" };
	const struct record *dead = desk_expect_dead(desk, sent, reason);
	instant at;

	if (dead->value_size != raw->value_size || (raw->value && memcmp(dead->value, raw->value, raw->value_size) != 0) ||
	    !dead->value != !raw->value)
		desk_fail(desk, NULL, "%s: the value is not what was sent", reason);
	if (dead->key_size != raw->key_size || (raw->key && memcmp(dead->key, raw->key, raw->key_size) != 0) || !dead->key != !raw->key)
		desk_fail(desk, NULL, "%s: the key is not what was sent", reason);
	if (dead->header_count != raw->header_count + 7)
		desk_fail(desk, NULL, "%s: %zu headers of %zu", reason, dead->header_count, raw->header_count);
	for (size_t i = 0; i < raw->header_count; i++) {
		const struct desk_header *sent_header = &raw->headers[i], *header = &dead->headers[i];

		if (strcmp(sent_header->name, header->name) != 0 || sent_header->size != header->size ||
		    (sent_header->value && memcmp(sent_header->value, header->value, header->size) != 0))
			desk_fail(desk, NULL, "%s: header %s is not what was sent", reason, sent_header->name);
	}
	for (size_t i = 0; i < 7; i++)
		assert_non_null(record_header(dead, added[i]));
	assert_true(instant_parse(str_of(record_header(dead, "dl_time")), &at) && at <= desk_now());
	assert_string_equal(record_header(dead, "dl_service"), "intake");
	if (detail && !strstr(record_header(dead, "dl_detail"), detail))
		desk_fail(desk, NULL, "%s: the detail does not say \"%s\": %s", reason, detail, record_header(dead, "dl_detail"));
	return dead;
}

/* A request whose parts can be spoilt one by one; NULL leaves the part as it is, "-" takes the header away. */
struct spoilt {
	const char *reason, *detail;
	const char *type, *time, *id, *source, *specversion, *data, *topic;
};

#define REQUEST "{\"channel\": \"phone\", \"customer\": {\"name\": \"Ana\"}}"
#define T250 "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" \
	     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

static const struct spoilt spoilt[] = {
	{ .reason = "not_an_event", .type = "-", .time = "-", .id = "-", .source = "-", .specversion = "-" },
	{ .reason = "json_invalid", .data = "{\"channel\": \"phone\"" },
	{ .reason = "json_invalid", .data = "not json at all" },
	{ .reason = "json_invalid", .data = "{\"channel\": \"phone\", \"channel\": \"email\", \"customer\": {}}" },
	{ .reason = "json_invalid", .data = "{\"channel\": \"ph\\u0000ne\", \"customer\": {}}" },
	{ .reason = "json_invalid", .data = "{\"channel\": \"\\ud800\", \"customer\": {}}" },
	{ .reason = "json_invalid", .data = "{\"channel\": \"\xff\xfe\", \"customer\": {}}" },
	{ .reason = "json_invalid", .data = REQUEST " behind" },
	{ .reason = "schema_invalid", .detail = "/channel", .data = "{\"customer\": {\"name\": \"Ana\"}}" },
	{ .reason = "schema_invalid", .detail = "/channel", .data = "{\"channel\": 7, \"customer\": {}}" },
	{ .reason = "schema_invalid", .detail = "/customer/name", .data = "{\"channel\": \"phone\", \"customer\": {\"name\": \"" T250 "\"}}" },
	{ .reason = "schema_invalid", .data = "[1, 2, 3]" },
	{ .reason = "schema_invalid", .data = "{\"channel\": \"phone\", \"customer\": {}, \"deep\": [[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]}" },
	{ .reason = "schema_invalid", .detail = "/time", .time = "-" },
	{ .reason = "schema_invalid", .detail = "/time", .time = "2026-01-05 16:20:00" },
	{ .reason = "schema_invalid", .detail = "/time", .time = "yesterday" },
	{ .reason = "time_in_future", .time = "2199-01-05T16:20:00Z" },
	{ .reason = "type_unknown", .type = "aftercare.request.imagined.v1" },
	{ .reason = "type_unknown", .type = "aftercare.request.submitted.v9" },
	{ .reason = "type_unknown", .type = "com.example.something" },
	{ .reason = "type_unknown", .detail = "aftercare.inbound", .topic = "aftercare.staff" },
	{ .reason = "type_unknown", .detail = "aftercare.staff", .type = "aftercare.staff.replied.v1" },
	{ .reason = "type_unknown", .detail = "fact", .type = "aftercare.ticket.closed.v1" },
	{ .reason = "channel_unknown", .data = "{\"channel\": \"telepathy\", \"customer\": {\"name\": \"Ana\"}}" },
	{ .reason = "ticket_unknown", .type = "aftercare.customer.messaged.v1", .data = "{\"ticket\": \"AC-0000\", \"text\": \"hello\"}" },
	{ .reason = "ticket_unknown", .type = "aftercare.customer.messaged.v1", .data = "{\"text\": \"hello\"}" },
	{ .reason = "ticket_unknown", .type = "aftercare.customer.messaged.v1", .data = "{\"ticket\": \"../../etc\", \"text\": \"hello\"}" },
};

static const char *part(const char *given, const char *whole)
{
	return !given ? whole : strcmp(given, "-") == 0 ? NULL : given;
}

static void scenario_every_reason_with_bytes_key_and_headers_unchanged(void **state)
{
	enum { COUNT = sizeof(spoilt) / sizeof(*spoilt) };
	struct desk *desk = *state;
	static struct raw raws[COUNT];
	static struct desk_header headers[COUNT][8];
	const struct sent *sent[COUNT];
	char now[INSTANT_TEXT];

	(void)instant_format(desk_now(), now);
	for (size_t i = 0; i < COUNT; i++) {
		const struct spoilt *s = &spoilt[i];
		const struct { const char *name, *value; } given[] = {
			{ "ce_specversion", part(s->specversion, "1.0") }, { "ce_id", part(s->id, desk_unique(desk, "dl")) },
			{ "ce_source", part(s->source, "test") }, { "ce_type", part(s->type, "aftercare.request.submitted.v1") },
			{ "ce_time", part(s->time, now) }, { "x-anything", "\x01\xff binary" }, { "content-type", "application/json" },
		};
		size_t n = 0;

		for (size_t j = 0; j < 7; j++)
			if (given[j].value)
				headers[i][n++] = (struct desk_header){ given[j].name, given[j].value, strlen(given[j].value) };
		raws[i] = (struct raw){ .topic = s->topic ? s->topic : "aftercare.inbound", .partition = -1, .headers = headers[i],
					.header_count = n, .value = part(s->data, REQUEST), .key = "k\0y" };
		raws[i].value_size = strlen(raws[i].value);
		raws[i].key_size = 3;
		sent[i] = desk_send_raw(desk, &raws[i]);
	}
	for (size_t i = 0; i < COUNT; i++)
		check_letter(desk, sent[i], &raws[i], spoilt[i].reason, spoilt[i].detail);
}

static const struct sent *send_big(struct desk *desk, struct raw *ret_raw, size_t size)
{
	static struct desk_header headers[5];
	char *value = malloc(size + 1), now[INSTANT_TEXT];
	size_t n;

	memset(value, ' ', size);
	n = strlen(REQUEST);
	memcpy(value, REQUEST, n);
	value[size] = '\0';
	(void)instant_format(desk_now(), now);
	headers[0] = (struct desk_header){ "ce_specversion", "1.0", 3 };
	headers[1] = (struct desk_header){ "ce_id", desk_unique(desk, "big"), 0 };
	headers[1].size = strlen(headers[1].value);
	headers[2] = (struct desk_header){ "ce_source", "test", 4 };
	headers[3] = (struct desk_header){ "ce_type", "aftercare.request.submitted.v1", 30 };
	headers[4] = (struct desk_header){ "ce_time", desk_text(desk, "%s", now), strlen(now) };
	*ret_raw = (struct raw){ .topic = "aftercare.inbound", .partition = -1, .value = desk_text(desk, "%s", value), .value_size = size,
				 .headers = headers, .header_count = 5 };
	free(value);
	return desk_send_raw(desk, ret_raw);
}

static void scenario_a_value_of_262144_bytes_is_taken_and_one_more_is_too_large(void **state)
{
	struct desk *desk = *state;
	struct raw raw;
	const struct sent *sent = send_big(desk, &raw, 262144);

	desk_flush(desk);
	/* Its ticket has the id as cause. */
	struct sent named = *sent;
	snprintf(named.id, sizeof(named.id), "%s", (const char *)raw.headers[1].value);
	snprintf(named.source, sizeof(named.source), "test");
	desk_expect_ticket(desk, &named);
	sent = send_big(desk, &raw, 262145);
	check_letter(desk, sent, &raw, "too_large", NULL);
}

static void scenario_refusals_of_routing_name_the_origin(void **state)
{
	struct desk *desk = *state;
	const char *ticket = scene_assigned(desk, 0, NULL);
	const struct sent *sent = scene_send(desk, ticket, "staff.assigned", scene_cast(desk)->engineer, 0, "{'to': 'E1'}");
	const struct record *dead = desk_expect_dead(desk, sent, "forbidden");

	assert_string_equal(record_header(dead, "dl_service"), "routing");
	assert_string_equal(record_header(dead, "ce_id"), sent->id);
	assert_string_equal(record_header(dead, "ce_type"), "aftercare.staff.assigned.v1");
	assert_string_equal(dead->key, ticket);
	scene_text_is(desk, dead, "to", "E1");
}

static void scenario_details_hold_no_personal_data(void **state)
{
	struct desk *desk = *state;
	struct claim claim = { .name = "request.submitted",
			       .data = "{'channel': 'Zacharias', 'customer': {'name': 'Zacharias', 'phone': 12345678}}" };
	const struct record *dead = desk_expect_dead(desk, desk_send(desk, &claim), "schema_invalid");

	assert_null(strstr(record_header(dead, "dl_detail"), "12345678"));
	assert_null(strstr(record_header(dead, "dl_detail"), "Zacharias"));
	claim.data = "{'channel': 'Jan Zacharias 12345678', 'customer': {'name': 'x'}}";
	dead = desk_expect_dead(desk, desk_send(desk, &claim), "channel_unknown");
	assert_null(strstr(record_header(dead, "dl_detail"), "Zacharias"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENARIO(scenario_every_reason_with_bytes_key_and_headers_unchanged),
		SCENARIO(scenario_a_value_of_262144_bytes_is_taken_and_one_more_is_too_large),
		SCENARIO(scenario_refusals_of_routing_name_the_origin),
		SCENARIO(scenario_details_hold_no_personal_data),
	};

	return cmocka_run_group_tests_name("test_dead_letters", tests, scene_open, scene_close);
}
