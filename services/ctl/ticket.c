/* ticket: one ticket from its first word to what is due next. Finds out which ticket is meant, then reads its lane of
 * the log, which holds all that ever happened to it, and shows it. */
#include "services/ctl/ticket.h"

#include <ctype.h>
#include <string.h>
#include <sysexits.h>

#include "common/io/ident.h"

struct arguments {
	const char *id, *source, *event;
};

static int arguments_read(struct arguments *arguments, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--request") == 0 && i + 2 < argc) {
			arguments->source = argv[++i];
			arguments->event = argv[++i];
		} else if (argv[i][0] == '-' || arguments->id) {
			return ctl_fail(EX_USAGE, "ticket: %s is not understood (see aftercarectl ticket --help)", argv[i]);
		} else {
			arguments->id = argv[i];
		}
	}
	if (!arguments->id == !arguments->event)
		return ctl_fail(EX_USAGE, "which ticket? Give its ID or --request SOURCE EVENT-ID");
	return 0;
}

/* The ticket that the words mean, from intake's register. */
static int find(struct ctl *ctl, struct str words, struct str *ret_id)
{
	struct db *db = ctl_connect(ctl);
	struct db_params params = { .arena = &ctl->arena };
	struct fault fault = FAULT_NONE;
	const struct db_result *rows = NULL;
	struct str list = STR_NONE;
	size_t count;

	if (!db)
		return ctl_fail(0, "without the database %.*s is taken as it stands; names and refusals are missing below",
				STR_ARG(words));
	db_text(&params, words);
	if (db_run(db, "ticket_starting", &params, &rows, &fault)) {
		db_free(db);
		return ctl_fail(0, "%s; %.*s is taken as it stands", fault.text, STR_ARG(words));
	}
	count = db_rows(rows);
	for (size_t i = 0; i < count; i++) {
		struct str found = db_get_text(rows, i, 0);

		if (str_eq(found, words) || count == 1) {
			*ret_id = str_copy(&ctl->arena, found);
			db_free(db);
			return 0;
		}
		list = str_format(&ctl->arena, "%.*s%s%.*s", STR_ARG(list), i ? ", " : "", STR_ARG(found));
	}
	db_free(db);
	if (list.n)
		return ctl_fail(2, "%.*s: several tickets begin so: %.*s%s", STR_ARG(words), STR_ARG(list),
				count > 5 ? ", ..." : "");
	return ctl_fail(2, "there is no ticket %.*s. A request becomes one when intake has taken it; what it refused is in "
			"aftercarectl dead list", STR_ARG(words));
}

int ctl_ticket(struct ctl *ctl, int argc, char **argv)
{
	struct arguments arguments = { 0 };
	struct ticket_view view = { .ctl = ctl, .now = ctl_now(ctl), .received_at = INSTANT_NONE };
	char text[IDENT_TICKET];
	int status = arguments_read(&arguments, argc, argv);

	if (status)
		return status;
	screen_init(&view.screen, stdout);
	if (arguments.event) {
		struct ident ident = ident_claim(str_of(arguments.source), str_of(arguments.event));

		/* Its last digits follow the lanes; what stands before them finds it in intake's register. */
		view.id = str_copy(&ctl->arena, ident_ticket(&ident, str_of(arguments.event), 1, text));
		view.id.n = IDENT_TICKET_PREFIX;
	} else {
		char *upper = arena_copy(&ctl->arena, arguments.id, strlen(arguments.id) + 1);

		for (char *p = upper; *p; p++)
			*p = (char)toupper((unsigned char)*p);
		view.id = str_of(upper);
	}
	status = find(ctl, view.id, &view.id);
	if (status == 0)
		status = ticket_read(&view, INSTANT_NONE);
	if (status)
		return status;
	if (view.count == 0)
		return ctl_fail(2, "nothing about %.*s stands in its lane of the log", STR_ARG(view.id));
	ticket_enrich(&view);
	ticket_settle(&view);
	if (ctl->json)
		ticket_json(&view);
	else
		ticket_show(&view);
	return ticket_is_overdue(&view) ? 1 : 0;
}
