/* policy review, approve, abolish: what is decided about a version, by whom.
 *
 * An approval is a claim like any other: sent to intake, which asks whether the person may, so that the log has it. A review and an
 * abolition concern the text alone and are written to the database. Nothing leads back from any of them. */
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "common/base/doc.h"
#include "services/ctl/kafka.h"
#include "services/ctl/policy.h"
#include "services/ctl/screen.h"

#define SOURCE "aftercarectl"
#define TOPIC "aftercare.staff"
#define WAIT (20 * SECOND)

struct step {
	const char *words;           /* NAME@VERSION */
	const char *by, *from;
};

static int step_read(struct step *step, const char *command, int argc, char **argv, bool may_date)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--by") == 0 && i + 1 < argc)
			step->by = argv[++i];
		else if (strcmp(argv[i], "--effective-from") == 0 && i + 1 < argc && may_date)
			step->from = argv[++i];
		else if (argv[i][0] == '-' || step->words)
			return ctl_fail(EX_USAGE, "%s: %s is not understood (see aftercarectl %s --help)", command, argv[i], command);
		else
			step->words = argv[i];
	}
	if (!step->words || !strchr(step->words, '@'))
		return ctl_fail(EX_USAGE, "%s: which version? Give NAME@VERSION; aftercarectl policy list shows them", command);
	return step->by ? 0 : ctl_fail(EX_USAGE, "%s: who does it? --by PERSON is kept with the version", command);
}

/* The role that the directory gives to the person; absent after it has said that nobody of that id is there. */
static struct str role_of(struct ctl *ctl, struct db *db, const char *person)
{
	struct db_params params = { .arena = &ctl->arena };
	struct fault fault = FAULT_NONE;
	const struct db_result *rows = NULL;
	struct str role = STR_NONE;

	db_text(&params, str_of(person));
	if (db_run(db, "person_role", &params, &rows, &fault))
		ctl_fail(2, "%s", fault.text);
	else if (db_rows(rows) == 0)
		ctl_fail(2, "%s is nobody of the directory (staff.upserted makes somebody known)", person);
	else
		role = db_null(rows, 0, 0) ? STR("none") : str_copy(&ctl->arena, db_get_text(rows, 0, 0));
	return role;
}

/* Whoever may approve a version may abolish it: by the lifecycle's line, else the general manager. */
static bool may_decide(struct ctl *ctl, struct db *db, struct str role)
{
	struct attributes attributes = { 0 };
	struct buf errors cleanup(buf_done) = { 0 };
	struct fault fault = FAULT_NONE;
	const struct db_result *rows = NULL;
	struct lifecycle *lifecycle = NULL;
	bool may = str_is(role, "general_manager");

	if (db_run(db, "policy_lifecycle", NULL, &rows, &fault) == OK && db_rows(rows) > 0 &&
	    lifecycle_compile(db_get_text(rows, 0, 0), "lifecycle", &attributes, &lifecycle, &errors, &fault) == OK)
		may = lifecycle_permits(lifecycle, NULL, 0, STR("policy.approved"), role);
	(void)ctl;
	lifecycle_free(lifecycle);
	attributes_done(&attributes);
	return may;
}

static void tell(struct ctl *ctl, const struct policy_stored *stored, const char *state, const char *by, struct str more)
{
	struct buf line cleanup(buf_done) = { 0 };
	struct writer writer = { .buf = &line };

	if (ctl->json) {
		write_open(&writer, '{');
		write_member(&writer, "name", stored->name);
		write_member_int(&writer, "version", stored->version);
		write_member(&writer, "state", str_of(state));
		write_member(&writer, "by", str_of(by));
		write_close(&writer, '}');
	} else {
		buf_format(&line, "%.*s version %d is %s by ", STR_ARG(stored->name), stored->version, state);
		screen_put(&line, str_of(by), 0);
		buf_str(&line, more);
	}
	printf("%.*s\n", STR_ARG(buf_view(&line)));
}

/* Writes one step; false after it has said why. */
static bool write_step(struct ctl *ctl, struct db *db, const char *statement, const struct policy_stored *stored, const char *by)
{
	struct db_params params = { .arena = &ctl->arena };
	struct fault fault = FAULT_NONE;
	const struct db_result *rows = NULL;

	db_text(&params, stored->type);
	db_text(&params, stored->name);
	db_int4(&params, stored->version);
	db_text(&params, str_of(by));
	db_instant(&params, ctl_now(ctl));
	if (db_run(db, statement, &params, &rows, &fault))
		return ctl_fail(2, "%s", fault.text) == 0;
	if (db_affected(rows) == 1)
		return true;
	return ctl_fail(2, "somebody else was quicker: aftercarectl policy show %.*s@%d --steps", STR_ARG(stored->name),
			stored->version) == 0;
}

int ctl_policy_review(struct ctl *ctl, int argc, char **argv)
{
	struct policy_stored stored;
	struct step step = { 0 };
	int status = step_read(&step, "policy review", argc, argv, false);
	struct db *db;

	if (status)
		return status;
	db = ctl_connect(ctl);
	if (!db)
		return 2;
	status = policy_find(ctl, db, step.words, &stored);
	if (status == 0 && !str_is(stored.state, "draft"))
		status = ctl_fail(2, "%s is %.*s: only a draft is reviewed", step.words, STR_ARG(stored.state));
	else if (status == 0 && !role_of(ctl, db, step.by).p)
		status = 2;
	else if (status == 0)
		status = write_step(ctl, db, "policy_review", &stored, step.by) ? 0 : 2;
	if (status == 0)
		tell(ctl, &stored, "reviewed", step.by, STR("; it is used once it is approved"));
	db_free(db);
	return status;
}

int ctl_policy_abolish(struct ctl *ctl, int argc, char **argv)
{
	struct policy_stored stored, left;
	struct step step = { 0 };
	int status = step_read(&step, "policy abolish", argc, argv, false);
	struct str role, more = STR("; no ticket comes under this regulation any more");
	const char *name;
	struct db *db;

	if (status)
		return status;
	db = ctl_connect(ctl);
	if (!db)
		return 2;
	status = policy_find(ctl, db, step.words, &stored);
	if (status == 0 && str_is(stored.state, "abolished"))
		status = ctl_fail(2, "%s is abolished already", step.words);
	if (status == 0) {
		role = role_of(ctl, db, step.by);
		if (!role.p)
			status = 2;
		else if (!may_decide(ctl, db, role))
			status = ctl_fail(2, "%s (%.*s) may not abolish it: who may approve a version may, by default the general_manager",
					  step.by, STR_ARG(role));
	}
	if (status == 0)
		status = write_step(ctl, db, "policy_abolish", &stored, step.by) ? 0 : 2;
	if (status == 0) {
		name = str_z(&ctl->arena, stored.name);
		if (policy_find(ctl, db, name, &left) == 0 &&
		    str_is(policy_state_name(left.state, left.effective_from, ctl_now(ctl)), "effective"))
			more = str_format(&ctl->arena, "; new tickets come under version %d", left.version);
		tell(ctl, &stored, "abolished", step.by,
		     str_format(&ctl->arena, "%.*s. Tickets that run on it keep it to their end", STR_ARG(more)));
	}
	db_free(db);
	return status;
}

/* ---- approve ---- */

static bool send_claim(struct ctl *ctl, const struct policy_stored *stored, const struct step *step, struct str id)
{
	char stamp[INSTANT_TEXT];
	const struct bus_header headers[] = {
		{ STR("ce_specversion"), STR("1.0") }, { STR("ce_id"), id }, { STR("ce_source"), STR(SOURCE) },
		{ STR("ce_type"), STR("aftercare.policy.approved.v1") }, { STR("ce_time"), instant_format(ctl_now(ctl), stamp) },
		{ STR("content-type"), STR("application/json") },
	};
	struct buf data cleanup(buf_done) = { 0 };
	struct writer writer = { .buf = &data };
	rd_kafka_t *producer = ctl_kafka_open(ctl, false);
	bool sent;

	if (!producer)
		return false;
	write_open(&writer, '{');
	write_member(&writer, "policy", stored->name);
	write_member_int(&writer, "version", stored->version);
	if (step->from)
		write_member(&writer, "effective_from", str_of(step->from));
	write_key(&writer, "by");
	write_open(&writer, '{');
	write_member(&writer, "id", str_of(step->by));
	write_close(&writer, '}');
	write_close(&writer, '}');
	sent = ctl_kafka_partitions(producer, TOPIC) > 0 &&
	       ctl_kafka_send(producer, TOPIC, -1, stored->name, buf_view(&data), headers, array_count(headers));
	rd_kafka_destroy(producer);
	return sent;
}

/* Until intake has taken the claim or refused it. */
static int answer(struct ctl *ctl, struct db *db, const char *words, struct str id, struct policy_stored *stored)
{
	instant deadline = screen_now() + WAIT;
	struct fault fault = FAULT_NONE;
	instant approved_at = stored->approved_at;

	for (;;) {
		struct db_params params = { .arena = &ctl->arena };
		const struct db_result *rows = NULL;

		db_text(&params, id);
		db_text(&params, STR(SOURCE));
		if (db_run(db, "policy_refused", &params, &rows, &fault))
			return ctl_fail(2, "%s", fault.text);
		if (db_rows(rows) > 0)
			return ctl_fail(2, "refused, %.*s: %.*s", STR_ARG(db_get_text(rows, 0, 0)), STR_ARG(db_get_text(rows, 0, 1)));
		if (policy_find(ctl, db, words, stored))
			return 2;
		if (stored->approved_at != approved_at)
			return 0;
		if (screen_now() > deadline)
			return ctl_fail(3, "the approval was sent, but intake has not answered within %d s; aftercarectl status tells why, "
					"and policy show %s --steps what became of it", (int)(WAIT / SECOND), words);
		usleep(100000);
	}
}

int ctl_policy_approve(struct ctl *ctl, int argc, char **argv)
{
	struct policy_stored stored;
	struct step step = { 0 };
	int status = step_read(&step, "policy approve", argc, argv, true);
	char when[SCREEN_TEXT];
	struct str id;
	struct db *db;

	if (status)
		return status;
	db = ctl_connect(ctl);
	if (!db)
		return 2;
	status = policy_find(ctl, db, step.words, &stored);
	if (status == 0 && str_is(stored.state, "approved") && !step.from)
		status = ctl_fail(2, "%s is approved already; --effective-from gives it another date", step.words);
	if (status == 0) {
		id = str_format(&ctl->arena, "approve-%s-%lld-%d", step.words, (long long)screen_now(), (int)getpid());
		status = send_claim(ctl, &stored, &step, id) ? answer(ctl, db, step.words, id, &stored) : 2;
	}
	if (status == 0)
		tell(ctl, &stored, "approved", step.by,
		     str_format(&ctl->arena, ", in force from %.*s", STR_ARG(screen_when(stored.effective_from, when))));
	db_free(db);
	return status;
}
