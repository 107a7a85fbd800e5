/* E-mail over the whole stack: from a request to a letter in a mail server's hands, whatever the server says, and whatever
 * becomes of the daemon between handing a letter over and hearing of it.
 *
 * Always a stack of our own: its notification is given a mail server, which is a thread of this program. */
#define _GNU_SOURCE /* memmem */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/io/embed.h"
#include "tests/support/scene.h"
#include "tests/support/smtp.h"

#define ATTEMPTS 12

static struct smtp *server;
static int port;

/* Nothing listens on the port yet. */
static int open_with_mail(void **state)
{
	char path[900];
	FILE *config;

	if (scene_open_own(state) != 0)
		return -1;
	port = smtp_free_port();
	snprintf(path, sizeof(path), "%s/conf/notification.conf", desk_stack(*state)->dir);
	config = fopen(path, "a");
	if (!config)
		return -1;
	fprintf(config, "smtp_url = smtp://127.0.0.1:%d\nsmtp_from = desk@example.com\nsmtp_timeout = 5s\nattempts = %d\n"
			"retry_after = 100ms\nretry_most = 500ms\n", port, ATTEMPTS);
	fclose(config);
	return stack_do(desk_stack(*state), "restart", "notification") ? 0 : -1;
}

static int close_with_mail(void **state)
{
	smtp_stop(server);
	return scene_close(state);
}

/* ---- a request by e-mail, and what is said to its customer ---- */

struct mail {
	const char *ticket, *address;
	const struct record *requested, *ended;  /* notify.requested of the acknowledgement, and what became of it */
};

static const struct record *find(const struct desk *desk, const char *ticket, const char *name)
{
	const struct desk_ticket *log = desk_ticket(desk, ticket);

	for (size_t i = 0; log && i < log->count; i++)
		if (strcmp(log->items[i]->name, name) == 0 && strcmp(record_text(log->items[i], "template.id"), "acknowledge") == 0)
			return log->items[i];
	return NULL;
}

static bool is_requested(struct desk *desk, void *userdata)
{
	struct mail *mail = userdata;

	mail->requested = find(desk, mail->ticket, "notify.requested");
	return mail->requested != NULL;
}

/* About a product that nobody can do, so that no message about an assignment gets in between. */
static struct mail request(struct desk *desk, const char *language)
{
	struct mail mail = { .address = desk_text(desk, "%s@example.org", desk_unique(desk, "ana")) };

	mail.ticket = scene_ticket(desk, 0, desk_text(desk, "{'channel': 'email', 'problem': 'no data 没有数据 — since 10:00', 'product': "
						      "{'model': '%s'}, 'customer': {'name': '王敏', 'email': '%s', 'language': '%s'}}",
						      desk_unique(desk, "NX"), mail.address, language));
	if (!desk_until(desk, is_requested, &mail))
		desk_fail(desk, mail.ticket, "the acknowledgement is not requested");
	scene_text_is(desk, mail.requested, "channel", "email");
	scene_text_is(desk, mail.requested, "rule", "acknowledge");
	scene_text_is(desk, mail.requested, "address", mail.address);
	return mail;
}

static bool has_ended(struct desk *desk, void *userdata)
{
	struct mail *mail = userdata;

	mail->ended = find(desk, mail->ticket, "notify.sent");
	if (!mail->ended)
		mail->ended = find(desk, mail->ticket, "notify.failed");
	return mail->ended != NULL;
}

static void expect_end(struct desk *desk, struct mail *mail, const char *name)
{
	if (!desk_until(desk, has_ended, mail) || strcmp(mail->ended->name, name) != 0)
		desk_fail(desk, mail->ticket, "the acknowledgement has not ended as %s", name);
	scene_text_is(desk, mail->ended, "message", record_text(mail->requested, "message"));
	scene_text_is(desk, mail->ended, "rule", "acknowledge");
}

/* Whether the fact knows that the letter arrived once. */
static void expect_certain(const struct mail *mail, bool certain)
{
	json_t *said = record_get(mail->ended, "certain");

	assert_true(certain ? said == NULL : json_is_false(said));
}

/* Ends of one message, over all that is in the log. */
static void expect_one_end(struct desk *desk, const struct mail *mail)
{
	const struct desk_ticket *log = desk_ticket(desk, mail->ticket);
	size_t ends = 0;

	desk_settle(desk);
	for (size_t i = 0; i < log->count; i++)
		ends += (strcmp(log->items[i]->name, "notify.sent") == 0 || strcmp(log->items[i]->name, "notify.failed") == 0) &&
			strcmp(record_text(log->items[i], "message"), record_text(mail->requested, "message")) == 0;
	assert_int_equal(ends, 1);
}

struct arrival {
	const struct mail *mail;
	size_t letters;
};

/* Letters of this message; others to the same customer do not count. */
static size_t letters_of(const struct mail *mail, const struct smtp_letter **ret_last)
{
	const char *id = record_text(mail->requested, "message");
	const struct smtp_letter *letter;
	size_t count = 0;

	for (size_t i = 0; (letter = smtp_letter(server, mail->address, i)); i++)
		if (strncmp(letter->id, id, strlen(id)) == 0 && letter->id[strlen(id)] == '@') {
			*ret_last = letter;
			count++;
		}
	return count;
}

static bool has_arrived(struct desk *desk, void *userdata)
{
	struct arrival *arrival = userdata;
	const struct smtp_letter *last;

	(void)desk;
	return letters_of(arrival->mail, &last) >= arrival->letters;
}

static const struct smtp_letter *expect_letters(struct desk *desk, const struct mail *mail, size_t letters)
{
	struct arrival arrival = { mail, letters };
	const struct smtp_letter *last = NULL;

	if (!desk_until(desk, has_arrived, &arrival))
		desk_fail(desk, mail->ticket, "no letter number %zu to %s", letters, mail->address);
	assert_int_equal(letters_of(mail, &last), letters);
	return last;
}

/* Whether the text is the template's: all that stands between its placeholders, in its order. */
static void expect_template(const char *text, struct str template)
{
	const char *at = text;

	while (template.p) {
		struct str part = template, rest = STR_NONE;
		const char *open = memmem(template.p, template.n, "{{", 2);

		if (open) {
			const char *shut = strstr(open, "}}") + 2;

			part.n = (size_t)(open - template.p);
			rest = (struct str){ shut, template.n - (size_t)(shut - template.p) };
		}
		part = str_trim(part);
		at = part.n ? memmem(at, strlen(at), part.p, part.n) : at;
		if (!at)
			fail_msg("\"%.*s\" of the template is not in\n%s", STR_ARG(part), text);
		at += part.n;
		template = rest;
	}
}

/* ---- tests ---- */

static void mail_waits_for_its_server(void **state)
{
	struct desk *desk = *state;
	struct mail mail = request(desk, "en");
	const struct smtp_letter *letter;

	assert_null(find(desk, mail.ticket, "notify.sent"));
	server = smtp_start(port);
	assert_non_null(server);
	expect_end(desk, &mail, "notify.sent");
	letter = expect_letters(desk, &mail, 1);
	assert_string_equal(letter->from, "desk@example.com");
	expect_one_end(desk, &mail);
}

static void mail_says_what_the_template_says(void **state)
{
	static const char *const locales[] = { "zh-CN", "zh-TW", "en" };
	struct desk *desk = *state;

	for (size_t i = 0; i < array_count(locales); i++) {
		struct mail mail = request(desk, locales[i]);
		struct str template = embed_find(desk_text(desk, "deploy/templates/%s/acknowledge.txt", locales[i]));
		struct str subject = str_cut(&template, '\n');
		const struct smtp_letter *letter;

		(void)str_cut(&template, '\n');
		(void)str_cut(&subject, ' ');
		expect_end(desk, &mail, "notify.sent");
		letter = expect_letters(desk, &mail, 1);
		assert_non_null(strstr(letter->bytes, "charset=UTF-8"));
		for (const char *p = letter->bytes; *p; p++)
			assert_true((unsigned char)*p < 128);
		expect_template(letter->subject, subject);
		assert_non_null(strstr(letter->subject, mail.ticket));
		expect_template(letter->text, template);
		assert_non_null(strstr(letter->text, "王敏"));
		assert_non_null(strstr(letter->text, "no data 没有数据 — since 10:00"));
		assert_null(strstr(letter->text, "{{"));
		/* The same text stands in the fact. */
		assert_string_equal(letter->subject, record_text(mail.requested, "subject"));
		assert_memory_equal(letter->text, record_text(mail.requested, "text"), strlen(record_text(mail.requested, "text")));
	}
}

static void mail_put_off_is_tried_again(void **state)
{
	struct desk *desk = *state;
	struct mail mail;
	const struct smtp_letter *letter;

	smtp_answer(server, SMTP_RCPT, "451 4.3.0 try again later", 2);
	mail = request(desk, "en");
	expect_end(desk, &mail, "notify.sent");
	assert_int_equal(record_number(mail.ended, "attempts"), 3);
	expect_certain(&mail, true);
	expect_letters(desk, &mail, 1);
	/* Also after the whole letter: then the server has seen it twice, as the same one. */
	smtp_answer(server, SMTP_BODY, "452 4.2.2 full", 1);
	mail = request(desk, "en");
	expect_end(desk, &mail, "notify.sent");
	letter = expect_letters(desk, &mail, 2);
	assert_true(letter->taken);
	expect_certain(&mail, true);
	expect_one_end(desk, &mail);
}

/* The connection is gone before the server's word on the letter: nobody knows whether it arrived. */
static void mail_whose_server_dies_after_data(void **state)
{
	struct desk *desk = *state;
	const struct smtp_letter *letter;
	struct mail mail;

	smtp_answer(server, SMTP_BODY, SMTP_HANGS_UP, 1);
	mail = request(desk, "en");
	expect_end(desk, &mail, "notify.sent");
	assert_int_equal(record_number(mail.ended, "attempts"), 2);
	expect_certain(&mail, false);
	letter = expect_letters(desk, &mail, 2);
	assert_string_equal(letter->id, smtp_letter(server, mail.address, 0)->id);
	expect_one_end(desk, &mail);
	/* Before the letter is whole, all is known. */
	smtp_answer(server, SMTP_DATA, SMTP_HANGS_UP, 1);
	mail = request(desk, "en");
	expect_end(desk, &mail, "notify.sent");
	expect_certain(&mail, true);
	expect_letters(desk, &mail, 1);
	/* And when it never answers, the failure is not certain either. */
	smtp_answer(server, SMTP_BODY, SMTP_HANGS_UP, ATTEMPTS);
	mail = request(desk, "en");
	expect_end(desk, &mail, "notify.failed");
	expect_certain(&mail, false);
	expect_one_end(desk, &mail);
	smtp_answer(server, SMTP_BODY, SMTP_HANGS_UP, 0);
}

/* While the server says nothing, people who are told otherwise are told. */
static void mail_whose_server_hangs_holds_up_nobody(void **state)
{
	struct desk *desk = *state;
	struct mail mail;
	const char *other;

	smtp_hold(server, true);
	mail = request(desk, "en");
	expect_letters(desk, &mail, 1);
	other = scene_ticket(desk, 0, desk_text(desk, "{'product': {'model': '%s'}}", desk_unique(desk, "NX")));
	scene_text_is(desk, desk_expect(desk, other, "notify.sent"), "channel", "phone");
	assert_null(find(desk, mail.ticket, "notify.sent"));
	smtp_hold(server, false);
	expect_end(desk, &mail, "notify.sent");
	expect_one_end(desk, &mail);
}

static void mail_refused_has_failed(void **state)
{
	struct desk *desk = *state;
	struct mail mail;

	smtp_answer(server, SMTP_RCPT, "550 5.1.1 no such user", 1000);
	mail = request(desk, "en");
	expect_end(desk, &mail, "notify.failed");
	smtp_answer(server, SMTP_RCPT, "", 0);
	assert_int_equal(record_number(mail.ended, "attempts"), 1);
	/* The server's words hold the address; the fact does not. */
	assert_null(strstr(record_text(mail.ended, "reason"), mail.address));
	assert_string_equal(record_text(desk_expect(desk, mail.ticket, "task.opened"), "for"), "csr");
	expect_one_end(desk, &mail);
}

static void mail_put_off_for_good_has_failed(void **state)
{
	struct desk *desk = *state;
	struct mail mail;

	smtp_answer(server, SMTP_MAIL, "421 4.7.0 not now", 1000);
	mail = request(desk, "en");
	expect_end(desk, &mail, "notify.failed");
	smtp_answer(server, SMTP_MAIL, "", 0);
	assert_int_equal(record_number(mail.ended, "attempts"), ATTEMPTS);
	expect_one_end(desk, &mail);
}

/* Handed over, and nobody knows of it: it is sent again, as the same letter. */
static void mail_survives_a_kill(void **state)
{
	struct desk *desk = *state;
	const struct smtp_letter *first, *second;
	struct mail mail;

	smtp_hold(server, true);
	mail = request(desk, "zh-CN");
	first = expect_letters(desk, &mail, 1);
	assert_true(stack_do(desk_stack(desk), "kill", "notification"));
	smtp_hold(server, false);
	expect_end(desk, &mail, "notify.sent");
	second = expect_letters(desk, &mail, 2);
	assert_false(first->taken);
	assert_true(second->taken);
	assert_string_equal(first->id, second->id);
	assert_string_equal(first->bytes, second->bytes);
	expect_certain(&mail, false);
	expect_one_end(desk, &mail);
}

static void mail_goes_on_after_an_outage_of_its_server(void **state)
{
	struct desk *desk = *state;
	struct mail mail;

	smtp_stop(server);
	server = NULL;
	mail = request(desk, "en");
	server = smtp_start(port);
	assert_non_null(server);
	expect_end(desk, &mail, "notify.sent");
	expect_letters(desk, &mail, 1);
	expect_one_end(desk, &mail);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		SCENARIO(mail_waits_for_its_server),
		SCENARIO(mail_says_what_the_template_says),
		SCENARIO(mail_put_off_is_tried_again),
		SCENARIO(mail_whose_server_dies_after_data),
		SCENARIO(mail_whose_server_hangs_holds_up_nobody),
		SCENARIO(mail_refused_has_failed),
		SCENARIO(mail_put_off_for_good_has_failed),
		SCENARIO(mail_survives_a_kill),
		SCENARIO(mail_goes_on_after_an_outage_of_its_server),
	};

	return cmocka_run_group_tests(tests, open_with_mail, close_with_mail);
}
