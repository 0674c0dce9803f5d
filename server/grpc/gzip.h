/* gzip in and out, for messages whose call says grpc-encoding: gzip. One pair of streams is reused by all calls. */
#ifndef FERMATA_SERVER_GRPC_GZIP_H
#define FERMATA_SERVER_GRPC_GZIP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/arena.h"
#include "base/bytes.h"

struct gzip;

enum gunzip_result { GUNZIPPED, GUNZIP_DAMAGED, GUNZIP_TOO_LARGE };

/* Makes one; memory for the streams (about 300 KB) is taken when first needed. */
struct gzip *gzip_new(struct arena *arena);

/* Frees what it took; NULL is accepted. */
void gzip_free(struct gzip *gzip);

/* Appends what `data` unpacks to, at most `len_max` bytes of it: a bomb stops there. */
enum gunzip_result gunzip(struct gzip *gzip, struct bytes data, size_t len_max, struct buffer *out);

/* `data` packed, in `arena`, with `room_before` free bytes in front of it (not counted in the length). False, and
 * nothing set, when that would not make it smaller. */
bool gzip_pack(struct gzip *gzip, struct arena *arena, struct bytes data, size_t room_before, struct bytes *ret_packed);

#endif
