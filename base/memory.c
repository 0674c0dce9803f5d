#include "base/memory.h"

#include <stdlib.h>

#include "base/invariant.h"

void *memory_new(size_t bytes)
{
    void *block = calloc(1, bytes);

    invariant(block != NULL || bytes == 0, "out of memory");
    return block;
}

void memory_free(void *block)
{
    free(block);
}
