/* Messages on their way: each destination (the SMTP server, each webhook) is a line of its own with a queue and a few threads
 * that bring letters there; what became of each is a result that the service turns into an event of its own.
 *
 * Threads, because libcurl waits for the server's word on a letter inside its multi interface too (smtp_done): in the
 * loop's thread a slow server would stop every lane. A line of its own each, because a destination that hangs shall hold up no
 * other. The threads see letters only, never the worker. Nothing here is durable: a letter lost with the process is put in
 * again by its timer, under the same id. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "services/notification/notification.h"

#define LETTERS_MAX 512         /* of one line at one time, waiting ones included */

struct letter {
	struct letter *next;
	struct line *line;
	struct notification_letter is;      /* strings are slices of `bytes` */
	char *bytes;
	struct notification_result result;
};
struct letters {
	struct letter *first, **last;
};
struct line {
	struct notification_carrier *carrier;
	enum notification_via via;
	struct str channel;                 /* VIA_WEBHOOK */
	const char *url;
	pthread_cond_t more;
	struct letters waiting;
	size_t count;                       /* letters of it, with those under way and the results */
	bool troubled;                      /* the owner's */
	pthread_t *threads;
	size_t thread_count;
};

struct notification_carrier {
	const struct notification_conf *conf;
	int event;                          /* eventfd: there is a result */
	struct line *lines;
	size_t line_count;
	struct notification_hooks hooks;
	pthread_mutex_t lock;               /* of all that follows, and of what changes in the lines */
	struct letters active, done;
	size_t count;
	bool stop;
};

/* ---- lists ---- */

static void letters_init(struct letters *list)
{
	list->first = NULL;
	list->last = &list->first;
}

static void letters_push(struct letters *list, struct letter *letter)
{
	letter->next = NULL;
	*list->last = letter;
	list->last = &letter->next;
}

static void letters_remove(struct letters *list, struct letter *letter)
{
	struct letter **at = &list->first;

	while (*at != letter)
		at = &(*at)->next;
	*at = letter->next;
	if (!*at)
		list->last = at;
}

static bool letters_have(const struct letters *list, struct str id)
{
	for (const struct letter *letter = list->first; letter; letter = letter->next)
		if (str_eq(letter->is.id, id))
			return true;
	return false;
}

static void letter_free(struct notification_carrier *carrier, struct letter *letter)
{
	letter->line->count--;
	carrier->count--;
	mem_free(letter->bytes);
	mem_free(letter);
}

/* ---- a thread's side ---- */

static bool stopping(void *userdata)
{
	struct notification_carrier *carrier = userdata;
	bool stop;

	pthread_mutex_lock(&carrier->lock);
	stop = carrier->stop;
	pthread_mutex_unlock(&carrier->lock);
	return stop;
}

static void *thread_main(void *userdata)
{
	struct line *line = userdata;
	struct notification_carrier *carrier = line->carrier;
	bool mail = line->via == VIA_MAIL;
	struct notification_smtp *smtp = mail ? notification_smtp_new(carrier->conf, stopping, carrier) : NULL;
	struct notification_webhook *webhook = mail ? NULL : notification_webhook_new(carrier->conf, line->url, stopping, carrier);
	const uint64_t one = 1;

	pthread_mutex_lock(&carrier->lock);
	while (!carrier->stop) {
		struct letter *letter = line->waiting.first;

		if (!letter) {
			pthread_cond_wait(&line->more, &carrier->lock);
			continue;
		}
		letters_remove(&line->waiting, letter);
		letters_push(&carrier->active, letter);
		pthread_mutex_unlock(&carrier->lock);
		if (mail)
			notification_smtp_send(smtp, &letter->is, &letter->result);
		else
			notification_webhook_send(webhook, &letter->is, &letter->result);
		pthread_mutex_lock(&carrier->lock);
		letters_remove(&carrier->active, letter);
		letters_push(&carrier->done, letter);
		/* Full means that it is readable already. */
		(void)!write(carrier->event, &one, sizeof(one));
	}
	pthread_mutex_unlock(&carrier->lock);
	notification_smtp_free(smtp);
	notification_webhook_free(webhook);
	return NULL;
}

/* ---- lines ---- */

static void line_add(struct notification_carrier *carrier, enum notification_via via, struct str channel, const char *url)
{
	struct line *line = &carrier->lines[carrier->line_count++];

	*line = (struct line){ .carrier = carrier, .via = via, .channel = channel, .url = url };
	letters_init(&line->waiting);
	pthread_cond_init(&line->more, NULL);
}

/* Signals are the loop's. */
static bool threads_start(struct line *line)
{
	const struct notification_conf *conf = line->carrier->conf;
	size_t wanted = (size_t)(line->via == VIA_MAIL ? conf->smtp_parallel : conf->webhook_parallel);
	sigset_t all, before;

	line->threads = mem_zero(wanted * sizeof(*line->threads));
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (line->thread_count < wanted && !pthread_create(&line->threads[line->thread_count], NULL, thread_main, line))
		line->thread_count++;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return line->thread_count > 0;
}

int notification_carrier_line(const struct notification_carrier *carrier, enum notification_via via, struct str channel)
{
	for (size_t i = 0; carrier && i < carrier->line_count; i++)
		if (carrier->lines[i].via == via && (via == VIA_MAIL || str_eq(carrier->lines[i].channel, channel)))
			return (int)i;
	return -1;
}

/* ---- the interface ---- */

enum verdict notification_carrier_new(const struct notification_conf *conf, struct notification_carrier **ret, struct fault *fault)
{
	struct notification_hooks hooks = { 0 };
	enum verdict verdict = conf->smtp_url ? notification_smtp_check(conf, fault) : OK;
	struct notification_carrier *carrier;
	bool good;

	if (verdict == OK && conf->webhooks)
		verdict = notification_webhook_check(conf, &hooks, fault);
	if (verdict)
		return verdict;
	carrier = mem_zero(sizeof(*carrier));
	carrier->conf = conf;
	carrier->hooks = hooks;
	carrier->lines = mem_zero((hooks.count + 1) * sizeof(*carrier->lines));
	letters_init(&carrier->active);
	letters_init(&carrier->done);
	pthread_mutex_init(&carrier->lock, NULL);
	carrier->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	good = carrier->event >= 0;
	if (conf->smtp_url)
		line_add(carrier, VIA_MAIL, STR("email"), conf->smtp_url);
	for (size_t i = 0; i < hooks.count; i++)
		line_add(carrier, VIA_WEBHOOK, hooks.items[i].channel, hooks.items[i].url);
	for (size_t i = 0; i < carrier->line_count && good; i++)
		good = threads_start(&carrier->lines[i]);
	if (!good) {
		int error = errno;

		notification_carrier_free(carrier);
		return fault_set(fault, FATAL, "no thread or file descriptor is left to send messages: %s", strerror(error));
	}
	*ret = carrier;
	return OK;
}

static void letters_free(struct notification_carrier *carrier, struct letters *list)
{
	while (list->first) {
		struct letter *letter = list->first;

		letters_remove(list, letter);
		letter_free(carrier, letter);
	}
}

void notification_carrier_free(struct notification_carrier *carrier)
{
	if (!carrier)
		return;
	pthread_mutex_lock(&carrier->lock);
	carrier->stop = true;
	for (size_t i = 0; i < carrier->line_count; i++)
		pthread_cond_broadcast(&carrier->lines[i].more);
	pthread_mutex_unlock(&carrier->lock);
	for (size_t i = 0; i < carrier->line_count; i++)
		for (size_t t = 0; t < carrier->lines[i].thread_count; t++)
			pthread_join(carrier->lines[i].threads[t], NULL);
	letters_free(carrier, &carrier->active);
	letters_free(carrier, &carrier->done);
	for (size_t i = 0; i < carrier->line_count; i++) {
		letters_free(carrier, &carrier->lines[i].waiting);
		pthread_cond_destroy(&carrier->lines[i].more);
		mem_free(carrier->lines[i].threads);
	}
	pthread_mutex_destroy(&carrier->lock);
	if (carrier->event >= 0)
		close(carrier->event);
	notification_hooks_done(&carrier->hooks);
	mem_free(carrier->lines);
	mem_free(carrier);
}

static struct str take(char **to, struct str s)
{
	char *p = *to;

	if (s.n)
		memcpy(p, s.p, s.n);
	*to = p + s.n;
	return (struct str){ p, s.n };
}

static struct letter *letter_new(struct line *line, const struct notification_letter *from)
{
	struct letter *letter = mem_zero(sizeof(*letter));
	char *to = letter->bytes = mem_zero(from->id.n + from->ticket.n + from->to.n + from->subject.n + from->text.n + 1);

	letter->line = line;
	letter->is = *from;
	letter->is.from = str_of(line->carrier->conf->smtp_from);
	letter->is.id = take(&to, from->id);
	letter->is.ticket = take(&to, from->ticket);
	letter->is.to = take(&to, from->to);
	letter->is.subject = take(&to, from->subject);
	letter->is.text = take(&to, from->text);
	letter->result = (struct notification_result){
		.id = letter->is.id, .ticket = letter->is.ticket, .lane = from->lane, .desk = from->desk, .line = from->line,
	};
	return letter;
}

static bool have(const struct notification_carrier *carrier, struct str id)
{
	for (size_t i = 0; i < carrier->line_count; i++)
		if (letters_have(&carrier->lines[i].waiting, id))
			return true;
	return letters_have(&carrier->active, id) || letters_have(&carrier->done, id);
}

bool notification_carrier_has(struct notification_carrier *carrier, struct str id)
{
	bool yes;

	pthread_mutex_lock(&carrier->lock);
	yes = have(carrier, id);
	pthread_mutex_unlock(&carrier->lock);
	return yes;
}

bool notification_carrier_put(struct notification_carrier *carrier, const struct notification_letter *from)
{
	struct line *line = &carrier->lines[from->line];
	bool known, room;

	pthread_mutex_lock(&carrier->lock);
	known = have(carrier, from->id);
	room = line->count < LETTERS_MAX;
	if (!known && room) {
		letters_push(&line->waiting, letter_new(line, from));
		line->count++;
		carrier->count++;
		pthread_cond_signal(&line->more);
	}
	pthread_mutex_unlock(&carrier->lock);
	return known || room;
}

static void line_drop(struct line *line, int32_t lane, bool desk)
{
	for (struct letter *letter = line->waiting.first, *next; letter; letter = next) {
		next = letter->next;
		if (letter->is.lane != lane || letter->is.desk != desk)
			continue;
		letters_remove(&line->waiting, letter);
		letter_free(line->carrier, letter);
	}
}

void notification_carrier_drop(struct notification_carrier *carrier, int32_t lane, bool desk)
{
	pthread_mutex_lock(&carrier->lock);
	for (size_t i = 0; i < carrier->line_count; i++)
		line_drop(&carrier->lines[i], lane, desk);
	pthread_mutex_unlock(&carrier->lock);
}

void notification_carrier_turn(struct notification_carrier *carrier)
{
	uint64_t drained;

	(void)!read(carrier->event, &drained, sizeof(drained));
}

int notification_carrier_fd(const struct notification_carrier *carrier)
{
	return carrier->event;
}

/* Only the caller's thread takes results off, so the one it is given stays. */
const struct notification_result *notification_carrier_result(struct notification_carrier *carrier)
{
	const struct letter *letter;

	pthread_mutex_lock(&carrier->lock);
	letter = carrier->done.first;
	pthread_mutex_unlock(&carrier->lock);
	return letter ? &letter->result : NULL;
}

void notification_carrier_result_done(struct notification_carrier *carrier)
{
	struct letter *letter;

	pthread_mutex_lock(&carrier->lock);
	letter = carrier->done.first;
	letters_remove(&carrier->done, letter);
	letter_free(carrier, letter);
	pthread_mutex_unlock(&carrier->lock);
}

void notification_carrier_result_later(struct notification_carrier *carrier)
{
	struct letter *letter;

	pthread_mutex_lock(&carrier->lock);
	letter = carrier->done.first;
	letters_remove(&carrier->done, letter);
	letters_push(&carrier->done, letter);
	pthread_mutex_unlock(&carrier->lock);
}

size_t notification_carrier_count(struct notification_carrier *carrier)
{
	size_t count;

	pthread_mutex_lock(&carrier->lock);
	count = carrier->count;
	pthread_mutex_unlock(&carrier->lock);
	return count;
}

enum notification_via notification_carrier_via(const struct notification_carrier *carrier, int line)
{
	return carrier->lines[line].via;
}

bool notification_carrier_trouble(struct notification_carrier *carrier, int line, bool troubled, struct str *ret_name)
{
	bool news = carrier->lines[line].troubled != troubled;

	carrier->lines[line].troubled = troubled;
	*ret_name = carrier->lines[line].channel;
	return news;
}
