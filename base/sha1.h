/* SHA-1 (RFC 3174): for names that become UUIDs of version 5, not for anything that must resist an attacker. */
#ifndef FERMATA_BASE_SHA1_H
#define FERMATA_BASE_SHA1_H

#include <stddef.h>
#include <stdint.h>

enum { SHA1_BYTES = 20 };

/* The digest of `len` bytes. */
void sha1(const void *data, size_t len, uint8_t ret_digest[SHA1_BYTES]);

#endif
