/* The probe's own code: does in check and handle what the data of an event says, and writes down that it did.
 *
 * It has no SQL file, because what is embedded into every program shall not hold a test's; its statements are plain text
 * made of numbers and of words that need no quoting. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/io/journal.h"
#include "tests/support/probe.h"

struct state {
	const char *directory;
	struct buf body;
};

struct conf {
	const char *directory;
};

struct switches {
	struct str on;                      /* names, each with a blank on both sides */
};

/* ---- the data of an item ---- */

/* For plain SQL: aborts on whatever might need quoting. */
static struct str word(struct str text)
{
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];

		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || strchr("-_.:/", c)))
			abort();
	}
	return text.p ? text : STR("");
}

/* What the item shall do: its data, or those of its timer. */
static const struct doc *order_of(const struct item *item, struct arena *arena)
{
	struct doc *doc;
	struct fault fault = FAULT_NONE;

	if (!item->timer)
		return &item->event.doc;
	doc = arena_zero(arena, sizeof(*doc));
	if (item->timer->data.n && doc_parse(doc, item->timer->data, arena, &fault) != OK)
		abort();
	return doc;
}

static int64_t number(const struct doc *doc, const char *name)
{
	int64_t value = 0;

	if (doc->count)
		doc_int64(doc, doc_member(doc, 0, str_of(name)), &value);
	return value;
}

static bool is_true(const struct doc *doc, const char *name)
{
	return doc->count && doc_true(doc, doc_member(doc, 0, str_of(name)));
}

static bool is_on(const struct switches *switches, const struct doc *doc, const char *name, struct arena *arena)
{
	struct str key = doc->count ? doc_get(doc, name, arena) : STR_NONE;

	return key.p && strstr(switches->on.p, str_format(arena, " %.*s ", STR_ARG(key)).p);
}

static struct str id_of(const struct item *item)
{
	return item->timer ? item->timer->key : item->posted ? item->event.name : item->event.id;
}

/* ---- check: before the transaction ---- */

static enum verdict probe_check_item(void *userdata, struct item *item, struct arena *arena, struct fault *fault)
{
	struct state *state = userdata;
	enum verdict verdict = event_parse(&item->event, arena, fault);
	char path[200];

	if (verdict)
		return verdict;
	if (item->event.doc.count && doc_get(&item->event.doc, "check_abort", arena).p) {
		snprintf(path, sizeof(path), "%s/%.*s", state->directory, STR_ARG(doc_get(&item->event.doc, "check_abort", arena)));
		if (access(path, F_OK) == 0)
			abort();
	}
	return OK;
}

/* ---- handle ---- */

static enum verdict read_switches(struct batch *batch, struct switches *ret, struct fault *fault)
{
	enum verdict verdict;

	db_queue_plain(batch->db, "select coalesce(string_agg(name, ' '), '') from switch where value > 0");
	verdict = db_sync(batch->db, fault);
	if (verdict == OK)
		ret->on = str_format(batch->arena, " %.*s ", STR_ARG(db_get_text(db_result(batch->db, 0), 0, 0)));
	return verdict;
}

static enum verdict wait_for_locks(struct batch *batch, struct fault *fault)
{
	enum verdict verdict = OK;

	for (size_t i = 0; i < batch->count && verdict == OK; i++) {
		int64_t key = number(order_of(&batch->items[i], batch->arena), "lock");

		if (key == 0)
			continue;
		db_queue_plain(batch->db, str_format(batch->arena, "select pg_advisory_xact_lock(%lld)", (long long)key).p);
		verdict = db_sync(batch->db, fault);
	}
	return verdict;
}

/* Which of the items that want to take effect once have done so; in-batch repeats too. */
static enum verdict find_repeats(struct batch *batch, bool *repeats, struct fault *fault)
{
	for (size_t i = 0; i < batch->count; i++) {
		const struct event *event = &batch->items[i].event;
		enum verdict verdict;

		if (batch->items[i].refused || !is_true(order_of(&batch->items[i], batch->arena), "once"))
			continue;
		db_queue_plain(batch->db, str_format(batch->arena, "insert into seen values ('%.*s', '%.*s') on conflict do nothing",
						     STR_ARG(word(event->source)), STR_ARG(word(event->id))).p);
		verdict = db_sync(batch->db, fault);
		if (verdict)
			return verdict;
		repeats[i] = db_affected(db_result(batch->db, 0)) == 0;
	}
	return OK;
}

static enum verdict make_trouble(struct batch *batch, const struct switches *switches, struct fault *fault)
{
	for (size_t i = 0; i < batch->count; i++) {
		const struct doc *order = order_of(&batch->items[i], batch->arena);

		if (batch->items[i].refused)
			continue;
		if (is_on(switches, order, "abort", batch->arena))
			abort();
		if (is_on(switches, order, "fatal", batch->arena))
			return fault_set(fault, FATAL, "the probe was told to give up");
		if (is_on(switches, order, "retry", batch->arena))
			return fault_set(fault, RETRY, "the probe was told to wait");
	}
	return OK;
}

static void emit(struct state *state, struct batch *batch, struct item *item, int64_t k, size_t size)
{
	struct writer writer = { .buf = &state->body };
	struct str id = id_of(item);

	buf_clear(&state->body);
	write_open(&writer, '{');
	write_member(&writer, "of", id);
	write_member_int(&writer, "k", k);
	if (size) {
		char *filling = arena_alloc(batch->arena, size);

		memset(filling, 'x', size);
		write_member(&writer, "filling", (struct str){ filling, size });
	}
	write_close(&writer, '}');
	batch_emit(batch, item, &(struct outgoing){
		.topic = TOPIC_MESSAGES, .partition = -1, .subject = str_format(batch->arena, "%.*s/%lld", STR_ARG(id), (long long)k),
		.name = STR("probe.done"), .at = INSTANT_NONE, .arrived = INSTANT_NONE, .body = str_copy(batch->arena, buf_view(&state->body)),
	});
}

static void timers(struct batch *batch, struct item *item, const struct doc *order)
{
	uint32_t set = doc_member(order, 0, STR("set"));
	struct str cancel = doc_get(order, "cancel", batch->arena);
	int64_t in_ms = 0;

	if (cancel.p)
		batch_timer_cancel(batch, cancel);
	if (!set)
		return;
	doc_int64(order, doc_member(order, set, STR("in_ms")), &in_ms);
	batch_timer_set(batch, item, &(struct timer){
		.key = doc_string(order, doc_member(order, set, STR("key")), batch->arena), .kind = STR("probe"),
		.due = batch->now + in_ms * MILLISECOND,
		.data = doc_member(order, set, STR("then")) ? doc_raw(order, doc_member(order, set, STR("then"))) : STR_NONE,
	});
}

static void act(struct state *state, struct batch *batch, struct item *item, const struct doc *order, const struct switches *switches,
		struct buf *sql)
{
	const struct event *event = &item->event;
	bool violates = is_on(switches, order, "violate", batch->arena);

	if (is_true(order, "refuse")) {
		batch_refuse(batch, item, REASON_FORBIDDEN, "the probe was told to refuse");
		return;
	}
	for (int64_t k = 1; k <= number(order, "emit"); k++)
		emit(state, batch, item, k, 0);
	if (number(order, "big"))
		emit(state, batch, item, 0, (size_t)number(order, "big"));
	if (order->count)
		timers(batch, item, order);
	if (order->count && doc_member(order, 0, STR("post")))
		(void)worker_post(batch->worker, batch->topic, batch->partition, "posted", doc_raw(order, doc_member(order, 0, STR("post"))));
	buf_format(sql, "%s('%s', %d, %lld, '%s', '%.*s', '%.*s', %lld, %s, to_timestamp(%lld / 1000000.0), %d, %s)", sql->n ? ", " : "",
		   batch->topic, (int)batch->partition, (long long)(item->timer || item->posted ? -1 : event->record.offset),
		   violates ? "violation" : item->timer ? "timer" : item->posted ? "posted" : "event", STR_ARG(word(id_of(item))),
		   STR_ARG(word(event->writer)), (long long)event->sequence,
		   item->timer ? str_format(batch->arena, "to_timestamp(%lld / 1000000.0)", (long long)item->timer->due).p : "null",
		   (long long)batch->now, (int)getpid(), batch->taken_anew ? "true" : "false");
}

static enum verdict probe_handle(void *userdata, struct batch *batch, struct fault *fault)
{
	struct state *state = userdata;
	struct switches switches = { STR("") };
	bool *repeats = arena_zero(batch->arena, batch->count * sizeof(*repeats) + 1);
	struct buf sql = { 0 };
	enum verdict verdict = read_switches(batch, &switches, fault);

	if (verdict == OK)
		verdict = wait_for_locks(batch, fault);
	if (verdict == OK)
		verdict = find_repeats(batch, repeats, fault);
	if (verdict == OK)
		verdict = make_trouble(batch, &switches, fault);
	if (verdict)
		return verdict;
	for (size_t i = 0; i < batch->count; i++) {
		struct item *item = &batch->items[i];

		if (repeats[i])
			batch_repeat(batch, item);
		else if (!item->refused)
			act(state, batch, item, order_of(item, batch->arena), &switches, &sql);
	}
	if (sql.n)
		db_queue_plain(batch->db, str_format(batch->arena, "insert into effect (topic, partition, position, what, id, writer, "
						     "sequence, due, now, pid, anew) values %.*s", STR_ARG(buf_view(&sql))).p);
	buf_done(&sql);
	return OK;
}

static void probe_owned(void *state, const char *topic, int32_t partition, bool owned)
{
	(void)state;
	journal_notice("probe: %s/%d is %s", topic, (int)partition, owned ? "taken" : "lost");
}

static enum verdict probe_open_state(struct worker *worker, const void *conf, void **ret_state, struct fault *fault)
{
	struct state *state = mem_zero(sizeof(*state));

	(void)worker;
	(void)fault;
	state->directory = ((const struct conf *)conf)->directory;
	*ret_state = state;
	return OK;
}

static void probe_close_state(void *userdata)
{
	struct state *state = userdata;

	buf_done(&state->body);
	mem_free(state);
}

static bool wants(struct str name)
{
	return str_is(name, "probe.fact");
}

static const struct conf_key keys[] = {
	{ "directory", CONF_STRING, NULL, 0, 0, offsetof(struct conf, directory), "Where the test leaves its signs." },
	{ 0 },
};
static const struct service_topic topics[] = {
	{ .name = TOPIC_INBOUND, .kind = TOPIC_OUTSIDE },
	{ .name = TOPIC_TICKETS, .kind = TOPIC_LOG, .wants = wants },
	{ 0 },
};

const struct service probe_service = {
	.name = "probe",
	.summary = "does what its events say",
	.topics = topics,
	.keys = keys,
	.conf_size = sizeof(struct conf),
	.open = probe_open_state,
	.close = probe_close_state,
	.check = probe_check_item,
	.handle = probe_handle,
	.owned = probe_owned,
};

void probe_daemon(int argc, char **argv)
{
	const struct rlimit none = { 0, 0 };

	if (argc < 2 || strcmp(argv[1], "--probe-daemon") != 0)
		return;
	/* It aborts on demand: no cores. */
	setrlimit(RLIMIT_CORE, &none);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	argv[1] = argv[0];
	exit(worker_main(&probe_service, argc - 1, argv + 1));
}
