/* Tables of expectations: text files whose lines have fields between " | ", and comments that begin with #. */
#ifndef FERMATA_TESTS_UNIT_BASE_EXPECTATIONS_H
#define FERMATA_TESTS_UNIT_BASE_EXPECTATIONS_H

#include <stdint.h>

#include "base/clock.h"

enum { FIELDS_MAX = 4 };

/* Calls `check` with the fields of every line of tests/`path`; at least `least` lines must be there. In the fields \t
 * and \n have become what they stand for. */
void expectations_read(const char *path, int least, void (*check)(char *fields[FIELDS_MAX], int line));

/* "2025-03-30T01:00:00.5Z" as an instant, and back, without a fraction and with `ret_text` of at least 32 bytes. */
nanos instant_read(const char *text);
void instant_write(nanos instant, char *ret_text);

#endif
