/*
 * FarmHash's Fingerprint32, which the real server puts a workflow id to one side of a ramp with: only with the same
 * function does a workflow fall on the same side here and there. It is fixed for all time, hence on disks of others,
 * too; it is no protection against ids that are chosen to collide.
 */
#ifndef FERMATA_BASE_FINGERPRINT_H
#define FERMATA_BASE_FINGERPRINT_H

#include <stddef.h>
#include <stdint.h>

/* The fingerprint of `len` bytes; `data` may be NULL when there are none. */
uint32_t fingerprint32(const void *data, size_t len);

#endif
