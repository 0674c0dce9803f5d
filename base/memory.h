/* The heap, for what outlives every arena: entries of long-lived tables. Like an arena, it never returns NULL. */
#ifndef FERMATA_BASE_MEMORY_H
#define FERMATA_BASE_MEMORY_H

#include <stddef.h>

/* `bytes` zeroed bytes; out of memory aborts, which clients survive. The caller frees them with memory_free. */
void *memory_new(size_t bytes);

/* Frees what memory_new gave; NULL is accepted. */
void memory_free(void *block);

#endif
