/* Gates: what a policy wants to have seen before it lets a claim through, and the memory of what was seen.
 *
 * A ticket keeps two lists of words since its last reopening: how often each fact happened, and which evidence has been
 * given by a fact whose data fitted ("policy/evidence"); so a gate never has to read the past again. Pure. */
#include <string.h>

#include "services/routing/routing.h"

/* ---- lists of words ---- */

static struct str next_word(struct str *rest)
{
	struct str word;

	do
		word = str_cut(rest, ' ');
	while (word.p && word.n == 0 && rest->p);
	return word;
}

bool routing_word_has(struct str words, struct str word)
{
	for (struct str rest = words; rest.p;)
		if (str_eq(next_word(&rest), word))
			return true;
	return false;
}

struct str routing_word_add(struct arena *arena, struct str words, struct str word)
{
	if (routing_word_has(words, word))
		return words;
	if (words.n == 0)
		return str_copy(arena, word);
	return str_format(arena, "%.*s %.*s", STR_ARG(words), STR_ARG(word));
}

struct str routing_word_remove(struct arena *arena, struct str words, struct str word)
{
	char *text;
	size_t n = 0;

	if (!routing_word_has(words, word))
		return words;
	text = arena_alloc(arena, words.n + 1);
	for (struct str rest = words; rest.p;) {
		struct str kept = next_word(&rest);

		if (kept.n == 0 || str_eq(kept, word))
			continue;
		if (n > 0)
			text[n++] = ' ';
		memcpy(text + n, kept.p, kept.n);
		n += kept.n;
	}
	return n > 0 ? (struct str){ text, n } : STR_NONE;
}

/* Where "name=" begins in the list; NULL when it is not there. */
static const char *counted(struct str words, struct str name)
{
	for (struct str rest = words; rest.p;) {
		struct str word = next_word(&rest);

		if (word.n > name.n && word.p[name.n] == '=' && memcmp(word.p, name.p, name.n) == 0)
			return word.p;
	}
	return NULL;
}

int64_t routing_word_count(struct str words, struct str name)
{
	const char *at = counted(words, name);
	int64_t count = 0;

	if (!at)
		return 0;
	for (at += name.n + 1; at < words.p + words.n && *at >= '0' && *at <= '9' && count < INT32_MAX; at++)
		count = count * 10 + (*at - '0');
	return count;
}

struct str routing_word_bump(struct arena *arena, struct str words, struct str name)
{
	const char *at = counted(words, name);
	struct str before, after;
	int64_t count;

	if (!at)
		return str_format(arena, "%.*s%s%.*s=1", STR_ARG(words), words.n > 0 ? " " : "", STR_ARG(name));
	count = routing_word_count(words, name);
	before = (struct str){ words.p, (size_t)(at - words.p) + name.n + 1 };
	for (at += name.n + 1; at < words.p + words.n && *at != ' ';)
		at++;
	after = (struct str){ at, (size_t)(words.p + words.n - at) };
	return str_format(arena, "%.*s%lld%.*s", STR_ARG(before), (long long)(count + 1), STR_ARG(after));
}

/* ---- evidence ---- */

static bool word_is(struct str word, struct str policy, struct str id)
{
	return word.n == policy.n + 1 + id.n && memcmp(word.p, policy.p, policy.n) == 0 && word.p[policy.n] == '/' &&
	       memcmp(word.p + policy.n + 1, id.p, id.n) == 0;
}

static bool given(struct str words, struct str policy, struct str id)
{
	for (struct str rest = words; rest.p;)
		if (word_is(next_word(&rest), policy, id))
			return true;
	return false;
}

static bool met(const struct ticket *ticket, const struct policy *policy, const struct evidence *evidence,
		const struct value *vector, instant now)
{
	switch (evidence->type) {
	case EVIDENCE_FACT:
		if (evidence->match.count > 0)
			return given(ticket->evidence, policy->id, evidence->id);
		return routing_word_count(ticket->facts, evidence->fact) > 0;
	case EVIDENCE_COUNT:
		return routing_word_count(ticket->facts, evidence->fact) ==
		       routing_word_count(ticket->facts, evidence->equals);
	case EVIDENCE_FIELD:
	case EVIDENCE_MATCH:
		return evidence_seen(evidence, vector, now);
	case EVIDENCE_TOLD:
		return given(ticket->evidence, policy->id, evidence->id);
	case EVIDENCE_ANY:
		for (size_t i = 0; i < evidence->part_count; i++)
			if (met(ticket, policy, &evidence->parts[i], vector, now))
				return true;
		return false;
	}
	return false;
}

struct look {
	const struct ticket *ticket;
	const struct value *vector;
	instant now;
};

static bool met_by(const struct policy *policy, const struct evidence *evidence, const void *userdata)
{
	const struct look *look = userdata;

	return met(look->ticket, policy, evidence, look->vector, look->now);
}

bool routing_gates(const struct ticket *ticket, struct str claim, const struct routing_book *book,
		   const struct value *vector, instant now, struct arena *arena, struct routing_refusal *ret_refusal)
{
	const struct look look = { ticket, vector, now };
	struct str missing = guards_missing(book->policies, book->policy_count, claim, vector, now, met_by, &look, arena);

	if (missing.n == 0)
		return true;
	*ret_refusal = (struct routing_refusal){
		REASON_GATE_UNMET, str_format(arena, "%.*s: missing: %.*s", STR_ARG(claim), STR_ARG(missing)),
	};
	return false;
}

static bool looks(const struct evidence *evidence, struct str fact)
{
	if (evidence->type == EVIDENCE_FACT && evidence->match.count > 0 && str_eq(evidence->fact, fact))
		return true;
	for (size_t i = 0; i < evidence->part_count; i++)
		if (looks(&evidence->parts[i], fact))
			return true;
	return false;
}

bool routing_evidence_looks(const struct routing_book *book, struct str fact)
{
	for (size_t i = 0; i < book->policy_count; i++)
		for (size_t j = 0; j < book->policies[i]->guard_count; j++)
			for (size_t k = 0; k < book->policies[i]->guards[j].need_count; k++)
				if (looks(&book->policies[i]->guards[j].needs[k], fact))
					return true;
	return false;
}

static void give(struct ticket *ticket, const struct policy *policy, const struct evidence *evidence, struct arena *arena)
{
	if (given(ticket->evidence, policy->id, evidence->id))
		return;
	ticket->evidence = str_format(arena, "%.*s%s%.*s/%.*s", STR_ARG(ticket->evidence), ticket->evidence.n > 0 ? " " : "",
				      STR_ARG(policy->id), STR_ARG(evidence->id));
	ticket->changed = true;
}

/* ---- told ---- */

/* The message rule that a told evidence names; NULL when the policy leaves the message to others. */
static const struct message_rule *message_of(const struct policy *policy, const struct evidence *evidence)
{
	for (size_t i = 0; i < policy->message_count; i++)
		if (str_eq(policy->messages[i].name, evidence->told))
			return &policy->messages[i];
	return NULL;
}

/* The fact that the customer has to be told of. */
static struct str fact_to_tell(const struct policy *policy, const struct evidence *evidence)
{
	const struct message_rule *rule = message_of(policy, evidence);

	return rule ? rule->on : STR("ticket.resolved");
}

/* Side by side another policy may have spoken about the fact: what the customer heard counts, not whose words it were. */
static bool tells(const struct policy *policy, const struct evidence *evidence, const struct routing_told *told)
{
	if (evidence->type != EVIDENCE_TOLD || !str_eq(fact_to_tell(policy, evidence), told->fact))
		return false;
	return !str_eq(told->policy, policy->id) || str_eq(told->rule, evidence->told) || !message_of(policy, evidence);
}

static bool told_matters(const struct policy *policy, const struct evidence *evidence, const struct routing_told *told)
{
	bool matters = tells(policy, evidence, told);

	for (size_t i = 0; i < evidence->part_count && !matters; i++)
		matters = told_matters(policy, &evidence->parts[i], told);
	return matters;
}

bool routing_told_matters(const struct policy *policy, const struct routing_told *told)
{
	for (size_t i = 0; i < policy->guard_count; i++)
		for (size_t j = 0; j < policy->guards[i].need_count; j++)
			if (told_matters(policy, &policy->guards[i].needs[j], told))
				return true;
	return false;
}

static void note_told(struct ticket *ticket, const struct routing_told *told, const struct policy *policy,
		      const struct evidence *evidence, struct arena *arena)
{
	/* A message about what has been undone since tells nothing any more. */
	if (tells(policy, evidence, told) && routing_word_count(ticket->facts, told->fact) > 0)
		give(ticket, policy, evidence, arena);
	for (size_t i = 0; i < evidence->part_count; i++)
		note_told(ticket, told, policy, &evidence->parts[i], arena);
}

void routing_note_told(struct ticket *ticket, const struct routing_told *told, const struct routing_book *book,
		       struct arena *arena)
{
	for (size_t i = 0; i < book->policy_count; i++)
		for (size_t j = 0; j < book->policies[i]->guard_count; j++)
			for (size_t k = 0; k < book->policies[i]->guards[j].need_count; k++)
				note_told(ticket, told, book->policies[i], &book->policies[i]->guards[j].needs[k], arena);
}

/* ---- what facts give ---- */

static void note(struct ticket *ticket, struct str fact, const struct policy *policy, const struct evidence *evidence,
		 const struct value *vector, instant now, struct arena *arena)
{
	if (vector && evidence->type == EVIDENCE_FACT && evidence->match.count > 0 && str_eq(evidence->fact, fact) &&
	    match_holds(&evidence->match, vector, now))
		give(ticket, policy, evidence, arena);
	/* Whoever has spoken with the customer since has told him. */
	if (evidence->type == EVIDENCE_TOLD && str_is(fact, "ticket.contacted") &&
	    routing_word_count(ticket->facts, fact_to_tell(policy, evidence)) > 0)
		give(ticket, policy, evidence, arena);
	for (size_t i = 0; i < evidence->part_count; i++)
		note(ticket, fact, policy, &evidence->parts[i], vector, now, arena);
}

void routing_note_evidence(struct ticket *ticket, struct str fact, const struct routing_book *book,
			   const struct value *vector, instant now, struct arena *arena)
{
	if (!vector && !str_is(fact, "ticket.contacted"))
		return;
	for (size_t i = 0; i < book->policy_count; i++)
		for (size_t j = 0; j < book->policies[i]->guard_count; j++)
			for (size_t k = 0; k < book->policies[i]->guards[j].need_count; k++)
				note(ticket, fact, book->policies[i], &book->policies[i]->guards[j].needs[k], vector, now, arena);
}
