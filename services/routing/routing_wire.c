/* JSON <-> what routing decides on: claims and requests in, members of facts out.
 *
 * The data were checked by intake; here they are only read. Members that nobody here knows are passed through as they
 * stand. Must decide nothing and never fail: what is not there is absent. */
#include "services/routing/routing_run.h"

#include "common/base/policy.h"

#define EXCEPT_MAX 32
#define NAMED_MAX 16

/* A string, or a number as its text. */
static struct str scalar(const struct doc *doc, const char *path, struct arena *arena)
{
	uint32_t node = doc_path(doc, 0, str_of(path));

	if (node && doc_type(doc, node) == DOC_NUMBER)
		return str_copy(arena, doc_raw(doc, node));
	return doc_string(doc, node, arena);
}

void routing_decode_claim(const struct item *item, struct arena *arena, struct routing_claim *ret_claim)
{
	const struct event *event = &item->event;

	*ret_claim = (struct routing_claim){
		.name = event->name,
		.staff = !str_starts(event->origin, STR(TOPIC_INBOUND "/")),
		.by = doc_get(&event->doc, "by.id", arena),
		.role = doc_get(&event->doc, "by.role", arena),
		.time = event->time,
		.arrived = event->arrived,
	};
	if (str_is(event->name, "staff.assigned"))
		ret_claim->to = doc_get(&event->doc, "to", arena);
}

/* Names in a string or a list of strings or of objects with id and name. */
static struct strings names_of(const struct doc *doc, uint32_t node, struct arena *arena)
{
	struct str *names = arena_alloc(arena, NAMED_MAX * sizeof(*names));
	struct strings list = { names, 0 };
	uint32_t child = node;

	if (node && doc_type(doc, node) == DOC_ARRAY)
		child = doc_first(doc, node);
	while (child && list.count + 2 <= NAMED_MAX) {
		if (doc_type(doc, child) == DOC_STRING)
			names[list.count++] = doc_string(doc, child, arena);
		if (doc_type(doc, child) == DOC_OBJECT) {
			struct str id = doc_string(doc, doc_member(doc, child, STR("id")), arena);
			struct str name = doc_string(doc, doc_member(doc, child, STR("name")), arena);

			if (id.n > 0)
				names[list.count++] = id;
			if (name.n > 0)
				names[list.count++] = name;
		}
		child = child == node ? 0 : doc_next(doc, node, child);
	}
	return list;
}

bool routing_decode_told(const struct doc *doc, struct arena *arena, struct routing_told *ret_told)
{
	if (!str_is(doc_get(doc, "to.role", arena), "customer"))
		return false;
	*ret_told = (struct routing_told){
		.policy = doc_get(doc, "policy.id", arena),
		.rule = doc_get(doc, "rule", arena),
		.fact = doc_get(doc, "why.name", arena),
	};
	return true;
}

void routing_decode_wish(const struct doc *data, struct arena *arena, struct routing_wish *ret_wish)
{
	*ret_wish = (struct routing_wish){
		.product = doc_get(data, "product.model", arena),
		.fault_type = doc_get(data, "fault_type", arena),
		.language = doc_get(data, "customer.language", arena),
		.named = names_of(data, doc_member(data, 0, STR("about_staff")), arena),
	};
	if (!ret_wish->language.p)
		ret_wish->language = doc_get(data, "language", arena);
}

static void lay_member(struct str *field, const struct doc *doc, const char *name, struct arena *arena)
{
	struct str value = scalar(doc, name, arena);

	if (value.p)
		*field = value;
}

bool routing_lay(struct ticket *ticket, struct str claim, const struct doc *doc, struct buf *scratch, struct arena *arena)
{
	/* What the system found out, nobody says: a member of that name is the sender's own affair. */
	static const char *const except[] = { "ticket", "request", "by", "note", "entitlement", "review", "installation", "charge",
					      "cause_code", NULL };
	static const char *const cause[] = { "cause_code", NULL };
	bool graded = str_is(claim, "staff.classified"), supplemented = str_is(claim, "request.supplemented");
	struct fault ignored = FAULT_NONE;
	struct doc base = { 0 };

	if (str_is(claim, "staff.resolved")) {
		ticket->data = ticket_data_with(ticket->data, doc, cause, arena);
		return true;
	}
	if (!graded && !supplemented && !str_is(claim, "staff.mode_chosen"))
		return false;
	lay_member(&ticket->mode, doc, "mode", arena);
	if (!graded && !supplemented)
		return true;
	lay_member(&ticket->kind, doc, "kind", arena);
	lay_member(&ticket->severity, doc, "severity", arena);
	if (graded)
		lay_member(&ticket->priority, doc, "priority", arena);
	if (doc_parse(&base, ticket->data.n > 0 ? ticket->data : STR("{}"), arena, &ignored) == OK) {
		struct writer writer = { .buf = scratch };

		buf_clear(scratch);
		write_merged(&writer, &base, 0, doc, 0, except);
		ticket->data = str_copy(arena, buf_view(scratch));
	}
	return true;
}

bool routing_fact_lays(struct str fact)
{
	return str_is(fact, "ticket.classified") || str_is(fact, "ticket.supplemented") || str_is(fact, "ticket.resolved");
}

bool routing_path_known(void *userdata, struct str path)
{
	const struct doc *doc = userdata;
	uint32_t node = doc_path(doc, 0, path);
	struct str raw;

	/* An empty or blank string says as little as null. */
	if (!node || doc_type(doc, node) == DOC_NULL)
		return false;
	raw = doc_raw(doc, node);
	return doc_type(doc, node) != DOC_STRING || str_trim((struct str){ raw.p + 1, raw.n - 2 }).n > 0;
}

/* `by` with the role that the decision was made on. */
static void write_by(struct writer *writer, const struct doc *doc, struct str role)
{
	static const char *const except[] = { "role", NULL };
	uint32_t by = doc_member(doc, 0, STR("by"));

	if (!by || doc_type(doc, by) != DOC_OBJECT)
		return;
	write_key(writer, "by");
	write_open(writer, '{');
	write_members_of(writer, doc, by, except);
	write_member_if(writer, "role", role);
	write_close(writer, '}');
}

void routing_write_claim(struct writer *writer, const struct item *item, const struct routing_step *step,
			 const char *const *except)
{
	const char *all[EXCEPT_MAX] = { "by", "backdated_s" };
	size_t n = 2;

	for (size_t i = 0; ticket_fact_members[i] && n < EXCEPT_MAX - 1; i++)
		all[n++] = ticket_fact_members[i];
	for (size_t i = 0; except && except[i] && n < EXCEPT_MAX - 1; i++)
		all[n++] = except[i];
	all[n] = NULL;
	if (step->backdated_s > 0)
		write_member_int(writer, "backdated_s", step->backdated_s);
	write_by(writer, &item->event.doc, step->role);
	write_members_of(writer, &item->event.doc, 0, all);
}

void routing_write_system(struct writer *writer)
{
	write_key(writer, "by");
	write_open(writer, '{');
	write_member(writer, "id", STR("system"));
	write_member(writer, "role", STR("system"));
	write_close(writer, '}');
}

void routing_write_words(struct writer *writer, const char *key, struct str words)
{
	write_key(writer, key);
	write_open(writer, '[');
	while (words.p) {
		struct str word = str_cut(&words, ' ');

		if (word.n > 0)
			write_string(writer, word);
	}
	write_close(writer, ']');
}

void routing_write_why(struct writer *writer, const struct routing_choice *choice)
{
	size_t eligible = choice->eligible_count < ROUTING_CANDIDATES_MAX ? choice->eligible_count : ROUTING_CANDIDATES_MAX;
	size_t ruled = choice->ruled_out_count < ROUTING_CANDIDATES_MAX ? choice->ruled_out_count : ROUTING_CANDIDATES_MAX;
	size_t told = eligible + ruled;
	bool chosen_told = !choice->person;

	write_key(writer, "why");
	write_open(writer, '{');
	write_member(writer, "rule", choice->rule);
	write_key(writer, "candidates");
	write_open(writer, '[');
	for (size_t i = 0; i < eligible; i++) {
		bool chosen = choice->person && str_eq(choice->eligible[i].id, choice->person->id);

		write_open(writer, '{');
		write_member(writer, "id", choice->eligible[i].id);
		if (chosen)
			write_member_bool(writer, "chosen", true);
		write_close(writer, '}');
		chosen_told |= chosen;
	}
	if (!chosen_told) {
		write_open(writer, '{');
		write_member(writer, "id", choice->person->id);
		write_member_bool(writer, "chosen", true);
		write_close(writer, '}');
		told++;
	}
	for (size_t i = 0; i < ruled; i++) {
		write_open(writer, '{');
		write_member(writer, "id", choice->ruled_out[i].id);
		write_member(writer, "ruled_out_by", str_of(routing_ruled_name(choice->ruled_out[i].ruled)));
		write_close(writer, '}');
	}
	write_close(writer, ']');
	if (choice->eligible_count + choice->ruled_out_count > told)
		write_member_int(writer, "further", (int64_t)(choice->eligible_count + choice->ruled_out_count - told));
	write_close(writer, '}');
}
