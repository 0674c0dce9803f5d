/* uthash, with its memory from base/memory.h: a table that cannot grow aborts with a message instead of exiting
 * silently. */
#ifndef FERMATA_BASE_HASH_TABLE_H
#define FERMATA_BASE_HASH_TABLE_H

#include "base/invariant.h"
#include "base/memory.h"

/* What uthash calls. */
#define uthash_malloc(bytes)      memory_new(bytes)
#define uthash_free(block, bytes) memory_free(block)
#define uthash_fatal(text)        invariant_failed(__FILE__, __LINE__, "uthash", "%s", (text))

#include <uthash.h>
#include <utlist.h>

#endif
