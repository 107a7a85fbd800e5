/* E-mail over TLS with authentication, to a mail server that others wrote (tests/support/mailserver.py), under certificates of an
 * authority of our own: what is taken, and that nothing is sent where the other side is not who it should be.
 *
 * The carrier alone, in this process; one test goes the whole way from a request to the letter. */
#define _GNU_SOURCE /* pipe2, nftw */
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "services/notification/notification.h"
#include "tests/support/scene.h"

#define USER "desk"
#define PASSWORD "correct horse battery"

static char folder[64];              /* ca.pem, other.pem: authorities; good.*, name.*: certificates by ca */

static const char *in_folder(const char *name)
{
	static char paths[8][128];
	static int next;
	char *path = paths[next++ % 8];

	snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
	return path;
}

/* ---- certificates ---- */

static bool openssl(const char *const *arguments)
{
	const char *argv[32] = { "openssl" };
	char *said = NULL;
	size_t n = 1;
	int status;

	while (*arguments && n + 1 < array_count(argv))
		argv[n++] = *arguments++;
	argv[n] = NULL;
	status = stack_run(argv, &said);
	if (status != 0)
		fprintf(stderr, "openssl: %d: %s\n", status, said ? said : "");
	free(said);
	return status == 0;
}

static bool authority(const char *name)
{
	char key[128], file[128];

	snprintf(key, sizeof(key), "%s/%s.key", folder, name);
	snprintf(file, sizeof(file), "%s/%s.pem", folder, name);
	return openssl((const char *const[]){ "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=authority",
					      "-addext", "keyUsage=keyCertSign", "-keyout", key, "-out", file, NULL });
}

static bool certificate(const char *name, const char *who)
{
	char key[128], file[128], extension[160];

	snprintf(key, sizeof(key), "%s/%s.key", folder, name);
	snprintf(file, sizeof(file), "%s/%s.pem", folder, name);
	snprintf(extension, sizeof(extension), "subjectAltName=%s", who);
	return openssl((const char *const[]){ "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=server", "-CA",
					      in_folder("ca.pem"), "-CAkey", in_folder("ca.key"), "-addext", extension, "-addext",
					      "basicConstraints=critical,CA:FALSE", "-keyout", key, "-out", file, NULL });
}

static bool secret_file(const char *name, const char *text)
{
	FILE *file = fopen(in_folder(name), "w");

	return file && fchmod(fileno(file), 0600) == 0 && fputs(text, file) >= 0 && fclose(file) == 0;
}

static int remove_one(const char *path, const struct stat *unused, int kind, struct FTW *where)
{
	(void)unused, (void)kind, (void)where;
	return remove(path);
}

/* ---- the server ---- */

struct server {
	pid_t pid;
	int input, output, port;
	char said[65536];
	size_t n;
};

/* Reads on until the text is there or nothing more comes in time. */
static const char *server_says(struct server *server, const char *text)
{
	long deadline = stack_deadline();
	struct pollfd fd = { server->output, POLLIN, 0 };

	while (!strstr(server->said, text) && stack_clock() < deadline && poll(&fd, 1, 200) >= 0) {
		ssize_t n = fd.revents ? read(server->output, server->said + server->n, sizeof(server->said) - 1 - server->n) : 0;

		if (fd.revents && n <= 0)
			break;
		server->n += (size_t)n;
		server->said[server->n] = '\0';
	}
	return strstr(server->said, text);
}

static void server_start(struct server *server, const char *const *options)
{
	char program[600];
	const char *argv[16] = { "/usr/bin/python3", program };
	struct stack stack;
	const char *port;
	int input[2], output[2], before;
	size_t n = 2;

	*server = (struct server){ 0 };
	assert_true(stack_root(&stack));
	snprintf(program, sizeof(program), "%s/tests/support/mailserver.py", stack.root);
	for (; *options; options++)
		argv[n++] = *options;
	assert_int_equal(pipe2(input, O_CLOEXEC), 0);
	assert_int_equal(pipe2(output, O_CLOEXEC), 0);
	before = fcntl(0, F_DUPFD_CLOEXEC, 3);
	dup2(input[0], 0);
	server->pid = stack_spawn(argv, output[1]);
	dup2(before, 0);
	close(before);
	close(input[0]);
	close(output[1]);
	server->input = input[1];
	server->output = output[0];
	port = server_says(server, "port=");
	if (!port || !server_says(server, ".\n"))
		fail_msg("the mail server did not start (python3-aiosmtpd is needed): %s", server->said);
	server->port = atoi(port + 5);
}

static void server_stop(struct server *server)
{
	close(server->input);
	waitpid(server->pid, NULL, 0);
	close(server->output);
}

#define AT(name) "--cert", in_folder(name ".pem"), "--key", in_folder(name ".key")
#define WITH_USER "--user", USER, "--password", PASSWORD

/* ---- one letter by the carrier ---- */

struct way {
	const char *scheme, *host, *ca, *tls, *user, *password;
};

static struct notification_result carry(const struct server *server, const struct way *way)
{
	static const struct notification_letter letter = {
		.id = { "AC-1.m1", 7 }, .ticket = { "AC-1", 4 }, .to = { "ana@example.org", 15 }, .subject = { "hello", 5 },
		.text = { "text\n", 5 }, .at = INT64_C(1795401717) * SECOND,
	};
	char url[100];
	const struct notification_conf conf = {
		.smtp_url = url, .smtp_from = "desk@example.com", .smtp_timeout = 10 * SECOND, .smtp_parallel = 1,
		.smtp_ca = way->ca ? in_folder(way->ca) : NULL, .smtp_tls = way->tls, .smtp_user = way->user, .smtp_password = way->password,
	};
	struct notification_carrier *carrier = NULL;
	struct notification_result result;
	struct fault fault = FAULT_NONE;

	snprintf(url, sizeof(url), "%s://%s:%d", way->scheme, way->host ? way->host : "127.0.0.1", server->port);
	if (notification_carrier_new(&conf, &carrier, &fault) != OK)
		fail_msg("%s", fault.text);
	assert_true(notification_carrier_put(carrier, &letter));
	struct pollfd fd = { notification_carrier_fd(carrier), POLLIN, 0 };
	assert_int_equal(poll(&fd, 1, 20000), 1);
	result = *notification_carrier_result(carrier);
	notification_carrier_free(carrier);
	return result;
}

static void expect_delivered(struct server *server, const struct way *way)
{
	struct notification_result result = carry(server, way);

	if (result.outcome != OUTCOME_DELIVERED)
		fail_msg("not delivered: %s", result.reason);
	assert_false(result.uncertain);
	assert_non_null(server_says(server, "Message-ID: <AC-1.m1@example.com>"));
	assert_non_null(strstr(server->said, "\"tls\": true"));
	assert_null(strstr(server->said, "\"tls\": false"));
}

/* Put off, for this reason, and the server has seen neither letter nor password. */
static void expect_nothing_sent(struct server *server, const struct way *way, const char *reason)
{
	struct notification_result result = carry(server, way);

	assert_int_equal(result.outcome, OUTCOME_TEMPORARY);
	if (!strstr(result.reason, reason))
		fail_msg("the reason is \"%s\", not \"%s\"", result.reason, reason);
	assert_false(result.uncertain);
	server_stop(server);
	while (read(server->output, server->said + server->n, sizeof(server->said) - 1 - server->n) > 0)
		;
	assert_null(strstr(server->said, "letter"));
	assert_null(strstr(server->said, "login"));
}

static void starttls_with_login(void **unused)
{
	static const char *const mechanisms[] = { "PLAIN", "LOGIN" };

	(void)unused;
	for (size_t i = 0; i < 2; i++) {
		struct server server;

		server_start(&server, (const char *const[]){ AT("good"), WITH_USER, "--only", mechanisms[i], NULL });
		expect_delivered(&server, &(struct way){ .scheme = "smtp", .ca = "ca.pem", .user = USER, .password = PASSWORD });
		assert_non_null(strstr(server.said, mechanisms[i]));
		assert_non_null(strstr(server.said, "\"user\": \"" USER "\""));
		server_stop(&server);
	}
}

static void implicit_tls_with_login(void **unused)
{
	struct server server;

	(void)unused;
	server_start(&server, (const char *const[]){ "--implicit", AT("good"), WITH_USER, NULL });
	expect_delivered(&server, &(struct way){ .scheme = "smtps", .ca = "ca.pem", .user = USER, .password = PASSWORD });
	assert_non_null(strstr(server.said, "\"user\": \"" USER "\""));
	server_stop(&server);
}

static void starttls_where_it_is_offered(void **unused)
{
	struct server server;

	(void)unused;
	server_start(&server, (const char *const[]){ AT("good"), NULL });
	expect_delivered(&server, &(struct way){ .scheme = "smtp", .ca = "ca.pem" });
	server_stop(&server);
}

static void stranger_is_told_nothing(void **unused)
{
	static const char *const tls[] = { "require", "try" };
	struct server server;

	(void)unused;
	/* With "try" too: who offers TLS and is somebody else is worse than who offers none. */
	for (size_t i = 0; i < 2; i++) {
		server_start(&server, (const char *const[]){ AT("good"), NULL });
		expect_nothing_sent(&server, &(struct way){ .scheme = "smtp", .ca = "other.pem", .tls = tls[i] }, "certificate");
	}
	server_start(&server, (const char *const[]){ "--implicit", AT("good"), WITH_USER, NULL });
	expect_nothing_sent(&server, &(struct way){ .scheme = "smtps", .ca = "other.pem", .user = USER, .password = PASSWORD }, "certificate");
	/* The system's authorities do not know ours. */
	server_start(&server, (const char *const[]){ AT("good"), NULL });
	expect_nothing_sent(&server, &(struct way){ .scheme = "smtp", .tls = "require" }, "certificate");
}

static void another_name_is_told_nothing(void **unused)
{
	struct server server;

	(void)unused;
	server_start(&server, (const char *const[]){ AT("name"), WITH_USER, NULL });
	expect_nothing_sent(&server, &(struct way){ .scheme = "smtp", .ca = "ca.pem", .user = USER, .password = PASSWORD },
			    "no alternative certificate subject name matches");
}

static void without_tls_nothing_is_sent(void **unused)
{
	struct server server;

	(void)unused;
	server_start(&server, (const char *const[]){ WITH_USER, NULL });
	expect_nothing_sent(&server, &(struct way){ .scheme = "smtp", .user = USER, .password = PASSWORD }, "offers no TLS");
	server_start(&server, (const char *const[]){ NULL });
	expect_nothing_sent(&server, &(struct way){ .scheme = "smtp", .tls = "require" }, "offers no TLS");
}

static void wrong_password_waits_for_the_operator(void **unused)
{
	struct server server;
	struct notification_result result;

	(void)unused;
	server_start(&server, (const char *const[]){ AT("good"), WITH_USER, NULL });
	result = carry(&server, &(struct way){ .scheme = "smtp", .ca = "ca.pem", .user = USER, .password = "wrong" });
	assert_int_equal(result.outcome, OUTCOME_TEMPORARY);
	assert_string_equal(result.reason, "the server refuses smtp_user or its password");
	assert_null(strstr(server.said, "letter"));
	server_stop(&server);
}

/* ---- from a request to the letter ---- */

static void request_is_answered_over_tls(void **unused)
{
	void *state = NULL;
	struct server server;
	struct desk *desk;
	const struct record *sent;
	const char *ticket;
	char path[900];
	FILE *config;

	(void)unused;
	assert_int_equal(scene_open_own(&state), 0);
	desk = state;
	server_start(&server, (const char *const[]){ AT("good"), WITH_USER, NULL });
	snprintf(path, sizeof(path), "%s/conf/notification.conf", desk_stack(desk)->dir);
	config = fopen(path, "a");
	assert_non_null(config);
	fprintf(config, "smtp_url = smtp://127.0.0.1:%d\nsmtp_from = desk@example.com\nsmtp_user = " USER "\nsmtp_password = file:%s\n"
			"smtp_ca = %s\n", server.port, in_folder("password"), in_folder("ca.pem"));
	fclose(config);
	assert_true(stack_do(desk_stack(desk), "restart", "notification"));
	/* Of a product that nobody can do, so that there is one message. */
	ticket = scene_ticket(desk, 0, desk_text(desk, "{'channel': 'email', 'product': {'model': '%s'}, 'customer': {'name': 'Wang Min', "
						 "'email': 'wang@example.org'}}", desk_unique(desk, "NX")));
	sent = desk_expect(desk, ticket, "notify.sent");
	scene_text_is(desk, sent, "channel", "email");
	assert_null(record_get(sent, "certain"));
	assert_non_null(server_says(&server, "wang@example.org"));
	assert_non_null(strstr(server.said, "\"user\": \"" USER "\""));
	scene_close(&state);
	server_stop(&server);
}

static int make_certificates(void **unused)
{
	(void)unused;
	snprintf(folder, sizeof(folder), "/tmp/aftercare-mail-XXXXXX");
	return mkdtemp(folder) && chmod(folder, 0755) == 0 && authority("ca") && authority("other") && certificate("good", "IP:127.0.0.1") &&
	       certificate("name", "DNS:mail.example.org") && secret_file("password", PASSWORD "\n") ? 0 : -1;
}

static int forget_certificates(void **unused)
{
	(void)unused;
	return nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(starttls_with_login), cmocka_unit_test(implicit_tls_with_login),
		cmocka_unit_test(starttls_where_it_is_offered), cmocka_unit_test(stranger_is_told_nothing),
		cmocka_unit_test(another_name_is_told_nothing), cmocka_unit_test(without_tls_nothing_is_sent),
		cmocka_unit_test(wrong_password_waits_for_the_operator), cmocka_unit_test(request_is_answered_over_tls),
	};

	return cmocka_run_group_tests(tests, make_certificates, forget_certificates);
}
