/* The gateway of tests: libmicrohttpd with a thread for each connection, so that one that is held back holds up no other. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <arpa/inet.h>

#include <microhttpd.h>
#include <sodium.h>

#include "common/base/str.h"
#include "tests/support/stack.h"
#include "tests/support/webhook.h"

#define CALLS_MAX 4096
#define PATHS_MAX 8

struct path {
	char name[64];
	struct webhook_answer answer;
	int times;
	bool hold;
};
struct webhook {
	struct MHD_Daemon *daemon;
	char secret[200];
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool stopping;
	struct path paths[PATHS_MAX];
	struct webhook_call *calls[CALLS_MAX];
	size_t count;
};

static struct path *path_of(struct webhook *webhook, const char *name)
{
	for (size_t i = 0; i < PATHS_MAX; i++) {
		if (!webhook->paths[i].name[0])
			snprintf(webhook->paths[i].name, sizeof(webhook->paths[i].name), "%s", name);
		if (strcmp(webhook->paths[i].name, name) == 0)
			return &webhook->paths[i];
	}
	return &webhook->paths[0];
}

/* HMAC by its definition (RFC 2104), with a secret of at most 64 bytes: another way than that of the program under test. */
static void mac_of(const char *secret, const char *timestamp, struct str body, char hex[65])
{
	unsigned char key[64] = { 0 }, pad[64], inner[32], outer[32];
	crypto_hash_sha256_state state;

	memcpy(key, secret, strlen(secret) < 64 ? strlen(secret) : 64);
	for (int i = 0; i < 64; i++)
		pad[i] = key[i] ^ 0x36;
	crypto_hash_sha256_init(&state);
	crypto_hash_sha256_update(&state, pad, 64);
	crypto_hash_sha256_update(&state, (const unsigned char *)timestamp, strlen(timestamp));
	crypto_hash_sha256_update(&state, (const unsigned char *)".", 1);
	crypto_hash_sha256_update(&state, (const unsigned char *)body.p, body.n);
	crypto_hash_sha256_final(&state, inner);
	for (int i = 0; i < 64; i++)
		pad[i] = key[i] ^ 0x5c;
	crypto_hash_sha256_init(&state);
	crypto_hash_sha256_update(&state, pad, 64);
	crypto_hash_sha256_update(&state, inner, 32);
	crypto_hash_sha256_final(&state, outer);
	sodium_bin2hex(hex, 65, outer, 32);
}

static void header(struct MHD_Connection *connection, const char *name, char *to, size_t size)
{
	const char *value = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);

	snprintf(to, size, "%s", value ? value : "");
}

static struct webhook_call *call_new(struct webhook *webhook, struct MHD_Connection *connection, const char *url, struct str body)
{
	struct webhook_call *call = mem_zero(sizeof(*call));
	char hex[65], expected[80];

	snprintf(call->path, sizeof(call->path), "%s", url);
	header(connection, "Idempotency-Key", call->key, sizeof(call->key));
	header(connection, "Aftercare-Signature", call->signature, sizeof(call->signature));
	header(connection, "Aftercare-Timestamp", call->timestamp, sizeof(call->timestamp));
	header(connection, "Content-Type", call->type, sizeof(call->type));
	mac_of(webhook->secret, call->timestamp, body, hex);
	snprintf(expected, sizeof(expected), "sha256=%s", hex);
	call->genuine = strcmp(expected, call->signature) == 0;
	call->body = mem_zero(body.n + 1);
	memcpy(call->body, body.p, body.n);
	call->event = json_loadb(body.p, body.n, 0, NULL);
	call->at = stack_clock();
	return call;
}

static enum MHD_Result answer(struct MHD_Connection *connection, struct webhook_answer what)
{
	struct MHD_Response *response = MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
	enum MHD_Result result;

	if (what.header)
		MHD_add_response_header(response, what.header, what.value);
	result = MHD_queue_response(connection, (unsigned)what.status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result on_request(void *userdata, struct MHD_Connection *connection, const char *url, const char *method,
				  const char *version, const char *data, size_t *size, void **ret_body)
{
	struct webhook *webhook = userdata;
	struct webhook_answer what = { .status = 204 };
	struct buf *body = *ret_body;
	struct path *path;

	(void)method, (void)version;
	if (!body) {
		*ret_body = mem_zero(sizeof(*body));
		return MHD_YES;
	}
	if (*size) {
		buf_str(body, (struct str){ data, *size });
		*size = 0;
		return MHD_YES;
	}
	pthread_mutex_lock(&webhook->lock);
	path = path_of(webhook, url);
	struct webhook_call *call = call_new(webhook, connection, url, buf_view(body));
	if (webhook->count < CALLS_MAX)
		webhook->calls[webhook->count++] = call;
	while (path->hold && !webhook->stopping)
		pthread_cond_wait(&webhook->changed, &webhook->lock);
	if (path->times > 0) {
		path->times--;
		what = path->answer;
	}
	call->status = what.status;
	pthread_mutex_unlock(&webhook->lock);
	return what.status ? answer(connection, what) : MHD_NO;
}

static void on_end(void *userdata, struct MHD_Connection *connection, void **ret_body, enum MHD_RequestTerminationCode how)
{
	(void)userdata, (void)connection, (void)how;
	if (*ret_body)
		buf_done(*ret_body);
	mem_free(*ret_body);
}

struct webhook *webhook_start(int port, const char *secret)
{
	struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons((uint16_t)port) };
	struct webhook *webhook = mem_zero(sizeof(*webhook));

	snprintf(webhook->secret, sizeof(webhook->secret), "%s", secret);
	pthread_mutex_init(&webhook->lock, NULL);
	pthread_cond_init(&webhook->changed, NULL);
	webhook->daemon = MHD_start_daemon(MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD, (uint16_t)port, NULL, NULL,
					   on_request, webhook, MHD_OPTION_SOCK_ADDR, &address, MHD_OPTION_NOTIFY_COMPLETED, on_end,
					   NULL, MHD_OPTION_LISTENING_ADDRESS_REUSE, 1u, MHD_OPTION_END);
	if (!webhook->daemon) {
		mem_free(webhook);
		return NULL;
	}
	return webhook;
}

void webhook_stop(struct webhook *webhook)
{
	if (!webhook)
		return;
	pthread_mutex_lock(&webhook->lock);
	webhook->stopping = true;
	pthread_cond_broadcast(&webhook->changed);
	pthread_mutex_unlock(&webhook->lock);
	MHD_stop_daemon(webhook->daemon);
	for (size_t i = 0; i < webhook->count; i++) {
		json_decref(webhook->calls[i]->event);
		mem_free(webhook->calls[i]->body);
		mem_free(webhook->calls[i]);
	}
	mem_free(webhook);
}

int webhook_port(const struct webhook *webhook)
{
	return MHD_get_daemon_info(webhook->daemon, MHD_DAEMON_INFO_BIND_PORT)->port;
}

void webhook_answer(struct webhook *webhook, const char *path, struct webhook_answer what, int times)
{
	pthread_mutex_lock(&webhook->lock);
	path_of(webhook, path)->answer = what;
	path_of(webhook, path)->times = times;
	pthread_mutex_unlock(&webhook->lock);
}

void webhook_hold(struct webhook *webhook, const char *path, bool hold)
{
	pthread_mutex_lock(&webhook->lock);
	path_of(webhook, path)->hold = hold;
	pthread_cond_broadcast(&webhook->changed);
	pthread_mutex_unlock(&webhook->lock);
}

const struct webhook_call *webhook_call(struct webhook *webhook, const char *message, size_t nth)
{
	const struct webhook_call *found = NULL;

	pthread_mutex_lock(&webhook->lock);
	for (size_t i = 0; i < webhook->count && !found; i++)
		if (strcmp(webhook->calls[i]->key, message) == 0 && nth-- == 0)
			found = webhook->calls[i];
	pthread_mutex_unlock(&webhook->lock);
	return found;
}

size_t webhook_count(struct webhook *webhook, const char *message)
{
	size_t count = 0;

	while (webhook_call(webhook, message, count))
		count++;
	return count;
}
