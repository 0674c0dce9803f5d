/*
 * Payloads whose data is kept elsewhere: an SDK with an external storage puts a large payload there, and sends a
 * reference to it, which says how large it is (temporal.api.common.v1.Payload.external_payloads).
 */
#ifndef FERMATA_PROTO_EXTERNAL_PAYLOADS_H
#define FERMATA_PROTO_EXTERNAL_PAYLOADS_H

#include <stdint.h>

/* How many there are, and what they take outside. */
struct external_payloads {
    int64_t count, bytes;
};

/* Adds those of all payloads in `message`, however deep, but for search attributes, which are never kept elsewhere.
 * NULL has none. */
void external_payloads_add(const void *message, struct external_payloads *sum);

#endif
