/* Webhooks: settings, the signature, what an answer means. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "services/notification/notification.h"

static void settings(void **unused)
{
	static const char good[] = "0123456789abcdef";
	const struct {
		const char *webhooks, *secret, *gateways, *smtp, *ca, *says;
	} rows[] = {
		{ "sms=https://sms.example.com/in", good, NULL, NULL, NULL, NULL },
		{ "sms=https://a/x, wechat=http://127.0.0.1:8080/y", good, "fax", NULL, NULL, NULL },
		{ "email=https://a/x", good, NULL, NULL, NULL, NULL },
		{ "sms=https://a/x", NULL, NULL, NULL, NULL, "webhook_secret" },
		{ "sms=https://a/x", "short", NULL, NULL, NULL, "webhook_secret" },
		{ "sms", good, NULL, NULL, NULL, "CHANNEL=https" },
		{ "sms=ftp://a/x", good, NULL, NULL, NULL, "CHANNEL=https" },
		{ "sms=https://", good, NULL, NULL, NULL, "CHANNEL=https" },
		{ "=https://a/x", good, NULL, NULL, NULL, "CHANNEL=https" },
		{ "sms=https://a/x sms=https://b/y", good, NULL, NULL, NULL, "twice" },
		{ "sms=https://a/x", good, "wechat sms", NULL, NULL, "gateways" },
		{ "log=https://a/x", good, NULL, NULL, NULL, "otherwise" },
		{ "email=https://a/x", good, NULL, "smtp://127.0.0.1:1", NULL, "otherwise" },
		{ "sms=https://a/x", good, NULL, NULL, "/nowhere/ca.pem", "webhook_ca" },
	};

	(void)unused;
	for (size_t i = 0; i < array_count(rows); i++) {
		const struct notification_conf conf = {
			.webhooks = rows[i].webhooks, .webhook_secret = rows[i].secret, .gateways = rows[i].gateways,
			.smtp_url = rows[i].smtp, .smtp_from = "a@b", .webhook_ca = rows[i].ca, .smtp_parallel = 1, .webhook_parallel = 1,
		};
		struct notification_carrier *carrier = NULL;
		struct fault fault = FAULT_NONE;
		enum verdict verdict = notification_carrier_new(&conf, &carrier, &fault);

		if (verdict != (rows[i].says ? FATAL : OK) || (rows[i].says && !strstr(fault.text, rows[i].says)))
			fail_msg("row %zu: %s", i, fault.text);
		notification_carrier_free(carrier);
	}
}

/* A line each, found by its channel. */
static void lines(void **unused)
{
	const struct notification_conf conf = {
		.webhooks = "sms=https://a/x wechat=https://b/y", .webhook_secret = "0123456789abcdef", .smtp_url = "smtp://127.0.0.1:1",
		.smtp_from = "a@b", .smtp_parallel = 1, .webhook_parallel = 1,
	};
	struct notification_carrier *carrier = NULL;
	struct fault fault = FAULT_NONE;

	(void)unused;
	assert_int_equal(notification_carrier_new(&conf, &carrier, &fault), OK);
	assert_int_equal(notification_carrier_line(carrier, VIA_MAIL, STR("email")), 0);
	assert_int_equal(notification_carrier_line(carrier, VIA_WEBHOOK, STR("sms")), 1);
	assert_int_equal(notification_carrier_line(carrier, VIA_WEBHOOK, STR("wechat")), 2);
	assert_int_equal(notification_carrier_line(carrier, VIA_WEBHOOK, STR("fax")), -1);
	assert_int_equal(notification_carrier_line(NULL, VIA_MAIL, STR("email")), -1);
	notification_carrier_free(carrier);
}

/* By openssl dgst -sha256 -hmac. */
static void signature(void **unused)
{
	char text[NOTIFICATION_SIGNATURE];

	(void)unused;
	notification_webhook_sign("an example of a secret, 32 bytes", 1795401717, STR("{\"text\":\"你好\"}"), text);
	assert_string_equal(text, "sha256=c4e941ba997ced1426668ebdfb981d8dc439b31a8f37083fe198c2c48ae9ccd3");
}

static void outcomes(void **unused)
{
	static const struct {
		long status;
		enum notification_outcome want;
	} rows[] = {
		{ 200, OUTCOME_DELIVERED }, { 204, OUTCOME_DELIVERED }, { 301, OUTCOME_TEMPORARY }, { 400, OUTCOME_PERMANENT },
		{ 401, OUTCOME_TEMPORARY }, { 403, OUTCOME_PERMANENT }, { 404, OUTCOME_PERMANENT }, { 408, OUTCOME_TEMPORARY },
		{ 410, OUTCOME_PERMANENT }, { 429, OUTCOME_TEMPORARY }, { 500, OUTCOME_TEMPORARY }, { 503, OUTCOME_TEMPORARY },
	};

	(void)unused;
	for (size_t i = 0; i < array_count(rows); i++)
		assert_int_equal(notification_webhook_outcome(rows[i].status), rows[i].want);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(settings), cmocka_unit_test(lines), cmocka_unit_test(signature), cmocka_unit_test(outcomes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
