/* One attempt to hand a message to a gateway by HTTP POST, signed, by libcurl. Blocks: called by the threads of
 * notification_carrier.c only.
 *
 * The status alone decides; what else the gateway says is read up to a bound and forgotten. Redirects are not followed: whoever
 * can send one could send messages of customers to anywhere. */
#include <curl/curl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "services/notification/notification.h"

#define ANSWER_MAX 65536        /* bytes of an answer that are read, headers and body each */
#define SECRET_LEAST 16         /* bytes */
#define IDLE_MOST 2L            /* seconds that a connection may lie idle and be used again: less than gateways let it */

struct notification_webhook {
	const struct notification_conf *conf;
	const char *url;
	CURL *easy;                 /* keeps its connection from message to message; NULL: libcurl has none to give */
	char trouble[CURL_ERROR_SIZE];
	int requests;               /* of this attempt: libcurl sends again by itself when a connection was gone that it used before */
	bool (*stop)(void *userdata);
	void *userdata;
};

/* ---- settings ---- */

static enum verdict hook_add(struct notification_hooks *hooks, struct str channel, struct str url,
			     const struct notification_conf *conf, struct fault *fault)
{
	bool secure = str_starts(url, STR("https://")), plain = str_starts(url, STR("http://"));

	if (channel.n == 0 || (!secure && !plain) || url.n == (secure ? 8u : 7u))
		return fault_set(fault, FATAL, "webhooks: each is CHANNEL=https://HOST/PATH (or http://)");
	if (str_is(channel, "log") || str_is(channel, "origin") || (str_is(channel, "email") && conf->smtp_url))
		return fault_set(fault, FATAL, "webhooks: %.*s is carried otherwise", STR_ARG(channel));
	if (notification_listed(conf->gateways, channel))
		return fault_set(fault, FATAL, "webhooks: %.*s stands in gateways too", STR_ARG(channel));
	for (size_t i = 0; i < hooks->count; i++)
		if (str_eq(hooks->items[i].channel, channel))
			return fault_set(fault, FATAL, "webhooks: %.*s stands there twice", STR_ARG(channel));
	hooks->items = mem_resize(hooks->items, (hooks->count + 1) * sizeof(*hooks->items));
	char *copy = mem_zero(url.n + 1);
	memcpy(copy, url.p, url.n);
	hooks->items[hooks->count++] = (struct notification_hook){ channel, copy };
	return OK;
}

enum verdict notification_webhook_check(const struct notification_conf *conf, struct notification_hooks *ret, struct fault *fault)
{
	struct notification_hooks hooks = { 0 };
	struct str rest = str_of(conf->webhooks);
	enum verdict verdict = OK;

	for (struct str one = notification_list_next(&rest); one.n && verdict == OK; one = notification_list_next(&rest)) {
		struct str channel = str_cut(&one, '=');

		verdict = hook_add(&hooks, channel, one, conf, fault);
	}
	if (verdict == OK && (!conf->webhook_secret || strlen(conf->webhook_secret) < SECRET_LEAST))
		verdict = fault_set(fault, FATAL, "webhook_secret: required with webhooks, at least %d bytes", SECRET_LEAST);
	if (verdict == OK && conf->webhook_ca && access(conf->webhook_ca, R_OK) != 0)
		verdict = fault_set(fault, FATAL, "webhook_ca: %s cannot be read", conf->webhook_ca);
	if (verdict == OK && (curl_global_init(CURL_GLOBAL_DEFAULT) || sodium_init() < 0))
		verdict = fault_set(fault, FATAL, "libcurl or libsodium cannot be used");
	if (verdict == OK)
		*ret = hooks;
	else
		notification_hooks_done(&hooks);
	return verdict;
}

void notification_hooks_done(struct notification_hooks *hooks)
{
	for (size_t i = 0; i < hooks->count; i++)
		mem_free(hooks->items[i].url);
	mem_free(hooks->items);
	*hooks = (struct notification_hooks){ 0 };
}

struct notification_webhook *notification_webhook_new(const struct notification_conf *conf, const char *url,
						      bool (*stop)(void *userdata), void *userdata)
{
	struct notification_webhook *webhook = mem_zero(sizeof(*webhook));

	*webhook = (struct notification_webhook){
		.conf = conf, .url = url, .easy = curl_easy_init(), .stop = stop, .userdata = userdata,
	};
	return webhook;
}

void notification_webhook_free(struct notification_webhook *webhook)
{
	if (!webhook)
		return;
	curl_easy_cleanup(webhook->easy);
	mem_free(webhook);
}

/* ---- signature ---- */

void notification_webhook_sign(const char *secret, int64_t timestamp, struct str body, char ret[NOTIFICATION_SIGNATURE])
{
	unsigned char mac[crypto_auth_hmacsha256_BYTES];
	crypto_auth_hmacsha256_state state;
	char head[32];
	int n = snprintf(head, sizeof(head), "%lld.", (long long)timestamp);

	crypto_auth_hmacsha256_init(&state, (const unsigned char *)secret, strlen(secret));
	crypto_auth_hmacsha256_update(&state, (const unsigned char *)head, (unsigned long long)n);
	crypto_auth_hmacsha256_update(&state, (const unsigned char *)body.p, body.n);
	crypto_auth_hmacsha256_final(&state, mac);
	memcpy(ret, "sha256=", 7);
	sodium_bin2hex(ret + 7, NOTIFICATION_SIGNATURE - 7, mac, sizeof(mac));
}

/* ---- one attempt ---- */

/* 401 and 407 are the operator's to mend and say nothing about the message; nor does a redirect. */
enum notification_outcome notification_webhook_outcome(long status)
{
	if (status >= 200 && status < 300)
		return OUTCOME_DELIVERED;
	if (status == 401 || status == 407 || status == 408 || status == 425 || status == 429)
		return OUTCOME_TEMPORARY;
	return status >= 400 && status < 500 ? OUTCOME_PERMANENT : OUTCOME_TEMPORARY;
}

struct answer {
	size_t bytes;
};

static size_t on_bytes(char *bytes, size_t size, size_t count, void *userdata)
{
	struct answer *answer = userdata;

	(void)bytes;
	answer->bytes += size * count;
	return answer->bytes > ANSWER_MAX ? 0 : size * count;
}

static int on_progress(void *userdata, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	struct notification_webhook *webhook = userdata;

	(void)a, (void)b, (void)c, (void)d;
	return webhook->stop(webhook->userdata);
}

static int on_request(void *userdata, char *a, char *b, int c, int d)
{
	struct notification_webhook *webhook = userdata;

	(void)a, (void)b, (void)c, (void)d;
	webhook->requests++;
	return CURL_PREREQFUNC_OK;
}

static bool set_up(struct notification_webhook *webhook, const struct notification_letter *letter, struct curl_slist *headers,
		   struct answer *head, struct answer *body)
{
	const struct notification_conf *conf = webhook->conf;
	long timeout_ms = (long)(conf->webhook_timeout / MILLISECOND);
	CURL *easy = webhook->easy;
	bool good = !curl_easy_setopt(easy, CURLOPT_URL, webhook->url);

	good &= !curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	good &= !curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	good &= !curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	good &= !curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, webhook->trouble);
	good &= !curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	good &= !curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, timeout_ms);
	good &= !curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, timeout_ms);
	good &= !curl_easy_setopt(easy, CURLOPT_MAXAGE_CONN, IDLE_MOST);
	good &= !curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, on_request);
	good &= !curl_easy_setopt(easy, CURLOPT_PREREQDATA, webhook);
	good &= !curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
	good &= !curl_easy_setopt(easy, CURLOPT_POST, 1L);
	good &= !curl_easy_setopt(easy, CURLOPT_POSTFIELDS, letter->text.p);
	good &= !curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)letter->text.n);
	good &= !curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_bytes);
	good &= !curl_easy_setopt(easy, CURLOPT_HEADERDATA, head);
	good &= !curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_bytes);
	good &= !curl_easy_setopt(easy, CURLOPT_WRITEDATA, body);
	good &= !curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
	good &= !curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress);
	good &= !curl_easy_setopt(easy, CURLOPT_XFERINFODATA, webhook);
	if (conf->webhook_ca)
		good &= !curl_easy_setopt(easy, CURLOPT_CAINFO, conf->webhook_ca);
	return good;
}

static struct curl_slist *headers_of(const struct notification_webhook *webhook, const struct notification_letter *letter)
{
	int64_t timestamp = (int64_t)time(NULL);
	char signature[NOTIFICATION_SIGNATURE];
	struct curl_slist *list = NULL;
	struct buf key = { 0 };
	char line[160];

	notification_webhook_sign(webhook->conf->webhook_secret, timestamp, letter->text, signature);
	list = curl_slist_append(list, "Content-Type: application/cloudevents+json; charset=utf-8");
	list = curl_slist_append(list, "User-Agent: aftercare-notification");
	list = curl_slist_append(list, "Expect:");
	snprintf(line, sizeof(line), NOTIFICATION_HEADER_TIMESTAMP ": %lld", (long long)timestamp);
	list = curl_slist_append(list, line);
	snprintf(line, sizeof(line), NOTIFICATION_HEADER_SIGNATURE ": %s", signature);
	list = curl_slist_append(list, line);
	buf_z(&key, NOTIFICATION_HEADER_KEY ": ");
	notification_put_id(&key, letter->id);
	buf_char(&key, '\0');
	list = curl_slist_append(list, key.p);
	buf_done(&key);
	return list;
}

/* What came of it. Only a final status is an answer; without one, and with the request on its way, nobody knows. */
static void judge(struct notification_webhook *webhook, CURLcode code, struct notification_result *result)
{
	curl_off_t wait = 0;
	long status = 0, sent = 0;

	curl_easy_getinfo(webhook->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(webhook->easy, CURLINFO_REQUEST_SIZE, &sent);
	result->uncertain = webhook->requests > 1;
	if (status >= 200) {
		result->outcome = notification_webhook_outcome(status);
		curl_easy_getinfo(webhook->easy, CURLINFO_RETRY_AFTER, &wait);
		result->retry_after = wait > 0 && wait < DAY / SECOND ? (int64_t)wait * SECOND : wait > 0 ? DAY : 0;
		if (status >= 300 && status < 400)
			snprintf(result->reason, sizeof(result->reason), "the gateway redirects (%ld), which is not followed",
				 status);
		else if (result->outcome != OUTCOME_DELIVERED)
			snprintf(result->reason, sizeof(result->reason), "the gateway said %ld", status);
		return;
	}
	result->outcome = OUTCOME_TEMPORARY;
	result->uncertain |= sent > 0;
	snprintf(result->reason, sizeof(result->reason), "%.150s",
		 code == CURLE_PEER_FAILED_VERIFICATION && webhook->trouble[0] ? webhook->trouble : curl_easy_strerror(code));
}

void notification_webhook_send(struct notification_webhook *webhook, const struct notification_letter *letter,
			       struct notification_result *result)
{
	struct curl_slist *headers = headers_of(webhook, letter);
	struct answer head = { 0 }, body = { 0 };
	CURLcode code = CURLE_FAILED_INIT;

	webhook->trouble[0] = '\0';
	webhook->requests = 0;
	result->outcome = OUTCOME_TEMPORARY;
	snprintf(result->reason, sizeof(result->reason), "%s", curl_easy_strerror(code));
	if (webhook->easy) {
		curl_easy_reset(webhook->easy);
		if (headers && set_up(webhook, letter, headers, &head, &body)) {
			code = curl_easy_perform(webhook->easy);
			result->reason[0] = '\0';
			judge(webhook, code, result);
		}
	}
	result->finished = notification_monotonic();
	curl_slist_free_all(headers);
}
