/* Chunks in a list, newest first; each is bumped through. A large object gets a chunk of its own. */
#include "base/arena.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/invariant.h"

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_EXACT 1
#else
#define ARENA_EXACT 0
#endif

/* Chunks double from the first one up to this size: large enough to amortise malloc, small enough not to waste. */
enum { CHUNK_BYTES_MAX = 64 * 1024, ALIGNMENT = 16 };

struct chunk {
    struct chunk *next;
    size_t size, used;
};

struct arena {
    struct chunk *chunks; /* the newest first */
    size_t next_chunk_bytes, first_chunk_bytes, held;
};

static void *must_malloc(size_t bytes)
{
    void *block = malloc(bytes);

    invariant(block != NULL, "out of memory");
    return block;
}

struct arena *arena_new(size_t first_chunk_bytes)
{
    struct arena *arena = must_malloc(sizeof(*arena));

    *arena = (struct arena){.next_chunk_bytes = first_chunk_bytes, .first_chunk_bytes = first_chunk_bytes};
    return arena;
}

static void free_chunks(struct chunk *chunk)
{
    while (chunk != NULL) {
        struct chunk *next = chunk->next;

        free(chunk);
        chunk = next;
    }
}

void arena_free(struct arena *arena)
{
    if (arena == NULL)
        return;
    free_chunks(arena->chunks);
    free(arena);
}

void arena_reset(struct arena *arena)
{
    struct chunk *last = arena->chunks;

    if (last == NULL)
        return;
    if (ARENA_EXACT) {
        free_chunks(arena->chunks);
        arena->chunks = NULL;
        arena->held = 0;
        return;
    }
    while (last->next != NULL) {
        struct chunk *next = last->next;

        arena->held -= last->size;
        free(last);
        last = next;
    }
    last->used = 0;
    arena->chunks = last;
    arena->next_chunk_bytes = arena->first_chunk_bytes;
}

static struct chunk *add_chunk(struct arena *arena, size_t bytes)
{
    struct chunk *chunk = must_malloc(sizeof(struct chunk) + ALIGNMENT + bytes);

    chunk->size = bytes;
    chunk->used = 0;
    chunk->next = arena->chunks;
    arena->chunks = chunk;
    arena->held += bytes;
    return chunk;
}

static void *chunk_data(struct chunk *chunk)
{
    uintptr_t start = (uintptr_t)(chunk + 1);

    return (void *)((start + ALIGNMENT - 1) & ~(uintptr_t)(ALIGNMENT - 1));
}

void *arena_alloc_raw(struct arena *arena, size_t bytes)
{
    struct chunk *chunk = arena->chunks;
    size_t rounded = (bytes + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
    void *result;

    invariant(rounded >= bytes, "allocation size overflows");
    if (ARENA_EXACT)
        return chunk_data(add_chunk(arena, bytes));
    if (chunk == NULL || chunk->size - chunk->used < rounded) {
        size_t size = arena->next_chunk_bytes > rounded ? arena->next_chunk_bytes : rounded;

        if (arena->next_chunk_bytes < CHUNK_BYTES_MAX)
            arena->next_chunk_bytes *= 2;
        if (rounded > CHUNK_BYTES_MAX / 2 && chunk != NULL) {
            /* A large object goes behind the newest chunk, whose free space stays in use. */
            struct chunk *own = must_malloc(sizeof(struct chunk) + ALIGNMENT + rounded);

            own->size = own->used = rounded;
            own->next = chunk->next;
            chunk->next = own;
            arena->held += rounded;
            return chunk_data(own);
        }
        chunk = add_chunk(arena, size);
    }
    result = (char *)chunk_data(chunk) + chunk->used;
    chunk->used += rounded;
    return result;
}

void *arena_alloc(struct arena *arena, size_t bytes)
{
    return memset(arena_alloc_raw(arena, bytes), 0, bytes);
}

char *arena_strdup(struct arena *arena, const char *text)
{
    return text == NULL ? NULL : arena_strndup(arena, text, strlen(text));
}

char *arena_strndup(struct arena *arena, const char *text, size_t bytes)
{
    char *copy = arena_alloc_raw(arena, bytes + 1);

    if (bytes > 0)
        memcpy(copy, text, bytes);
    copy[bytes] = '\0';
    return copy;
}

void *arena_memdup(struct arena *arena, const void *data, size_t bytes)
{
    return bytes == 0 ? NULL : memcpy(arena_alloc_raw(arena, bytes), data, bytes);
}

char *arena_vprintf(struct arena *arena, const char *format, va_list args)
{
    va_list again;
    char *text;
    int length;

    va_copy(again, args);
    length = vsnprintf(NULL, 0, format, again);
    va_end(again);
    invariant(length >= 0, "a format that printf refuses");
    text = arena_alloc_raw(arena, (size_t)length + 1);
    vsnprintf(text, (size_t)length + 1, format, args);
    return text;
}

char *arena_printf(struct arena *arena, const char *format, ...)
{
    va_list args;
    char *text;

    va_start(args, format);
    text = arena_vprintf(arena, format, args);
    va_end(args);
    return text;
}

size_t arena_bytes_held(const struct arena *arena)
{
    return arena->held;
}
