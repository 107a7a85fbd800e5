/* policy check, load: documents into immutable versions. */
#include <jansson.h>
#include <sodium.h>
#include <string.h>
#include <sysexits.h>

#include "common/io/calendar_file.h"
#include "services/ctl/policy.h"
#include "services/ctl/screen.h"

#define DOCUMENT_MAX (1u << 20)
#define SETTINGS_MAX 64

struct arguments {
	const char *files[64];
	size_t file_count;
	struct policy_setting settings[SETTINGS_MAX];
	size_t setting_count;
	bool approved;
	struct strings calendars;    /* those given along, and those that are loaded */
};

/* What is stored of one document. */
struct document {
	const char *type;            /* "policy", "lifecycle", "calendar" */
	struct str name, text;
	int32_t version;
	instant effective_from;
	char sha256[65];
};

static int arguments_read(struct arguments *arguments, int argc, char **argv, bool may_approve)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--set") == 0 && i + 1 < argc) {
			struct str rest = str_of(argv[++i]);
			struct str name = str_cut(&rest, '=');
			if (!rest.p || !name.n || arguments->setting_count == SETTINGS_MAX)
				return ctl_fail(EX_USAGE, "--set %s: NAME=VALUE is wanted", argv[i]);
			arguments->settings[arguments->setting_count++] = (struct policy_setting){ name, rest };
		} else if (strcmp(argv[i], "--approved") == 0 && may_approve) {
			arguments->approved = true;
		} else if (argv[i][0] == '-' && argv[i][1]) {
			return ctl_fail(EX_USAGE, "unknown argument %s", argv[i]);
		} else if (arguments->file_count < array_count(arguments->files)) {
			arguments->files[arguments->file_count++] = argv[i];
		}
	}
	return arguments->file_count ? 0 : ctl_fail(EX_USAGE, "which FILE?");
}

/* A line each; they quote the document, which may hold what a terminal would obey. */
static void errors_show(struct str errors)
{
	struct buf text cleanup(buf_done) = { 0 };

	while (errors.p) {
		struct str line = str_cut(&errors, '\n');

		if (line.n == 0)
			continue;
		screen_put(&text, line, 0);
		buf_char(&text, '\n');
	}
	fwrite(text.p, 1, text.n, stderr);
}

/* By its own name; what has none is meant to be a policy. */
static const char *type_of(const json_t *root)
{
	if (json_object_get(root, "policy"))
		return "policy";
	if (json_object_get(root, "transitions") || json_is_string(json_object_get(root, "lifecycle")))
		return "lifecycle";
	return json_object_get(root, "week") ? "calendar" : "policy";
}

static enum verdict read_lifecycle(struct ctl *ctl, struct str text, const char *path, const json_t *root, struct document *ret,
				   struct buf *errors, struct fault *fault)
{
	const char *effective = json_string_value(json_object_get(root, "effective_from"));
	struct attributes attributes = { 0 };
	struct lifecycle *lifecycle = NULL;
	enum verdict verdict = lifecycle_compile_new(text, path, &attributes, &lifecycle, errors, fault);

	ret->name = STR("lifecycle");
	ret->version = lifecycle ? lifecycle->version : 0;
	if (effective)
		(void)instant_parse(str_format(&ctl->arena, "%sT00:00:00+08:00", effective), &ret->effective_from);
	lifecycle_free(lifecycle);
	attributes_done(&attributes);
	return verdict;
}

static enum verdict read_calendar(struct ctl *ctl, struct str text, const char *path, struct document *ret, struct buf *errors,
				  struct fault *fault)
{
	struct calendar *calendar = NULL;
	enum verdict verdict = calendar_compile(text, path, &calendar, errors, fault);

	if (calendar) {
		ret->name = str_copy(&ctl->arena, calendar->id);
		ret->version = calendar->version;
	}
	calendar_free(calendar);
	return verdict;
}

static enum verdict read_policy(struct ctl *ctl, struct str text, const char *path, const struct arguments *arguments,
				struct document *ret, struct buf *errors, struct fault *fault)
{
	struct attributes attributes = { 0 };
	struct policy *policy = NULL;
	enum verdict verdict = policy_compile_among(text, path, arguments->settings, arguments->setting_count,
						    &arguments->calendars, &attributes, &policy, errors, fault);

	if (policy) {
		ret->name = str_copy(&ctl->arena, policy->id);
		ret->version = policy->version;
		ret->effective_from = policy->effective_from;
	}
	policy_free(policy);
	attributes_done(&attributes);
	return verdict;
}

/* Compiles and resolves; prints every error. */
static int document_read(struct ctl *ctl, const char *path, const struct arguments *arguments, struct document *ret)
{
	struct str text;
	if (!ctl_read_file(ctl, path, DOCUMENT_MAX, &text))
		return 1;
	struct fault fault = FAULT_NONE;
	struct buf errors = { 0 }, resolved = { 0 };
	json_t *root = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, NULL);
	enum verdict verdict;
	ret->type = type_of(root);
	ret->effective_from = 0;
	if (strcmp(ret->type, "lifecycle") == 0)
		verdict = read_lifecycle(ctl, text, path, root, ret, &errors, &fault);
	else if (strcmp(ret->type, "calendar") == 0)
		verdict = read_calendar(ctl, text, path, ret, &errors, &fault);
	else
		verdict = read_policy(ctl, text, path, arguments, ret, &errors, &fault);
	if (verdict == OK)
		verdict = policy_resolve(text, path, arguments->settings, arguments->setting_count, &resolved, &errors, &fault);
	if (verdict == OK) {
		ret->text = str_copy(&ctl->arena, buf_view(&resolved));
		unsigned char hash[crypto_hash_sha256_BYTES];
		crypto_hash_sha256(hash, (const unsigned char *)ret->text.p, ret->text.n);
		sodium_bin2hex(ret->sha256, sizeof(ret->sha256), hash, sizeof(hash));
	} else {
		errors_show(errors.n ? buf_view(&errors) : str_of(fault.text));
		if (!root && ctl_guess(text))
			fprintf(stderr, "%s: %s\n", path, ctl_guess(text));
	}
	json_decref(root);
	buf_done(&errors);
	buf_done(&resolved);
	return verdict ? 1 : 0;
}

/* The calendars that a policy may name: those among the files, whether right or not, and those in the database (NULL: none). */
static int calendars_find(struct ctl *ctl, struct arguments *arguments, struct db *db)
{
	struct fault fault = FAULT_NONE;
	const struct db_result *rows = NULL;
	struct str *names = NULL;
	size_t capacity = 0, count = 0;

	for (size_t i = 0; i < arguments->file_count; i++) {
		struct str text;
		json_t *root;

		if (!ctl_read_file(ctl, arguments->files[i], DOCUMENT_MAX, &text))
			return 1;
		root = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, NULL);
		arena_grow(&ctl->arena, &names, &capacity, count + 1, sizeof(*names));
		if (strcmp(type_of(root), "calendar") == 0 && json_is_string(json_object_get(root, "calendar")))
			names[count++] = str_copy(&ctl->arena, str_of(json_string_value(json_object_get(root, "calendar"))));
		json_decref(root);
	}
	if (db && db_run(db, "policy_calendars", NULL, &rows, &fault))
		return ctl_fail(2, "%s", fault.text);
	for (size_t i = 0; rows && i < db_rows(rows); i++) {
		arena_grow(&ctl->arena, &names, &capacity, count + 1, sizeof(*names));
		names[count++] = str_copy(&ctl->arena, db_get_text(rows, i, 0));
	}
	arguments->calendars = (struct strings){ names, count };
	return 0;
}

static struct policy_file file_of(const char *path, const struct document *document)
{
	return (struct policy_file){ path, strcmp(document->type, "policy") == 0 ? document->text : STR_NONE };
}

int ctl_policy_check(struct ctl *ctl, int argc, char **argv)
{
	struct arguments arguments = { 0 };
	int status = arguments_read(&arguments, argc, argv, false);
	if (!status)
		status = calendars_find(ctl, &arguments, NULL);
	if (status)
		return status;
	struct policy_file *files = arena_zero(&ctl->arena, arguments.file_count * sizeof(*files));
	for (size_t i = 0; i < arguments.file_count; i++) {
		struct document document = { 0 };
		if (document_read(ctl, arguments.files[i], &arguments, &document) == 0)
			printf("%s: %.*s version %d is right\n", arguments.files[i], STR_ARG(document.name), document.version);
		else
			status = 1;
		files[i] = file_of(arguments.files[i], &document);
	}
	return policy_rank_check(ctl, NULL, files, arguments.file_count) ? 1 : status;
}

static void document_key(struct db_params *params, const struct document *document)
{
	db_text(params, str_of(document->type));
	db_text(params, document->name);
	db_int4(params, document->version);
}

static int document_store(struct ctl *ctl, struct db *db, const char *path, const struct document *document, bool approved)
{
	struct fault fault = FAULT_NONE;
	struct db_params key = { .arena = &ctl->arena };
	document_key(&key, document);
	const struct db_result *rows = NULL;
	if (db_run(db, "policy_find", &key, &rows, &fault))
		return ctl_fail(2, "%s", fault.text);
	const char *what = "loaded as a draft; it is used once it is approved";
	if (db_rows(rows)) {
		if (!str_is(db_get_text(rows, 0, 0), document->sha256))
			return ctl_fail(1, "%s: %.*s version %d is there with other content; versions are immutable, give it a new number",
					path, STR_ARG(document->name), document->version);
		if (str_is(db_get_text(rows, 0, 1), "abolished"))
			return ctl_fail(1, "%s: %.*s version %d is abolished; nothing leads back from there: load the text as a new version",
					path, STR_ARG(document->name), document->version);
		what = str_is(db_get_text(rows, 0, 1), "approved") ? "was there, approved" : "was there";
		if (approved && db_run(db, "policy_approve", &key, NULL, &fault))
			return ctl_fail(2, "%s", fault.text);
	} else {
		struct db_params params = { .arena = &ctl->arena };
		document_key(&params, document);
		db_text(&params, document->text);
		db_text(&params, str_of(document->sha256));
		db_text(&params, approved ? STR("approved") : STR("draft"));
		db_instant(&params, document->effective_from);
		if (db_run(db, "policy_insert", &params, NULL, &fault))
			return ctl_fail(2, "%s: %s", path, fault.text);
		if (approved)
			what = "loaded, approved";
	}
	printf("%.*s version %d %s\n", STR_ARG(document->name), document->version, what);
	return 0;
}

int ctl_policy_load(struct ctl *ctl, int argc, char **argv)
{
	struct arguments arguments = { 0 };
	int status = arguments_read(&arguments, argc, argv, true);
	if (status)
		return status;
	struct db *db = ctl_connect(ctl);
	if (!db)
		return 2;
	status = calendars_find(ctl, &arguments, db);
	struct document *documents = arena_zero(&ctl->arena, arguments.file_count * sizeof(*documents));
	struct policy_file *files = arena_zero(&ctl->arena, arguments.file_count * sizeof(*files));
	bool right = status == 0;
	for (size_t i = 0; i < arguments.file_count && status == 0; i++) {
		right &= document_read(ctl, arguments.files[i], &arguments, &documents[i]) == 0;
		files[i] = file_of(arguments.files[i], &documents[i]);
	}
	int clashes = right ? policy_rank_check(ctl, db, files, arguments.file_count) : 0;
	right &= clashes == 0;
	if (status == 0 && !right)
		status = ctl_fail(1, "nothing was loaded");
	for (size_t i = 0; i < arguments.file_count && status == 0; i++)
		status = document_store(ctl, db, arguments.files[i], &documents[i], arguments.approved);
	db_free(db);
	return status;
}
