/* What happens at a failpoint; see the header. */
#include "common/base/failpoint.h"

#ifdef AFTERCARE_FAILPOINTS

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define ORDERS_MAX 8

struct order {
	char point[64], action[16];
	long hit, reached;
};

static struct order orders[ORDERS_MAX];
static size_t order_count;
static bool read_already;

extern const struct failpoint *const __start_failpoints[], *const __stop_failpoints[];

const struct failpoint *const *failpoint_all(size_t *ret_count)
{
	*ret_count = (size_t)(__stop_failpoints - __start_failpoints);
	return __start_failpoints;
}

static void bad_order(const char *text, const char *why)
{
	fprintf(stderr, "AFTERCARE_FAILPOINT=%s: %s; nothing was started\n", text, why);
	_exit(78);
}

static const struct failpoint *find(const char *name)
{
	size_t count;
	const struct failpoint *const *all = failpoint_all(&count);

	for (size_t i = 0; i < count; i++)
		if (strcmp(all[i]->name, name) == 0)
			return all[i];
	return NULL;
}

static void read_order(const char *text, const char *at)
{
	struct order *order = &orders[order_count];
	const struct failpoint *point;

	if (order_count == ORDERS_MAX)
		bad_order(text, "too many");
	if (sscanf(at, "%63[^:,]:%ld:%15[a-z]", order->point, &order->hit, order->action) != 3 || order->hit < 1)
		bad_order(text, "not POINT:HIT:ACTION");
	point = find(order->point);
	if (!point)
		bad_order(text, "there is no such point");
	if (!strstr(" exit abort stop error delay ", order->action))
		bad_order(text, "the action is exit, abort, stop, error or delay");
	if (strcmp(order->action, "error") == 0 && !point->fails)
		bad_order(text, "this point knows no error");
	order_count++;
}

static void read_orders(void)
{
	const char *text = getenv("AFTERCARE_FAILPOINT"), *at = text;

	read_already = true;
	while (at && *at) {
		read_order(text, at);
		at = strchr(at, ',');
		at += at != NULL;
	}
}

static bool act(const struct order *order)
{
	fprintf(stderr, "failpoint %s: hit %ld: %s\n", order->point, order->hit, order->action);
	fflush(stderr);
	if (strcmp(order->action, "exit") == 0)
		_exit(FAILPOINT_EXIT);
	if (strcmp(order->action, "abort") == 0)
		abort();
	if (strcmp(order->action, "stop") == 0)
		raise(SIGSTOP);
	if (strcmp(order->action, "delay") == 0)
		nanosleep(&(struct timespec){ .tv_nsec = FAILPOINT_DELAY_MS * 1000000L }, NULL);
	return strcmp(order->action, "error") == 0;
}

bool failpoint_hit(const struct failpoint *point)
{
	bool fails = false;

	if (!read_already)
		read_orders();
	for (size_t i = 0; i < order_count; i++)
		if (strcmp(orders[i].point, point->name) == 0 && ++orders[i].reached == orders[i].hit)
			fails |= act(&orders[i]);
	return fails;
}

void failpoint_list(int argc, char **argv)
{
	size_t count;
	const struct failpoint *const *all = failpoint_all(&count);

	read_orders();
	if (argc != 2 || strcmp(argv[1], "--failpoints") != 0)
		return;
	for (size_t i = 0; i < count; i++)
		printf("%s\t%s\t%s\n", all[i]->name, all[i]->fails ? "fails" : "-", all[i]->place);
	exit(0);
}

#endif
