/* Filling templates: what a placeholder stands for, said for people.
 *
 * Logic-less: each {{path}} is replaced once by text, nothing is escaped (plain text) and what comes in is never looked
 * into again, so a customer's "{{...}}" stays what it is. Pure but for the arena. */
#include <string.h>

#include "services/notification/notification.h"

#define VALUE_MAX 6000    /* bytes of one value in a message; the rest is in the ticket */

void notification_render(struct str text, struct str (*value)(void *userdata, struct str path), void *userdata, struct buf *out)
{
	while (text.n) {
		struct str before, path;

		if (!notification_placeholder(&text, &before, &path))
			return;
		buf_str(out, before);
		if (path.p)
			buf_str(out, value(userdata, path));
	}
}

/* Codes are of letters, digits and a few signs; what people write is not looked up. */
static bool is_code(struct str value)
{
	for (size_t i = 0; i < value.n; i++)
		if (value.p[i] == ' ' || (unsigned char)value.p[i] >= 128 || value.p[i] < ' ')
			return false;
	return value.n <= 64;
}

static struct str word_of(const struct notification_view *view, struct str group, struct str code)
{
	struct str rest = group;
	struct str last = group;

	while (rest.p)
		last = str_cut(&rest, '.');
	return notification_word(view->catalogue, view->locale, str_format(view->arena, "%.*s.%.*s", STR_ARG(last), STR_ARG(code)));
}

/* "customer.phone|customer.email" -> "phone number or e-mail address" */
static struct str alternatives_text(const struct notification_view *view, struct str path, struct str code)
{
	struct str text = STR_NONE;

	while (code.p) {
		struct str one = str_cut(&code, '|');
		struct str word = word_of(view, path, one);

		word = word.p ? word : one;
		text = text.p ? str_format(view->arena, "%.*s%.*s%.*s", STR_ARG(text),
					   STR_ARG(notification_word(view->catalogue, view->locale, STR("list.or"))), STR_ARG(word))
			      : word;
	}
	return text;
}

static struct str instant_text(const struct notification_view *view, instant at)
{
	int year, month, day, second;

	instant_civil(at, view->zone_offset_us, &year, &month, &day, &second);
	return str_format(view->arena, "%04d-%02d-%02d %02d:%02d", year, month, day, second / 3600, second / 60 % 60);
}

static struct str list_text(const struct notification_view *view, struct str path, struct str words)
{
	struct str text = STR_NONE;

	while (words.p) {
		struct str word = str_cut(&words, ' ');

		if (word.n == 0)
			continue;
		word = alternatives_text(view, path, word);
		text = text.p ? str_format(view->arena, "%.*s%.*s%.*s", STR_ARG(text),
					   STR_ARG(notification_word(view->catalogue, view->locale, STR("list.separator"))), STR_ARG(word))
			      : word;
	}
	return text;
}

/* The value of a node as words: a list of strings is blank-separated, like ticket.missing. */
static struct str node_text(const struct doc *doc, uint32_t node, struct arena *arena)
{
	struct str text = STR_NONE;

	switch (doc_type(doc, node)) {
	case DOC_STRING:
		text = doc_string(doc, node, arena);
		return text.n ? text : STR_NONE;
	case DOC_NUMBER:
	case DOC_TRUE:
	case DOC_FALSE:
		return doc_raw(doc, node);
	case DOC_ARRAY:
		for (uint32_t child = doc_first(doc, node); child; child = doc_next(doc, node, child)) {
			struct str one = doc_string(doc, child, arena);

			if (one.n)
				text = text.p ? str_format(arena, "%.*s %.*s", STR_ARG(text), STR_ARG(one)) : one;
		}
		return text;
	case DOC_NULL:
	case DOC_OBJECT:
		break;
	}
	return STR_NONE;
}

static struct str path_text(const struct doc *doc, struct str path, struct arena *arena)
{
	uint32_t node = doc && doc->count ? doc_path(doc, 0, path) : 0;

	return node ? node_text(doc, node, arena) : STR_NONE;
}

static struct str owner_text(const struct notification_view *view, struct str member)
{
	const struct person *owner = view->owner;

	if (str_is(member, "id"))
		return view->ticket->owner;
	if (str_is(member, "role"))
		return view->ticket->owner_role;
	if (!owner)
		return str_is(member, "name") ? view->ticket->owner : STR_NONE;
	if (str_is(member, "name"))
		return owner->name.n ? owner->name : owner->id;
	if (str_is(member, "department"))
		return owner->department;
	return STR_NONE;
}

static struct str policy_text(const struct notification_view *view, struct str path)
{
	for (size_t i = 0; i < view->text_count; i++) {
		const struct message_text *text = &view->texts[i];

		if (!str_eq(text->path, path))
			continue;
		if (str_is(view->locale, "zh-TW") && text->zh_tw.n)
			return text->zh_tw;
		return str_starts(view->locale, STR("zh")) ? text->zh : text->en;
	}
	return STR_NONE;
}

/* When it will be done, as far as anybody has said: promised, agreed, else the time that the fact itself names. */
static struct str expected_text(const struct notification_view *view)
{
	char text[INSTANT_TEXT];

	if (view->expected != INSTANT_NONE)
		return str_copy(view->arena, instant_format(view->expected, text));
	return path_text(view->event, STR("due_at"), view->arena);
}

static struct str known_of(const struct notification_view *view, struct str path)
{
	const struct ticket *ticket = view->ticket;
	const struct {
		const char *path;
		struct str value;
	} own[] = {
		{ "ticket", ticket->id }, { "kind", ticket->kind }, { "severity", ticket->severity }, { "mode", ticket->mode },
		{ "channel", ticket->channel }, { "priority", ticket->priority }, { "state", state_name(ticket->state) },
		{ "missing", ticket->missing },
	};
	struct str rest = path, root = str_cut(&rest, '.');
	struct str value;

	for (size_t i = 0; i < array_count(own); i++)
		if (str_is(path, own[i].path) && own[i].value.n)
			return own[i].value;
	if (str_is(path, "received_at")) {
		char text[INSTANT_TEXT];

		return ticket->received_at == INSTANT_NONE ? STR_NONE
							   : str_copy(view->arena, instant_format(ticket->received_at, text));
	}
	if (str_is(path, "option"))
		return view->option;
	if (str_is(path, "expected"))
		return expected_text(view);
	if (str_is(root, "owner"))
		value = owner_text(view, rest);
	else if (str_is(root, "event"))
		value = path_text(view->event, rest, view->arena);
	else
		value = path_text(view->request, path, view->arena);
	if (!value.p && str_is(root, "customer"))
		value = path_text(view->customer, rest, view->arena);
	return value.n ? value : STR_NONE;
}

struct str notification_fact_of(const struct notification_view *view, struct str path)
{
	struct str value = known_of(view, path);

	return value.n ? value : policy_text(view, path);
}

/* At most VALUE_MAX bytes, never half a character. */
static struct str shortened(const struct notification_view *view, struct str value)
{
	size_t n = VALUE_MAX;

	if (value.n <= n)
		return value;
	while (n > 0 && ((unsigned char)value.p[n] & 0xc0) == 0x80)
		n--;
	return str_format(view->arena, "%.*s…", (int)n, value.p);
}

struct str notification_value(void *userdata, struct str path)
{
	const struct notification_view *view = userdata;
	struct str value = notification_fact_of(view, path);
	struct str word;
	instant at;

	if (!value.p) {
		word = notification_word(view->catalogue, view->locale, str_format(view->arena, "absent.%.*s", STR_ARG(path)));
		return word.p ? word : STR("");
	}
	if (str_is(path, "missing") || str_is(path, "event.missing"))
		return list_text(view, path, value);
	if (value.n >= 20 && value.n < INSTANT_TEXT + 8 && instant_parse(value, &at)) {
		word = str_is(path, "option") ? notification_word(view->catalogue, view->locale, STR("option.until")) : STR("");
		return str_format(view->arena, "%.*s%.*s", STR_ARG(word), STR_ARG(instant_text(view, at)));
	}
	if (is_code(value)) {
		word = word_of(view, path, value);
		if (word.p)
			return word;
	}
	return shortened(view, value);
}
