/* check_history: reads all topics and the database after a run and says which of the invariants I1-I8 hold
 * (tests/support/history.h).
 *
 * Exit status 0: all hold; 1: some do not; 2: nothing can be said. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/history.h"

static const char usage[] =
	"check_history [OPTION]...  reads topics and database of a stack at rest and checks its history\n"
	"  --brokers LIST       default: AFTERCARE_BROKERS\n"
	"  --database CONNINFO  default: AFTERCARE_DATABASE\n"
	"  --wait SECONDS       for the daemons to come to rest (default 30)\n"
	"  --poison TEXT        inputs with this in id or key are to be refused (default poison)\n"
	"  --refused ID         so is this one: an id, or TOPIC/PARTITION/OFFSET; any number of times\n"
	"  --any-refused        dead letters may be of any input\n"
	"  --simulated-clock    what is overdue by the database's clock says nothing\n"
	"  --most N             violations shown of each invariant (default 20)\n"
	"  --json               the report as JSON\n";

struct options {
	const char *brokers, *database, *poison, **refused;
	int wait;
	size_t refused_count, most;
	bool any_refused, simulated, json;
};

enum { BROKERS = 256, DATABASE, WAIT, POISON, REFUSED, ANY_REFUSED, SIMULATED, MOST, JSON };

static bool read_options(int argc, char **argv, struct options *options)
{
	static const struct option known[] = {
		{ "brokers", required_argument, NULL, BROKERS }, { "database", required_argument, NULL, DATABASE },
		{ "wait", required_argument, NULL, WAIT }, { "poison", required_argument, NULL, POISON },
		{ "refused", required_argument, NULL, REFUSED }, { "any-refused", no_argument, NULL, ANY_REFUSED },
		{ "simulated-clock", no_argument, NULL, SIMULATED }, { "most", required_argument, NULL, MOST },
		{ "json", no_argument, NULL, JSON }, { 0 },
	};

	for (int option; (option = getopt_long(argc, argv, "", known, NULL)) != -1;)
		switch (option) {
		case BROKERS: options->brokers = optarg; break;
		case DATABASE: options->database = optarg; break;
		case WAIT: options->wait = atoi(optarg); break;
		case POISON: options->poison = optarg; break;
		case REFUSED: options->refused[options->refused_count++] = optarg; break;
		case ANY_REFUSED: options->any_refused = true; break;
		case SIMULATED: options->simulated = true; break;
		case MOST: options->most = strtoul(optarg, NULL, 10); break;
		case JSON: options->json = true; break;
		default: return false;
		}
	return optind == argc && options->brokers && options->database;
}

static int tell(const struct history *history, const struct options *options)
{
	struct report report;
	int status;

	history_check(history, &report);
	status = report_broken(&report) > 0;
	if (options->json) {
		json_t *all = report_json(&report);

		json_object_set_new(all, "records", json_integer((json_int_t)history->record_count));
		json_dumpf(all, stdout, JSON_INDENT(2) | JSON_SORT_KEYS);
		putchar('\n');
		json_decref(all);
	} else {
		report_print(&report, stdout, options->most);
		printf("%zu records, %zu facts in outboxes: %s\n", history->record_count, history->outbox_count,
		       status ? "the history is broken" : "everything holds");
	}
	report_done(&report);
	return status;
}

int main(int argc, char **argv)
{
	struct options options = { .brokers = getenv("AFTERCARE_BROKERS"), .database = getenv("AFTERCARE_DATABASE"), .wait = 30,
				   .poison = "poison", .most = 20, .refused = calloc((size_t)argc + 1, sizeof(char *)) };
	struct history *history = NULL;
	int status = 2;

	if (!read_options(argc, argv, &options))
		fputs(usage, stderr);
	else
		history = history_read(options.brokers, options.database, options.wait);
	if (history) {
		history->poison = options.poison;
		history->refused = options.refused;
		history->any_refused = options.any_refused;
		history->now = options.simulated ? 0 : history->now;
		status = tell(history, &options);
	}
	history_free(history);
	free(options.refused);
	return status;
}
