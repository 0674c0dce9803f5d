/*
 * The log: one line per event on standard error, as text or JSON. Silent when all is well. Libraries return, server/
 * logs. Fields follow the message as key, value, key, value, ..., NULL.
 */
#ifndef FERMATA_BASE_LOG_H
#define FERMATA_BASE_LOG_H

#include <stdbool.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR, LOG_NEVER };

/* Sets what is written from now on, and in which form. */
void log_configure(enum log_level least, bool as_json);

/* Whether lines of this level are written. */
bool log_enabled(enum log_level level);

/* Writes a line: the message, then key/value pairs of texts (NULL-terminated list). */
void log_line(enum log_level level, const char *message, ...) __attribute__((sentinel));

/* log_line at one level; costs a comparison when that level is not written. */
#define log_debug(...) (log_enabled(LOG_DEBUG) ? log_line(LOG_DEBUG, __VA_ARGS__, NULL) : (void)0)
#define log_info(...)  (log_enabled(LOG_INFO) ? log_line(LOG_INFO, __VA_ARGS__, NULL) : (void)0)
#define log_warn(...)  (log_enabled(LOG_WARN) ? log_line(LOG_WARN, __VA_ARGS__, NULL) : (void)0)
#define log_error(...) (log_enabled(LOG_ERROR) ? log_line(LOG_ERROR, __VA_ARGS__, NULL) : (void)0)

#endif
