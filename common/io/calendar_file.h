/* Calendar documents (policy.md section 11) -> compiled calendars, as policies are compiled from theirs (policy_file.h). */
#ifndef AFTERCARE_IO_CALENDAR_FILE_H
#define AFTERCARE_IO_CALENDAR_FILE_H

#include "common/base/calendar.h"
#include "common/base/fault.h"

/* The calendar that is built in: always open. Documents may not take its name. */
#define CALENDAR_ALWAYS "24x7"

/* Compiles one document. `name` stands before each error; `errors` collects one line each, all of them. FATAL when there
 * is any. The caller frees with calendar_free. The text is not kept. */
enum verdict calendar_compile(struct str text, const char *name, struct calendar **ret_calendar, struct buf *errors,
			      struct fault *fault) must_check;
void calendar_free(struct calendar *calendar);

#endif
