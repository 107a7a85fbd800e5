/* Templates: the shipped ones, placeholders, what is refused at start, values said for people. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "services/notification/notification.h"

#define FILE_OF(name, text) { "deploy/templates/" name, text, text + sizeof(text) - 1 }

static enum verdict load(const struct embed_file *files, size_t count, struct fault *fault)
{
	struct notification_catalogue *catalogue = NULL;
	enum verdict verdict = notification_catalogue_load(files, count, &catalogue, fault);

	assert_true((verdict == OK) == (catalogue != NULL));
	notification_catalogue_free(catalogue);
	return verdict;
}

static void shipped(void **unused)
{
	static const char *const names[] = { "acknowledge", "incomplete", "assigned", "overdue", "resolved", "closed", "survey",
					     "followup", "task", "escalated", "reopened", "warned", "scheduled", "unassignable",
					     "replied" };
	struct notification_catalogue *catalogue = NULL;
	struct fault fault = FAULT_NONE;

	(void)unused;
	if (notification_catalogue_load(embed_files, embed_count, &catalogue, &fault) != OK)
		fail_msg("%s", fault.text);
	assert_true(catalogue->locale_count >= 2);
	for (size_t i = 0; i < array_count(names); i++) {
		assert_non_null(notification_template_find(catalogue, str_of(names[i]), STR("zh-CN")));
		assert_non_null(notification_template_find(catalogue, str_of(names[i]), STR("en")));
	}
	assert_null(notification_template_find(catalogue, STR("words"), STR("en")));
	notification_catalogue_free(catalogue);
}

static void refused(void **unused)
{
	static const char good[] = "subject: S {{ticket}}\n\nHello {{customer.name}}\n", other[] = "subject: S {{ticket}}\n\nHello\n";
	static const char no_subject[] = "Hello\n\nthere\n", no_text[] = "subject: S\n\n", open_end[] = "subject: S\n\nHello {{ticket\n";
	static const char logic[] = "subject: S\n\n{{#if x}}\n", stray[] = "subject: S\n\na }} b\n", root[] = "subject: S\n\n{{passwd}}\n";
	static const char version[] = "subject: S\nversion: x\n\nHello\n", words[] = "a = 1\n", twice[] = "a = 1\na = 2\n";
	const struct {
		struct embed_file files[2];
		size_t count;
		const char *says;
	} rows[] = {
		{ { FILE_OF("en/a.txt", good) }, 1, NULL },
		{ { FILE_OF("en/a.txt", good), FILE_OF("zh-CN/a.txt", good) }, 2, NULL },
		{ { FILE_OF("en/a.txt", good), FILE_OF("zh-CN/a.txt", other) }, 2, "{{customer.name}} is missing" },
		{ { FILE_OF("en/a.txt", good), FILE_OF("zh-CN/b.txt", good) }, 2, "is missing; " },
		{ { FILE_OF("en/a.txt", no_subject) }, 1, "the first line" },
		{ { FILE_OF("en/a.txt", no_text) }, 1, "subject or text is missing" },
		{ { FILE_OF("en/a.txt", open_end) }, 1, "malformed" },
		{ { FILE_OF("en/a.txt", logic) }, 1, "malformed" },
		{ { FILE_OF("en/a.txt", stray) }, 1, "malformed" },
		{ { FILE_OF("en/a.txt", root) }, 1, "nothing can fill it" },
		{ { FILE_OF("en/a.txt", version) }, 1, "the first line" },
		{ { FILE_OF("en/a.txt", good), FILE_OF("en/words.txt", twice) }, 2, "each key stands once" },
		{ { FILE_OF("en/a.txt", good), FILE_OF("en/words.txt", words) }, 2, NULL },
		{ { FILE_OF("en/words.txt", words) }, 1, "no template" },
		{ { FILE_OF("en/a.html", good) }, 1, "LOCALE/NAME.txt" },
	};

	(void)unused;
	for (size_t i = 0; i < array_count(rows); i++) {
		struct fault fault = FAULT_NONE;
		enum verdict verdict = load(rows[i].files, rows[i].count, &fault);

		if (!rows[i].says && verdict != OK)
			fail_msg("row %zu: %s", i, fault.text);
		if (rows[i].says && (verdict != FATAL || !strstr(fault.text, rows[i].says)))
			fail_msg("row %zu: wanted \"%s\", got \"%s\"", i, rows[i].says, fault.text);
	}
}

static struct str echo(void *userdata, struct str path)
{
	(void)path;
	return *(struct str *)userdata;
}

static void rendering(void **unused)
{
	const struct {
		const char *text, *value, *want;
	} rows[] = {
		{ "a {{x}} b", "1", "a 1 b" },
		{ "{{x}}{{y.z}}", "1", "11" },
		{ "{{x}}", "", "" },
		{ "no placeholder { } {x}", "1", "no placeholder { } {x}" },
		/* Nothing is escaped, and what comes in is never looked into. */
		{ "{{x}}", "{{ticket}} <b>&\"", "{{ticket}} <b>&\"" },
	};

	(void)unused;
	for (size_t i = 0; i < array_count(rows); i++) {
		struct str value = str_of(rows[i].value);
		struct buf out = { 0 };

		notification_render(str_of(rows[i].text), echo, &value, &out);
		buf_char(&out, '\0');
		assert_string_equal(out.p, rows[i].want);
		buf_done(&out);
	}
}

static void values(void **unused)
{
	const struct {
		const char *path, *zh, *en;
	} rows[] = {
		{ "ticket", "AC-1", "AC-1" },
		{ "severity", "紧急", "urgent" },
		{ "kind", "odd-kind", "odd-kind" },
		{ "customer.name", "华强", "华强" },
		{ "customer.language", "en", "en" },
		{ "customer.grade", "key", "key" },
		{ "owner.name", "王工", "王工" },
		{ "product.model", "（未提供）", "(not given)" },
		{ "problem", "{{ticket}}", "{{ticket}}" },
		{ "received_at", "2026-11-23 10:41", "2026-11-23 10:41" },
		{ "event.due_at", "2026-11-23 12:41", "2026-11-23 12:41" },
		{ "event.clock", "响应", "response" },
		{ "event.nothing", "", "" },
		{ "missing", "姓名、联系电话或电子邮箱", "name, phone number or e-mail address" },
	};
	struct notification_catalogue *catalogue = NULL;
	struct fault fault = FAULT_NONE;
	struct arena arena = { 0 };
	struct doc event, request, customer;
	struct ticket ticket = { .id = STR("AC-1"), .kind = STR("odd-kind"), .severity = STR("urgent"), .owner = STR("E1"),
				 .missing = STR("customer.name customer.phone|customer.email") };
	struct person owner = { .id = STR("E1"), .name = STR("王工") };

	(void)unused;
	assert_true(instant_parse(STR("2026-11-23T02:41:57Z"), &ticket.received_at));
	assert_int_equal(notification_catalogue_load(embed_files, embed_count, &catalogue, &fault), OK);
	assert_int_equal(doc_parse(&event, STR("{\"clock\": \"response\", \"due_at\": \"2026-11-23T04:41:57.000Z\"}"), &arena, &fault), OK);
	assert_int_equal(doc_parse(&request, STR("{\"customer\": {\"name\": \"华强\"}, \"problem\": \"{{ticket}}\"}"), &arena, &fault), OK);
	assert_int_equal(doc_parse(&customer, STR("{\"name\": \"X\", \"language\": \"en\", \"grade\": \"key\"}"), &arena, &fault), OK);
	for (size_t i = 0; i < 2 * array_count(rows); i++) {
		struct notification_view view = {
			.catalogue = catalogue, .locale = i % 2 ? STR("en") : STR("zh-CN"), .zone_offset_us = 8 * HOUR,
			.ticket = &ticket, .event = &event, .request = &request, .customer = &customer, .owner = &owner, .arena = &arena,
		};
		struct str value = notification_value(&view, str_of(rows[i / 2].path));

		assert_string_equal(str_z(&arena, value), i % 2 ? rows[i / 2].en : rows[i / 2].zh);
	}
	notification_catalogue_free(catalogue);
	arena_done(&arena);
}

/* What has been said for the ticket comes first, then what the policy says, then the words for nothing. */
static void parts(void **unused)
{
	static const struct message_text texts[] = {
		{ .path = { "option", 6 }, .zh = { "备用机", 9 }, .en = { "a spare", 7 } },
		{ .path = { "problem", 7 }, .zh = { "简", 3 }, .zh_tw = { "繁", 3 }, .en = { "x", 1 } },
	};
	static const struct {
		const char *locale, *option;
		bool policy;
		const char *path, *want;
	} rows[] = {
		{ "zh-CN", NULL, true, "option", "备用机" }, { "zh-TW", NULL, true, "option", "备用机" }, { "en", NULL, true, "option", "a spare" },
		{ "zh-TW", NULL, true, "problem", "繁" }, { "zh-CN", NULL, true, "problem", "简" },
		{ "en", "a new one", true, "option", "a new one" },
		{ "en", "2026-11-24T02:00:00Z", false, "option", "promised by 2026-11-24 10:00" },
		{ "zh-CN", "2026-11-24T02:00:00Z", false, "option", "承诺完成时间：2026-11-24 10:00" },
		{ "en", NULL, false, "option", "the owner will contact you shortly and say how we go on" },
		{ "zh-CN", NULL, false, "expected", "2026-11-23 12:41" },
	};
	struct notification_catalogue *catalogue = NULL;
	struct fault fault = FAULT_NONE;
	struct arena arena = { 0 };
	struct doc event;
	struct ticket ticket = { .id = STR("AC-1"), .received_at = INSTANT_NONE };

	(void)unused;
	assert_int_equal(notification_catalogue_load(embed_files, embed_count, &catalogue, &fault), OK);
	assert_int_equal(doc_parse(&event, STR("{\"due_at\": \"2026-11-23T04:41:57.000Z\"}"), &arena, &fault), OK);
	for (size_t i = 0; i < array_count(rows); i++) {
		struct notification_view view = {
			.catalogue = catalogue, .locale = str_of(rows[i].locale), .zone_offset_us = 8 * HOUR, .ticket = &ticket, .event = &event,
			.option = str_of(rows[i].option), .expected = INSTANT_NONE, .texts = rows[i].policy ? texts : NULL,
			.text_count = rows[i].policy ? array_count(texts) : 0, .arena = &arena,
		};

		assert_string_equal(str_z(&arena, notification_value(&view, str_of(rows[i].path))), rows[i].want);
	}
	notification_catalogue_free(catalogue);
	arena_done(&arena);
}

static void locales(void **unused)
{
	static const char text[] = "subject: S\n\nHello\n";
	const struct embed_file files[] = { FILE_OF("en/a.txt", text), FILE_OF("zh-CN/a.txt", text), FILE_OF("zh-TW/a.txt", text) };
	const struct {
		const char *language, *want;
	} rows[] = { { NULL, "zh-CN" }, { "", "zh-CN" }, { "en", "en" }, { "en-GB", "en" }, { "zh", "zh-CN" }, { "zh-TW", "zh-TW" },
		     { "zh-HK", "zh-TW" }, { "zh-Hans-SG", "zh-CN" }, { "zh-Hant", "zh-TW" }, { "de", "zh-CN" } };
	struct notification_catalogue *catalogue = NULL;
	struct fault fault = FAULT_NONE;

	(void)unused;
	assert_int_equal(notification_catalogue_load(files, array_count(files), &catalogue, &fault), OK);
	for (size_t i = 0; i < array_count(rows); i++)
		assert_true(str_is(notification_locale(catalogue, str_of(rows[i].language), STR("zh-CN")), rows[i].want));
	notification_catalogue_free(catalogue);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shipped), cmocka_unit_test(refused), cmocka_unit_test(rendering), cmocka_unit_test(values),
		cmocka_unit_test(locales), cmocka_unit_test(parts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
