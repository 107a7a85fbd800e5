/* What the smtp*.c files share. */
#ifndef AFTERCARE_TESTS_SUPPORT_SMTP_INNER_H
#define AFTERCARE_TESTS_SUPPORT_SMTP_INNER_H

#include "common/base/str.h"
#include "tests/support/smtp.h"

struct smtp_letter *smtp_letter_new(const char *from, const char *to, struct str bytes);
void smtp_letter_free(struct smtp_letter *letter);

#endif
