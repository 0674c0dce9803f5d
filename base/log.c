#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* The only mutable global besides the invariant hook: threading a logger through every function earns nothing here. */
static struct {
    enum log_level least;
    bool as_json;
} settings = {LOG_WARN, false};

/* A line longer than this is cut; PIPE_BUF, so that a line written to a pipe stays whole. */
enum { LINE_BYTES_MAX = 4096 };

struct line {
    char text[LINE_BYTES_MAX];
    size_t len;
};

void log_configure(enum log_level least, bool as_json)
{
    settings.least = least;
    settings.as_json = as_json;
}

bool log_enabled(enum log_level level)
{
    return level >= settings.least && level != LOG_NEVER;
}

static void put_char(struct line *line, char c)
{
    if (line->len < sizeof(line->text) - 2) /* room for a closing brace or quote, and the line's end */
        line->text[line->len++] = c;
}

static void put(struct line *line, const char *text)
{
    while (*text != '\0')
        put_char(line, *text++);
}

static void put_quoted(struct line *line, const char *text)
{
    put_char(line, '"');
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;

        if (c == '"' || c == '\\') {
            put_char(line, '\\');
            put_char(line, (char)c);
        } else if (c < 0x20) {
            char escape[8];

            snprintf(escape, sizeof(escape), "\\u%04x", c);
            put(line, escape);
        } else {
            put_char(line, (char)c);
        }
    }
    put_char(line, '"');
}

static bool needs_quotes(const char *text)
{
    return *text == '\0' || strpbrk(text, " =\"\\\n\t") != NULL;
}

static void put_field(struct line *line, const char *key, const char *value)
{
    if (settings.as_json) {
        put_char(line, ',');
        put_quoted(line, key);
        put_char(line, ':');
        put_quoted(line, value);
        return;
    }
    put_char(line, ' ');
    put(line, key);
    put_char(line, '=');
    if (needs_quotes(value))
        put_quoted(line, value);
    else
        put(line, value);
}

static void put_time(struct line *line)
{
    struct timespec now;
    struct tm parts;
    char day[32], text[48];

    clock_gettime(CLOCK_REALTIME, &now);
    gmtime_r(&now.tv_sec, &parts);
    strftime(day, sizeof(day), "%Y-%m-%dT%H:%M:%S", &parts);
    snprintf(text, sizeof(text), "%s.%03ldZ", day, now.tv_nsec / 1000000);
    put(line, settings.as_json ? "{\"time\":\"" : "time=");
    put(line, text);
    if (settings.as_json)
        put_char(line, '"');
}

void log_line(enum log_level level, const char *message, ...)
{
    static const char *const names[] = {"DEBUG", "INFO", "WARN", "ERROR", "NEVER"};
    struct line line = {.len = 0};
    const char *key;
    va_list args;
    size_t written = 0;

    put_time(&line);
    put_field(&line, "level", names[level]);
    put_field(&line, "msg", message);
    va_start(args, message);
    while ((key = va_arg(args, const char *)) != NULL) {
        const char *value = va_arg(args, const char *);

        put_field(&line, key, value == NULL ? "" : value);
    }
    va_end(args);
    if (settings.as_json)
        line.text[line.len++] = '}';
    line.text[line.len++] = '\n';
    while (written < line.len) {
        ssize_t n = write(STDERR_FILENO, line.text + written, line.len - written);

        if (n <= 0)
            return;
        written += (size_t)n;
    }
}
