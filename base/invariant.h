/*
 * Invariants: what must be true whatever a client sends. A broken one is our fault, never the client's: the process
 * says what it knows and aborts; what was acknowledged is on disk. They stay on in release builds.
 */
#ifndef FERMATA_BASE_INVARIANT_H
#define FERMATA_BASE_INVARIANT_H

/* Called by `invariant`: logs the broken claim with its place and what invariant_on_failure adds, then aborts. */
_Noreturn void invariant_failed(const char *file, int line, const char *claim, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* Registers the one function that logs what the process was doing (the call, the run, its last events). */
void invariant_on_failure(void (*explain)(void *context), void *context);

/* Aborts with a message when `claim` does not hold. */
#define invariant(claim, ...) \
    (__builtin_expect(!!(claim), 1) ? (void)0 : invariant_failed(__FILE__, __LINE__, #claim, __VA_ARGS__))

/* The same, only in builds with checks (FERMATA_CHECKS): for the costly ones. */
#if defined(FERMATA_CHECKS) && FERMATA_CHECKS
#define debug_invariant(claim, ...) invariant(claim, __VA_ARGS__)
#else
#define debug_invariant(claim, ...) ((void)0)
#endif

#endif
