#include "proto/payload.h"

#include <string.h>

#include "proto/pb.h"

bool payload_is_nil(const PbPayload *payload)
{
    if (payload == NULL || payload->data.len == 0)
        return true;
    return (payload->data.len == 4 && memcmp(payload->data.data, "null", 4) == 0) ||
           (payload->data.len == 2 && memcmp(payload->data.data, "[]", 2) == 0);
}

const char *json_quoted(struct arena *arena, const char *text)
{
    static const char hex[] = "0123456789abcdef";
    char *quoted = arena_alloc_raw(arena, strlen(text) * 6 + 3), *to = quoted;

    *to++ = '"';
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\') {
            *to++ = '\\';
            *to++ = *text;
        } else if ((unsigned char)*text < 0x20) {
            memcpy(to, "\\u00", 4);
            to += 4;
            *to++ = hex[(unsigned char)*text >> 4];
            *to++ = hex[(unsigned char)*text & 15];
        } else {
            *to++ = *text;
        }
    }
    *to++ = '"';
    *to = '\0';
    return quoted;
}

bool payload_is_encoded_as(const PbPayload *payload, const char *encoding)
{
    for (size_t i = 0; i < payload->n_metadata; i++) {
        const PbPayloadMetadataEntry *entry = payload->metadata[i];

        if (strcmp(entry->key, "encoding") == 0)
            return entry->value.len == strlen(encoding) && memcmp(entry->value.data, encoding, entry->value.len) == 0;
    }
    return false;
}

PbMemo *memo_without_nil(struct arena *arena, PbMemo *memo)
{
    size_t count = memo == NULL ? 0 : memo->n_fields, kept = 0;
    PbMemo *copy;

    for (size_t i = 0; i < count; i++)
        kept += !payload_is_nil(memo->fields[i]->value);
    if (kept == 0)
        return NULL;
    if (kept == count)
        return memo;
    copy = ARENA_NEW_PB(arena, PbMemo);
    copy->fields = ARENA_NEW_ARRAY(arena, PbMemoFieldsEntry *, kept);
    for (size_t i = 0; i < count; i++) {
        if (!payload_is_nil(memo->fields[i]->value))
            copy->fields[copy->n_fields++] = memo->fields[i];
    }
    return copy;
}
