/*
 * An arena is memory that is freed in one go: a call's, a turn's, a run's.
 *
 * Allocation never fails: out of memory ends the process, which a client survives (nothing acknowledged is lost).
 * There is no free of a single object. Under AddressSanitizer every allocation is a block of its own, so that an
 * overflow or a use after the arena's end is caught at the byte.
 */
#ifndef FERMATA_BASE_ARENA_H
#define FERMATA_BASE_ARENA_H

#include <stdarg.h>
#include <stddef.h>

struct arena;

/* Makes an empty arena whose first chunk has `first_chunk_bytes` bytes (allocated when first needed). */
struct arena *arena_new(size_t first_chunk_bytes);

/* Frees the arena and all that was allocated in it. NULL is accepted. */
void arena_free(struct arena *arena);

/* Frees all that was allocated, keeps the first chunk for reuse. */
void arena_reset(struct arena *arena);

/* `bytes` zeroed bytes, aligned for any type; never NULL, also for 0 bytes. */
void *arena_alloc(struct arena *arena, size_t bytes);

/* The same, not zeroed. */
void *arena_alloc_raw(struct arena *arena, size_t bytes);

/* A zero-terminated copy of `text`; NULL stays NULL. */
char *arena_strdup(struct arena *arena, const char *text);

/* A zero-terminated copy of `bytes` bytes at `text`. */
char *arena_strndup(struct arena *arena, const char *text, size_t bytes);

/* A copy of `bytes` bytes; NULL when bytes is 0. */
void *arena_memdup(struct arena *arena, const void *data, size_t bytes);

/* printf into the arena. */
char *arena_printf(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* vprintf into the arena. */
char *arena_vprintf(struct arena *arena, const char *format, va_list args) __attribute__((format(printf, 2, 0)));

/* Bytes that the arena holds from the system at present. */
size_t arena_bytes_held(const struct arena *arena);

/* One zeroed object, or an array of `count` of them, of `type`. */
#define ARENA_NEW(arena, type)              ((type *)arena_alloc((arena), sizeof(type)))
#define ARENA_NEW_ARRAY(arena, type, count) ((type *)arena_alloc((arena), sizeof(type) * (size_t)(count)))

#endif
