/* Small facts about the database as a whole, by name: the cluster's id, for instance. */
#ifndef FERMATA_PERSISTENCE_METADATA_H
#define FERMATA_PERSISTENCE_METADATA_H

#include "base/arena.h"
#include "base/bytes.h"
#include "base/status.h"

struct store;

/* Sets the value of `name`. */
void metadata_set(struct store *store, const char *name, struct bytes value);

/* The value of `name`, in `arena`. NOT_FOUND without text when it was never set. */
status metadata_get(struct store *store, struct arena *arena, const char *name, struct bytes *ret_value);

#endif
