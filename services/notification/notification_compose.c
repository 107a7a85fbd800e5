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
	return mail ? notification_listed_value(c->state->conf->mailboxes, c->to.role) : STR_NONE;
}

static struct notification_option option_of(const struct composing *c, struct str channel)
{
	struct notification_option option = { .channel = channel, .via = VIA_LOG };

	if (str_is(channel, "log"))
		return option;
	if (str_is(channel, "email") && notification_carrier_line(c->state->carrier, VIA_MAIL, channel) >= 0) {
		option.via = VIA_MAIL;
		option.needs_address = true;
	} else if (notification_carrier_line(c->state->carrier, VIA_WEBHOOK, channel) >= 0) {
		option.via = VIA_WEBHOOK;
		option.needs_address = c->to.customer;
	} else if (notification_listed(c->state->conf->gateways, channel)) {
		option.via = VIA_GATEWAY;
		/* A gateway may know by itself where a role is reached, but not a customer. */
		option.needs_address = c->to.customer;
	}
	option.address = address_of(c, channel);
	if (option.via == VIA_MAIL && !notification_address_good(option.address))
		option.address = STR_NONE;
	return option;
}

/* The answer goes where the question came from; a caller is answered by text message where that can be carried, because
 * nothing speaks to a telephone. */
static struct notification_option origin_of(const struct composing *c)
{
	struct notification_option option = option_of(c, c->entry->ticket.channel);
	struct notification_option text;

	if (option.via != VIA_LOG || !str_is(option.channel, "phone"))
		return option;
	text = option_of(c, STR("sms"));
	return notification_reaches(&text) ? text : option;
}

/* "origin" is where the customer came from; for people of the house it means nothing: e-mail when it reaches them, else the
 * log. */
static struct notification_option channel_of(const struct composing *c)
{
	const struct strings *channels = &c->entry->wish.channels;
	struct notification_option options[OPTIONS_MAX];
	size_t n = 0;

	for (size_t i = 0; i < channels->count && n < OPTIONS_MAX; i++) {
		if (!str_is(channels->items[i], "origin"))
			options[n++] = option_of(c, channels->items[i]);
		else if (c->to.customer && c->entry->ticket.channel.n)
			options[n++] = origin_of(c);
	}
	if (n == 0 && c->to.customer && c->entry->ticket.channel.n)
		options[n++] = origin_of(c);
	if (n == 0) {
		struct notification_option mail = option_of(c, STR("email"));

		if (notification_reaches(&mail))
			options[n++] = mail;
		options[n++] = option_of(c, STR("log"));
	}
	return options[notification_channel(options, n)];
}

/* ---- the message ---- */

/* What is composed again stays where it is; what is new goes to the others. */
static void keep(struct composing *c)
{
	struct notification_memory *memory = c->memory;

	if (c->entry->held) {
		*c->entry->held = c->message;
		c->entry->held->changed = true;
		return;
	}
	/* Nobody ever asks again for what was delivered by its own fact. */
	if (c->message.via == VIA_LOG && c->message.state == MESSAGE_SENT)
		return;
	arena_grow(c->batch->arena, &memory->fresh, &memory->fresh_capacity, memory->fresh_count + 1, sizeof(*memory->fresh));
	memory->fresh[memory->fresh_count++] = c->message;
}

static void suppress(struct composing *c, struct str reason, struct str task, struct str whom)
{
	c->message.reason = reason;
	notification_emit(c->state, c->batch, c->entry->item, &c->entry->ticket, &c->message, NOTIFY_SUPPRESSED);
	if (task.n)
		notification_emit_task(c->state, c->batch, c->entry->item, &c->entry->ticket, &c->message, task, whom);
}

static void give_up(struct composing *c, struct str reason)
{
	struct str task = str_format(c->batch->arena, "message %.*s was not sent: %.*s", STR_ARG(c->message.template_name),
				     STR_ARG(reason));

	suppress(c, reason, task, STR("csr"));
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

/* A mandatory part is missing: whoever can say it has a task, and the message goes out when it has been said. */
static void hold(struct composing *c, const struct notification_template *template, struct str to, struct str missing)
{
	const struct ticket *ticket = &c->entry->ticket;
	struct str reason = str_format(c->batch->arena, "missing: %.*s", STR_ARG(missing));
	struct str task = template->task, before = c->counter->held, id = c->message.id;

	c->message.state = MESSAGE_HELD;
	c->message.held = notification_hold_text(to, c->view.event, c->batch->arena);
	c->counter->held = before.n ? str_format(c->batch->arena, "%.*s %.*s", STR_ARG(before), STR_ARG(id)) : id;
	c->counter->changed = true;
	if (!task.n)
		task = str_format(c->batch->arena, "message %.*s is held: %.*s", STR_ARG(template->name), STR_ARG(reason));
	/* Nobody owns it yet: whoever will. */
	suppress(c, reason, task, c->entry->desk ? STR("csr") : ticket->owner.n ? ticket->owner : STR("owner"));
	keep(c);
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
		notification_emit_task(c->state, c->batch, item, &c->entry->ticket, message, STR("message not delivered"), STR("csr"));
	} else if (option->via == VIA_LOG) {
		message->state = MESSAGE_SENT;
		message->finished_at = c->batch->now;
		notification_emit(c->state, c->batch, item, &c->entry->ticket, message, NOTIFY_SENT);
	} else if (option->via == VIA_GATEWAY) {
		notification_timer(c->batch, item, message, "lost", c->batch->now + c->state->conf->gateway_timeout);
	} else {
		notification_timer(c->batch, item, message, "send", c->batch->now);
	}
	keep(c);
}

static void message_begin(struct composing *c)
{
	const struct notification_entry *entry = c->entry;
	const struct item *item = entry->item;

	if (entry->held) {
		c->message = *entry->held;
		c->message.state = MESSAGE_REQUESTED;
		c->message.held = c->message.reason = STR_NONE;
		c->message.requested_at = c->batch->now;
		c->message.locale = c->view.locale;
		c->message.role = c->to.role;
		c->message.person = c->to.person;
		return;
	}
	c->counter->messages++;
	c->counter->changed = true;
	c->message = (struct notification_message){
		.id = str_format(c->batch->arena, "%.*s.m%d", STR_ARG(entry->ticket.id), c->counter->messages),
		.ticket = entry->ticket.id, .desk = entry->desk,
		.requested_at = c->batch->now, .lease_until = INSTANT_NONE, .finished_at = INSTANT_NONE,
		.role = c->to.role, .person = c->to.person, .channel = STR("log"), .template_name = entry->wish.template_name,
		.template_version = 1, .locale = c->view.locale, .subject = STR(""), .text = STR(""),
		.policy = entry->wish.policy->id, .policy_version = entry->wish.policy->version,
		.rule = entry->wish.message,
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
	if (!c->entry->held && notification_told(c->counter->told, c->key, wish->once_per, c->batch->now)) {
		suppress(c, STR("once_per"), STR_NONE, STR_NONE);
		return;
	}
	if (!found || !template) {
		if (!found)
			c->message.role = to;
		give_up(c, found ? STR("no such template") : STR("nobody to tell"));
		return;
	}
	if (!c->entry->held && wish->once_per.p && !str_is(wish->once_per, "fact"))
		c->counter->told = notification_tell(c->batch->arena, c->counter->told, c->key, c->batch->now);
	missing = must_missing(c);
	if (missing.p) {
		if (!c->entry->held)
			hold(c, template, to, missing);
		return;
	}
	option = channel_of(c);
	c->message.channel = option.channel;
	c->message.via = option.via;
	c->message.address = option.address;
	c->message.template_version = template->version;
	c->message.subject = rendered(c, template->subject, true);
	c->message.text = rendered(c, template->body, false);
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
			.event = &entry->event, .request = &entry->request, .arena = batch->arena,
			.owner = entry->ticket.owner.n ? directory_person(directory, entry->ticket.owner) : NULL,
			.texts = entry->wish.texts, .text_count = entry->wish.text_count,
		},
	};

	composing.view.option = composing.counter->option;
	composing.view.expected = composing.counter->expected;
	if (customer.n && doc_parse(&customer_doc, customer, batch->arena, &ignored) == OK)
		composing.view.customer = &customer_doc;
	for (size_t i = 0; i < entry->wish.to.count; i++)
		compose_one(&composing, entry->wish.to.items[i]);
}
