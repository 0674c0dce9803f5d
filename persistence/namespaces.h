/* Namespaces as rows. The configuration is a packed message that persistence does not interpret. */
#ifndef FERMATA_PERSISTENCE_NAMESPACES_H
#define FERMATA_PERSISTENCE_NAMESPACES_H

#include <stdint.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "base/rand.h"
#include "base/status.h"

struct store;

struct namespace_row {
    int64_t id;
    uint8_t uuid[UUID_BYTES];
    const char *name;
    struct bytes record; /* fermata.v1.NamespaceRecord, packed */
};

/* Inserts the row; row->id is the caller's choice. */
void namespace_rows_insert(struct store *store, const struct namespace_row *row);

/* Rewrites name and record of the row with row->id. */
void namespace_rows_update(struct store *store, const struct namespace_row *row);

/* Calls `each` for every row (in order of id); its memory is valid during that call only. */
status namespace_rows_each(struct store *store, void (*each)(void *context, const struct namespace_row *row),
                           void *context);

#endif
