/* What a payload says of itself, beside its bytes. */
#ifndef FERMATA_PROTO_PAYLOAD_H
#define FERMATA_PROTO_PAYLOAD_H

#include <stdbool.h>

#include "base/arena.h"
#include "proto/api.h"

/* Whether a payload stands for "nothing": no data, or JSON's null or []. Entries of maps (memo, search attributes) with
 * such a value are not stored; where a map is merged into another, they delete the key. */
bool payload_is_nil(const PbPayload *payload);

/* A text as JSON: in quotes, with escapes. */
const char *json_quoted(struct arena *arena, const char *text);

/* Whether its metadata has "encoding" and that is `encoding`. */
bool payload_is_encoded_as(const PbPayload *payload, const char *encoding);

/* The memo without entries that are nil, its messages borrowed; NULL when none is left, or `memo` is NULL. */
PbMemo *memo_without_nil(struct arena *arena, PbMemo *memo);

#endif
