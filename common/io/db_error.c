/* Sorts PostgreSQL's errors by what must be done about them.
 *
 * The split decides between waiting for ever and a dead letter, so it is by SQLSTATE only and errs towards waiting
 * where the class says that the server or the connection is at fault. Never logs. Messages of class 22 quote the
 * offending value, so only the part before the quotation is kept: values may be personal data. */
#include <stdio.h>
#include <string.h>

#include "common/base/rule.h"
#include "common/io/db_internal.h"

static bool in_list(const char *code, const char *const *list)
{
	for (; *list; list++)
		if (strncmp(code, *list, strlen(*list)) == 0)
			return true;
	return false;
}

/* The plan of a prepared statement became invalid because a table was altered under it: a new connection mends it. */
static bool stale_plan(const PGresult *result, const char *code)
{
	const char *function = PQresultErrorField(result, PG_DIAG_SOURCE_FUNCTION);

	return strcmp(code, "0A000") == 0 && function && strcmp(function, "RevalidateCachedQuery") == 0;
}

enum verdict db_classify(const PGresult *result, const char *statement, bool *ret_drop, struct fault *fault)
{
	static const char *const outages[] = {
		"08", "53", "57", "58", "40001", "40003", "40P01", "55P03", "25P03", "25006", "26000", NULL
	};
	/* The session is over, on the wrong server, or is not the one that prepared our statements. */
	static const char *const drops[] = { "08", "57P", "25P03", "25006", "26000", NULL };
	static const char *const refusals[] = { "22", "23", NULL };
	const char *code = PQresultErrorField(result, PG_DIAG_SQLSTATE);
	const char *primary = PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY);
	bool first = fault->verdict == OK;
	enum verdict verdict;
	char text[400];

	if (!primary || !*primary)
		primary = PQresultErrorMessage(result);
	snprintf(text, sizeof(text), "%s", primary);
	if (!code || !*code) {
		/* Only libpq itself speaks without an SQLSTATE: lost connection, broken protocol, no memory. */
		*ret_drop = true;
		return fault_set(fault, RETRY, "database: %s: %s", statement, text);
	}
	if (stale_plan(result, code)) {
		*ret_drop = true;
		verdict = fault_set(fault, RETRY, "database: %s: %s (%s)", statement, text, code);
	} else if (in_list(code, outages) && (strncmp(code, "40", 2) != 0 || RULE("r6-outage"))) {
		*ret_drop = *ret_drop || in_list(code, drops);
		verdict = fault_set(fault, RETRY, "database: %s: %s (%s)", statement, text, code);
	} else if (in_list(code, refusals) || (strncmp(code, "40", 2) == 0 && !RULE("r6-outage"))) {
		if (code[1] == '2')
			text[strcspn(text, ":\"")] = '\0';
		verdict = fault_set(fault, REJECT, "database: %s: %s (%s)", statement, text, code);
	} else {
		verdict = fault_set(fault, FATAL, "database: %s: %s (%s)", statement, text, code);
	}
	if (first)
		snprintf(fault->code, sizeof(fault->code), "%s", code);
	return verdict;
}
