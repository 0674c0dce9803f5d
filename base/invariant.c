#include "base/invariant.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

static struct {
    void (*explain)(void *context);
    void *context;
} hook; /* set once at start; read only on the way down */

void invariant_on_failure(void (*explain)(void *context), void *context)
{
    hook.explain = explain;
    hook.context = context;
}

_Noreturn void invariant_failed(const char *file, int line, const char *claim, const char *format, ...)
{
    void (*explain)(void *context) = hook.explain;
    va_list args;

    fprintf(stderr, "fermata: internal error at %s:%d: (%s) does not hold: ", file, line, claim);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    hook.explain = NULL; /* an invariant that breaks while explaining must not come back here */
    if (explain != NULL)
        explain(hook.context);
    fflush(stderr);
    abort();
}
