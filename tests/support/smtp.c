/* The mail server of tests: one thread polls its connections; everything that both sides touch is under one lock.
 *
 * A line is handled when it is whole, an answer is written when the letter may be answered: smtp_hold only keeps back the
 * answer to a body. Decoding is in smtp_letter.c. */
#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/smtp_inner.h"

#define PEERS_MAX 32

struct peer {
	int fd;                     /* -1: free */
	struct buf line, body;
	char from[400], to[400];
	bool in_data, owes;         /* owes: the answer to a body is held back */
	size_t letter;              /* the one it is about */
};

struct smtp {
	pthread_t thread;
	pthread_mutex_t lock;
	int listener, wake[2];
	bool stopping, hold;
	struct {
		char line[200];
		int times;
	} answers[SMTP_STAGES];
	struct smtp_letter **letters;
	size_t count, capacity, connections;
	struct peer peers[PEERS_MAX];
};

/* ---- talking ---- */

static void say(struct peer *peer, const char *line)
{
	char text[300];
	int n = snprintf(text, sizeof(text), "%s\r\n", line);

	(void)!send(peer->fd, text, (size_t)n, MSG_NOSIGNAL);
}

static void hang_up(struct peer *peer)
{
	close(peer->fd);
	buf_done(&peer->line);
	buf_done(&peer->body);
	*peer = (struct peer){ .fd = -1 };
}

/* What the test wishes for this stage, else the usual answer; true when it is a good one. */
static bool answer(struct smtp *smtp, struct peer *peer, enum smtp_stage stage, const char *usual)
{
	const char *line = usual;

	if (smtp->answers[stage].times > 0) {
		smtp->answers[stage].times--;
		line = smtp->answers[stage].line;
	}
	if (!line[0]) {
		hang_up(peer);
		return false;
	}
	say(peer, line);
	return line[0] == '2' || line[0] == '3';
}

static void copy_address(char address[400], const char *line)
{
	const char *begin = strchr(line, '<');

	snprintf(address, 400, "%.*s", begin ? (int)strcspn(begin + 1, ">") : 0, begin ? begin + 1 : "");
}

static void body_over(struct smtp *smtp, struct peer *peer)
{
	peer->in_data = false;
	if (smtp->count == smtp->capacity) {
		smtp->capacity = smtp->capacity ? smtp->capacity * 2 : 16;
		smtp->letters = mem_resize(smtp->letters, smtp->capacity * sizeof(*smtp->letters));
	}
	peer->letter = smtp->count;
	smtp->letters[smtp->count++] = smtp_letter_new(peer->from, peer->to, buf_view(&peer->body));
	buf_clear(&peer->body);
	peer->owes = true;
}

static void handle_line(struct smtp *smtp, struct peer *peer, const char *line)
{
	if (peer->in_data && strcmp(line, ".") == 0) {
		body_over(smtp, peer);
	} else if (peer->in_data) {
		buf_z(&peer->body, line + (line[0] == '.'));
		buf_z(&peer->body, "\r\n");
	} else if (strncasecmp(line, "EHLO", 4) == 0 || strncasecmp(line, "HELO", 4) == 0) {
		say(peer, "250-test\r\n250 8BITMIME");
	} else if (strncasecmp(line, "MAIL", 4) == 0) {
		copy_address(peer->from, line);
		(void)answer(smtp, peer, SMTP_MAIL, "250 ok");
	} else if (strncasecmp(line, "RCPT", 4) == 0) {
		copy_address(peer->to, line);
		(void)answer(smtp, peer, SMTP_RCPT, "250 ok");
	} else if (strncasecmp(line, "DATA", 4) == 0) {
		bool good = answer(smtp, peer, SMTP_DATA, "354 go on");

		peer->in_data = good && peer->fd >= 0;
	} else if (strncasecmp(line, "QUIT", 4) == 0) {
		say(peer, "221 bye");
		hang_up(peer);
	} else {
		say(peer, strncasecmp(line, "RSET", 4) == 0 || strncasecmp(line, "NOOP", 4) == 0 ? "250 ok" : "502 what?");
	}
}

static void peer_read(struct smtp *smtp, struct peer *peer)
{
	char bytes[8192];
	ssize_t n = recv(peer->fd, bytes, sizeof(bytes), 0);

	if (n <= 0) {
		hang_up(peer);
		return;
	}
	for (ssize_t i = 0; i < n && peer->fd >= 0; i++) {
		if (bytes[i] != '\n') {
			buf_char(&peer->line, bytes[i]);
			continue;
		}
		if (peer->line.n && peer->line.p[peer->line.n - 1] == '\r')
			peer->line.n--;
		buf_char(&peer->line, '\0');
		handle_line(smtp, peer, peer->line.p);
		if (peer->fd >= 0)
			buf_clear(&peer->line);
	}
}

static void peer_add(struct smtp *smtp)
{
	int fd = accept(smtp->listener, NULL, NULL);

	for (size_t i = 0; fd >= 0 && i < PEERS_MAX; i++) {
		if (smtp->peers[i].fd >= 0)
			continue;
		smtp->connections++;
		smtp->peers[i].fd = fd;
		say(&smtp->peers[i], "220 test");
		return;
	}
	if (fd >= 0)
		close(fd);
}

static void pay(struct smtp *smtp)
{
	for (size_t i = 0; i < PEERS_MAX && !smtp->hold; i++) {
		struct peer *peer = &smtp->peers[i];

		if (peer->fd < 0 || !peer->owes)
			continue;
		size_t letter = peer->letter;
		peer->owes = false;
		smtp->letters[letter]->taken = answer(smtp, peer, SMTP_BODY, "250 taken");
	}
}

static void *serve(void *userdata)
{
	struct smtp *smtp = userdata;
	bool stopping = false;

	while (!stopping) {
		struct pollfd fds[PEERS_MAX + 2] = { { .fd = smtp->wake[0], .events = POLLIN }, { .fd = smtp->listener, .events = POLLIN } };
		char drained[64];

		for (size_t i = 0; i < PEERS_MAX; i++)
			fds[i + 2] = (struct pollfd){ .fd = smtp->peers[i].fd, .events = POLLIN };
		(void)poll(fds, PEERS_MAX + 2, -1);
		pthread_mutex_lock(&smtp->lock);
		if (fds[0].revents)
			(void)!read(smtp->wake[0], drained, sizeof(drained));
		if (fds[1].revents)
			peer_add(smtp);
		for (size_t i = 0; i < PEERS_MAX; i++)
			if (fds[i + 2].fd >= 0 && fds[i + 2].revents)
				peer_read(smtp, &smtp->peers[i]);
		pay(smtp);
		stopping = smtp->stopping;
		pthread_mutex_unlock(&smtp->lock);
	}
	return NULL;
}

static void wake(struct smtp *smtp)
{
	(void)!write(smtp->wake[1], "", 1);
}

/* ---- the interface ---- */

static int listen_on(int port, int *ret_port)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)port) };
	socklen_t size = sizeof(address);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), yes = 1;

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
	if (bind(fd, (struct sockaddr *)&address, size) != 0 || getsockname(fd, (struct sockaddr *)&address, &size) != 0) {
		perror("smtp");
		close(fd);
		return -1;
	}
	*ret_port = ntohs(address.sin_port);
	return fd;
}

int smtp_free_port(void)
{
	int port = 0, fd = listen_on(0, &port);

	if (fd >= 0)
		close(fd);
	return port;
}

struct smtp *smtp_start(int port)
{
	struct smtp *smtp = mem_zero(sizeof(*smtp));

	pthread_mutex_init(&smtp->lock, NULL);
	for (size_t i = 0; i < PEERS_MAX; i++)
		smtp->peers[i].fd = -1;
	smtp->listener = listen_on(port, &port);
	if (smtp->listener < 0 || listen(smtp->listener, 32) != 0 || pipe(smtp->wake) != 0 ||
	    pthread_create(&smtp->thread, NULL, serve, smtp) != 0) {
		mem_free(smtp);
		return NULL;
	}
	return smtp;
}

void smtp_stop(struct smtp *smtp)
{
	if (!smtp)
		return;
	pthread_mutex_lock(&smtp->lock);
	smtp->stopping = true;
	pthread_mutex_unlock(&smtp->lock);
	wake(smtp);
	pthread_join(smtp->thread, NULL);
	for (size_t i = 0; i < PEERS_MAX; i++)
		if (smtp->peers[i].fd >= 0)
			hang_up(&smtp->peers[i]);
	for (size_t i = 0; i < smtp->count; i++)
		smtp_letter_free(smtp->letters[i]);
	mem_free(smtp->letters);
	close(smtp->listener);
	close(smtp->wake[0]);
	close(smtp->wake[1]);
	mem_free(smtp);
}

void smtp_answer(struct smtp *smtp, enum smtp_stage stage, const char *line, int times)
{
	pthread_mutex_lock(&smtp->lock);
	snprintf(smtp->answers[stage].line, sizeof(smtp->answers[stage].line), "%s", line);
	smtp->answers[stage].times = times;
	pthread_mutex_unlock(&smtp->lock);
}

void smtp_hold(struct smtp *smtp, bool hold)
{
	pthread_mutex_lock(&smtp->lock);
	smtp->hold = hold;
	pthread_mutex_unlock(&smtp->lock);
	wake(smtp);
}

const struct smtp_letter *smtp_letter(struct smtp *smtp, const char *to, size_t nth)
{
	const struct smtp_letter *found = NULL;

	pthread_mutex_lock(&smtp->lock);
	for (size_t i = 0; i < smtp->count && !found; i++)
		if (strcmp(smtp->letters[i]->to, to) == 0 && nth-- == 0)
			found = smtp->letters[i];
	pthread_mutex_unlock(&smtp->lock);
	return found;
}

size_t smtp_count(struct smtp *smtp, const char *to)
{
	size_t count = 0;

	while (smtp_letter(smtp, to, count))
		count++;
	return count;
}

size_t smtp_connections(struct smtp *smtp)
{
	size_t count;

	pthread_mutex_lock(&smtp->lock);
	count = smtp->connections;
	pthread_mutex_unlock(&smtp->lock);
	return count;
}
