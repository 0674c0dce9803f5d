/*
 * SearchAttributes is a map from names to Payloads, and a Payload is data with a map of metadata. A map is a repeated
 * entry of two fields, 1 the key and 2 the value.
 */
#include "proto/packed_attributes.h"

#include <string.h>

#include "proto/search_attributes.h"

/* The protobuf wire format, so far as SearchAttributes and Payload need it: fields with a length. */
enum { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_LENGTH = 2, WIRE_FIXED32 = 5 };

static bool take_varint(struct bytes *rest, uint64_t *ret_value)
{
    *ret_value = 0;
    for (int shift = 0; shift < 64 && rest->len > 0; shift += 7) {
        uint8_t byte = *rest->data;

        rest->data++;
        rest->len--;
        *ret_value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return true;
    }
    return false;
}

/* Takes the next field; of one without a length only its number is told. False at the end, or of what is no message. */
static bool take_field(struct bytes *rest, uint64_t *ret_number, struct bytes *ret_value)
{
    uint64_t tag, length;

    *ret_value = (struct bytes){NULL, 0};
    if (rest->len == 0 || !take_varint(rest, &tag))
        return false;
    *ret_number = tag >> 3;
    switch (tag & 7) {
    case WIRE_VARINT:
        return take_varint(rest, &length);
    case WIRE_FIXED64:
        length = 8;
        break;
    case WIRE_FIXED32:
        length = 4;
        break;
    case WIRE_LENGTH:
        if (!take_varint(rest, &length))
            return false;
        break;
    default:
        return false;
    }
    if (length > rest->len)
        return false;
    *ret_value = (struct bytes){rest->data, (size_t)length};
    rest->data += length;
    rest->len -= (size_t)length;
    return true;
}

/* Both fields of a map's entry. */
static void read_entry(struct bytes entry, struct bytes *ret_key, struct bytes *ret_value)
{
    struct bytes field;
    uint64_t number;

    *ret_key = *ret_value = (struct bytes){NULL, 0};
    while (take_field(&entry, &number, &field)) {
        if (number == 1)
            *ret_key = field;
        else if (number == 2)
            *ret_value = field;
    }
}

static bool is_text(struct bytes bytes, const char *text)
{
    return bytes.len == strlen(text) && (bytes.len == 0 || memcmp(bytes.data, text, bytes.len) == 0);
}

/* The data of a packed Payload, and what its metadata has as "type". */
static void read_payload(struct bytes payload, struct bytes *ret_data, struct bytes *ret_type)
{
    struct bytes field, key, value;
    uint64_t number;

    *ret_data = *ret_type = (struct bytes){NULL, 0};
    while (take_field(&payload, &number, &field)) {
        if (number == 2)
            *ret_data = field;
        if (number != 1)
            continue;
        read_entry(field, &key, &value);
        if (is_text(key, "type"))
            *ret_type = value;
    }
}

void search_attributes_each(struct bytes attributes, bool (*wants)(struct bytes key),
                            void (*each)(void *context, struct bytes key, struct bytes data, struct bytes type),
                            void *context)
{
    struct bytes entry, key, payload, data, type;
    uint64_t number;

    while (take_field(&attributes, &number, &entry)) {
        if (number != 1)
            continue;
        read_entry(entry, &key, &payload);
        if (wants != NULL && !wants(key))
            continue;
        read_payload(payload, &data, &type);
        each(context, key, data, type);
    }
}

enum search_value_kind search_value_find(struct arena *arena, struct bytes attributes, const char *name,
                                         PbIndexedValueType type, struct search_value *ret_value)
{
    struct bytes entry, key, payload, data, type_name;
    enum search_value_kind kind;
    uint64_t number;

    *ret_value = (struct search_value){0};
    while (take_field(&attributes, &number, &entry)) {
        if (number != 1)
            continue;
        read_entry(entry, &key, &payload);
        if (!is_text(key, name))
            continue;
        read_payload(payload, &data, &type_name);
        if (!is_text(type_name, search_attribute_type_name((int)type)))
            return SEARCH_VALUE_NONE;
        kind = search_value_read(arena, data, type, ret_value);
        return kind == SEARCH_VALUE_SET ? SEARCH_VALUE_SET : SEARCH_VALUE_NONE;
    }
    return SEARCH_VALUE_NONE;
}

/* ---- changes ---- */

/* A Payload's entry of metadata {"encoding": "json/plain"}, which all have. */
static const char ENCODING[] = "\x0a\x16\x0a\x08"
                               "encoding"
                               "\x12\x0a"
                               "json/plain";

static size_t varint_bytes(uint64_t value)
{
    size_t bytes = 1;

    for (; value > 0x7f; value >>= 7)
        bytes++;
    return bytes;
}

/* What a field with `len` bytes in it takes; the numbers of all are small. */
static size_t field_bytes(size_t len)
{
    return 1 + varint_bytes(len) + len;
}

static uint8_t *put(uint8_t *at, const void *data, size_t len)
{
    return len == 0 ? at : (uint8_t *)memcpy(at, data, len) + len;
}

static uint8_t *put_head(uint8_t *at, int number, size_t len)
{
    *at++ = (uint8_t)(number << 3 | WIRE_LENGTH);
    for (; len > 0x7f; len >>= 7)
        *at++ = (uint8_t)(len | 0x80);
    *at++ = (uint8_t)len;
    return at;
}

static uint8_t *put_field(uint8_t *at, int number, const void *data, size_t len)
{
    return put(put_head(at, number, len), data, len);
}

static void append_attribute(struct buffer *packed, const struct attribute_change *change)
{
    size_t name_bytes = strlen(change->name), type_bytes = strlen(change->type);
    size_t metadata_bytes = field_bytes(strlen("type")) + field_bytes(type_bytes);
    size_t payload_bytes = strlen(ENCODING) + field_bytes(metadata_bytes) + field_bytes(change->json.len);
    size_t entry_bytes = field_bytes(name_bytes) + field_bytes(payload_bytes);
    uint8_t *at = buffer_reserve(packed, field_bytes(entry_bytes));

    packed->len += field_bytes(entry_bytes);
    at = put_head(at, 1, entry_bytes);
    at = put_field(at, 1, change->name, name_bytes);
    at = put_head(at, 2, payload_bytes);
    at = put(at, ENCODING, strlen(ENCODING));
    at = put_head(at, 1, metadata_bytes);
    at = put_field(at, 1, "type", strlen("type"));
    at = put_field(at, 2, change->type, type_bytes);
    put_field(at, 2, change->json.data, change->json.len);
}

static void append_entry(struct buffer *packed, struct bytes entry)
{
    put_field(buffer_reserve(packed, field_bytes(entry.len)), 1, entry.data, entry.len);
    packed->len += field_bytes(entry.len);
}

static bool is_to_change(struct bytes name, const struct attribute_change *changes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (is_text(name, changes[i].name))
            return true;
    return false;
}

static bool is_change(struct bytes attributes, const struct attribute_change *change)
{
    struct bytes entry, key, payload, data, type;
    uint64_t number;

    while (take_field(&attributes, &number, &entry)) {
        read_entry(entry, &key, &payload);
        if (number != 1 || !is_text(key, change->name))
            continue;
        read_payload(payload, &data, &type);
        return change->json.data == NULL || !bytes_equal(data, change->json) || !is_text(type, change->type);
    }
    return change->json.data != NULL;
}

bool packed_attributes_change(struct bytes attributes, const struct attribute_change *changes, size_t count,
                              struct buffer *ret_packed)
{
    struct bytes rest = attributes, entry, key, payload;
    bool is_changed = false;
    uint64_t number;

    for (size_t i = 0; i < count && !is_changed; i++)
        is_changed = is_change(attributes, &changes[i]);
    if (!is_changed)
        return false;
    while (take_field(&rest, &number, &entry)) {
        read_entry(entry, &key, &payload);
        if (number == 1 && !is_to_change(key, changes, count))
            append_entry(ret_packed, entry);
    }
    for (size_t i = 0; i < count; i++)
        if (changes[i].json.data != NULL)
            append_attribute(ret_packed, &changes[i]);
    return true;
}
