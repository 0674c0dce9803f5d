/* Spans as people type them: Go's notation, "1m30s", which the real server's flags and settings take. */
#ifndef FERMATA_BASE_DURATION_TEXT_H
#define FERMATA_BASE_DURATION_TEXT_H

#include <stdbool.h>

#include "base/clock.h"

/* Reads "300ms", "-1.5h", "2h45m", "1d" or "0" (units ns, us, ms, s, m, h, d). False, and nothing set, when it is not
 * of that form; what is out of range is held at its end. */
bool duration_text_read(const char *text, nanos *ret_span);

#endif
