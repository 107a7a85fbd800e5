/* Between the transport and the worker: results of attempts become events of the lane they belong to.
 *
 * Called by the loop outside any transaction. A result that its lane cannot take now (the lane is being taken again) waits
 * as long as its attempt is believed in; after that the letter is sent again by its timer, under the same id. */
#include "common/io/journal.h"
#include "common/io/metrics.h"
#include "services/notification/notification.h"

int64_t notification_lease(const struct notification_conf *conf, enum notification_via via)
{
	return (via == VIA_WEBHOOK ? conf->webhook_timeout : conf->smtp_timeout) + 10 * SECOND;
}

static void count(struct notification *state, const struct notification_result *result)
{
	enum notification_via via = notification_carrier_via(state->carrier, result->line);

	state->results[via][result->outcome]++;
}

/* One line when a destination begins to fail and one when it is back: a certificate that is not trusted shall be read of before
 * the last attempt has failed. */
static void trouble(struct notification *state, const struct notification_result *result)
{
	bool troubled = result->outcome == OUTCOME_TEMPORARY;
	struct str name;

	if (!notification_carrier_trouble(state->carrier, result->line, troubled, &name))
		return;
	if (troubled)
		journal_warning("%.*s: %s; trying again with growing pauses, no more lines until it is back", STR_ARG(name),
				result->reason);
	else
		journal_notice("%.*s: back", STR_ARG(name));
}

static void results_post(struct notification *state, struct worker *worker)
{
	struct arena arena = { 0 };

	for (size_t left = notification_carrier_count(state->carrier); left > 0; left--) {
		const struct notification_result *result = notification_carrier_result(state->carrier);

		if (!result)
			break;
		const char *topic = result->desk ? TOPIC_DESK : TOPIC_TICKETS;

		if (worker_post(worker, topic, result->lane, "delivery", notification_result_text(result, &arena))) {
			count(state, result);
			trouble(state, result);
			notification_carrier_result_done(state->carrier);
		} else if (notification_monotonic() - result->finished > notification_lease(state->conf, VIA_MAIL)) {
			notification_carrier_result_done(state->carrier);
		} else {
			notification_carrier_result_later(state->carrier);
		}
	}
	arena_done(&arena);
}

void notification_turn(void *userdata, struct worker *worker, instant now)
{
	struct notification *state = userdata;

	(void)now;
	if (!state->carrier)
		return;
	notification_carrier_turn(state->carrier);
	if (notification_carrier_result(state->carrier)) {
		results_post(state, worker);
		/* What has been posted waits for the next round. */
		worker_wake_in(worker, notification_carrier_result(state->carrier) ? 200 * MILLISECOND : 0);
	}
	worker_wait_fd(worker, notification_carrier_fd(state->carrier));
}

void notification_owned(void *userdata, const char *topic, int32_t partition, bool owned)
{
	struct notification *state = userdata;

	if (state->carrier && !owned)
		notification_carrier_drop(state->carrier, partition, str_is(str_of(topic), TOPIC_DESK));
}

void notification_metrics(void *userdata, struct buf *out)
{
	static const struct {
		enum notification_via via;
		const char *name, *help;
	} rows[] = {
		{ VIA_MAIL, "aftercare_notification_mail_attempts_total", "Attempts to deliver e-mail, by result." },
		{ VIA_WEBHOOK, "aftercare_notification_webhook_attempts_total", "Attempts to deliver by webhook, by result." },
	};
	static const char *const results[] = {
		[OUTCOME_DELIVERED] = "delivered", [OUTCOME_TEMPORARY] = "temporary", [OUTCOME_PERMANENT] = "permanent",
	};
	const struct notification *state = userdata;

	if (!state->carrier)
		return;
	for (size_t i = 0; i < array_count(rows); i++)
		for (size_t r = 0; r < array_count(results); r++)
			metrics_line(out, rows[i].name, "counter", rows[i].help, "result", results[r],
				     (double)state->results[rows[i].via][r]);
	metrics_line(out, "aftercare_notification_carried", "gauge", "Messages waiting to be carried or under way.", NULL, NULL,
		     (double)notification_carrier_count(state->carrier));
}
