/* One attempt to hand a letter to the SMTP server, by libcurl. Blocks: called by the threads of notification_carrier.c only.
 *
 * The server's words are not repeated, because they hold addresses; its code and libcurl's verdict say enough. */
#include <curl/curl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "services/notification/notification.h"

struct notification_smtp {
	const struct notification_conf *conf;
	CURL *easy;                         /* keeps its connection from letter to letter; NULL: libcurl has none to give */
	char trouble[CURL_ERROR_SIZE];
	bool (*stop)(void *userdata);
	void *userdata;
};

/* An authentication that fails, or TLS that is not to be had, is the operator's to mend and says nothing about the letter. */
enum notification_outcome notification_mail_outcome(int result, long code)
{
	if (result == CURLE_OK)
		return OUTCOME_DELIVERED;
	if (result == CURLE_LOGIN_DENIED || result == CURLE_USE_SSL_FAILED || code == 530 || code == 534 || code == 535 || code == 538)
		return OUTCOME_TEMPORARY;
	return code >= 500 && code < 600 ? OUTCOME_PERMANENT : OUTCOME_TEMPORARY;
}

/* ---- settings ---- */

static bool read_tls(const struct notification_conf *conf, long *ret_tls)
{
	struct str tls = str_of(conf->smtp_tls);

	*ret_tls = conf->smtp_user ? CURLUSESSL_ALL : CURLUSESSL_TRY;
	if (str_is(tls, "none"))
		*ret_tls = CURLUSESSL_NONE;
	else if (str_is(tls, "try"))
		*ret_tls = CURLUSESSL_TRY;
	else if (str_is(tls, "require"))
		*ret_tls = CURLUSESSL_ALL;
	else
		return !tls.p;
	return true;
}

enum verdict notification_smtp_check(const struct notification_conf *conf, struct fault *fault)
{
	struct str url = str_of(conf->smtp_url);
	long tls;

	if (!str_starts(url, STR("smtp://")) && !str_starts(url, STR("smtps://")))
		return fault_set(fault, FATAL, "smtp_url: must begin with smtp:// or smtps://");
	if (!notification_address_good(str_of(conf->smtp_from)))
		return fault_set(fault, FATAL, "smtp_from: must be one e-mail address (it is required with smtp_url)");
	if (!read_tls(conf, &tls))
		return fault_set(fault, FATAL, "smtp_tls: allowed are none, try and require");
	if (conf->smtp_user && tls != CURLUSESSL_ALL && !str_starts(url, STR("smtps://")))
		return fault_set(fault, FATAL, "smtp_tls = %s: with smtp_user it must be require, a password goes over TLS only",
				 conf->smtp_tls);
	if (conf->smtp_user && !conf->smtp_password)
		return fault_set(fault, FATAL, "smtp_password: required with smtp_user");
	if (conf->smtp_ca && access(conf->smtp_ca, R_OK) != 0)
		return fault_set(fault, FATAL, "smtp_ca: %s cannot be read", conf->smtp_ca);
	/* Before there are threads: it is not meant for several at once. */
	if (curl_global_init(CURL_GLOBAL_DEFAULT))
		return fault_set(fault, FATAL, "libcurl cannot be used");
	return OK;
}

struct notification_smtp *notification_smtp_new(const struct notification_conf *conf, bool (*stop)(void *userdata), void *userdata)
{
	struct notification_smtp *smtp = mem_zero(sizeof(*smtp));

	*smtp = (struct notification_smtp){ .conf = conf, .easy = curl_easy_init(), .stop = stop, .userdata = userdata };
	return smtp;
}

void notification_smtp_free(struct notification_smtp *smtp)
{
	curl_socket_t fd = CURL_SOCKET_BAD;

	if (!smtp)
		return;
	/* libcurl says QUIT and waits for an answer, two minutes if need be; whoever stops has no time for manners. */
	if (smtp->easy && !curl_easy_getinfo(smtp->easy, CURLINFO_ACTIVESOCKET, &fd) && fd != CURL_SOCKET_BAD)
		shutdown(fd, SHUT_RDWR);
	curl_easy_cleanup(smtp->easy);
	mem_free(smtp);
}

/* ---- one attempt ---- */

struct reading {
	struct buf mime;
	size_t sent;                        /* bytes of it that the server has been given */
};

static size_t on_read(char *buffer, size_t size, size_t count, void *userdata)
{
	struct reading *reading = userdata;
	size_t n = reading->mime.n - reading->sent;

	if (n > size * count)
		n = size * count;
	memcpy(buffer, reading->mime.p + reading->sent, n);
	reading->sent += n;
	return n;
}

/* Called by libcurl about once a second: a stop must not wait for a slow server. */
static int on_progress(void *userdata, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
	struct notification_smtp *smtp = userdata;

	(void)a, (void)b, (void)c, (void)d;
	return smtp->stop(smtp->userdata);
}

static bool set_up(struct notification_smtp *smtp, const char *sender, struct reading *reading, struct curl_slist *recipients)
{
	const struct notification_conf *conf = smtp->conf;
	long timeout_ms = (long)(conf->smtp_timeout / MILLISECOND), tls = CURLUSESSL_ALL;
	CURL *easy = smtp->easy;
	bool good = read_tls(conf, &tls);

	good &= !curl_easy_setopt(easy, CURLOPT_URL, conf->smtp_url);
	good &= !curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
	good &= !curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	good &= !curl_easy_setopt(easy, CURLOPT_USE_SSL, tls);
	good &= !curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	good &= !curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, smtp->trouble);
	good &= !curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, timeout_ms);
	good &= !curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, timeout_ms);
	good &= !curl_easy_setopt(easy, CURLOPT_SERVER_RESPONSE_TIMEOUT, (timeout_ms + 999) / 1000);
	good &= !curl_easy_setopt(easy, CURLOPT_MAIL_FROM, sender);
	good &= !curl_easy_setopt(easy, CURLOPT_MAIL_RCPT, recipients);
	good &= !curl_easy_setopt(easy, CURLOPT_UPLOAD, 1L);
	good &= !curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_read);
	good &= !curl_easy_setopt(easy, CURLOPT_READDATA, reading);
	good &= !curl_easy_setopt(easy, CURLOPT_INFILESIZE_LARGE, (curl_off_t)reading->mime.n);
	good &= !curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
	good &= !curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, on_progress);
	good &= !curl_easy_setopt(easy, CURLOPT_XFERINFODATA, smtp);
	if (conf->smtp_ca)
		good &= !curl_easy_setopt(easy, CURLOPT_CAINFO, conf->smtp_ca);
	if (conf->smtp_user) {
		good &= !curl_easy_setopt(easy, CURLOPT_USERNAME, conf->smtp_user);
		good &= !curl_easy_setopt(easy, CURLOPT_PASSWORD, conf->smtp_password);
	}
	return good;
}

static void reason_set(const struct notification_smtp *smtp, CURLcode code, long reply, struct notification_result *result)
{
	size_t size = sizeof(result->reason);

	if (code == CURLE_LOGIN_DENIED)
		snprintf(result->reason, size, "the server refuses smtp_user or its password");
	else if (reply >= 400)
		snprintf(result->reason, size, "the server said %ld", reply);
	else if (code == CURLE_USE_SSL_FAILED)
		snprintf(result->reason, size, "the server offers no TLS; nothing was sent");
	else if (code == CURLE_PEER_FAILED_VERIFICATION && smtp->trouble[0])
		snprintf(result->reason, size, "%.150s; nothing was sent", smtp->trouble);
	else
		snprintf(result->reason, size, "%s", curl_easy_strerror(code));
}

void notification_smtp_send(struct notification_smtp *smtp, const struct notification_letter *letter, struct notification_result *result)
{
	struct reading reading = { 0 };
	struct curl_slist *recipients;
	CURLcode code = CURLE_FAILED_INIT;
	long reply = 0;
	char sender[400], to[400];

	snprintf(sender, sizeof(sender), "<%.*s>", STR_ARG(letter->from));
	snprintf(to, sizeof(to), "<%.*s>", STR_ARG(letter->to));
	recipients = curl_slist_append(NULL, to);
	notification_mime(&reading.mime, letter);
	if (smtp->easy) {
		curl_easy_reset(smtp->easy);
		smtp->trouble[0] = '\0';
		if (recipients && set_up(smtp, sender, &reading, recipients))
			code = curl_easy_perform(smtp->easy);
		curl_easy_getinfo(smtp->easy, CURLINFO_RESPONSE_CODE, &reply);
	}
	result->outcome = notification_mail_outcome((int)code, reply);
	result->finished = notification_monotonic();
	/* The whole letter is with the server, and its word on it never came. */
	result->uncertain = code != CURLE_OK && reply < 400 && reading.mime.n > 0 && reading.sent == reading.mime.n;
	if (code != CURLE_OK)
		reason_set(smtp, code, reply, result);
	curl_slist_free_all(recipients);
	buf_done(&reading.mime);
}
