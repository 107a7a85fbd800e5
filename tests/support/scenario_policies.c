/* The policies that scenarios name, each for those alone that bear its tag: a stack of scenarios has them all at once.
 *
 * A copy differs from its document in nothing but applies.match. Calendars come along as they are. */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/support/scenario.h"

static const char *const folders[] = { "deploy/policies", "tests/data/policies/right" };

/* Whether the document is what a file calls so. */
static bool is_called(const json_t *document, const char *name)
{
	const char *id = json_string_value(json_object_get(document, "policy")), *source = json_string_value(json_object_get(document, "source"));

	return id && (strcmp(id, name) == 0 || (source && strcmp(source, name) == 0));
}

static bool write_copy(const char *folder, const char *name, json_t *document, const char *tag)
{
	char path[1600];

	if (tag) {
		json_t *applies = json_object_get(document, "applies");

		if (!applies) {
			applies = json_object();
			json_object_set_new(document, "applies", applies);
		}
		if (!json_object_get(applies, "match"))
			json_object_set_new(applies, "match", json_object());
		json_object_set_new(json_object_get(applies, "match"), "tags", json_string(tag));
	}
	snprintf(path, sizeof(path), "%s/%s", folder, name);
	if (json_dump_file(document, path, JSON_INDENT(2)) == 0)
		return true;
	fprintf(stderr, "%s: %s\n", path, strerror(errno));
	return false;
}

/* Of one document: copied when it is a calendar, or the first that is called as a scenario wants it. */
static bool consider(const char *folder, const char *name, json_t *document, json_t *wanted)
{
	const char *tag;
	json_t *found;
	bool good = true;

	if (json_object_get(document, "calendar") && json_object_get(document, "week"))
		return write_copy(folder, name, document, NULL);
	json_object_foreach(wanted, tag, found)
		if (!json_is_true(found) && is_called(document, tag)) {
			json_object_set_new(wanted, tag, json_true());
			good = good && write_copy(folder, name, document, tag);
		}
	return good;
}

static bool look_into(const char *folder, const char *from, json_t *wanted)
{
	struct dirent **entries = NULL;
	int count = scandir(from, &entries, NULL, alphasort);
	bool good = count >= 0;

	for (int i = 0; i < count; i++) {
		char path[1600];
		json_t *document;

		snprintf(path, sizeof(path), "%s/%s", from, entries[i]->d_name);
		document = strstr(path, ".json") ? json_load_file(path, 0, NULL) : NULL;
		if (document)
			good = consider(folder, entries[i]->d_name, document, wanted) && good;
		json_decref(document);
		free(entries[i]);
	}
	free(entries);
	return good;
}

static bool make_empty(const char *folder)
{
	struct dirent **entries = NULL;
	char path[1600];
	int count;

	if (mkdir(folder, 0755) != 0 && errno != EEXIST) {
		fprintf(stderr, "%s: %s\n", folder, strerror(errno));
		return false;
	}
	count = scandir(folder, &entries, NULL, NULL);
	for (int i = 0; i < count; i++) {
		snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
		(void)unlink(path);
		free(entries[i]);
	}
	free(entries);
	return true;
}

bool scenario_policies(const struct scenarios *scenarios, const char *root, const char *folder)
{
	json_t *wanted = json_object(), *found;
	const char *tag;
	bool good = make_empty(folder);

	for (size_t i = 0; i < scenarios->file_count; i++)
		for (size_t k = 0; k < scenarios->files[i]->policy_count; k++)
			json_object_set_new(wanted, scenarios->files[i]->policies[k], json_false());
	for (size_t i = 0; good && i < array_count(folders); i++) {
		char from[1100];

		snprintf(from, sizeof(from), "%s/%s", root, folders[i]);
		good = look_into(folder, from, wanted);
	}
	json_object_foreach(wanted, tag, found)
		if (!json_is_true(found)) {
			fprintf(stderr, "no policy has the source or the id %s\n", tag);
			good = false;
		}
	json_decref(wanted);
	return good;
}

/* Whether a document in the folder has such a blank. */
static bool has_blank(const char *folder, const char *name)
{
	struct dirent **entries = NULL;
	int count = scandir(folder, &entries, NULL, NULL);
	bool found = false;

	for (int i = 0; i < count; i++) {
		char path[1600];
		json_t *document;

		snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
		document = strstr(path, ".json") ? json_load_file(path, 0, NULL) : NULL;
		found = found || json_object_get(json_object_get(document, "needs"), name);
		json_decref(document);
		free(entries[i]);
	}
	free(entries);
	return found;
}

void scenario_values(struct scenarios *scenarios, const char *root, const char *folder, const char **ret, size_t most)
{
	FILE *in = fopen(str_format(&scenarios->arena, "%s/tests/scenarios/values.txt", root).p, "r");
	char *line = NULL;
	size_t size = 0, count = 0;

	while (in && getline(&line, &size, in) >= 0 && count + 2 < most) {
		struct str value = str_trim(str_of(line)), rest = value;
		const char *name = str_z(&scenarios->arena, str_cut(&rest, '='));

		if (*name == '#' || !has_blank(folder, name))
			continue;
		ret[count++] = "--set";
		ret[count++] = str_z(&scenarios->arena, value);
	}
	ret[count] = NULL;
	free(line);
	if (in)
		fclose(in);
}
