/* The vocabulary of notification: who is told what, by which channel, and whether it arrived.
 *
 * Downhill: notification_decide.c chooses messages from the policies (pure), notification_compose.c makes a letter of each
 * (recipient, channel, template), notification_wire.c writes the facts, notification_store.c keeps the rows,
 * notification_carrier.c carries e-mail (notification_smtp.c) and messages to gateways (notification_webhook.c) outside any
 * transaction, notification_handle.c puts these in order for a batch. */
#ifndef AFTERCARE_NOTIFICATION_H
#define AFTERCARE_NOTIFICATION_H

#include "common/base/directory.h"
#include "common/base/doc.h"
#include "common/base/fault.h"
#include "common/base/policy.h"
#include "common/base/ticket.h"
#include "common/io/embed.h"
#include "common/worker/knowledge.h"
#include "common/worker/ticket.h"
#include "common/worker/worker.h"

struct notification_conf {
	const char *locale;
	const char *smtp_url, *smtp_from, *smtp_user, *smtp_password, *smtp_tls, *smtp_ca;
	const char *webhooks, *webhook_secret, *webhook_ca;
	const char *gateways, *mailboxes;
	int64_t smtp_timeout, smtp_parallel;
	int64_t webhook_timeout, webhook_parallel;
	int64_t attempts, retry_after, retry_most;
	int64_t gateway_timeout;
};

/* ---- notification_conf.c: lists in the configuration, separated by blanks or commas ---- */
/* The next word, which is taken off the list; empty at its end. */
struct str notification_list_next(struct str *list);
bool notification_listed(const char *list, struct str word);
/* The VALUE of NAME=VALUE; absent when the name does not stand there. */
struct str notification_listed_value(const char *list, struct str name);
/* Microseconds of a clock that only runs forward; for the threads. */
int64_t notification_monotonic(void);

/* ---- notification_template.c, notification_render.c: what messages say ---- */

struct notification_template {
	struct str name, locale, subject, body;     /* slices of the embedded file */
	struct str task;                            /* what a task is called when a mandatory part is missing; may be absent */
	int32_t version;
};
struct notification_word {
	struct str locale, key, text;
};
struct notification_catalogue {
	struct notification_template *templates;
	size_t template_count, template_capacity;
	struct notification_word *words;
	size_t word_count, word_capacity;
	bool sorted;
	struct str *locales;
	size_t locale_count, locale_capacity;
	struct arena arena;
};

/* Reads deploy/templates/LOCALE/NAME.txt of `files`, and words.txt. FATAL when a file is malformed, uses a placeholder that
 * nothing can fill, or when the locales do not have the same templates with the same placeholders and the same words. */
enum verdict notification_catalogue_load(const struct embed_file *files, size_t count, struct notification_catalogue **ret,
					 struct fault *fault) must_check;
void notification_catalogue_free(struct notification_catalogue *catalogue);
/* NULL when there is none. */
const struct notification_template *notification_template_find(const struct notification_catalogue *catalogue, struct str name,
							       struct str locale);
/* The locale to write in for somebody who reads `language` ("en-GB", "zh", absent). */
struct str notification_locale(const struct notification_catalogue *catalogue, struct str language, struct str fallback);
/* What a code or field is called; absent when no word stands for it. */
struct str notification_word(const struct notification_catalogue *catalogue, struct str locale, struct str key);
/* The next {{path}} of *rest, which moves behind it; *ret_before is the text before it. Absent path: no more. False when a
 * placeholder is malformed. */
bool notification_placeholder(struct str *rest, struct str *ret_before, struct str *ret_path);
/* Replaces each {{path}} once; values are never looked into. `text` has been checked. */
void notification_render(struct str text, struct str (*value)(void *userdata, struct str path), void *userdata, struct buf *out);

/* What placeholders are filled from. */
struct notification_view {
	const struct notification_catalogue *catalogue;
	struct str locale;
	int64_t zone_offset_us;
	const struct ticket *ticket;
	const struct doc *event, *request, *customer;    /* data of the fact, the ticket's request, the directory's customer; may be NULL */
	const struct person *owner;                      /* may be NULL */
	struct str option;                               /* what people have proposed; may be absent */
	instant expected;                                /* when they have promised it; INSTANT_NONE */
	const struct message_text *texts;                /* the policy's own parts of this message */
	size_t text_count;
	struct arena *arena;
};
/* The text of a placeholder, for people: codes by their words, instants in the policy's zone; "" when nothing is known. */
struct str notification_value(void *view, struct str path);
/* The same without words for what is missing: absent when there is no value. */
struct str notification_fact_of(const struct notification_view *view, struct str path);

/* ---- notification_decide.c: which messages, and what follows an attempt (pure) ---- */

struct notification_fact {
	struct str name;
	struct str clock;            /* of sla.*: the clock's name */
	struct str programme;        /* of survey.* and followup.* */
	struct str policy;           /* id of the policy that the fact was decided under */
};
struct notification_wish {
	const struct policy *policy;
	struct str rule;             /* what once_per counts by, with the policy and the recipient */
	struct str message;          /* the message rule, or what a notify action names in its place */
	struct strings to, channels, must;
	struct str template_name, once_per;
	const struct message_text *texts;
	size_t text_count;
	bool delayed;                /* a rule with `after`: not now */
	struct duration after;
};
#define NOTIFICATION_WISHES_MAX 32

/* Whether any policy may want a message for this fact: whether conditions have to be looked at. */
bool notification_listens(const struct notification_fact *fact, const struct policy *const *policies, size_t count);
/* The messages a fact gives, at most `most`: message rules of the most specific policy that has any for it, notify actions
 * of clocks, rules and programmes of all. */
size_t notification_choose(const struct notification_fact *fact, const struct policy *const *policies, size_t count,
			   const struct value *vector, instant now, struct notification_wish *ret, size_t most);
/* What a message rule wishes. */
struct notification_wish notification_wish_of(const struct policy *policy, const struct message_rule *rule);
/* The notify actions of one rule that was put off. */
size_t notification_choose_rule(const struct policy *policy, struct str rule, struct notification_wish *ret, size_t most);

/* Which messages have been sent for a ticket already: words "KEY=MICROSECONDS". */
bool notification_told(struct str told, struct str key, struct str once_per, instant now);
struct str notification_tell(struct arena *arena, struct str told, struct str key, instant now);

enum notification_via { VIA_LOG, VIA_MAIL, VIA_GATEWAY, VIA_WEBHOOK, VIA_MAX };
struct notification_option {
	struct str channel;
	enum notification_via via;
	struct str address;
	bool needs_address;
};
/* The channel to use: the first that can carry the message, else the first without transport, else the first. */
size_t notification_channel(const struct notification_option *options, size_t count);
/* Whether it can carry the message. */
bool notification_reaches(const struct notification_option *option);

enum notification_outcome { OUTCOME_DELIVERED, OUTCOME_TEMPORARY, OUTCOME_PERMANENT, OUTCOME_MAX };
enum notification_state { MESSAGE_REQUESTED, MESSAGE_SENT, MESSAGE_FAILED, MESSAGE_HELD, MESSAGE_MAX };
struct notification_patience {
	int64_t attempts, retry_after, retry_most;
	int64_t asked;               /* the other side asks for at least so long; 0: for nothing */
};
/* The state after an attempt (number `attempts`, the first is 1); *ret_retry_at is set when it stays REQUESTED. */
enum notification_state notification_after(enum notification_outcome outcome, int32_t attempts,
					   const struct notification_patience *patience, instant now, instant *ret_retry_at);

/* ---- rows ---- */
struct notification_message {
	struct str id, ticket;
	enum notification_state state;
	struct str state_name, via_name;          /* as stored */
	enum notification_via via;
	int32_t attempts;
	instant requested_at, lease_until, finished_at;
	struct str channel, role, person, address, subject, text, reason;
	struct str template_name, locale;
	int32_t template_version;
	struct str policy, rule;                  /* the rule it came from */
	struct str why_name, why_id, why_about;
	struct str held;                          /* while it is: what it takes to compose it later */
	bool uncertain;                           /* an attempt ended without an answer */
	bool desk;                                /* `ticket` is the id of a thing of the desk */
	int32_t policy_version;                   /* only while it is being composed; 0: not known */
	struct str cause_id, cause_source, traceparent, tracestate;
	bool known, changed;
};
struct notification_counter {
	struct str ticket;
	int32_t messages;            /* how many have got an id */
	struct str told;
	struct str option;           /* newest proposal, plan or promise */
	instant expected;            /* newest time promised or agreed; INSTANT_NONE */
	struct str held;             /* ids of messages that wait for a part */
	bool changed;
};
struct notification_customer {
	struct str id, data;
};
/* What a batch works with: arrays sorted by id, from the batch's arena. */
struct notification_memory {
	struct notification_counter *counters;
	size_t counter_count;
	struct notification_message *messages;
	size_t message_count;
	struct notification_customer *customers;
	size_t customer_count;
	struct notification_message *fresh;          /* new ones, in the order of their making */
	size_t fresh_count, fresh_capacity;
	struct notification_message *stranded;       /* on their way when their last owner went (id and ticket only) */
	size_t stranded_count;
};
struct notification_need {
	struct str *tickets, *messages, *customers;
	size_t ticket_count, message_count, customer_count;
	size_t ticket_capacity, message_capacity, customer_capacity;
};
void notification_need_add(struct arena *arena, struct str **list, size_t *count, size_t *capacity, struct str id);
enum verdict notification_load(struct batch *batch, struct notification_need *need, bool desk, struct notification_memory *ret,
			       struct fault *fault) must_check;
void notification_save(struct batch *batch, struct notification_memory *memory);
struct notification_counter *notification_counter_find(struct notification_memory *memory, struct str ticket);
struct notification_message *notification_message_find(struct notification_memory *memory, struct str id);
struct str notification_customer_find(const struct notification_memory *memory, struct str id);

/* ---- notification_mime.c, notification_carrier.c: messages on their way ---- */
struct notification_letter {
	struct str id, ticket;
	int32_t lane;
	bool desk;                   /* the lane is one of the desk's */
	int line;                    /* of the carrier */
	struct str from, to, subject, text;     /* a webhook's text is the whole body */
	instant at;
};
/* Whether it can stand in an SMTP command: one address, printable ASCII. */
bool notification_address_good(struct str address);
/* An id as it can stand in a header: what comes from a directory may hold anything. */
void notification_put_id(struct buf *out, struct str id);
/* The whole message, CRLF, as SMTP carries it. The same letter always gives the same bytes. */
void notification_mime(struct buf *out, const struct notification_letter *letter);

struct notification_carrier;
struct notification_result {
	struct str id, ticket;
	int32_t lane;
	bool desk;
	int line;
	enum notification_outcome outcome;
	bool uncertain;              /* no answer, and it may have arrived */
	int64_t retry_after;         /* microseconds that the other side asks for; 0: says nothing */
	int64_t finished;            /* monotonic */
	char reason[200];            /* no personal data: the server's words are not repeated */
};
/* FATAL when the settings are wrong. */
enum verdict notification_carrier_new(const struct notification_conf *conf, struct notification_carrier **ret,
				      struct fault *fault) must_check;
void notification_carrier_free(struct notification_carrier *carrier);
/* The line that carries messages of a channel by this way; -1: none does. `carrier` may be NULL. */
int notification_carrier_line(const struct notification_carrier *carrier, enum notification_via via, struct str channel);
/* Takes a copy of the letter to be sent; true also when it is on its way already, false when there is no room. */
bool notification_carrier_put(struct notification_carrier *carrier, const struct notification_letter *letter);
/* Forgets the letters of a lane that have not been begun. */
void notification_carrier_drop(struct notification_carrier *carrier, int32_t lane, bool desk);
/* Takes notice that the fd was readable. */
void notification_carrier_turn(struct notification_carrier *carrier);
/* An fd that is readable when there are new results. */
int notification_carrier_fd(const struct notification_carrier *carrier);
/* The oldest result not yet taken off; NULL when there is none. */
const struct notification_result *notification_carrier_result(struct notification_carrier *carrier);
void notification_carrier_result_done(struct notification_carrier *carrier);
/* Puts the oldest result behind the others. */
void notification_carrier_result_later(struct notification_carrier *carrier);
/* Whether a letter of this id waits, is on its way, or has a result not yet taken off. */
bool notification_carrier_has(struct notification_carrier *carrier, struct str id);
enum notification_via notification_carrier_via(const struct notification_carrier *carrier, int line);
/* Whether it is news that the line is in trouble, or no longer; *ret_name is what it is called. */
bool notification_carrier_trouble(struct notification_carrier *carrier, int line, bool troubled, struct str *ret_name);
/* Letters of all these kinds. */
size_t notification_carrier_count(struct notification_carrier *carrier);

/* ---- notification_smtp.c, notification_webhook.c: one attempt at a time, in a thread of the carrier ---- */
struct notification_smtp;
/* FATAL when the settings are wrong. */
enum verdict notification_smtp_check(const struct notification_conf *conf, struct fault *fault) must_check;
/* `stop` is asked about once a second while an attempt is under way: true gives it up. */
struct notification_smtp *notification_smtp_new(const struct notification_conf *conf, bool (*stop)(void *userdata), void *userdata);
/* Accepts NULL. */
void notification_smtp_free(struct notification_smtp *smtp);
/* Blocks until the server has spoken or the time is over; fills outcome, uncertain, finished and reason. */
void notification_smtp_send(struct notification_smtp *smtp, const struct notification_letter *letter, struct notification_result *result);
/* What a transfer's end means; `code` is the server's last reply, `result` libcurl's. */
enum notification_outcome notification_mail_outcome(int result, long code);

struct notification_hook {
	struct str channel;          /* slice of the configuration */
	char *url;
};
struct notification_hooks {
	struct notification_hook *items;
	size_t count;
};
#define NOTIFICATION_HEADER_TIMESTAMP "Aftercare-Timestamp"
#define NOTIFICATION_HEADER_SIGNATURE "Aftercare-Signature"
#define NOTIFICATION_HEADER_KEY "Idempotency-Key"
#define NOTIFICATION_SIGNATURE 72    /* "sha256=", 64 hexadecimal digits, a zero byte */
struct notification_webhook;
/* Reads `webhooks`; FATAL when the settings are wrong. */
enum verdict notification_webhook_check(const struct notification_conf *conf, struct notification_hooks *ret,
					struct fault *fault) must_check;
void notification_hooks_done(struct notification_hooks *hooks);
struct notification_webhook *notification_webhook_new(const struct notification_conf *conf, const char *url,
						      bool (*stop)(void *userdata), void *userdata);
/* Accepts NULL. */
void notification_webhook_free(struct notification_webhook *webhook);
void notification_webhook_send(struct notification_webhook *webhook, const struct notification_letter *letter,
			       struct notification_result *result);
enum notification_outcome notification_webhook_outcome(long status);
/* HMAC-SHA256, keyed with the secret, of TIMESTAMP "." BODY. */
void notification_webhook_sign(const char *secret, int64_t timestamp, struct str body, char ret[NOTIFICATION_SIGNATURE]);

/* ---- notification_turn.c: between the transport and the worker ---- */
/* How long an attempt may take before it is believed lost. */
int64_t notification_lease(const struct notification_conf *conf, enum notification_via via);
void notification_turn(void *state, struct worker *worker, instant now);
void notification_owned(void *state, const char *topic, int32_t partition, bool owned);
void notification_metrics(void *state, struct buf *out);

/* ---- the service ---- */
struct notification {
	const struct notification_conf *conf;
	struct notification_catalogue *catalogue;
	struct notification_carrier *carrier;    /* NULL: neither SMTP server nor webhook is configured */
	struct knowledge *knowledge;
	struct buf body;
	uint64_t results[VIA_MAX][OUTCOME_MAX];  /* of attempts */
};

/* One fact or action on its way to somebody, or a fact that may fill what a held message waits for. */
struct notification_entry {
	struct item *item;
	struct ticket ticket;                    /* as it was at this item */
	bool desk;                               /* it stands for a thing of the desk */
	bool offer;                              /* no wish: held messages are looked at */
	const struct policy **policies;          /* of an offer: those of the ticket */
	struct notification_wish wish;
	struct str why_name, why_id, why_about;
	struct doc request;                      /* ticket.data */
	struct doc event;                        /* data of the fact; of a held message the one that caused it */
	struct str customer;                     /* id */
	struct notification_message *held;       /* the message that is composed again; NULL: new ones are made */
};
/* notification_compose.c: makes the messages of an entry, with their facts, timers and tasks. */
void notification_compose(struct notification *state, struct batch *batch, struct notification_memory *memory,
			  const struct notification_entry *entry);

/* ---- notification_hold.c ---- */
/* Whether a fact may fill what a message waits for, and whether it ends the waiting. */
bool notification_offers(struct str fact);
bool notification_ends(struct str fact);
/* Keeps what the fact says for messages. */
void notification_parts_note(struct notification_counter *counter, const struct item *item, struct arena *arena);
struct str notification_hold_text(struct str to, const struct doc *event, struct arena *arena);
/* Sends what is complete now, forgets what is void. */
void notification_release(struct notification *state, struct batch *batch, struct notification_memory *memory,
			  const struct notification_entry *offer);

/* ---- notification_deliver.c ---- */
/* Timers of a message: "send:ID", "lost:ID". */
void notification_timer(struct batch *batch, struct item *item, const struct notification_message *message, const char *kind,
			instant due);
/* A timer, a result or a report about the message. `ticket` may stand for a thing of the desk. */
void notification_deliver(struct notification *state, struct batch *batch, struct item *item, const struct ticket *ticket,
			  struct notification_message *message);
/* After a take: what was on its way is tried again. */
void notification_resume(struct notification *state, struct batch *batch, const struct notification_memory *memory);

/* ---- notification_wire.c ---- */
enum notification_word_of { NOTIFY_REQUESTED, NOTIFY_SENT, NOTIFY_FAILED, NOTIFY_SUPPRESSED, NOTIFY_MAX };
void notification_emit(struct notification *state, struct batch *batch, struct item *item, const struct ticket *ticket,
		       const struct notification_message *message, enum notification_word_of what);
/* Somebody has to do what the message could not; `whom`: a role or person. */
void notification_emit_task(struct notification *state, struct batch *batch, struct item *item, const struct ticket *ticket,
			    const struct notification_message *message, struct str what, struct str whom);
void notification_emit_task_closed(struct notification *state, struct batch *batch, struct item *item, const struct ticket *ticket,
				   const struct notification_message *message, struct str result);
bool notification_wants(struct str name);
bool notification_wants_desk(struct str name);
/* The fact as decisions see it. */
struct notification_fact notification_decode(const struct item *item, struct arena *arena);
/* What a webhook is given: a CloudEvent in structured form, the same bytes for every attempt. */
struct str notification_webhook_body(const struct notification_message *message, struct arena *arena);
struct notification_ending {
	enum notification_outcome outcome;
	bool uncertain;
	int64_t retry_after;
	struct str reason;
};
struct str notification_result_text(const struct notification_result *result, struct arena *arena);
bool notification_result_read(const struct doc *doc, struct arena *arena, struct notification_ending *ret);

/* ---- notification_handle.c ---- */
enum verdict notification_handle(void *state, struct batch *batch, struct fault *fault) must_check;

/* ---- notification_service.c: the table of the service ---- */
extern const struct service notification_service;

#endif
