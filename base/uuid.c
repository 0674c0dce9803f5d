#include "base/uuid.h"

#include <string.h>

#include "base/arena.h"
#include "base/memory.h"
#include "base/sha1.h"

static bool is_hyphen_place(int i)
{
    return i == 8 || i == 13 || i == 18 || i == 23;
}

void uuid_format(const uint8_t uuid[UUID_BYTES], char ret_text[UUID_TEXT_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    int byte = 0;

    for (int i = 0; i < UUID_TEXT_BYTES - 1;) {
        if (is_hyphen_place(i)) {
            ret_text[i++] = '-';
            continue;
        }
        ret_text[i++] = digits[uuid[byte] >> 4];
        ret_text[i++] = digits[uuid[byte++] & 15];
    }
    ret_text[UUID_TEXT_BYTES - 1] = '\0';
}

static int digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

bool uuid_parse(const char *text, uint8_t ret_uuid[UUID_BYTES])
{
    uint8_t uuid[UUID_BYTES];
    int byte = 0;

    if (text == NULL || strlen(text) != UUID_TEXT_BYTES - 1)
        return false;
    for (int i = 0; i < UUID_TEXT_BYTES - 1;) {
        int high, low;

        if (is_hyphen_place(i)) {
            if (text[i++] != '-')
                return false;
            continue;
        }
        high = digit_value(text[i++]);
        low = digit_value(text[i++]);
        if (high < 0 || low < 0)
            return false;
        uuid[byte++] = (uint8_t)(high << 4 | low);
    }
    memcpy(ret_uuid, uuid, UUID_BYTES);
    return true;
}

char *uuid_text(struct arena *arena, const uint8_t uuid[UUID_BYTES])
{
    char *text = arena_alloc_raw(arena, UUID_TEXT_BYTES);

    uuid_format(uuid, text);
    return text;
}

void uuid_of_name(const char *name, uint8_t ret_uuid[UUID_BYTES])
{
    size_t len = strlen(name);
    uint8_t digest[SHA1_BYTES], *bytes = memory_new(UUID_BYTES + len); /* begins with the namespace */

    memcpy(bytes + UUID_BYTES, name, len);
    sha1(bytes, UUID_BYTES + len, digest);
    memory_free(bytes);
    memcpy(ret_uuid, digest, UUID_BYTES);
    ret_uuid[6] = (uint8_t)((ret_uuid[6] & 0x0f) | 0x50);
    ret_uuid[8] = (uint8_t)((ret_uuid[8] & 0x3f) | 0x80);
}
