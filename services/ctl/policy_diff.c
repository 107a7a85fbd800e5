/* policy diff: what changes from one version of a regulation to another, in the words of the regulation.
 *
 * Lists are compared by the names of what stands in them, not by place, so that a clock put in between is one new clock. What a
 * member is called in a sentence stands in one table; a member without words is told by its own name. */
#include <jansson.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/doc.h"
#include "services/ctl/policy.h"
#include "services/ctl/screen.h"

#define DOCUMENT_MAX (1u << 20)

struct diff {
	struct ctl *ctl;
	size_t count;
};

static const struct {
	const char *member, *words;
} wordings[] = {
	{ "limit", "within" }, { "start", "from" }, { "stop", "until" }, { "cancel", "cancelled by" }, { "restart_on", "starts anew with" },
	{ "pause_in", "pauses in" }, { "on_breach", "when it runs out" }, { "on_warn", "when it warns" }, { "on_met", "when it is met" },
	{ "warn", "warns" }, { "match", "for" }, { "effective_from", "in force from" }, { "applies", "applies" }, { "to", "goes to" },
	{ "on", "on" }, { "needs", "needs" }, { "fields", "fields" }, { "roles", "roles" }, { "do", "does" }, { "every", "every" },
	{ "reopen_within", "may be reopened within" }, { "prefer", "prefers" }, { "need", "needs" },
};
static const struct {
	const char *list, *one;
} lists[] = {
	{ "clocks", "clock" }, { "guards", "guard" }, { "gates", "gate" }, { "permissions", "permission" }, { "allow", "step" },
	{ "rules", "rule" }, { "messages", "message" }, { "programmes", "programme" }, { "required", "required fields" },
	{ "verify", "verification" }, { "classify", "classification" }, { "transitions", "step" }, { "subtasks", "subtask" },
};

static const char *words_of(const char *member)
{
	for (size_t i = 0; i < array_count(wordings); i++)
		if (strcmp(wordings[i].member, member) == 0)
			return wordings[i].words;
	return member;
}

/* A value as short as it can be said: "PT2H", "fault or complaint", else its JSON. */
static struct str value_words(struct arena *arena, const json_t *value)
{
	struct buf text cleanup(buf_done) = { 0 };
	char *json;

	if (!value)
		return STR("nothing");
	if (json_is_string(value))
		return str_copy(arena, str_of(json_string_value(value)));
	for (size_t i = 0; i < json_array_size(value); i++) {
		const char *one = json_string_value(json_array_get(value, i));

		if (!one)
			break;
		buf_format(&text, "%s%s", i ? " or " : "", one);
		if (i + 1 == json_array_size(value))
			return str_copy(arena, buf_view(&text));
	}
	json = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS);
	buf_clear(&text);
	buf_z(&text, json ? json : "");
	mem_free(json);
	return str_copy(arena, buf_view(&text));
}

/* "kind fault, severity urgent" */
static struct str match_words(struct arena *arena, const json_t *match)
{
	struct buf text cleanup(buf_done) = { 0 };
	const char *key;
	json_t *value;

	json_object_foreach ((json_t *)(uintptr_t)match, key, value)
		buf_format(&text, "%s%s %.*s", text.n ? ", " : "", key, STR_ARG(value_words(arena, value)));
	return str_copy(arena, buf_view(&text));
}

static void tell(struct diff *diff, struct str pointer, struct str subject, struct str what, const json_t *from, const json_t *to)
{
	struct arena *arena = &diff->ctl->arena;
	struct buf line cleanup(buf_done) = { 0 };
	struct writer writer = { .buf = &line };
	char *raw;

	diff->count++;
	if (!diff->ctl->json) {
		screen_put(&line, str_format(arena, "%.*s%s%.*s", STR_ARG(subject), subject.n ? ": " : "", STR_ARG(what)), 0);
		printf("%.*s\n", STR_ARG(buf_view(&line)));
		return;
	}
	write_open(&writer, '{');
	write_member(&writer, "pointer", pointer);
	write_member(&writer, "text", str_format(arena, "%.*s%s%.*s", STR_ARG(subject), subject.n ? ": " : "", STR_ARG(what)));
	for (int i = 0; i < 2; i++) {
		const json_t *value = i ? to : from;

		write_key(&writer, i ? "to" : "from");
		raw = value ? json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY | JSON_SORT_KEYS) : NULL;
		write_raw(&writer, str_of(raw ? raw : "null"));
		mem_free(raw);
	}
	write_close(&writer, '}');
	printf("%.*s\n", STR_ARG(buf_view(&line)));
}

/* " (tighter)" where two lengths of time are compared. */
static const char *direction(const json_t *from, const json_t *to)
{
	struct duration was, is;

	if (!json_is_string(from) || !json_is_string(to) || !duration_parse(str_of(json_string_value(from)), &was) ||
	    !duration_parse(str_of(json_string_value(to)), &is) || was.months || is.months || was.us == is.us)
		return "";
	return is.us < was.us ? " (shorter)" : " (longer)";
}

static const char *one_of(const char *list)
{
	for (size_t i = 0; i < array_count(lists); i++)
		if (strcmp(lists[i].list, list) == 0)
			return lists[i].one;
	return list;
}

static const char *own_name(const json_t *element)
{
	const char *name = json_string_value(json_object_get(element, "name"));

	return name ? name : json_string_value(json_object_get(element, "claim"));
}

static size_t named(const json_t *list, const char *name)
{
	size_t count = 0;

	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *other = own_name(json_array_get(list, i));

		count += other && strcmp(other, name) == 0;
	}
	return count;
}

/* Whether two elements of a list are the same thing: by name, and where several have it by what they match too. */
static bool same_thing(const json_t *one, const json_t *other, const json_t *from, const json_t *to)
{
	const char *name = own_name(one), *its = own_name(other);
	json_t *match = json_object_get(one, "match"), *its_match = json_object_get(other, "match");

	if (!name != !its || (name && strcmp(name, its) != 0))
		return false;
	if (name && named(from, name) == 1 && named(to, name) == 1)
		return true;
	return match == its_match || json_equal(match, its_match);
}

static json_t *find_thing(const json_t *list, const json_t *element, const json_t *from, const json_t *to)
{
	for (size_t i = 0; i < json_array_size(list); i++)
		if (same_thing(element, json_array_get(list, i), from, to))
			return json_array_get(list, i);
	return NULL;
}

static struct str thing_words(struct diff *diff, const char *list, const json_t *element)
{
	struct arena *arena = &diff->ctl->arena;
	const char *name = own_name(element);
	struct str match = match_words(arena, json_object_get(element, "match"));

	return str_format(arena, "%s%s%s%s%.*s%s", one_of(list), name ? " " : "", name ? name : "", match.n ? " (" : "", STR_ARG(match),
			  match.n ? ")" : "");
}

/* What a new or lost thing says. */
static struct str gist(struct diff *diff, const json_t *element)
{
	static const char *const told[] = { "start", "stop", "limit", "on", "to", "needs", "fields", "roles", "template", "every" };
	struct buf text cleanup(buf_done) = { 0 };

	for (size_t i = 0; i < array_count(told); i++) {
		const json_t *value = json_object_get(element, told[i]);

		if (value)
			buf_format(&text, "%s%s %.*s", text.n ? " " : "", words_of(told[i]),
				   STR_ARG(value_words(&diff->ctl->arena, value)));
	}
	return text.n ? str_copy(&diff->ctl->arena, buf_view(&text)) : value_words(&diff->ctl->arena, element);
}

static void compare(struct diff *diff, struct str pointer, struct str subject, const char *member, const json_t *from, const json_t *to);

static bool is_list_of_things(const json_t *value)
{
	return json_is_array(value) && (json_array_size(value) == 0 || json_is_object(json_array_get(value, 0)));
}

static void compare_members(struct diff *diff, struct str pointer, struct str subject, const json_t *from, const json_t *to)
{
	struct arena *arena = &diff->ctl->arena;
	const char *key;
	json_t *value;

	json_object_foreach ((json_t *)(uintptr_t)from, key, value)
		compare(diff, str_format(arena, "%.*s/%s", STR_ARG(pointer), key), subject, key, value, json_object_get(to, key));
	json_object_foreach ((json_t *)(uintptr_t)to, key, value)
		if (!json_object_get(from, key))
			compare(diff, str_format(arena, "%.*s/%s", STR_ARG(pointer), key), subject, key, NULL, value);
}

static void compare_lists(struct diff *diff, struct str pointer, struct str subject, const char *member, const json_t *from, const json_t *to)
{
	struct arena *arena = &diff->ctl->arena;
	const char *one = subject.n ? str_z(arena, subject) : "";
	size_t last = 0;
	bool moved = false;

	for (size_t i = 0; i < json_array_size(from); i++) {
		json_t *element = json_array_get(from, i), *other = find_thing(to, element, from, to);
		struct str thing = thing_words(diff, member, element), at = str_format(arena, "%.*s/%zu", STR_ARG(pointer), i);

		if (*one)
			thing = str_format(arena, "%s, %.*s", one, STR_ARG(thing));
		if (!other) {
			tell(diff, at, thing, str_format(arena, "taken away: %.*s", STR_ARG(gist(diff, element))), element, NULL);
			continue;
		}
		for (size_t k = 0; k < json_array_size(to); k++)
			if (json_array_get(to, k) == other) {
				moved |= k < last;
				last = k;
			}
		compare_members(diff, at, thing, element, other);
	}
	for (size_t i = 0; i < json_array_size(to); i++) {
		json_t *element = json_array_get(to, i);
		struct str thing = thing_words(diff, member, element);

		if (*one)
			thing = str_format(arena, "%s, %.*s", one, STR_ARG(thing));
		if (!find_thing(from, element, from, to))
			tell(diff, str_format(arena, "%.*s/%zu", STR_ARG(pointer), i), thing,
			     str_format(arena, "new: %.*s", STR_ARG(gist(diff, element))), NULL, element);
	}
	if (moved)
		tell(diff, pointer, str_of(member), STR("their order changes; where the first speaks, that counts"), from, to);
}

/* Members that hold further members worth a sentence each. */
static bool is_section(const char *member)
{
	static const char *const sections[] = { "intake", "lifecycle", "routing", "entitlement", "warranty", "title" };

	for (size_t i = 0; i < array_count(sections); i++)
		if (strcmp(sections[i], member) == 0)
			return true;
	return false;
}

/* A condition as its parts, a list of evidence or actions as their names; as JSON where that tells no difference. */
static struct str change_words(struct arena *arena, const char *member, const json_t *value)
{
	static const char *const labels[] = { "id", "name", "fact", "field", "told", "action", "event" };
	struct buf text cleanup(buf_done) = { 0 };

	if (json_is_object(value) && strcmp(member, "match") == 0)
		return match_words(arena, value);
	for (size_t i = 0; i < json_array_size(value); i++) {
		const json_t *one = json_array_get(value, i);
		const char *label = json_string_value(one);

		for (size_t k = 0; !label && k < array_count(labels); k++)
			label = json_string_value(json_object_get(one, labels[k]));
		if (!label)
			return value_words(arena, value);
		buf_format(&text, "%s%s", i ? ", " : "", label);
	}
	return text.n ? str_copy(arena, buf_view(&text)) : value_words(arena, value);
}

static void tell_change(struct diff *diff, struct str pointer, struct str subject, const char *member, const json_t *from, const json_t *to)
{
	struct arena *arena = &diff->ctl->arena;
	struct str was = change_words(arena, member, from), is = change_words(arena, member, to);

	if (str_eq(was, is)) {
		was = value_words(arena, from);
		is = value_words(arena, to);
	}
	tell(diff, pointer, subject, str_format(arena, "%s %.*s → %.*s%s", words_of(member), STR_ARG(was), STR_ARG(is), direction(from, to)),
	     from, to);
}

static void compare(struct diff *diff, struct str pointer, struct str subject, const char *member, const json_t *from, const json_t *to)
{
	if (json_equal(from, to) || strcmp(member, "note") == 0 || strcmp(member, "clauses") == 0 ||
	    strcmp(member, "version") == 0)
		return;
	if (is_section(member) && (!from || json_is_object(from)) && (!to || json_is_object(to)))
		compare_members(diff, pointer, strcmp(member, "intake") == 0 || strcmp(member, "lifecycle") == 0 ? subject : str_of(member),
				from, to);
	else if (strcmp(one_of(member), member) != 0 && (!from || is_list_of_things(from)) && (!to || is_list_of_things(to)))
		compare_lists(diff, pointer, subject, member, from, to);
	else
		tell_change(diff, pointer, subject, member, from, to);
}

/* A file, where there is one of that name, else a version of the database. Exit status. */
static int side(struct ctl *ctl, struct db **db, const char *words, json_t **ret)
{
	struct policy_stored stored;
	struct str text;
	json_error_t error;
	int status = 0;

	if (access(words, R_OK) == 0 || strchr(words, '/')) {
		if (!ctl_read_file(ctl, words, DOCUMENT_MAX, &text))
			return 2;
	} else {
		if (!*db)
			*db = ctl_connect(ctl);
		status = *db ? policy_find(ctl, *db, words, &stored) : 2;
		if (status)
			return status;
		text = stored.text;
	}
	*ret = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, &error);
	if (!json_is_object(*ret))
		return ctl_fail(2, "%s: no document (line %d: %s); aftercarectl policy check %s tells more", words, error.line, error.text, words);
	return 0;
}

int ctl_policy_diff(struct ctl *ctl, int argc, char **argv)
{
	struct diff diff = { .ctl = ctl };
	json_t *from = NULL, *to = NULL;
	struct db *db = NULL;
	int status;

	if (argc != 3 || argv[1][0] == '-' || argv[2][0] == '-')
		return ctl_fail(EX_USAGE, "policy diff: which two? Each is a FILE, NAME or NAME@VERSION");
	status = side(ctl, &db, argv[1], &from);
	if (status == 0)
		status = side(ctl, &db, argv[2], &to);
	if (status == 0) {
		compare_members(&diff, STR(""), STR(""), from, to);
		if (diff.count == 0 && !ctl->json)
			puts("they say the same");
		status = diff.count ? 1 : 0;
	}
	json_decref(from);
	json_decref(to);
	db_free(db);
	return status;
}
