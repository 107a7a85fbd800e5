/* What the statements*.c files share. */
#ifndef AFTERCARE_TESTS_SIMULATOR_STATEMENTS_H
#define AFTERCARE_TESTS_SIMULATOR_STATEMENTS_H

#include "tests/simulator/memory/store.h"

/* The session waits for the end of the holder's transaction, or is told that there is a deadlock. */
void statement_wait(struct session *session, struct session *holder);
/* A row of a result, zeroed. */
struct cell *result_row(struct db_result *result, size_t columns);

/* Parameters by their number in the SQL. */
static inline int64_t number(const struct operation *operation, size_t n)
{
	return operation->params[n - 1].numbers[0];
}

static inline struct str text(const struct operation *operation, size_t n)
{
	return operation->params[n - 1].texts[0];
}

/* ---- statements_rows.c ---- */
bool statement_source_marks(struct session *session, const struct operation *operation, struct db_result *result);
bool statement_mark_save(struct session *session, const struct operation *operation, struct db_result *result);
bool statement_outbox_insert(struct session *session, const struct operation *operation, struct db_result *result);
bool statement_outbox_unpublished(struct session *session, const struct operation *operation, struct db_result *result);
bool statement_outbox_prune(struct session *session, const struct operation *operation, struct db_result *result);
bool statement_source_next_due(struct session *session, const struct operation *operation, struct db_result *result);
bool statement_source_due_times(struct session *session, const struct operation *operation, struct db_result *result);
bool statement_timer_fire(struct session *session, const struct operation *operation, struct db_result *result);
bool statement_timer_cancel(struct session *session, const struct operation *operation, struct db_result *result);
bool statement_timer_set(struct session *session, const struct operation *operation, struct db_result *result);
bool statement_dead_letter_insert(struct session *session, const struct operation *operation, struct db_result *result);
bool statement_simulated_seen(struct session *session, const struct operation *operation, struct db_result *result);
bool statement_simulated_effects(struct session *session, const struct operation *operation, struct db_result *result);

#endif
