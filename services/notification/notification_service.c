/* aftercare-notification: who is told what, by which channel, and whether it arrived.
 *
 * Reads the logs of tickets and of the desk; writes notify.* facts to aftercare.messages. This file is the table of the service: its keys, its
 * topics, and what does the work. It must never decide anything. */
#include "services/notification/notification.h"

static const struct conf_key keys[] = {
	{ "locale", CONF_STRING, "zh-CN", 0, 0, offsetof(struct notification_conf, locale),
	  "Language of messages to those whose own is not known; one of deploy/templates." },
	{ "smtp_url", CONF_STRING, "", 0, 0, offsetof(struct notification_conf, smtp_url),
	  "Server that takes e-mail, smtp://HOST:PORT or smtps://HOST:PORT; empty: e-mail counts as delivered at once." },
	{ "smtp_from", CONF_STRING, "", 0, 0, offsetof(struct notification_conf, smtp_from),
	  "Address that e-mail comes from; required with smtp_url." },
	{ "smtp_user", CONF_STRING, "", 0, 0, offsetof(struct notification_conf, smtp_user), "User at that server; empty: none." },
	{ "smtp_password", CONF_SECRET, "", 0, 0, offsetof(struct notification_conf, smtp_password),
	  "The user's password: credential:NAME or file:PATH." },
	{ "smtp_tls", CONF_STRING, "", 0, 0, offsetof(struct notification_conf, smtp_tls),
	  "STARTTLS with smtp://: none, try or require; empty: require with smtp_user, else try. With smtp_user only require." },
	{ "smtp_ca", CONF_STRING, "", 0, 0, offsetof(struct notification_conf, smtp_ca),
	  "File of certificates (PEM) that the server's must lead to; empty: those of the system." },
	{ "smtp_timeout", CONF_DURATION, "30s", SECOND, 10 * MINUTE, offsetof(struct notification_conf, smtp_timeout),
	  "Longest time of one attempt." },
	{ "smtp_parallel", CONF_INT, "4", 1, 64, offsetof(struct notification_conf, smtp_parallel), "Attempts under way at one time." },
	{ "webhooks", CONF_STRING, "", 0, 0, offsetof(struct notification_conf, webhooks),
	  "Channels whose messages are posted to a URL, CHANNEL=https://HOST/PATH, separated by blanks." },
	{ "webhook_secret", CONF_SECRET, "", 0, 0, offsetof(struct notification_conf, webhook_secret),
	  "Key of their signature, at least 16 bytes: credential:NAME or file:PATH; required with webhooks." },
	{ "webhook_ca", CONF_STRING, "", 0, 0, offsetof(struct notification_conf, webhook_ca),
	  "File of certificates (PEM) that theirs must lead to; empty: those of the system." },
	{ "webhook_timeout", CONF_DURATION, "10s", SECOND, 10 * MINUTE, offsetof(struct notification_conf, webhook_timeout),
	  "Longest time of one attempt by webhook." },
	{ "webhook_parallel", CONF_INT, "2", 1, 16, offsetof(struct notification_conf, webhook_parallel),
	  "Attempts under way at one time, of each webhook." },
	{ "attempts", CONF_INT, "10", 1, 1000, offsetof(struct notification_conf, attempts),
	  "Attempts to deliver one message; then it has failed and a task is opened." },
	{ "retry_after", CONF_DURATION, "30s", 10 * MILLISECOND, DAY, offsetof(struct notification_conf, retry_after),
	  "Pause after the first attempt that failed; doubled after each further one." },
	{ "retry_most", CONF_DURATION, "1h", 10 * MILLISECOND, DAY, offsetof(struct notification_conf, retry_most),
	  "Longest pause between attempts." },
	{ "gateways", CONF_STRING, "", 0, 0, offsetof(struct notification_conf, gateways),
	  "Channels whose messages a gateway takes from aftercare.messages and reports about, separated by blanks." },
	{ "gateway_timeout", CONF_DURATION, "1d", SECOND, 30 * DAY, offsetof(struct notification_conf, gateway_timeout),
	  "How long a gateway may take to report; then the message has failed." },
	{ "mailboxes", CONF_STRING, "", 0, 0, offsetof(struct notification_conf, mailboxes),
	  "E-mail addresses of roles, manager=m@example.com csr=c@example.com; the others are told in the log only." },
	{ 0 }
};

static void service_close(void *userdata)
{
	struct notification *state = userdata;

	if (!state)
		return;
	notification_carrier_free(state->carrier);
	notification_catalogue_free(state->catalogue);
	knowledge_free(state->knowledge);
	buf_done(&state->body);
	mem_free(state);
}

static enum verdict service_open(struct worker *worker, const void *conf, void **ret_state, struct fault *fault)
{
	struct notification *state = mem_zero(sizeof(*state));
	enum verdict verdict;
	struct str locale;

	(void)worker;
	state->conf = conf;
	locale = str_of(state->conf->locale);
	state->knowledge = knowledge_new();
	verdict = notification_catalogue_load(embed_files, embed_count, &state->catalogue, fault);
	if (verdict == OK && !str_eq(notification_locale(state->catalogue, locale, STR_NONE), locale))
		verdict = fault_set(fault, FATAL, "locale = %s: there are no templates for it", state->conf->locale);
	if (verdict == OK && (state->conf->smtp_url || state->conf->webhooks))
		verdict = notification_carrier_new(state->conf, &state->carrier, fault);
	if (verdict == OK)
		*ret_state = state;
	else
		service_close(state);
	return verdict;
}

static const struct service_topic topics[] = {
	{ .name = TOPIC_TICKETS, .kind = TOPIC_LOG, .wants = notification_wants },
	{ .name = TOPIC_DESK, .kind = TOPIC_LOG, .wants = notification_wants_desk },
	{ 0 }
};
static const char *const sql[] = { "services/notification/notification.sql", NULL };
const struct service notification_service = {
	.name = "notification",
	.summary = "tells customers and staff what happens, and keeps account of whether it arrived",
	.topics = topics,
	.fetch_wait = 50 * MILLISECOND,
	.sql = sql,
	.keys = keys,
	.conf_size = sizeof(struct notification_conf),
	.open = service_open,
	.close = service_close,
	.handle = notification_handle,
	.owned = notification_owned,
	.turn = notification_turn,
	.watch = "notification_watch",
	.metrics = notification_metrics,
};
