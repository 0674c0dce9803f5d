/* UTF-8 (RFC 3629): what is well-formed. */
#ifndef FERMATA_BASE_UTF8_H
#define FERMATA_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"

/* Bytes of the character at `at`, which ends before `end`; 0 when there is no well-formed one. */
static inline size_t utf8_character(const uint8_t *at, const uint8_t *end)
{
    uint8_t first = at[0], least = 0x80, most = 0xBF; /* bounds of the second byte */
    size_t len = first < 0x80 ? 1 : first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF5 ? 4 : 0;

    if (len <= 1)
        return len;
    if ((size_t)(end - at) < len)
        return 0;
    if (first == 0xE0)
        least = 0xA0; /* below: overlong */
    else if (first == 0xED)
        most = 0x9F; /* above: surrogates */
    else if (first == 0xF0)
        least = 0x90; /* below: overlong */
    else if (first == 0xF4)
        most = 0x8F; /* above: beyond U+10FFFF */
    if (at[1] < least || at[1] > most)
        return 0;
    for (size_t i = 2; i < len; i++)
        if ((at[i] & 0xC0) != 0x80)
            return 0;
    return len;
}

/* Whether all of it is well-formed. */
static inline bool utf8_is_valid(struct bytes text)
{
    const uint8_t *at = text.data, *end = text.len == 0 ? at : at + text.len;

    while (at < end) {
        size_t len = utf8_character(at, end);

        if (len == 0)
            return false;
        at += len;
    }
    return true;
}

#endif
