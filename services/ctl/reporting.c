/* reporting republish: asks aftercare-reporting for its snapshots once more, and watches it work.
 *
 * A request is a row that the daemon finds; each lane notes how far it is. So it is also done when nobody watches, and by a daemon
 * that is started later. */
#include <string.h>
#include <sysexits.h>
#include <time.h>

#include "services/ctl/ctl.h"

#define LOOK_MS 200
#define PATIENCE_LOOKS 50             /* without any progress */

struct progress {
	int64_t lanes, done, count;
};

static bool look(struct ctl *ctl, struct db *db, int64_t request, struct progress *ret)
{
	struct db_params params = { .arena = &ctl->arena };
	struct fault fault = FAULT_NONE;
	const struct db_result *rows = NULL;

	db_int(&params, request);
	if (db_run(db, "republish_progress", &params, &rows, &fault))
		return ctl_fail(2, "%s", fault.text) == 0;
	*ret = (struct progress){ db_get_int(rows, 0, 0), db_get_int(rows, 0, 1), db_get_int(rows, 0, 2) };
	return true;
}

static void tell(const struct ctl *ctl, int64_t request, const struct progress *progress, bool over)
{
	if (ctl->json)
		printf("{\"request\":%lld,\"lanes\":%lld,\"done\":%lld,\"republished\":%lld}\n", (long long)request,
		       (long long)progress->lanes, (long long)progress->done, (long long)progress->count);
	else if (over)
		printf("%lld snapshots republished\n", (long long)progress->count);
	else
		printf("request %lld: %lld of %lld lanes, %lld snapshots\n", (long long)request, (long long)progress->done,
		       (long long)progress->lanes, (long long)progress->count);
	(void)fflush(stdout);
}

static int watch(struct ctl *ctl, struct db *db, int64_t request)
{
	const struct timespec pause = { 0, LOOK_MS * 1000000L };
	struct progress last = { -1, -1, -1 }, now;
	int idle = 0;

	for (;;) {
		if (!look(ctl, db, request, &now))
			return 2;
		if (now.lanes > 0 && now.done >= now.lanes) {
			tell(ctl, request, &now, true);
			return 0;
		}
		idle = now.done == last.done && now.count == last.count ? idle + 1 : 0;
		if (idle == PATIENCE_LOOKS)
			return ctl_fail(1, "request %lld makes no progress: is aftercare-reporting running (aftercarectl status)? It is done as "
				       "soon as it does", (long long)request);
		if (idle == 0 && !ctl->json)
			tell(ctl, request, &now, false);
		last = now;
		(void)nanosleep(&pause, NULL);
	}
}

int ctl_reporting_republish(struct ctl *ctl, int argc, char **argv)
{
	struct str *tickets = arena_alloc(&ctl->arena, (size_t)argc * sizeof(*tickets));
	struct db_params params = { .arena = &ctl->arena };
	struct fault fault = FAULT_NONE;
	const struct db_result *rows = NULL;
	bool wait = true;
	size_t count = 0;
	int64_t request;
	int status = 0;
	struct db *db;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--no-wait") == 0)
			wait = false;
		else if (argv[i][0] == '-')
			return ctl_fail(EX_USAGE, "reporting republish: unknown argument %s (see --help)", argv[i]);
		else
			tickets[count++] = str_of(argv[i]);
	}
	db = ctl_connect(ctl);
	if (!db)
		return 2;
	db_bool(&params, count == 0);
	db_text_array(&params, tickets, count);
	if (db_run(db, "republish_ask", &params, &rows, &fault)) {
		db_free(db);
		return ctl_fail(2, "%s", fault.text);
	}
	request = db_get_int(rows, 0, 0);
	if (wait)
		status = watch(ctl, db, request);
	else
		tell(ctl, request, &(struct progress){ 0, 0, 0 }, false);
	db_free(db);
	return status;
}
