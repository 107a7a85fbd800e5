/* E-mail: the bytes of a letter, what a transfer's end means, and transfers to a small SMTP server in this process. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <arpa/inet.h>
#include <curl/curl.h>
#include <poll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "services/notification/notification.h"

static const struct notification_letter letter = {
	.id = { "AC-1.m1", 7 }, .ticket = { "AC-1", 4 }, .lane = 3, .from = { "desk@example.com", 16 }, .to = { "ana@example.org", 15 },
	.subject = { "hello", 5 }, .text = { "line\n.\nend\n", 11 }, .at = INT64_C(1795401717) * SECOND,
};

static void bytes(void **unused)
{
	struct notification_letter chinese = letter;
	struct buf out = { 0 }, again = { 0 };

	(void)unused;
	notification_mime(&out, &letter);
	buf_char(&out, '\0');
	assert_string_equal(out.p,
			    "From: <desk@example.com>\r\nTo: <ana@example.org>\r\nSubject: hello\r\n"
			    "Date: Mon, 23 Nov 2026 02:41:57 +0000\r\nMessage-ID: <AC-1.m1@example.com>\r\n"
			    "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=UTF-8\r\n"
			    "Content-Transfer-Encoding: base64\r\n\r\nbGluZQ0KLg0KZW5kDQo=\r\n");
	chinese.subject = STR("工单 AC-7K2M-0931-X4QT-9RBD 已登记\r\nBcc: everybody@example.net");
	buf_clear(&out);
	notification_mime(&out, &chinese);
	notification_mime(&again, &chinese);
	assert_int_equal(out.n, again.n);
	assert_memory_equal(out.p, again.p, out.n);
	buf_char(&out, '\0');
	assert_non_null(strstr(out.p, "Subject: =?UTF-8?B?5bel5Y2V"));
	assert_null(strstr(out.p, "Bcc"));
	/* What a directory calls its people begins no header either. */
	chinese.id = STR("李\r\nBcc: x.m1");
	buf_clear(&out);
	notification_mime(&out, &chinese);
	buf_char(&out, '\0');
	assert_non_null(strstr(out.p, "Message-ID: <%e6%9d%8e%0d%0aBcc%3a%20x.m1@example.com>"));
	assert_null(strstr(out.p, "\nBcc"));
	for (const char *line = out.p, *end; (end = strstr(line, "\r\n")); line = end + 2)
		assert_true(end - line <= 78);
	buf_done(&out);
	buf_done(&again);
}

static void addresses(void **unused)
{
	static const char *const good[] = { "a@b", "ana.silva+x@mail.example.org" };
	static const char *const bad[] = { "", "a", "@b", "a@", "a@b@c", "a b@c", "a@b\r\nRCPT TO:<x@y>", "<a@b>", "a@b,c@d", "安@b" };

	(void)unused;
	for (size_t i = 0; i < array_count(good); i++)
		assert_true(notification_address_good(str_of(good[i])));
	for (size_t i = 0; i < array_count(bad); i++)
		assert_false(notification_address_good(str_of(bad[i])));
	assert_false(notification_address_good(STR_NONE));
}

static void outcomes(void **unused)
{
	const struct {
		int result;
		long code;
		enum notification_outcome want;
	} rows[] = {
		{ CURLE_OK, 250, OUTCOME_DELIVERED },
		{ CURLE_SEND_ERROR, 550, OUTCOME_PERMANENT },
		{ CURLE_SEND_ERROR, 451, OUTCOME_TEMPORARY },
		{ CURLE_COULDNT_CONNECT, 0, OUTCOME_TEMPORARY },
		{ CURLE_OPERATION_TIMEDOUT, 220, OUTCOME_TEMPORARY },
		{ CURLE_LOGIN_DENIED, 535, OUTCOME_TEMPORARY },
		{ CURLE_SEND_ERROR, 530, OUTCOME_TEMPORARY },
		{ CURLE_USE_SSL_FAILED, 502, OUTCOME_TEMPORARY },
	};

	(void)unused;
	for (size_t i = 0; i < array_count(rows); i++)
		assert_int_equal(notification_mail_outcome(rows[i].result, rows[i].code), rows[i].want);
}

static void settings(void **unused)
{
	const struct {
		const char *url, *from, *tls, *says, *user, *password, *ca;
	} rows[] = {
		{ .url = "http://x", .from = "a@b", .says = "smtp_url" },
		{ .url = "smtp://x", .says = "smtp_from" },
		{ .url = "smtp://x", .from = "a@b", .tls = "maybe", .says = "smtp_tls" },
		{ .url = "smtps://x", .from = "a@b", .tls = "require" },
		/* A password goes over TLS only. */
		{ .url = "smtp://x", .from = "a@b", .tls = "try", .user = "u", .password = "p", .says = "smtp_tls" },
		{ .url = "smtp://x", .from = "a@b", .tls = "none", .user = "u", .password = "p", .says = "smtp_tls" },
		{ .url = "smtp://x", .from = "a@b", .user = "u", .password = "p" },
		{ .url = "smtps://x", .from = "a@b", .tls = "none", .user = "u", .password = "p" },
		{ .url = "smtp://x", .from = "a@b", .user = "u", .says = "smtp_password" },
		{ .url = "smtp://x", .from = "a@b", .ca = "/nowhere/ca.pem", .says = "smtp_ca" },
	};

	(void)unused;
	for (size_t i = 0; i < array_count(rows); i++) {
		const struct notification_conf conf = { .smtp_url = rows[i].url, .smtp_from = rows[i].from, .smtp_tls = rows[i].tls,
							.smtp_user = rows[i].user, .smtp_password = rows[i].password, .smtp_ca = rows[i].ca,
							.smtp_parallel = 1 };
		struct notification_carrier *carrier = NULL;
		struct fault fault = FAULT_NONE;
		enum verdict verdict = notification_carrier_new(&conf, &carrier, &fault);

		assert_int_equal(verdict, rows[i].says ? FATAL : OK);
		assert_true(!rows[i].says || strstr(fault.text, rows[i].says));
		notification_carrier_free(carrier);
	}
}

/* ---- a server for one connection at a time ---- */

struct server {
	int listener, peer;
	uint16_t port;
	const char *rcpt;           /* the reply to RCPT */
	char line[2048], data[8192];
	size_t n, data_n;
	bool in_data;
};

static void server_open(struct server *server, const char *rcpt)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(at);

	*server = (struct server){ .listener = socket(AF_INET, SOCK_STREAM, 0), .peer = -1, .rcpt = rcpt };
	assert_int_equal(bind(server->listener, (struct sockaddr *)&at, sizeof(at)), 0);
	assert_int_equal(listen(server->listener, 4), 0);
	assert_int_equal(getsockname(server->listener, (struct sockaddr *)&at, &size), 0);
	server->port = ntohs(at.sin_port);
}

static void server_say(struct server *server, const char *text)
{
	assert_int_equal(send(server->peer, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

static void server_line(struct server *server, const char *line)
{
	if (server->in_data && strcmp(line, ".") != 0) {
		server->data_n += (size_t)snprintf(server->data + server->data_n, sizeof(server->data) - server->data_n, "%s\n", line);
	} else if (server->in_data) {
		server->in_data = false;
		server_say(server, "250 taken\r\n");
	} else if (strncmp(line, "DATA", 4) == 0) {
		server->in_data = true;
		server_say(server, "354 go on\r\n");
	} else if (strncmp(line, "RCPT", 4) == 0) {
		server_say(server, server->rcpt);
	} else {
		server_say(server, strncmp(line, "QUIT", 4) == 0 ? "221 bye\r\n" : "250 fine\r\n");
	}
}

static void server_turn(struct server *server)
{
	struct pollfd fds[] = { { server->listener, POLLIN, 0 }, { server->peer, POLLIN, 0 } };

	poll(fds, 2, 1);
	if (fds[0].revents && server->peer < 0) {
		server->peer = accept(server->listener, NULL, NULL);
		server_say(server, "220 here\r\n");
	}
	if (!(fds[1].revents & POLLIN))
		return;
	ssize_t got = recv(server->peer, server->line + server->n, sizeof(server->line) - server->n - 1, 0);
	if (got <= 0) {
		close(server->peer);
		server->peer = -1;
		return;
	}
	server->n += (size_t)got;
	server->line[server->n] = '\0';
	for (char *end; (end = strstr(server->line, "\r\n"));) {
		*end = '\0';
		server_line(server, server->line);
		server->n -= (size_t)(end + 2 - server->line);
		memmove(server->line, end + 2, server->n + 1);
	}
}

static void server_close(struct server *server)
{
	close(server->listener);
	if (server->peer >= 0)
		close(server->peer);
}

static void transfer(const char *rcpt, enum notification_outcome want, const char *reason)
{
	struct server server;
	char url[64];
	struct notification_conf conf = { .smtp_url = url, .smtp_from = "desk@example.com", .smtp_timeout = 5 * SECOND, .smtp_parallel = 1 };
	struct notification_carrier *carrier = NULL;
	struct fault fault = FAULT_NONE;
	time_t limit = time(NULL) + 10;

	server_open(&server, rcpt);
	snprintf(url, sizeof(url), "smtp://127.0.0.1:%d/desk", server.port);
	assert_int_equal(notification_carrier_new(&conf, &carrier, &fault), OK);
	assert_true(notification_carrier_put(carrier, &letter));
	/* The same letter put in twice is one letter. */
	assert_true(notification_carrier_put(carrier, &letter));
	assert_int_equal(notification_carrier_count(carrier), 1);
	assert_true(notification_carrier_has(carrier, STR("AC-1.m1")));
	assert_false(notification_carrier_has(carrier, STR("AC-1.m2")));
	while (!notification_carrier_result(carrier) && time(NULL) < limit) {
		server_turn(&server);
	}
	struct pollfd fd = { notification_carrier_fd(carrier), POLLIN, 0 };
	assert_int_equal(poll(&fd, 1, 1000), 1);
	notification_carrier_turn(carrier);
	assert_int_equal(poll(&fd, 1, 0), 0);
	const struct notification_result *result = notification_carrier_result(carrier);
	assert_non_null(result);
	if (result->outcome != want)
		fail_msg("outcome %d: %s", (int)result->outcome, result->reason);
	assert_int_equal(result->lane, 3);
	assert_true(str_is(result->id, "AC-1.m1"));
	assert_string_equal(result->reason, reason);
	if (want == OUTCOME_DELIVERED) {
		assert_non_null(strstr(server.data, "Message-ID: <AC-1.m1@example.com>"));
		assert_non_null(strstr(server.data, "bGluZQ0KLg0KZW5kDQo="));
	}
	notification_carrier_result_done(carrier);
	assert_int_equal(notification_carrier_count(carrier), 0);
	notification_carrier_free(carrier);
	server_close(&server);
}

static void delivered(void **unused)
{
	(void)unused;
	transfer("250 known\r\n", OUTCOME_DELIVERED, "");
}

/* The server's words hold an address; ours must not. */
static void put_off_and_refused(void **unused)
{
	(void)unused;
	transfer("451 <ana@example.org> later\r\n", OUTCOME_TEMPORARY, "the server said 451");
	transfer("550 <ana@example.org> unknown\r\n", OUTCOME_PERMANENT, "the server said 550");
}

static void nobody_there(void **unused)
{
	const struct notification_conf conf = { .smtp_url = "smtp://127.0.0.1:1", .smtp_from = "a@b", .smtp_timeout = SECOND,
						.smtp_parallel = 1 };
	struct notification_carrier *carrier = NULL;
	struct fault fault = FAULT_NONE;
	struct pollfd fd = { .events = POLLIN };

	(void)unused;
	assert_int_equal(notification_carrier_new(&conf, &carrier, &fault), OK);
	assert_true(notification_carrier_put(carrier, &letter));
	fd.fd = notification_carrier_fd(carrier);
	assert_int_equal(poll(&fd, 1, 10000), 1);
	assert_non_null(notification_carrier_result(carrier));
	assert_int_equal(notification_carrier_result(carrier)->outcome, OUTCOME_TEMPORARY);
	notification_carrier_result_later(carrier);
	assert_non_null(notification_carrier_result(carrier));
	notification_carrier_free(carrier);
}

/* A server that says nothing holds up neither the caller nor the stop. */
static void silent_server(void **unused)
{
	struct server server;
	char url[64];
	const struct notification_conf conf = { .smtp_url = url, .smtp_from = "a@b", .smtp_timeout = 60 * SECOND, .smtp_parallel = 1 };
	struct notification_letter second = letter;
	struct notification_carrier *carrier = NULL;
	struct fault fault = FAULT_NONE;
	time_t begin = time(NULL);

	(void)unused;
	second.id = STR("AC-1.m2");
	server_open(&server, "250 known\r\n");
	snprintf(url, sizeof(url), "smtp://127.0.0.1:%d", server.port);
	assert_int_equal(notification_carrier_new(&conf, &carrier, &fault), OK);
	assert_true(notification_carrier_put(carrier, &letter));
	struct pollfd fd = { server.listener, POLLIN, 0 };
	assert_int_equal(poll(&fd, 1, 5000), 1);
	/* The first is with the server, the second waits; only what waits is dropped, and only of its lane. */
	assert_true(notification_carrier_put(carrier, &second));
	notification_carrier_drop(carrier, 4, false);
	assert_int_equal(notification_carrier_count(carrier), 2);
	notification_carrier_drop(carrier, 3, false);
	assert_true(notification_carrier_has(carrier, letter.id));
	assert_false(notification_carrier_has(carrier, second.id));
	notification_carrier_free(carrier);
	assert_true(time(NULL) - begin < 5);
	server_close(&server);
}

/* No more than so many are kept; what there is no room for is asked again later. */
static void bounded(void **unused)
{
	const struct notification_conf conf = { .smtp_url = "smtp://127.0.0.1:1", .smtp_from = "a@b", .smtp_timeout = SECOND,
						.smtp_parallel = 1 };
	struct notification_carrier *carrier = NULL;
	struct fault fault = FAULT_NONE;
	size_t taken = 0;
	char id[32];

	(void)unused;
	assert_int_equal(notification_carrier_new(&conf, &carrier, &fault), OK);
	for (int i = 0; i < 1000; i++) {
		struct notification_letter one = letter;

		snprintf(id, sizeof(id), "AC-1.m%d", i);
		one.id = str_of(id);
		taken += notification_carrier_put(carrier, &one);
	}
	assert_int_equal(taken, 512);
	assert_int_equal(notification_carrier_count(carrier), 512);
	notification_carrier_free(carrier);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes), cmocka_unit_test(addresses), cmocka_unit_test(outcomes), cmocka_unit_test(settings),
		cmocka_unit_test(delivered), cmocka_unit_test(put_off_and_refused), cmocka_unit_test(nobody_there),
		cmocka_unit_test(silent_server), cmocka_unit_test(bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
