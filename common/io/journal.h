/* The log: systemd's journal with structured fields when stderr is the journal ($JOURNAL_STREAM), else lines on stderr.
 *
 * Keeps errno, allocates nothing; a line that cannot be written is lost. Text of more than 2 KB is cut.
 * A message says what happened and, from warning up, what happens next. No personal data. Only the worker, the
 * mains and what watches a destination outside (notification_turn.c) log; everything below fills faults. Level = consequence. */
#ifndef AFTERCARE_IO_JOURNAL_H
#define AFTERCARE_IO_JOURNAL_H

#include "common/base/mem.h"
#include "common/base/str.h"

enum journal_level {
	JOURNAL_ERROR = 3,    /* somebody must act */
	JOURNAL_WARNING = 4,  /* it goes on by itself, but something is lost, late or refused */
	JOURNAL_NOTICE = 5,   /* worth knowing in operation: taken over, back after 31 s */
	JOURNAL_INFO = 6,
	JOURNAL_DEBUG = 7,
};

/* The identifier on every line ("aftercare-sla"); must outlive the log. Lines above `most` are dropped. */
void journal_open(const char *identifier, enum journal_level most);
/* Writes one line with fields; `fields` is a list of NAME, value pairs ended by NULL, e.g.
 * journal_write(JOURNAL_WARNING, (const char *const[]){"TOPIC", topic, NULL}, "..."). NULL: no fields.
 * A field with a NULL value is left out; stderr gets the text only. */
void journal_write(enum journal_level level, const char *const *fields, const char *format, ...) printf_like(3, 4);
#define journal_error(...) journal_write(JOURNAL_ERROR, NULL, __VA_ARGS__)
#define journal_warning(...) journal_write(JOURNAL_WARNING, NULL, __VA_ARGS__)
#define journal_notice(...) journal_write(JOURNAL_NOTICE, NULL, __VA_ARGS__)
#define journal_info(...) journal_write(JOURNAL_INFO, NULL, __VA_ARGS__)

#endif
