/*
 * A message is a sequence of fields, each a tag and a value. A value of variable length has its length before it, so
 * whoever writes forwards has to know the sizes of all that is inside first. Backwards they are a subtraction.
 */
#include "proto/pack.h"

#include <stdbool.h>
#include <string.h>

enum {
    VARINT_BYTES_MAX = 10,
    WIRE_VARINT = PROTOBUF_C_WIRE_TYPE_VARINT,
    WIRE_64BIT = PROTOBUF_C_WIRE_TYPE_64BIT,
    WIRE_BYTES = PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED,
    WIRE_32BIT = PROTOBUF_C_WIRE_TYPE_32BIT,
};

/* What is written ends at `at` for now. NULL from when the room was too small. */
struct packer {
    uint8_t *room, *at;
};

static void put(struct packer *packer, const void *data, size_t len)
{
    if (packer->at == NULL || (size_t)(packer->at - packer->room) < len) {
        packer->at = NULL;
        return;
    }
    packer->at -= len;
    if (len > 0)
        memcpy(packer->at, data, len);
}

static void put_long_varint(struct packer *packer, uint64_t value)
{
    uint8_t bytes[VARINT_BYTES_MAX];
    size_t len = 0;

    for (; value > 0x7f; value >>= 7)
        bytes[len++] = (uint8_t)(value | 0x80);
    bytes[len++] = (uint8_t)value;
    put(packer, bytes, len);
}

static inline void put_varint(struct packer *packer, uint64_t value)
{
    if (value <= 0x7f && packer->at != NULL && packer->at > packer->room)
        *--packer->at = (uint8_t)value;
    else
        put_long_varint(packer, value);
}

static void put_tag(struct packer *packer, uint32_t id, int wire_type)
{
    put_varint(packer, (uint64_t)id << 3 | (unsigned int)wire_type);
}

static uint64_t zigzag(int64_t value)
{
    return (uint64_t)value << 1 ^ (value < 0 ? UINT64_MAX : 0);
}

/* Little-endian, as the wire has it and all machines that this is built for. */
static uint32_t word(const void *value)
{
    uint32_t copy;

    memcpy(&copy, value, sizeof(copy));
    return copy;
}

static uint64_t long_word(const void *value)
{
    uint64_t copy;

    memcpy(&copy, value, sizeof(copy));
    return copy;
}

static void put_message(struct packer *packer, const ProtobufCMessage *message);

/* With the length before it. */
static void put_inner(struct packer *packer, const ProtobufCMessage *message)
{
    const uint8_t *end = packer->at;

    if (message != NULL)
        put_message(packer, message);
    if (packer->at != NULL)
        put_varint(packer, (uint64_t)(end - packer->at));
}

static void put_text(struct packer *packer, const char *text)
{
    size_t len = text == NULL ? 0 : strlen(text);

    put(packer, text, len);
    put_varint(packer, len);
}

static void put_bytes(struct packer *packer, const ProtobufCBinaryData *bytes)
{
    put(packer, bytes->data, bytes->len);
    put_varint(packer, bytes->len);
}

/* Writes one value, without a tag. Returns its wire type. */
static int put_value(struct packer *packer, ProtobufCType type, const void *value)
{
    switch (type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_ENUM:
        put_varint(packer, (uint64_t)(int64_t)(int32_t)word(value));
        return WIRE_VARINT;
    case PROTOBUF_C_TYPE_UINT32:
        put_varint(packer, word(value));
        return WIRE_VARINT;
    case PROTOBUF_C_TYPE_SINT32:
        put_varint(packer, zigzag((int32_t)word(value)));
        return WIRE_VARINT;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_UINT64:
        put_varint(packer, long_word(value));
        return WIRE_VARINT;
    case PROTOBUF_C_TYPE_SINT64:
        put_varint(packer, zigzag((int64_t)long_word(value)));
        return WIRE_VARINT;
    case PROTOBUF_C_TYPE_BOOL:
        put_varint(packer, *(const protobuf_c_boolean *)value != 0);
        return WIRE_VARINT;
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
        put(packer, value, sizeof(uint32_t));
        return WIRE_32BIT;
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        put(packer, value, sizeof(uint64_t));
        return WIRE_64BIT;
    case PROTOBUF_C_TYPE_STRING:
        put_text(packer, *(const char *const *)value);
        return WIRE_BYTES;
    case PROTOBUF_C_TYPE_BYTES:
        put_bytes(packer, value);
        return WIRE_BYTES;
    case PROTOBUF_C_TYPE_MESSAGE:
        put_inner(packer, *(const ProtobufCMessage *const *)value);
        return WIRE_BYTES;
    }
    return WIRE_BYTES;
}

size_t pack_value_bytes(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_ENUM:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_FLOAT:
        return sizeof(uint32_t);
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return sizeof(uint64_t);
    case PROTOBUF_C_TYPE_BOOL:
        return sizeof(protobuf_c_boolean);
    case PROTOBUF_C_TYPE_BYTES:
        return sizeof(ProtobufCBinaryData);
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_MESSAGE:
        return sizeof(void *);
    }
    return sizeof(void *);
}

static void put_repeated(struct packer *packer, const ProtobufCFieldDescriptor *field, const void *member, size_t count)
{
    size_t bytes = pack_value_bytes(field->type);
    const uint8_t *values = *(const uint8_t *const *)member, *end = packer->at;
    bool is_packed = (field->flags & PROTOBUF_C_FIELD_FLAG_PACKED) != 0;

    for (size_t i = count; i > 0 && packer->at != NULL; i--) {
        int wire_type = put_value(packer, field->type, values + (i - 1) * bytes);

        if (!is_packed)
            put_tag(packer, field->id, wire_type);
    }
    if (is_packed && packer->at != NULL) {
        put_varint(packer, (uint64_t)(end - packer->at));
        put_tag(packer, field->id, WIRE_BYTES);
    }
}

static bool is_pointer(const ProtobufCFieldDescriptor *field)
{
    return field->type == PROTOBUF_C_TYPE_MESSAGE || field->type == PROTOBUF_C_TYPE_STRING;
}

/* Of a field that is not written when it has its default. Zero with a sign is zero. */
static bool is_default(const ProtobufCFieldDescriptor *field, const void *member)
{
    const char *text;

    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING:
        text = *(const char *const *)member;
        return text == NULL || text[0] == '\0';
    case PROTOBUF_C_TYPE_MESSAGE:
        return *(const void *const *)member == NULL;
    case PROTOBUF_C_TYPE_BYTES:
        return ((const ProtobufCBinaryData *)member)->len == 0;
    case PROTOBUF_C_TYPE_FLOAT:
        return *(const float *)member == 0;
    case PROTOBUF_C_TYPE_DOUBLE:
        return *(const double *)member == 0;
    case PROTOBUF_C_TYPE_BOOL:
        return *(const protobuf_c_boolean *)member == 0;
    default:
        return pack_value_bytes(field->type) == sizeof(uint32_t) ? word(member) == 0 : long_word(member) == 0;
    }
}

/* Whether a field that is there once at most is there. */
static bool is_set(const ProtobufCFieldDescriptor *field, const void *member, const void *quantifier)
{
    if (field->label == PROTOBUF_C_LABEL_REQUIRED)
        return true;
    if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0) {
        if (*(const uint32_t *)quantifier != field->id)
            return false;
    } else if (field->label == PROTOBUF_C_LABEL_NONE) {
        return !is_default(field, member);
    } else if (!is_pointer(field)) {
        return *(const protobuf_c_boolean *)quantifier != 0;
    }
    if (is_pointer(field)) {
        const void *pointer = *(const void *const *)member;

        return pointer != NULL && pointer != field->default_value;
    }
    return true;
}

bool pack_has_field(const ProtobufCMessage *message, const ProtobufCFieldDescriptor *field)
{
    const uint8_t *base = (const uint8_t *)message;

    if (field->label == PROTOBUF_C_LABEL_REPEATED)
        return *(const size_t *)(base + field->quantifier_offset) > 0;
    return is_set(field, base + field->offset, base + field->quantifier_offset);
}

static void put_field(struct packer *packer, const ProtobufCFieldDescriptor *field, const ProtobufCMessage *message)
{
    const uint8_t *base = (const uint8_t *)message;
    const void *member = base + field->offset, *quantifier = base + field->quantifier_offset;

    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        size_t count = *(const size_t *)quantifier;

        if (count > 0)
            put_repeated(packer, field, member, count);
    } else if (is_set(field, member, quantifier)) {
        int wire_type = put_value(packer, field->type, member);

        put_tag(packer, field->id, wire_type);
    }
}

/* Whether the field belongs to a oneof that holds another member or none. */
static inline bool is_another_choice(const ProtobufCFieldDescriptor *field, const ProtobufCMessage *message)
{
    return (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0 &&
           *(const uint32_t *)((const uint8_t *)message + field->quantifier_offset) != field->id;
}

/* How many fields right before fields[at] belong to the same oneof and are not held, either. A history event has some
 * sixty, so this loop is worth its lines. */
static unsigned int other_choices_before(const ProtobufCFieldDescriptor *fields, unsigned int at,
                                         const ProtobufCMessage *message)
{
    unsigned int held_at = fields[at].quantifier_offset, i = at;
    uint32_t held = *(const uint32_t *)((const uint8_t *)message + held_at);

    while (i > 0 && fields[i - 1].quantifier_offset == held_at && fields[i - 1].id != held)
        i--;
    return at - i;
}

/* Recursion is bounded by what scan_message lets through, and by the depth of the types that we fill in. */
static void put_message(struct packer *packer, const ProtobufCMessage *message)
{
    const ProtobufCMessageDescriptor *type = message->descriptor;

    for (unsigned int i = message->n_unknown_fields; i > 0; i--) {
        const ProtobufCMessageUnknownField *unknown = &message->unknown_fields[i - 1];

        put(packer, unknown->data, unknown->len);
        put_tag(packer, unknown->tag, (int)unknown->wire_type);
    }
    for (unsigned int i = type->n_fields; i > 0 && packer->at != NULL; i--)
        if (is_another_choice(&type->fields[i - 1], message))
            i -= other_choices_before(type->fields, i - 1, message);
        else
            put_field(packer, &type->fields[i - 1], message);
}

uint8_t *pack_backwards(const ProtobufCMessage *message, uint8_t *room, uint8_t *end)
{
    struct packer packer = {.room = room, .at = end};

    put_message(&packer, message);
    return packer.at;
}
