/* `load lifecycle`: tickets from request to answered survey through all daemons, a number of them under way at once.
 * Each fact of the log calls for the next claim, as staff and customer would. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/bench/load.h"

struct progress {
	uint64_t sent, closed, scored;
	uint64_t claims;
};

static void claim(struct load *load, struct progress *progress, const char *topic, const struct fact *fact, const char *type,
		  const char *members)
{
	char data[1024], id[96], key[64];
	int length = snprintf(data, sizeof(data), "{\"ticket\":\"%.*s\",%s}", STR_ARG(fact->ticket), members);
	snprintf(id, sizeof(id), "%s-%.*s-%s", load->run, STR_ARG(fact->ticket), type);
	bool inbound = strcmp(topic, "aftercare.inbound") == 0;
	snprintf(key, sizeof(key), "%.*s", STR_ARG(inbound ? fact->cause_id : fact->ticket));
	load_claim(load, topic, key, id, type, load_wall(), data, (size_t)length);
	progress->claims++;
}

/* What somebody does when he reads this fact. */
static void answer(struct load *load, struct progress *progress, const struct fact *fact)
{
	static const char *const engineer = "\"by\":{\"id\":\"B001\",\"role\":\"engineer\"}";
	static const char *const csr = "\"by\":{\"id\":\"B900\",\"role\":\"csr\"}";
	char text[512];
	if (str_is(fact->name, "ticket.assigned")) {
		snprintf(text, sizeof(text), "%s,\"text\":\"已收到\",\"channel\":\"wechat\",\"automatic\":false", engineer);
		claim(load, progress, "aftercare.staff", fact, "staff.replied", text);
		snprintf(text, sizeof(text), "%s,\"channel\":\"phone\",\"outcome\":\"reached\"", engineer);
		claim(load, progress, "aftercare.staff", fact, "staff.contacted", text);
		snprintf(text, sizeof(text), "%s,\"content\":\"更换电源模块\"", engineer);
		claim(load, progress, "aftercare.staff", fact, "staff.worked", text);
		snprintf(text, sizeof(text), "%s,\"solution\":\"更换电源模块后恢复\"", engineer);
		claim(load, progress, "aftercare.staff", fact, "staff.resolved", text);
	} else if (str_is(fact->name, "ticket.resolved")) {
		claim(load, progress, "aftercare.inbound", fact, "customer.confirmed",
		      "\"satisfied\":true,\"signature\":{\"signer\":\"王建国\",\"time\":\"2026-11-23T10:00:00+08:00\",\"reference\":\"S1\"}");
	} else if (str_is(fact->name, "ticket.confirmed")) {
		claim(load, progress, "aftercare.staff", fact, "staff.close_requested", csr);
	} else if (str_is(fact->name, "ticket.closed")) {
		progress->closed++;
	} else if (str_is(fact->name, "survey.sent")) {
		snprintf(text, sizeof(text), "\"survey\":\"%.*s.s1\",\"score\":95", STR_ARG(fact->ticket));
		claim(load, progress, "aftercare.inbound", fact, "survey.answered", text);
	} else if (str_is(fact->name, "survey.scored")) {
		progress->scored++;
	}
}

int load_lifecycle(struct load *load, uint64_t tickets, uint64_t in_flight)
{
	struct progress progress = { 0 };
	rd_kafka_t *reader = load_reader(load);
	char text[1024], id[64];
	int64_t began = load_monotonic(), last = began;
	while (progress.scored < tickets && load_monotonic() - last < 20 * SECOND) {
		for (; progress.sent < tickets && progress.sent < progress.scored + in_flight; progress.sent++) {
			size_t length = load_request(text, sizeof(text), progress.sent);
			snprintf(id, sizeof(id), "%s-%llu", load->run, (unsigned long long)progress.sent);
			load_claim(load, "aftercare.inbound", id, id, "request.submitted", load_wall(), text, length);
		}
		rd_kafka_poll(load->producer, 0);
		rd_kafka_message_t *message = rd_kafka_consumer_poll(reader, 1);
		struct fact fact;
		if (message && load_fact(message, &fact) && fact.cause_id.n > strlen(load->run) &&
		    memcmp(fact.cause_id.p, load->run, strlen(load->run)) == 0) {
			answer(load, &progress, &fact);
			last = load_monotonic();
		}
		if (message)
			rd_kafka_message_destroy(message);
	}
	double seconds = (double)(last - began) / (double)SECOND;
	printf("lifecycle_tickets=%llu\nlifecycle_closed=%llu\nlifecycle_scored=%llu\nlifecycle_claims=%llu\n"
	       "lifecycle_seconds=%.2f\nlifecycle_rate=%.0f\n",
	       (unsigned long long)progress.sent, (unsigned long long)progress.closed, (unsigned long long)progress.scored,
	       (unsigned long long)progress.claims, seconds, (double)progress.scored / seconds);
	rd_kafka_consumer_close(reader);
	rd_kafka_destroy(reader);
	return progress.scored == tickets ? 0 : 1;
}
