#include "proto/json_raw.h"

#include <stdbool.h>
#include <string.h>

#include "proto/json_message.h"
#include "proto/message_types.h"
#include "proto/pack.h"

static void write_message(struct json_writer *writer, struct arena *arena, const ProtobufCMessage *message);

static void write_value(struct json_writer *writer, struct arena *arena, const ProtobufCFieldDescriptor *field,
                        const void *value)
{
    const ProtobufCBinaryData *data = value;
    const ProtobufCMessage *message;

    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_ENUM:
        json_put_integer(writer, *(const int32_t *)value);
        break;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        json_put_unsigned(writer, *(const uint32_t *)value);
        break;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        json_put_integer(writer, *(const int64_t *)value);
        break;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        json_put_unsigned(writer, *(const uint64_t *)value);
        break;
    case PROTOBUF_C_TYPE_FLOAT:
        json_put_double(writer, (double)*(const float *)value, true);
        break;
    case PROTOBUF_C_TYPE_DOUBLE:
        json_put_double(writer, *(const double *)value, false);
        break;
    case PROTOBUF_C_TYPE_BOOL:
        json_put_bool(writer, *(const protobuf_c_boolean *)value != 0);
        break;
    case PROTOBUF_C_TYPE_STRING:
        json_put_string(writer, *(const char *const *)value);
        break;
    case PROTOBUF_C_TYPE_BYTES:
        json_put_base64(writer, (struct bytes){data->data, data->len});
        break;
    case PROTOBUF_C_TYPE_MESSAGE:
        message = *(const ProtobufCMessage *const *)value;
        if (message == NULL)
            json_put_null(writer);
        else
            write_message(writer, arena, message);
        break;
    }
}

/* Maps of the API have texts as keys. */
static void write_repeated(struct json_writer *writer, struct arena *arena, const ProtobufCMessage *message,
                           const ProtobufCFieldDescriptor *field)
{
    const uint8_t *base = (const uint8_t *)message;
    const uint8_t *values = *(const uint8_t *const *)(base + field->offset);
    const ProtobufCMessage *const *entries = *(const ProtobufCMessage *const *const *)(base + field->offset);
    size_t count = *(const size_t *)(base + field->quantifier_offset);

    if (!json_is_map(message->descriptor, field)) {
        json_put_array_begin(writer);
        for (size_t i = 0; i < count; i++)
            write_value(writer, arena, field, values + i * pack_value_bytes(field->type));
        json_put_array_end(writer);
        return;
    }
    json_put_object_begin(writer);
    for (size_t i = 0; i < count; i++) {
        const ProtobufCFieldDescriptor *key = &entries[i]->descriptor->fields[0];
        const ProtobufCFieldDescriptor *value = &entries[i]->descriptor->fields[1];

        json_put_name(writer, key->type == PROTOBUF_C_TYPE_STRING
                                  ? *(const char *const *)((const uint8_t *)entries[i] + key->offset)
                                  : arena_printf(arena, "%zu", i));
        write_value(writer, arena, value, (const uint8_t *)entries[i] + value->offset);
    }
    json_put_object_end(writer);
}

/* "timer_id" as "TimerId". */
static const char *camel(struct arena *arena, const char *name)
{
    char *out = arena_alloc(arena, strlen(name) + 1), *to = out;

    for (bool upper = true; *name != '\0'; name++) {
        if (*name != '_')
            *to++ = upper && *name >= 'a' && *name <= 'z' ? (char)(*name - 'a' + 'A') : *name;
        upper = *name == '_';
    }
    return out;
}

static void write_oneof(struct json_writer *writer, struct arena *arena, const ProtobufCMessage *message,
                        const struct message_oneof *oneof)
{
    const uint8_t *base = (const uint8_t *)message;
    const ProtobufCFieldDescriptor *member =
        protobuf_c_message_descriptor_get_field_by_name(message->descriptor, oneof->member);
    uint32_t held = *(const uint32_t *)(const void *)(base + member->quantifier_offset);

    json_put_name(writer, camel(arena, oneof->name));
    if (held == 0) {
        json_put_null(writer);
        return;
    }
    member = protobuf_c_message_descriptor_get_field(message->descriptor, held);
    json_put_object_begin(writer);
    json_put_name(writer, camel(arena, member->name));
    write_value(writer, arena, member, base + member->offset);
    json_put_object_end(writer);
}

static void write_message(struct json_writer *writer, struct arena *arena, const ProtobufCMessage *message)
{
    const ProtobufCMessageDescriptor *type = message->descriptor;

    json_put_object_begin(writer);
    for (unsigned i = 0; i < type->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &type->fields[i];

        if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0 || !pack_has_field(message, field))
            continue;
        json_put_name(writer, field->name);
        if (field->label == PROTOBUF_C_LABEL_REPEATED)
            write_repeated(writer, arena, message, field);
        else
            write_value(writer, arena, field, (const uint8_t *)message + field->offset);
    }
    for (size_t i = 0; i < message_oneofs_count; i++)
        if (message_oneofs[i].type == type)
            write_oneof(writer, arena, message, &message_oneofs[i]);
    json_put_object_end(writer);
}

void json_raw_write(struct json_writer *writer, struct arena *arena, const void *message)
{
    write_message(writer, arena, message);
}
