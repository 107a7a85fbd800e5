/* Between the transport and the worker: results of e-mail become events of the lane they belong to.
 *
 * Called by the loop outside any transaction. A result that its lane cannot take now (the lane is being taken again) waits
 * as long as its attempt is believed in; after that the letter is sent again by its timer, under the same id. */
#include <time.h>

#include "common/io/metrics.h"
#include "services/notification/notification.h"

int64_t notification_lease(const struct notification_conf *conf)
{
	return conf->smtp_timeout + 10 * SECOND;
}

static int64_t monotonic(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * SECOND + now.tv_nsec / 1000;
}

static void count(struct notification *state, enum notification_outcome outcome)
{
	state->delivered += outcome == OUTCOME_DELIVERED;
	state->postponed += outcome == OUTCOME_TEMPORARY;
	state->undeliverable += outcome == OUTCOME_PERMANENT;
}

static void results_post(struct notification *state, struct worker *worker)
{
	struct arena arena = { 0 };

	for (size_t left = notification_mail_count(state->mail); left > 0; left--) {
		const struct notification_result *result = notification_mail_result(state->mail);

		if (!result)
			break;
		if (worker_post(worker, TOPIC_TICKETS, result->lane, "delivery", notification_result_text(result, &arena))) {
			count(state, result->outcome);
			notification_mail_result_done(state->mail);
		} else if (monotonic() - result->finished > notification_lease(state->conf)) {
			notification_mail_result_done(state->mail);
		} else {
			notification_mail_result_later(state->mail);
		}
	}
	arena_done(&arena);
}

void notification_turn(void *userdata, struct worker *worker, instant now)
{
	struct notification *state = userdata;

	(void)now;
	if (!state->mail)
		return;
	notification_mail_turn(state->mail);
	if (notification_mail_result(state->mail)) {
		results_post(state, worker);
		/* What has been posted waits for the next round. */
		worker_wake_in(worker, notification_mail_result(state->mail) ? 200 * MILLISECOND : 0);
	}
	worker_wait_fd(worker, notification_mail_fd(state->mail));
}

void notification_owned(void *userdata, const char *topic, int32_t partition, bool owned)
{
	struct notification *state = userdata;

	if (state->mail && !owned && str_is(str_of(topic), TOPIC_TICKETS))
		notification_mail_drop(state->mail, partition);
}

void notification_metrics(void *userdata, struct buf *out)
{
	const struct notification *state = userdata;
	const char *name = "aftercare_notification_mail_attempts_total", *help = "Attempts to deliver e-mail, by result.";

	if (!state->mail)
		return;
	metrics_line(out, name, "counter", help, "result", "delivered", (double)state->delivered);
	metrics_line(out, name, "counter", help, "result", "temporary", (double)state->postponed);
	metrics_line(out, name, "counter", help, "result", "permanent", (double)state->undeliverable);
	metrics_line(out, "aftercare_notification_mail_letters", "gauge", "E-mails waiting or with the server.", NULL, NULL,
		     (double)notification_mail_count(state->mail));
}
