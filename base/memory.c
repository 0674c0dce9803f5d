#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

#include "base/invariant.h"

void *memory_new(size_t bytes)
{
    void *block = malloc(bytes); /* glibc's calloc passes by its list of blocks at hand */

    invariant(block != NULL || bytes == 0, "out of memory");
    return bytes == 0 ? block : memset(block, 0, bytes);
}

void memory_free(void *block)
{
    free(block);
}
