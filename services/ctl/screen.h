/* Text for a person at a terminal: columns, times in the operator's zone, lengths of time, Chinese or English.
 *
 * Knows nothing of Aftercare; needs base only, so that deploy/demo can use it too. */
#ifndef AFTERCARE_CTL_SCREEN_H
#define AFTERCARE_CTL_SCREEN_H

#include <stdio.h>

#include "common/base/instant.h"
#include "common/base/str.h"

struct screen {
	FILE *out;
	bool terminal;         /* cursor and colour may be used */
	bool colour;           /* a terminal, and NO_COLOR is not set */
	bool chinese;          /* LC_ALL, LC_MESSAGES or LANG begin with zh */
	int columns;           /* of the terminal; 0: no limit */
	char zone[80];         /* "Asia/Shanghai (UTC+08:00)" */
};

enum screen_colour { SCREEN_PLAIN, SCREEN_BOLD, SCREEN_DIM, SCREEN_RED, SCREEN_GREEN, SCREEN_YELLOW, SCREEN_COLOUR_MAX };

void screen_init(struct screen *screen, FILE *out);
/* The text in the operator's language. */
const char *screen_word(const struct screen *screen, const char *english, const char *chinese);
/* Columns that the text takes: Chinese, Japanese, Korean and emoji two, combining marks none. */
int screen_width(struct str text);
/* The text with everything that a terminal would obey replaced by a dot; at most `columns` wide, then with an ellipsis
 * (0: no limit). Appends to buf; returns the columns used. */
int screen_put(struct buf *buf, struct str text, int columns);
/* The same and blanks up to `columns`; to the right of them with a negative number. */
void screen_cell(struct buf *buf, struct str text, int columns);
/* Escape sequence of a colour; "" where there is none. SCREEN_PLAIN ends it. */
const char *screen_colour(const struct screen *screen, enum screen_colour colour);

/* Local times: "2026-11-23 10:42:07", "23 Nov" (11月23日), "10:42:07". INSTANT_NONE gives "-". */
#define SCREEN_TEXT 48
struct str screen_when(instant at, char text[static SCREEN_TEXT]);
struct str screen_day(const struct screen *screen, instant at, char text[static SCREEN_TEXT]);
struct str screen_clock(instant at, char text[static SCREEN_TEXT]);
/* RFC 3339 in the operator's zone, for JSON that people read. */
struct str screen_rfc3339(instant at, char text[static SCREEN_TEXT]);
/* Midnight of the operator's day that holds `at`. */
instant screen_midnight(instant at);
/* A length of time to two places: "0.3 s", "4 s", "12 min 5 s", "23 h 59 min", "3 d 4 h"; negative ones without sign. */
struct str screen_length(const struct screen *screen, int64_t us, char text[static SCREEN_TEXT]);
/* "12,345" */
struct str screen_number(int64_t number, char text[static SCREEN_TEXT]);
/* The clock on the wall. */
instant screen_now(void);

#endif
