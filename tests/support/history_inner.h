/* What the history_*.c files share and nobody else sees. */
#ifndef AFTERCARE_TESTS_SUPPORT_HISTORY_INNER_H
#define AFTERCARE_TESTS_SUPPORT_HISTORY_INNER_H

#include <stdio.h>

#include "tests/support/history.h"

/* about: a ticket, or NULL. */
void report_add(struct report *report, int invariant, const char *about, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* Texts that are looked up: which of a list a key belongs to; counts. */
int64_t index_get(const json_t *index, const char *key, int64_t absent);
void index_set(json_t *index, const char *key, int64_t value);
/* One more; what it is then. */
int64_t index_count(json_t *index, const char *key);

/* A member of a row as text ("" when null), number or time (INSTANT_NONE when null). */
const char *row_text(const json_t *row, const char *name);
int64_t row_number(const json_t *row, const char *name);
instant row_time(const json_t *row, const char *name);

/* A record on a log of ours that a daemon wrote: the first copy of a fact or of a claim's copy. */
bool record_is_first(const struct record *record);
bool record_is_fact(const struct record *record, enum desk_topic topic);
/* "TOPIC/PARTITION/OFFSET". */
const char *record_place(const struct record *record, char text[static 100]);

/* ---- history_log.c: of records alone ---- */
void history_check_log(const struct history *history, struct report *report);
/* ---- history_clocks.c ---- */
void history_check_clocks(const struct history *history, struct report *report);
/* ---- history_ledger.c ---- */
void history_check_ledger(const struct history *history, struct report *report);
/* ---- history_input.c ---- */
void history_check_input(const struct history *history, struct report *report);
/* ---- history_answers.c ---- */
void history_check_answers(const struct history *history, struct report *report);
/* ---- history_fold.c, history_tables.c ---- */
/* What the log says of a ticket in the end: {"revision": 10, "state": "closed", "owner": ..., "assigned_at": microseconds}. */
json_t *history_fold(const struct history *history);
void history_check_tables(const struct history *history, struct report *report);
/* ---- history_counters.c, history_windows.c ---- */
/* What the logs say that is to be counted: {"LANE NAME LABEL": how many}. */
json_t *history_count(const struct history *history);
void history_check_counters(const struct history *history, struct report *report);
/* sums: history_count's. */
void history_check_windows(const struct history *history, struct report *report, const json_t *sums);

#endif
