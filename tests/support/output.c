/* What every test program has without asking: lines in the order they were written, and a choice of tests.
 *
 * Linked into all of them. AFTERCARE_TEST_ONLY='*C075*' runs the tests of a program whose names match. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

/* cmocka writes to stdout and we to stderr: into one pipe they go in order only when neither is held back. */
static __attribute__((constructor)) void prepare(void)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (getenv("AFTERCARE_TEST_ONLY"))
		cmocka_set_test_filter(getenv("AFTERCARE_TEST_ONLY"));
}
