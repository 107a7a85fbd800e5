/* Who works on a ticket: the rules of the policy in order, the needs that make a person eligible, the preferences that
 * leave one.
 *
 * The choice is total: the last preference is always the id, so the same people and loads give the same person. Every
 * candidate gets the first need that failed, for the fact's `why`. Pure. */
#include <string.h>

#include "services/routing/routing.h"

const char *routing_ruled_name(enum routing_ruled ruled)
{
	static const char *const names[] = {
		[RULED_NONE] = "",
#define X(name, text) [RULED_##name] = text,
		ROUTING_REASONS(X)
#undef X
	};

	return names[ruled];
}

const struct policy *routing_policy_of(const struct routing_book *book)
{
	for (size_t i = 0; i < book->policy_count; i++)
		if (book->policies[i]->routing.present)
			return book->policies[i];
	return NULL;
}

bool routing_prefers_served(const struct policy *policy)
{
	for (size_t i = 0; i < policy->routing.prefer_count; i++)
		if (policy->routing.prefer[i] == PREFER_SAME_CUSTOMER)
			return true;
	return false;
}

/* Everything that one choice looks at. */
struct view {
	const struct ticket *ticket;
	const struct routing_wish *wish;
	const struct routing_book *book;
	const struct routing_need *need;
	const struct routing_load *loads;
	const struct route_rule *rule;      /* NULL: the pool, without a rule */
	struct str role;                    /* the pool's; absent: any */
	instant now;
};

/* What a person is worth where the preferences look. */
struct worth {
	bool certified, served;
	int32_t level, open;
	instant idle_since;
};

/* An absent or "*" side of a row covers everything; what the request does not say nobody can fail. */
static bool covers(struct str row, struct str wanted)
{
	return row.n == 0 || str_is(row, "*") || wanted.n == 0 || str_eq(row, wanted);
}

/* The best level among the rows that cover the request; -1: none does. */
static int32_t level_of(const struct person *person, const struct routing_wish *wish)
{
	int32_t best = -1;

	for (size_t i = 0; i < person->skill_count; i++) {
		const struct skill *skill = &person->skills[i];

		if (skill->level > best && covers(skill->product, wish->product) &&
		    covers(skill->fault_type, wish->fault_type))
			best = skill->level;
	}
	return best;
}

/* A certificate for the product, the fault type or for anything, valid now; what expires today is out tomorrow. */
static bool certified(const struct person *person, const struct routing_wish *wish, instant now)
{
	for (size_t i = 0; i < person->certificate_count; i++) {
		const struct certificate *certificate = &person->certificates[i];

		if (certificate->until != INSTANT_NONE && certificate->until <= now)
			continue;
		if (certificate->skill.n == 0 || str_is(certificate->skill, "*") ||
		    str_eq(certificate->skill, wish->product) || str_eq(certificate->skill, wish->fault_type))
			return true;
	}
	return false;
}

static bool speaks(const struct person *person, struct str language)
{
	for (size_t i = 0; i < person->language_count; i++)
		if (str_eq(person->languages[i], language))
			return true;
	return language.n == 0;
}

/* The role that the work needs: by its mode, else by its kind. */
static struct str needed_role(const struct ticket *ticket, const struct routing_need *need)
{
	if (!need->role)
		return STR_NONE;
	for (size_t i = 0; i < need->role_count; i++)
		if (ticket->mode.p && str_eq(need->roles[i].key, ticket->mode))
			return need->roles[i].role;
	for (size_t i = 0; i < need->role_count; i++)
		if (ticket->kind.p && str_eq(need->roles[i].key, ticket->kind))
			return need->roles[i].role;
	return need->fallback_role;
}

static bool of_level(const struct lifecycle *lifecycle, struct str level, struct str role)
{
	return str_is(level, "management") ? routing_manages(lifecycle, role) : str_eq(level, role);
}

/* Whether somebody of this role or id is whom the rule means; needs are not looked at. */
static bool meant(const struct route_rule *rule, struct str id, struct str role, const struct routing_book *book,
		  const struct value *vector)
{
	switch (rule->type) {
	case ROUTE_POOL:
		return true;
	case ROUTE_PERSON:
		return vector && vector[rule->attribute].type == VALUE_STRING &&
		       str_eq(vector[rule->attribute].string, id);
	case ROUTE_ROLE:
		return str_eq(rule->to, role);
	case ROUTE_ROLE_LEVEL:
		return of_level(book->lifecycle, rule->to, role);
	}
	return false;
}

/* By id or by name, as the complaint has it; `person` may be NULL. */
static bool named(const struct strings *list, struct str id, const struct person *person)
{
	return strings_contain(*list, id) || (person && person->name.n > 0 && strings_contain(*list, person->name));
}

/* RULED_NONE: is there, and will be when the work is due. */
static enum routing_ruled absent(const struct person *person, const struct routing_need *need, instant due, instant now)
{
	if (person->leaving)
		return RULED_LEAVING;
	if (need->on_post && !person->on_post)
		return RULED_ON_POST;
	if (need->on_post && (directory_on_leave(person, now) || (due > now && directory_on_leave(person, due))))
		return RULED_ON_LEAVE;
	return RULED_NONE;
}

static enum routing_ruled judge(const struct view *view, size_t index, const struct value *vector)
{
	const struct person *person = &view->book->directory->people[index];
	const struct routing_need *need = view->need;
	const struct routing_wish *wish = view->wish;
	bool pool = !view->rule || view->rule->type == ROUTE_POOL;
	enum routing_ruled away = absent(person, need, wish->due, view->now);
	struct str role = view->rule && view->rule->of.n > 0 ? view->rule->of : view->role;

	if (!pool && !meant(view->rule, person->id, person->role, view->book, vector))
		return view->rule->type == ROUTE_PERSON ? RULED_PERSON : RULED_ROLE;
	if (pool && role.n > 0 && !str_eq(person->role, role))
		return RULED_ROLE;
	if (pool && need->skill) {
		int32_t level = level_of(person, wish);

		if (level < 0 || level < need->min_level)
			return RULED_SKILL;
	}
	if (need->certificate == CERTIFICATE_REQUIRE && !certified(person, wish, view->now))
		return RULED_CERTIFICATE;
	if (need->language && !speaks(person, wish->language))
		return RULED_LANGUAGE;
	if (need->onboarded && !person->onboarded)
		return RULED_ONBOARDED;
	if (need->not_named && named(&wish->named, person->id, person))
		return RULED_NOT_NAMED;
	if (away != RULED_NONE)
		return away;
	if (need->capacity && person->max_open > 0 && view->loads[index].open >= person->max_open)
		return RULED_CAPACITY;
	return RULED_NONE;
}

static struct worth worth_of(const struct view *view, size_t index)
{
	const struct person *person = &view->book->directory->people[index];

	return (struct worth){
		.certified = certified(person, view->wish, view->now),
		.served = strings_contain(view->wish->served, person->id),
		.level = level_of(person, view->wish),
		.open = view->loads[index].open,
		.idle_since = view->loads[index].assigned_at,
	};
}

/* > 0: a is preferred, 0: this preference does not part them. */
static int preferred(enum preference preference, const struct worth *a, const struct worth *b)
{
	switch (preference) {
	case PREFER_CERTIFICATE:
		return a->certified - b->certified;
	case PREFER_LEVEL:
		return (a->level > b->level) - (a->level < b->level);
	case PREFER_SAME_CUSTOMER:
		return a->served - b->served;
	case PREFER_FEWEST_OPEN:
		return (a->open < b->open) - (a->open > b->open);
	case PREFER_LONGEST_IDLE:
		/* INSTANT_NONE, never assigned, is the least instant of all. */
		return (a->idle_since < b->idle_since) - (a->idle_since > b->idle_since);
	case PREFER_ID:
		break;
	}
	return 0;
}

/* People come in the order of their ids, so on a tie the earlier one stays. */
static bool better(const struct routing_policy *routing, const struct worth *a, const struct worth *b)
{
	int order = routing->need.certificate == CERTIFICATE_PREFER ? preferred(PREFER_CERTIFICATE, a, b) : 0;

	for (size_t i = 0; i < routing->prefer_count && order == 0; i++) {
		if (routing->prefer[i] == PREFER_ID)
			break;
		order = preferred(routing->prefer[i], a, b);
	}
	return order > 0;
}

static void choose_by(const struct view *view, const struct routing_policy *routing, const struct value *vector,
		      struct routing_choice *choice)
{
	const struct directory *directory = view->book->directory;
	struct worth best = { 0 };

	choice->eligible_count = choice->ruled_out_count = 0;
	choice->owner_eligible = false;
	choice->person = NULL;
	for (size_t i = 0; i < directory->count; i++) {
		enum routing_ruled ruled = judge(view, i, vector);
		struct routing_candidate candidate = { directory->people[i].id, ruled };
		struct worth worth;

		if (ruled != RULED_NONE) {
			if (choice->ruled_out_count < ROUTING_CANDIDATES_MAX)
				choice->ruled_out[choice->ruled_out_count] = candidate;
			choice->ruled_out_count++;
			continue;
		}
		if (choice->eligible_count < ROUTING_CANDIDATES_MAX)
			choice->eligible[choice->eligible_count] = candidate;
		choice->eligible_count++;
		choice->owner_eligible |= str_eq(candidate.id, view->ticket->owner);
		worth = worth_of(view, i);
		if (choice->person && !better(routing, &worth, &best))
			continue;
		best = worth;
		choice->person = &directory->people[i];
		choice->index = i;
	}
}

void routing_choose(const struct ticket *ticket, const struct routing_wish *wish, const struct routing_book *book,
		    const struct policy *policy, const struct routing_load *loads, const struct value *vector, instant now,
		    struct routing_choice *ret_choice)
{
	const struct routing_policy *routing = &policy->routing;
	struct view view = {
		.ticket = ticket, .wish = wish, .book = book, .need = &routing->need, .loads = loads,
		.role = needed_role(ticket, &routing->need), .now = now,
	};

	ret_choice->person = NULL;
	ret_choice->rule = STR_NONE;
	ret_choice->eligible_count = ret_choice->ruled_out_count = 0;
	ret_choice->owner_eligible = false;
	if (routing->rule_count == 0) {
		ret_choice->rule = STR("pool");
		choose_by(&view, routing, vector, ret_choice);
	}
	for (size_t i = 0; i < routing->rule_count; i++) {
		view.rule = &routing->rules[i];
		if (!match_holds(&view.rule->match, vector, now))
			continue;
		ret_choice->rule = view.rule->name;
		choose_by(&view, routing, vector, ret_choice);
		if (ret_choice->person || !view.rule->else_next)
			return;
	}
}

/* The first rule that matches; NULL: none. */
static const struct route_rule *rule_for(const struct policy *policy, const struct value *vector, instant now)
{
	for (size_t i = 0; i < policy->routing.rule_count; i++)
		if (match_holds(&policy->routing.rules[i].match, vector, now))
			return &policy->routing.rules[i];
	return NULL;
}

bool routing_owner_fits(const struct ticket *ticket, const struct strings *complained_of, const struct routing_book *book,
			const struct value *vector, bool mode, instant now)
{
	const struct policy *policy = routing_policy_of(book);
	const struct person *owner = ticket->owner.p ? directory_person(book->directory, ticket->owner) : NULL;
	struct str role = owner && owner->role.p ? owner->role : ticket->owner_role;
	const struct route_rule *rule;
	struct str needed;

	if (!policy || !ticket->owner.p)
		return true;
	if (policy->routing.need.not_named && named(complained_of, ticket->owner, owner))
		return false;
	rule = rule_for(policy, vector, now);
	if (rule && rule->type != ROUTE_POOL)
		return !rule->binding || meant(rule, ticket->owner, role, book, vector);
	needed = needed_role(ticket, &policy->routing.need);
	return !mode || needed.n == 0 || str_eq(role, needed);
}

bool routing_hands_over(const struct ticket *ticket, const struct routing_book *book, instant due, instant now)
{
	const struct policy *policy = routing_policy_of(book);
	const struct person *owner = ticket->owner.p ? directory_person(book->directory, ticket->owner) : NULL;
	enum routing_ruled away = owner && policy ? absent(owner, &policy->routing.need, due, now) : RULED_NONE;

	/* Who is off post for a while keeps what he has. */
	return state_is_open(ticket->state) && (away == RULED_LEAVING || away == RULED_ON_LEAVE);
}

bool routing_may_own(const struct ticket *ticket, const struct routing_claim *claim, const struct routing_book *book,
		     const struct value *vector, instant now, struct arena *arena, struct routing_refusal *ret_refusal)
{
	const struct policy *policy = routing_policy_of(book);
	const struct route_rule *rule = policy ? rule_for(policy, vector, now) : NULL;
	const struct person *known = directory_person(book->directory, claim->to);
	struct str role = known ? known->role : STR_NONE;

	if (policy && policy->routing.need.not_named && named(&claim->named, claim->to, known)) {
		*ret_refusal = (struct routing_refusal){
			REASON_GATE_UNMET, STR("staff.assigned: missing: an owner who is not complained of (不得为被投诉人)"),
		};
		return false;
	}
	if (!rule || !rule->binding || meant(rule, claim->to, role, book, vector))
		return true;
	*ret_refusal = (struct routing_refusal){
		REASON_GATE_UNMET,
		str_format(arena, "staff.assigned: missing: an owner as rule %.*s of %.*s demands for this %.*s%s%.*s; the one named has %s%.*s",
			   STR_ARG(rule->name), STR_ARG(policy->id), STR_ARG(ticket->kind),
			   rule->to.n > 0 ? ": " : "", STR_ARG(rule->to), role.n > 0 ? "role " : "no known role", STR_ARG(role)),
	};
	return false;
}
