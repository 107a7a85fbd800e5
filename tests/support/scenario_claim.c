/* Steps that say something: claims with what is usually in them, and people.
 *
 * What a claim is about, on which topic and under which key it goes, is what its schema says (schemas/events). */
#include <stdlib.h>
#include <string.h>

#include "tests/support/scenario_inner.h"
#include "tests/support/scene.h"

/* A member of the claim's schema ("x-about"), or NULL; borrowed. */
static const char *schema_says(struct play *play, const char *claim, const char *member)
{
	const char *path = str_format(&play->arena, "%s/schemas/events/%s.json", desk_stack(play->desk)->root, claim).p;
	json_t *schema = json_load_file(path, 0, NULL);

	if (!schema)
		return NULL;
	json_array_append_new(play->garbage, schema);
	return json_string_value(json_object_get(schema, member));
}

static json_t *parsed(const char *text)
{
	char *copy = strdup(text);
	json_t *value;

	for (char *p = copy; *p; p++)
		if (*p == '\'')
			*p = '"';
	value = json_loads(copy, 0, NULL);
	free(copy);
	return value;
}

/* ---- data ---- */

/* What bears a tag is under the policy of that tag (scenario_policies.c). */
static void add_tags(struct play *play, json_t *data)
{
	const struct scenario_file *file = play->scenario->file;
	json_t *tags = json_object_get(data, "tags");

	if (!json_is_array(tags)) {
		tags = json_array();
		json_object_set_new(data, "tags", tags);
	}
	for (size_t i = 0; i < file->policy_count; i++) {
		const char *tag = file->policies[i];

		if (play->scenario->tag && strcmp(play->scenario->tag, tag) == 0)
			tag = play->scenario->variant;
		json_array_append_new(tags, json_string(tag));
	}
}

static json_t *request_of(struct play *play)
{
	return json_pack("{s:s, s:s, s:s, s:{s:s, s:s, s:s}, s:{s:s}, s:s}", "channel", "phone", "kind", "fault", "severity", "general",
			 "customer", "id", play_id(play, "CUSTOMER"), "name", "Ana Silva", "phone", "+351 21 000 000",
			 "product", "model", play_id(play, "PRODUCT"), "problem", "no data since Monday");
}

static json_t *data_of(struct play *play, const struct step *step, const char *about)
{
	bool opens = about && strcmp(about, "opens") == 0;
	json_t *data = opens ? request_of(play) : step->other ? parsed(step->other) : json_object();

	if (step->actor && strcmp(step->actor, "customer") != 0)
		json_object_set_new(data, "by", json_pack("{s:s}", "id", play_id(play, step->actor)));
	for (size_t i = 0; i < step->field_count; i++) {
		json_t *value = play_value(play, step->fields[i].value);

		if (value)
			play_set(data, step->fields[i].path, value);
	}
	if (opens || (about && (strcmp(about, "desk") == 0 || strcmp(about, "directory") == 0)))
		add_tags(play, data);
	return data;
}

/* By "x-key": "post:staff" is post: and what the data say of staff; one word is a member. */
static const char *key_of(struct play *play, const char *claim, const json_t *data)
{
	const char *rule = schema_says(play, claim, "x-key");
	struct str rest = str_of(rule), word;
	struct buf key = { 0 };
	const char *made;

	if (!rule || strcmp(rule, "ticket") == 0 || strcmp(rule, "request") == 0)
		return NULL;
	if (strchr(rule, ':'))
		buf_str(&key, str_cut(&rest, ':'));
	while (rest.p) {
		const char *value;

		word = str_cut(&rest, ':');
		value = json_string_value(json_object_get(data, str_z(&play->arena, word)));
		buf_format(&key, "%s%s", key.n ? ":" : "", value ? value : "");
	}
	made = key.n ? str_z(&play->arena, buf_view(&key)) : NULL;
	buf_done(&key);
	return made;
}

/* ---- sending ---- */

static void send(struct play *play, const struct step *step, const char *about)
{
	json_t *data = data_of(play, step, about);
	bool opens = about && strcmp(about, "opens") == 0;
	bool ticket = !about || strcmp(about, "ticket") == 0 || (strcmp(about, "maybe") == 0 && play->ticket);
	char *text = json_dumps(data, JSON_COMPACT);
	struct claim claim = { .name = step->name };

	if (opens && play->t0 == INSTANT_NONE)
		play->t0 = desk_now();
	claim.time = step->at ? play_time(play, step->at) : opens ? play->t0 : 0;
	/* What is quoted in JSON is not quoted again: the desk takes ' for ". */
	for (char *p = text; *p; p++)
		if (*p == '\'')
			*p = '`';
	claim.data = text;
	claim.ticket = ticket && !opens ? play->ticket : NULL;
	claim.key = claim.ticket ? NULL : key_of(play, step->name, data);
	play->fact = NULL;
	if (opens)
		play->fact = "ticket.registered";
	else if (claim.ticket)
		play->fact = str_z(&play->arena, str_of(scene_fact_of(step->name, json_is_false(json_object_get(data, "satisfied"))
										   ? "'satisfied': false" : NULL)));
	if (ticket && !opens && !play->ticket)
		buf_format(&play->why, "%s is about a ticket, and none is reported yet", step->name);
	if (!play->why.n)
		play->sent = desk_send(play->desk, &claim);
	free(text);
	json_decref(data);
}

/* Its copy on the desk, or a fact that came of it there. */
static const struct record *on_the_desk(const struct play *play, const struct sent *sent)
{
	size_t count;
	struct record *const *records = desk_records(play->desk, &count);

	for (size_t i = count; i-- > 0;)
		if (records[i]->topic == DESK_DESK && !records[i]->repeat &&
		    ((strcmp(records[i]->id, sent->id) == 0 && strcmp(records[i]->source, sent->source) == 0) ||
		     (strcmp(records[i]->cause_id, sent->id) == 0 && strcmp(records[i]->cause_source, sent->source) == 0)))
			return records[i];
	return NULL;
}

static const struct record *came_of_it(struct play *play)
{
	if (!play->fact)
		return on_the_desk(play, play->sent);
	if (strcmp(play->fact, "ticket.registered") == 0) {
		const char *ticket = desk_opened(play->desk, play->sent);

		if (!ticket)
			return NULL;
		play->ticket = ticket;
		return desk_find(play->desk, ticket, play->fact, 1);
	}
	return desk_find_of(play->desk, play->ticket, play->fact, play->sent);
}

bool play_claim(struct play *play, const struct step *step, bool at_rest)
{
	const struct record *found, *dead;

	if (!play->sent)
		send(play, step, schema_says(play, step->name, "x-about"));
	if (play->why.n)
		return false;
	if (step->refused)
		return true;
	found = came_of_it(play);
	if (!found && at_rest && play_needs_rest(step) && !desk_dead(play->desk, play->sent))
		return true;
	if (found) {
		if (strcmp(found->name, "ticket.registered") == 0)
			play_name_add(play, "TICKET", play->ticket, NULL);
		if (step->label)
			play_name_add(play, step->label, play->ticket, NULL);
		return true;
	}
	dead = desk_dead(play->desk, play->sent);
	if (dead)
		buf_format(&play->why, "%s was refused: %s (%s)", step->name, record_header(dead, "dl_reason"), record_header(dead, "dl_detail"));
	return false;
}

/* ---- people ---- */

/* "P1/F1": a row of the matrix. */
static void add_skill(struct play *play, json_t *skills, const char *word)
{
	size_t n = strcspn(word, "/");
	const char *product = str_format(&play->arena, "%.*s", (int)n, word).p;
	const struct play_name *name = play_name(play, product);

	if (strcmp(product, "PRODUCT") == 0)
		product = play_id(play, product);
	else if (name)
		product = name->id;
	json_array_append_new(skills, json_pack("{s:s, s:s, s:i}", "product", product, "fault_type", word[n] ? word + n + 1 : "*", "level", 3));
}

static void introduce(struct play *play, const struct step *step)
{
	const char *id = play_id(play, step->actor);
	json_t *data = json_pack("{s:s, s:s, s:s, s:b}", "id", id, "name", id, "role", step->name, "onboarding_passed", 1), *skills;
	char *text;

	if (step->word_count) {
		skills = json_array();
		for (size_t i = 0; i < step->word_count; i++)
			add_skill(play, skills, step->words[i]);
		json_object_set_new(data, "skills", skills);
	}
	for (size_t i = 0; i < step->field_count; i++) {
		json_t *value = play_value(play, step->fields[i].value);

		if (value)
			play_set(data, step->fields[i].path, value);
	}
	text = json_dumps(data, JSON_COMPACT);
	play->fact = NULL;
	play->sent = desk_send(play->desk, &(struct claim){ .name = "staff.upserted", .data = text,
							    .key = desk_text(play->desk, "staff:%s", id) });
	free(text);
	json_decref(data);
}

bool play_person(struct play *play, const struct step *step)
{
	if (!play->sent)
		introduce(play, step);
	return !play->why.n && on_the_desk(play, play->sent);
}

/* ---- the usual people ---- */

static const struct step usual[] = {
	{ .type = STEP_PERSON, .actor = "ENGINEER", .name = "engineer", .words = (const char *[]){ "PRODUCT" }, .word_count = 1 },
	{ .type = STEP_PERSON, .actor = "CSR", .name = "csr" },
	{ .type = STEP_PERSON, .actor = "DISPATCHER", .name = "dispatcher" },
	{ .type = STEP_PERSON, .actor = "MANAGER", .name = "manager" },
};

static bool is_named(const struct scenario *scenario, const char *name)
{
	bool named = false;

	for (size_t i = 0; i < scenario->step_count; i++) {
		if (scenario->steps[i].type == STEP_PERSON && strcmp(scenario->steps[i].actor, name) == 0)
			return false;
		named = named || strstr(scenario->steps[i].text, name);
	}
	return named;
}

bool play_cast(struct play *play)
{
	bool known = true;

	(void)play_id(play, "CUSTOMER");
	(void)play_id(play, "PRODUCT");
	for (size_t i = 0; i < array_count(usual); i++)
		if (is_named(play->scenario, usual[i].actor)) {
			if (!play->cast[i]) {
				introduce(play, &usual[i]);
				play->cast[i] = play->sent;
			}
			known = known && on_the_desk(play, play->cast[i]);
		}
	return known;
}
