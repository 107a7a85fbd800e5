/* From a wish to messages: who exactly, by which channel, in which language, what it says.
 *
 * Each recipient of a wish gives one message with one id; what cannot be sent is said (notify.suppressed or notify.failed)
 * and, where somebody should act, becomes a task. A message for a channel without transport counts as delivered in the
 * transaction that requests it; anything else begins with a timer, so that nothing leaves before the commit. */
#include <string.h>

#include "services/notification/notification.h"

#define OPTIONS_MAX 8

struct recipient {
	struct str role, person;
	bool customer;
	const struct person *who;        /* of the directory; may be NULL */
};

/* One recipient at work. */
struct composing {
	struct notification *state;
	struct batch *batch;
	const struct notification_entry *entry;
	struct notification_counter *counter;
	struct notification_memory *memory;
	struct notification_view view;
	struct notification_message message;
	struct recipient to;
	struct str key;                  /* for once_per */
};

/* ---- words of the configuration: "a b c", "role=address role=address"; blanks or commas between ---- */

static struct str next_word(struct str *list)
{
	while (list->n && (*list->p == ' ' || *list->p == ','))
		*list = (struct str){ list->p + 1, list->n - 1 };
	size_t n = 0;
	while (n < list->n && list->p[n] != ' ' && list->p[n] != ',')
		n++;
	struct str word = { list->p, n };
	*list = (struct str){ list->p + n, list->n - n };
	return word;
}

static bool word_listed(const char *list, struct str word)
{
	struct str rest = str_of(list);

	for (struct str one = next_word(&rest); one.n; one = next_word(&rest))
		if (str_eq(one, word))
			return true;
	return false;
}

static struct str mailbox_of(const char *mailboxes, struct str role)
{
	struct str rest = str_of(mailboxes);

	for (struct str one = next_word(&rest); one.n; one = next_word(&rest))
		if (str_eq(str_cut(&one, '='), role))
			return one;
	return STR_NONE;
}

/* ---- who ---- */

static bool person_of(struct composing *c, struct str id)
{
	const struct directory *directory = knowledge_directory(c->state->knowledge);

	if (id.n == 0)
		return false;
	c->to.person = id;
	c->to.who = directory_person(directory, id);
	c->to.role = c->to.who ? c->to.who->role : STR_NONE;
	return true;
}

/* False when there is nobody: no owner yet, no superior on file. */
static bool resolve(struct composing *c, struct str to)
{
	const struct person *owner = c->view.owner;

	c->to = (struct recipient){ 0 };
	if (str_is(to, "customer")) {
		c->to.customer = true;
		c->to.role = to;
		return true;
	}
	if (str_is(to, "owner") || str_is(to, "owner.id")) {
		bool found = person_of(c, c->entry->ticket.owner);

		if (found && !c->to.role.n)
			c->to.role = c->entry->ticket.owner_role;
		return found;
	}
	if (str_is(to, "superior") || str_is(to, "owner.superior"))
		return owner && person_of(c, owner->superior);
	if (to.n && memchr(to.p, '.', to.n))
		return person_of(c, notification_fact_of(&c->view, to));
	c->to.role = to;
	return to.n > 0;
}

static struct str language_of(const struct composing *c)
{
	static const char *const paths[] = { "customer.language", "customer.locale" };

	if (c->to.who && c->to.who->language_count)
		return c->to.who->languages[0];
	for (size_t i = 0; c->to.customer && i < array_count(paths); i++) {
		struct str language = notification_fact_of(&c->view, str_of(paths[i]));

		if (language.n)
			return language;
	}
	return STR_NONE;
}

/* ---- by which channel ---- */

static struct str address_of(const struct composing *c, struct str channel)
{
	bool mail = str_is(channel, "email");
	struct str address;

	if (c->to.customer && mail)
		return notification_fact_of(&c->view, STR("customer.email"));
	if (c->to.customer && str_is(channel, "letter"))
		return notification_fact_of(&c->view, STR("customer.address"));
	if (c->to.customer) {
		address = notification_fact_of(&c->view, str_format(c->batch->arena, "customer.%.*s", STR_ARG(channel)));
		return address.n ? address : notification_fact_of(&c->view, STR("customer.phone"));
	}
	if (c->to.person.n) {
		struct str contact = c->to.who ? c->to.who->contact : STR_NONE;

		return contact.n && mail == (memchr(contact.p, '@', contact.n) != NULL) ? contact : STR_NONE;
	}
	return mail ? mailbox_of(c->state->conf->mailboxes, c->to.role) : STR_NONE;
}

static struct notification_option option_of(const struct composing *c, struct str channel)
{
	struct notification_option option = { .channel = channel, .via = VIA_LOG };

	if (str_is(channel, "log"))
		return option;
	if (str_is(channel, "email") && c->state->mail) {
		option.via = VIA_MAIL;
		option.needs_address = true;
	} else if (word_listed(c->state->conf->gateways, channel)) {
		option.via = VIA_GATEWAY;
		/* A gateway may know by itself where a role is reached, but not a customer. */
		option.needs_address = c->to.customer;
	}
	option.address = address_of(c, channel);
	if (option.via == VIA_MAIL && !notification_address_good(option.address))
		option.address = STR_NONE;
	return option;
}

/* "origin" is where the customer came from; for people of the house it means nothing: e-mail when it reaches them, else the
 * log. */
static struct notification_option channel_of(const struct composing *c)
{
	const struct strings *channels = &c->entry->wish.channels;
	struct notification_option options[OPTIONS_MAX];
	size_t n = 0;

	for (size_t i = 0; i < channels->count && n < OPTIONS_MAX; i++) {
		struct str channel = channels->items[i];

		if (str_is(channel, "origin"))
			channel = c->to.customer ? c->entry->ticket.channel : STR_NONE;
		if (channel.n)
			options[n++] = option_of(c, channel);
	}
	if (n == 0 && c->to.customer && c->entry->ticket.channel.n)
		options[n++] = option_of(c, c->entry->ticket.channel);
	if (n == 0) {
		struct notification_option mail = option_of(c, STR("email"));

		if (notification_reaches(&mail))
			options[n++] = mail;
		options[n++] = option_of(c, STR("log"));
	}
	return options[notification_channel(options, n)];
}

/* ---- the message ---- */

static void suppress(struct composing *c, struct str reason, bool task)
{
	c->message.reason = reason;
	notification_emit(c->state, c->batch, c->entry->item, &c->entry->ticket, &c->message, NOTIFY_SUPPRESSED);
	if (task)
		notification_emit_task(c->state, c->batch, c->entry->item, &c->entry->ticket, &c->message,
				       str_format(c->batch->arena, "message %.*s was not sent: %.*s", STR_ARG(c->message.template_name),
						  STR_ARG(reason)));
}

static struct str rendered(struct composing *c, struct str text, bool line)
{
	struct buf out = { 0 };
	struct str copy;

	notification_render(text, notification_value, &c->view, &out);
	for (size_t i = 0; line && i < out.n; i++)
		if ((unsigned char)out.p[i] < ' ')
			out.p[i] = ' ';
	copy = str_copy(c->batch->arena, out.n ? buf_view(&out) : STR(""));
	buf_done(&out);
	return copy;
}

/* The first member of `must` that has no value. */
static struct str must_missing(const struct composing *c)
{
	const struct strings *must = &c->entry->wish.must;

	for (size_t i = 0; i < must->count; i++)
		if (!notification_fact_of(&c->view, must->items[i]).n &&
		    !notification_fact_of(&c->view, str_format(c->batch->arena, "event.%.*s", STR_ARG(must->items[i]))).n)
			return must->items[i];
	return STR_NONE;
}

static void put_on_its_way(struct composing *c, const struct notification_option *option)
{
	struct notification_message *message = &c->message;
	struct item *item = c->entry->item;

	notification_emit(c->state, c->batch, item, &c->entry->ticket, message, NOTIFY_REQUESTED);
	if (option->via != VIA_LOG && !notification_reaches(option)) {
		message->state = MESSAGE_FAILED;
		message->finished_at = c->batch->now;
		message->reason = STR("no address for this channel");
		notification_emit(c->state, c->batch, item, &c->entry->ticket, message, NOTIFY_FAILED);
		notification_emit_task(c->state, c->batch, item, &c->entry->ticket, message, STR("message not delivered"));
	} else if (option->via == VIA_LOG) {
		message->state = MESSAGE_SENT;
		message->finished_at = c->batch->now;
		notification_emit(c->state, c->batch, item, &c->entry->ticket, message, NOTIFY_SENT);
	} else if (option->via == VIA_MAIL) {
		notification_timer(c->batch, item, message, "send", c->batch->now);
	} else {
		notification_timer(c->batch, item, message, "lost", c->batch->now + c->state->conf->gateway_timeout);
	}
	arena_grow(c->batch->arena, &c->memory->fresh, &c->memory->fresh_capacity, c->memory->fresh_count + 1, sizeof(*c->memory->fresh));
	c->memory->fresh[c->memory->fresh_count++] = *message;
}

static void message_begin(struct composing *c)
{
	const struct notification_entry *entry = c->entry;
	const struct item *item = entry->item;

	c->counter->messages++;
	c->counter->changed = true;
	c->message = (struct notification_message){
		.id = str_format(c->batch->arena, "%.*s.m%d", STR_ARG(entry->ticket.id), c->counter->messages),
		.ticket = entry->ticket.id, .requested_at = c->batch->now, .lease_until = INSTANT_NONE, .finished_at = INSTANT_NONE,
		.role = c->to.role, .person = c->to.person, .channel = STR("log"), .template_name = entry->wish.template_name,
		.template_version = 1, .locale = c->view.locale, .subject = STR(""), .text = STR(""),
		.policy = entry->wish.policy->id, .rule = entry->wish.rule,
		.why_name = entry->why_name, .why_id = entry->why_id, .why_about = entry->why_about,
		.cause_id = item->timer ? item->timer->cause_id : item->event.cause_id,
		.cause_source = item->timer ? item->timer->cause_source : item->event.cause_source,
		.traceparent = item->timer ? item->timer->traceparent : item->event.traceparent,
		.tracestate = item->timer ? item->timer->tracestate : item->event.tracestate,
	};
}

static void compose_one(struct composing *c, struct str to)
{
	const struct notification_wish *wish = &c->entry->wish;
	struct str fallback = str_of(c->state->conf->locale);
	const struct notification_template *template;
	struct notification_option option;
	struct str missing;
	bool found = resolve(c, to);

	c->view.locale = notification_locale(c->state->catalogue, found ? language_of(c) : STR_NONE, fallback);
	message_begin(c);
	template = notification_template_find(c->state->catalogue, wish->template_name, c->view.locale);
	c->key = str_format(c->batch->arena, "%.*s/%.*s/%.*s", STR_ARG(wish->policy->id), STR_ARG(wish->rule), STR_ARG(to));
	if (notification_told(c->counter->told, c->key, wish->once_per, c->batch->now)) {
		suppress(c, STR("once_per"), false);
		return;
	}
	if (!found || !template) {
		if (!found)
			c->message.role = to;
		suppress(c, found ? STR("no such template") : STR("nobody to tell"), true);
		return;
	}
	missing = must_missing(c);
	if (missing.p) {
		suppress(c, str_format(c->batch->arena, "missing: %.*s", STR_ARG(missing)), true);
		return;
	}
	option = channel_of(c);
	c->message.channel = option.channel;
	c->message.via = option.via;
	c->message.address = option.address;
	c->message.template_version = template->version;
	c->message.subject = rendered(c, template->subject, true);
	c->message.text = rendered(c, template->body, false);
	if (wish->once_per.p && !str_is(wish->once_per, "fact"))
		c->counter->told = notification_tell(c->batch->arena, c->counter->told, c->key, c->batch->now);
	put_on_its_way(c, &option);
}

void notification_compose(struct notification *state, struct batch *batch, struct notification_memory *memory,
			  const struct notification_entry *entry)
{
	const struct directory *directory = knowledge_directory(state->knowledge);
	struct str customer = notification_customer_find(memory, entry->customer);
	struct doc customer_doc = { 0 };
	struct fault ignored = FAULT_NONE;
	struct composing composing = {
		.state = state, .batch = batch, .entry = entry, .memory = memory,
		.counter = notification_counter_find(memory, entry->ticket.id),
		.view = {
			.catalogue = state->catalogue, .zone_offset_us = entry->wish.policy->zone_offset_us, .ticket = &entry->ticket,
			.event = &entry->item->event.doc, .request = &entry->request, .arena = batch->arena,
			.owner = entry->ticket.owner.n ? directory_person(directory, entry->ticket.owner) : NULL,
		},
	};

	if (customer.n && doc_parse(&customer_doc, customer, batch->arena, &ignored) == OK)
		composing.view.customer = &customer_doc;
	for (size_t i = 0; i < entry->wish.to.count; i++)
		compose_one(&composing, entry->wish.to.items[i]);
}
