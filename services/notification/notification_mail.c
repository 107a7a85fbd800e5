/* E-mail on its way: letters wait here, a few threads bring them to the server, what became of each is a result that the
 * service turns into an event of its own.
 *
 * Threads, because libcurl waits for the server's word on a letter inside its multi interface too (smtp_done): in the
 * loop's thread a slow server would stop every lane. They see letters only, never the worker. Nothing here is durable: a
 * letter lost with the process is put in again by its timer, under the same id. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "services/notification/notification.h"

#define LETTERS_MAX 512         /* here at one time, waiting ones included */

struct letter {
	struct letter *next;
	struct notification_letter is;      /* strings are slices of `bytes` */
	char *bytes;
	struct notification_result result;
};
struct letters {
	struct letter *first, **last;
};

struct notification_mail {
	const struct notification_conf *conf;
	int event;                          /* eventfd: there is a result */
	pthread_mutex_t lock;               /* of all that follows */
	pthread_cond_t more;
	struct letters waiting, active, done;
	size_t count;
	bool stop;
	pthread_t *threads;
	size_t thread_count;
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

static void letter_free(struct notification_mail *mail, struct letter *letter)
{
	mem_free(letter->bytes);
	mem_free(letter);
	mail->count--;
}

/* ---- a thread's side ---- */

static bool stopping(void *userdata)
{
	struct notification_mail *mail = userdata;
	bool stop;

	pthread_mutex_lock(&mail->lock);
	stop = mail->stop;
	pthread_mutex_unlock(&mail->lock);
	return stop;
}

static void *thread_main(void *userdata)
{
	struct notification_mail *mail = userdata;
	struct notification_smtp *smtp = notification_smtp_new(mail->conf, stopping, mail);
	const uint64_t one = 1;

	pthread_mutex_lock(&mail->lock);
	while (!mail->stop) {
		struct letter *letter = mail->waiting.first;

		if (!letter) {
			pthread_cond_wait(&mail->more, &mail->lock);
			continue;
		}
		letters_remove(&mail->waiting, letter);
		letters_push(&mail->active, letter);
		pthread_mutex_unlock(&mail->lock);
		notification_smtp_send(smtp, &letter->is, &letter->result);
		pthread_mutex_lock(&mail->lock);
		letters_remove(&mail->active, letter);
		letters_push(&mail->done, letter);
		/* Full means that it is readable already. */
		(void)!write(mail->event, &one, sizeof(one));
	}
	pthread_mutex_unlock(&mail->lock);
	notification_smtp_free(smtp);
	return NULL;
}

/* ---- the interface ---- */

/* Signals are the loop's. */
static bool threads_start(struct notification_mail *mail)
{
	sigset_t all, before;

	mail->threads = mem_zero((size_t)mail->conf->smtp_parallel * sizeof(*mail->threads));
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (mail->thread_count < (size_t)mail->conf->smtp_parallel &&
	       !pthread_create(&mail->threads[mail->thread_count], NULL, thread_main, mail))
		mail->thread_count++;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return mail->thread_count > 0;
}

enum verdict notification_mail_new(const struct notification_conf *conf, struct notification_mail **ret, struct fault *fault)
{
	enum verdict verdict = notification_smtp_check(conf, fault);
	struct notification_mail *mail;

	if (verdict)
		return verdict;
	mail = mem_zero(sizeof(*mail));
	mail->conf = conf;
	letters_init(&mail->waiting);
	letters_init(&mail->active);
	letters_init(&mail->done);
	pthread_mutex_init(&mail->lock, NULL);
	pthread_cond_init(&mail->more, NULL);
	mail->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (mail->event < 0 || !threads_start(mail)) {
		notification_mail_free(mail);
		return fault_set(fault, FATAL, "e-mail: no thread or file descriptor left: %s", strerror(errno));
	}
	*ret = mail;
	return OK;
}

static void letters_free(struct notification_mail *mail, struct letters *list)
{
	while (list->first) {
		struct letter *letter = list->first;

		letters_remove(list, letter);
		letter_free(mail, letter);
	}
}

void notification_mail_free(struct notification_mail *mail)
{
	if (!mail)
		return;
	pthread_mutex_lock(&mail->lock);
	mail->stop = true;
	pthread_cond_broadcast(&mail->more);
	pthread_mutex_unlock(&mail->lock);
	for (size_t i = 0; i < mail->thread_count; i++)
		pthread_join(mail->threads[i], NULL);
	letters_free(mail, &mail->waiting);
	letters_free(mail, &mail->active);
	letters_free(mail, &mail->done);
	pthread_cond_destroy(&mail->more);
	pthread_mutex_destroy(&mail->lock);
	if (mail->event >= 0)
		close(mail->event);
	mem_free(mail->threads);
	mem_free(mail);
}

static struct str take(char **to, struct str s)
{
	char *p = *to;

	if (s.n)
		memcpy(p, s.p, s.n);
	*to = p + s.n;
	return (struct str){ p, s.n };
}

static struct letter *letter_new(const struct notification_letter *from, struct str sender)
{
	struct letter *letter = mem_zero(sizeof(*letter));
	char *to = letter->bytes = mem_zero(from->id.n + from->ticket.n + from->to.n + from->subject.n + from->text.n + 1);

	letter->is = (struct notification_letter){ .lane = from->lane, .at = from->at, .from = sender };
	letter->is.id = take(&to, from->id);
	letter->is.ticket = take(&to, from->ticket);
	letter->is.to = take(&to, from->to);
	letter->is.subject = take(&to, from->subject);
	letter->is.text = take(&to, from->text);
	letter->result = (struct notification_result){ .id = letter->is.id, .ticket = letter->is.ticket, .lane = from->lane };
	return letter;
}

static bool have(const struct notification_mail *mail, struct str id)
{
	return letters_have(&mail->waiting, id) || letters_have(&mail->active, id) || letters_have(&mail->done, id);
}

bool notification_mail_has(struct notification_mail *mail, struct str id)
{
	bool yes;

	pthread_mutex_lock(&mail->lock);
	yes = have(mail, id);
	pthread_mutex_unlock(&mail->lock);
	return yes;
}

bool notification_mail_put(struct notification_mail *mail, const struct notification_letter *from)
{
	bool known, room;

	pthread_mutex_lock(&mail->lock);
	known = have(mail, from->id);
	room = mail->count < LETTERS_MAX;
	if (!known && room) {
		letters_push(&mail->waiting, letter_new(from, str_of(mail->conf->smtp_from)));
		mail->count++;
		pthread_cond_signal(&mail->more);
	}
	pthread_mutex_unlock(&mail->lock);
	return known || room;
}

void notification_mail_drop(struct notification_mail *mail, int32_t lane)
{
	pthread_mutex_lock(&mail->lock);
	for (struct letter *letter = mail->waiting.first, *next; letter; letter = next) {
		next = letter->next;
		if (letter->is.lane != lane)
			continue;
		letters_remove(&mail->waiting, letter);
		letter_free(mail, letter);
	}
	pthread_mutex_unlock(&mail->lock);
}

void notification_mail_turn(struct notification_mail *mail)
{
	uint64_t drained;

	(void)!read(mail->event, &drained, sizeof(drained));
}

int notification_mail_fd(const struct notification_mail *mail)
{
	return mail->event;
}

/* Only the caller's thread takes results off, so the one it is given stays. */
const struct notification_result *notification_mail_result(struct notification_mail *mail)
{
	const struct letter *letter;

	pthread_mutex_lock(&mail->lock);
	letter = mail->done.first;
	pthread_mutex_unlock(&mail->lock);
	return letter ? &letter->result : NULL;
}

void notification_mail_result_done(struct notification_mail *mail)
{
	struct letter *letter;

	pthread_mutex_lock(&mail->lock);
	letter = mail->done.first;
	letters_remove(&mail->done, letter);
	letter_free(mail, letter);
	pthread_mutex_unlock(&mail->lock);
}

void notification_mail_result_later(struct notification_mail *mail)
{
	struct letter *letter;

	pthread_mutex_lock(&mail->lock);
	letter = mail->done.first;
	letters_remove(&mail->done, letter);
	letters_push(&mail->done, letter);
	pthread_mutex_unlock(&mail->lock);
}

size_t notification_mail_count(struct notification_mail *mail)
{
	size_t count;

	pthread_mutex_lock(&mail->lock);
	count = mail->count;
	pthread_mutex_unlock(&mail->lock);
	return count;
}
