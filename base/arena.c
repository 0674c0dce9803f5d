/*
 * Chunks in a list, newest first; each is bumped through. A large object gets a chunk of its own. Chunks of the sizes
 * that most arenas use are kept for the next one when they are freed, a few of each: malloc puts blocks of more than a
 * kilobyte together with their neighbours and takes them apart again, at ten times the cost of a small one.
 */
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

enum {
    CHUNK_OVERHEAD = sizeof(struct chunk) + ALIGNMENT, /* what malloc is asked for beside a chunk's size */

    /* Chunks are kept of these powers of two, their overhead included. */
    KEPT_BYTES_MIN = 1024,
    KEPT_SIZES = 5,
    KEPT_OF_SIZE_MAX = 4,
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

/* Chunks that are kept, by size. The server has one thread, so has every other program that uses arenas. */
static struct kept {
    struct chunk *chunks;
    size_t count;
} kept_chunks[KEPT_SIZES];

/* Where chunks of this size are kept, NULL when they are not. */
static struct kept *kept_of_size(size_t size)
{
    size_t with_overhead = size + CHUNK_OVERHEAD;

    for (int i = 0; i < KEPT_SIZES && !ARENA_EXACT; i++)
        if (with_overhead == (size_t)KEPT_BYTES_MIN << i)
            return &kept_chunks[i];
    return NULL;
}

static void free_chunk(struct chunk *chunk)
{
    struct kept *kept = kept_of_size(chunk->size);

    if (kept != NULL && kept->count < KEPT_OF_SIZE_MAX) {
        chunk->next = kept->chunks;
        kept->chunks = chunk;
        kept->count++;
    } else {
        free(chunk);
    }
}

static struct chunk *new_chunk(size_t size)
{
    struct kept *kept = kept_of_size(size);
    struct chunk *chunk;

    if (kept == NULL || kept->chunks == NULL)
        return must_malloc(CHUNK_OVERHEAD + size);
    chunk = kept->chunks;
    kept->chunks = chunk->next;
    kept->count--;
    return chunk;
}

static void free_chunks(struct chunk *chunk)
{
    while (chunk != NULL) {
        struct chunk *next = chunk->next;

        free_chunk(chunk);
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
        free_chunk(last);
        last = next;
    }
    last->used = 0;
    arena->chunks = last;
    arena->next_chunk_bytes = arena->first_chunk_bytes;
}

static struct chunk *add_chunk(struct arena *arena, size_t bytes)
{
    struct chunk *chunk = new_chunk(bytes);

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
        /* Overhead included, so that malloc gets a round number. */
        size_t size =
            arena->next_chunk_bytes > rounded + CHUNK_OVERHEAD ? arena->next_chunk_bytes - CHUNK_OVERHEAD : rounded;

        if (arena->next_chunk_bytes < CHUNK_BYTES_MAX)
            arena->next_chunk_bytes *= 2;
        if (rounded > CHUNK_BYTES_MAX / 2 && chunk != NULL) {
            /* A large object goes behind the newest chunk, whose free space stays in use. */
            struct chunk *own = must_malloc(CHUNK_OVERHEAD + rounded);

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
