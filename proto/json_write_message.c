/* Messages to JSON: a walk over the fields. Its depth is that of the message, which a scan has bounded. */
#include <stdlib.h>
#include <string.h>

#include "proto/api.h"
#include "proto/json_message.h"
#include "proto/json_types.h"
#include "proto/pack.h"
#include "proto/payload.h"
#include "proto/pb.h"

/* Messages in an Any in a message in an Any … are not bounded by the scan of the outermost. */
enum { DEPTH_MAX = 2 * JSON_DEPTH_MAX };

/* The member that says which message a JSON payload is of. */
#define MESSAGE_TYPE_NAME "_protoMessageType"

struct walk {
    struct json_writer *writer;
    struct arena *arena;
    bool shorthand;
};

static void write_message(const struct walk *walk, const ProtobufCMessage *message);

bool json_is_map(const ProtobufCMessageDescriptor *type, const ProtobufCFieldDescriptor *field)
{
    static const char suffix[] = "Entry";
    const ProtobufCMessageDescriptor *entry = field->descriptor;
    size_t outer_len = strlen(type->name), len;
    const char *name = field->name, *at;

    /* How the compiler names the entries of a map; no other type can have that name. */
    if (field->label != PROTOBUF_C_LABEL_REPEATED || field->type != PROTOBUF_C_TYPE_MESSAGE || entry->n_fields != 2 ||
        strcmp(entry->fields[0].name, "key") != 0 || strcmp(entry->fields[1].name, "value") != 0)
        return false;
    len = strlen(entry->name);
    if (strncmp(entry->name, type->name, outer_len) != 0 || entry->name[outer_len] != '.' || len < sizeof(suffix) ||
        strcmp(entry->name + len - (sizeof(suffix) - 1), suffix) != 0)
        return false;
    at = entry->name + outer_len + 1;
    for (bool upper = true; *name != '\0'; name++) {
        char c = *name;

        if (c == '_') {
            upper = true;
            continue;
        }
        if (upper && c >= 'a' && c <= 'z')
            c = (char)(c - 'a' + 'A');
        upper = false;
        if (*at++ != c)
            return false;
    }
    return strcmp(at, suffix) == 0;
}

/* The field's name in camelCase. */
static void write_name(const struct walk *walk, const char *name)
{
    char camel[128];
    size_t len = 0;

    for (bool upper = false; *name != '\0' && len < sizeof(camel); name++) {
        if (*name == '_') {
            upper = true;
            continue;
        }
        camel[len++] = upper && *name >= 'a' && *name <= 'z' ? (char)(*name - 'a' + 'A') : *name;
        upper = false;
    }
    json_put_name_bytes(walk->writer, (struct bytes){(const uint8_t *)camel, len});
}

static void write_enum(const struct walk *walk, const ProtobufCEnumDescriptor *type, int value)
{
    const ProtobufCEnumValue *known = protobuf_c_enum_descriptor_get_value(type, value);

    if (known == NULL)
        json_put_integer(walk->writer, value);
    else
        json_put_string(walk->writer, known->name);
}

/* 64-bit integers are strings: JavaScript's numbers do not hold them. */
static void write_long(const struct walk *walk, const void *value, bool is_unsigned)
{
    long long number = *(const int64_t *)value;

    json_put_string(walk->writer, is_unsigned ? arena_printf(walk->arena, "%llu", (unsigned long long)number)
                                              : arena_printf(walk->arena, "%lld", number));
}

static void write_value(const struct walk *walk, const ProtobufCFieldDescriptor *field, const void *value)
{
    struct json_writer *writer = walk->writer;
    const ProtobufCBinaryData *data;
    const char *text;

    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        json_put_integer(writer, *(const int32_t *)value);
        return;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        json_put_unsigned(writer, *(const uint32_t *)value);
        return;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        write_long(walk, value, false);
        return;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        write_long(walk, value, true);
        return;
    case PROTOBUF_C_TYPE_FLOAT:
        json_put_double(writer, (double)*(const float *)value, true);
        return;
    case PROTOBUF_C_TYPE_DOUBLE:
        json_put_double(writer, *(const double *)value, false);
        return;
    case PROTOBUF_C_TYPE_BOOL:
        json_put_bool(writer, *(const protobuf_c_boolean *)value != 0);
        return;
    case PROTOBUF_C_TYPE_ENUM:
        write_enum(walk, field->descriptor, *(const int *)value);
        return;
    case PROTOBUF_C_TYPE_STRING:
        text = *(const char *const *)value;
        json_put_string(writer, text == NULL ? "" : text);
        return;
    case PROTOBUF_C_TYPE_BYTES:
        data = value;
        json_put_base64(writer, (struct bytes){data->data, data->len});
        return;
    case PROTOBUF_C_TYPE_MESSAGE:
        if (*(const ProtobufCMessage *const *)value != NULL) {
            write_message(walk, *(const ProtobufCMessage *const *)value);
            return;
        }
        json_put_object_begin(writer); /* the value of a map's entry that has none */
        json_put_object_end(writer);
        return;
    }
}

/* --- repeated fields --- */

struct entry {
    const ProtobufCMessage *message;
    const char *key;
};

static int compare_entries(const void *a, const void *b)
{
    return strcmp(((const struct entry *)a)->key, ((const struct entry *)b)->key);
}

/* A map's key as a member's name. */
static const char *key_text(const struct walk *walk, const ProtobufCMessage *entry)
{
    const ProtobufCFieldDescriptor *key = &entry->descriptor->fields[0];
    const void *value = (const uint8_t *)entry + key->offset;

    if (key->type == PROTOBUF_C_TYPE_STRING)
        return *(const char *const *)value;
    if (key->type == PROTOBUF_C_TYPE_BOOL)
        return *(const protobuf_c_boolean *)value ? "true" : "false";
    if (pack_value_bytes(key->type) == sizeof(int32_t))
        return arena_printf(walk->arena, "%d", *(const int32_t *)value);
    return arena_printf(walk->arena, "%lld", (long long)*(const int64_t *)value);
}

/* Members in the order of their keys: a map has none of its own. */
static void write_map(const struct walk *walk, const ProtobufCMessage *const *messages, size_t count)
{
    struct entry *entries = ARENA_NEW_ARRAY(walk->arena, struct entry, count);

    for (size_t i = 0; i < count; i++)
        entries[i] = (struct entry){messages[i], key_text(walk, messages[i])};
    qsort(entries, count, sizeof(entries[0]), compare_entries);
    json_put_object_begin(walk->writer);
    for (size_t i = 0; i < count; i++) {
        const ProtobufCFieldDescriptor *field = &entries[i].message->descriptor->fields[1];

        if (i + 1 < count && strcmp(entries[i].key, entries[i + 1].key) == 0)
            continue; /* on the wire a key may come twice, and one of them counts */
        json_put_name(walk->writer, entries[i].key);
        write_value(walk, field, (const uint8_t *)entries[i].message + field->offset);
    }
    json_put_object_end(walk->writer);
}

static void write_repeated(const struct walk *walk, const ProtobufCMessage *message,
                           const ProtobufCFieldDescriptor *field)
{
    const uint8_t *base = (const uint8_t *)message;
    const uint8_t *values = *(const uint8_t *const *)(base + field->offset);
    size_t count = *(const size_t *)(base + field->quantifier_offset), bytes = pack_value_bytes(field->type);

    if (json_is_map(message->descriptor, field)) {
        write_map(walk, *(const ProtobufCMessage *const *const *)(base + field->offset), count);
        return;
    }
    json_put_array_begin(walk->writer);
    for (size_t i = 0; i < count; i++)
        write_value(walk, field, values + i * bytes);
    json_put_array_end(walk->writer);
}

/* --- messages --- */

/* The members of an object that has been begun. */
static void write_fields(const struct walk *walk, const ProtobufCMessage *message)
{
    const ProtobufCMessageDescriptor *type = message->descriptor;

    for (unsigned i = 0; i < type->n_fields; i++) {
        const ProtobufCFieldDescriptor *field = &type->fields[i];

        if (!pack_has_field(message, field))
            continue;
        write_name(walk, field->name);
        if (field->label == PROTOBUF_C_LABEL_REPEATED)
            write_repeated(walk, message, field);
        else
            write_value(walk, field, (const uint8_t *)message + field->offset);
    }
}

static void write_any(const struct walk *walk, const PbAny *any)
{
    const ProtobufCMessageDescriptor *type = json_type_of_url(any->type_url);
    const ProtobufCMessage *message = NULL;

    if (type != NULL && walk->writer->depth < DEPTH_MAX)
        message = pb_unpack_any(walk->arena, type, any);
    json_put_object_begin(walk->writer);
    if (any->type_url[0] != '\0') {
        json_put_name(walk->writer, "@type");
        json_put_string(walk->writer, any->type_url);
    }
    if (message != NULL && json_form_of(type) == JSON_FORM_FIELDS) {
        write_fields(walk, message);
    } else if (message != NULL) {
        json_put_name(walk->writer, "value");
        write_message(walk, message);
    } else if (any->value.len > 0) { /* a type that is not the API's */
        json_put_name(walk->writer, "value");
        json_put_base64(walk->writer, (struct bytes){any->value.data, any->value.len});
    }
    json_put_object_end(walk->writer);
}

static void write_field_mask(const struct walk *walk, const PbFieldMask *mask)
{
    struct buffer text = {0};

    for (size_t i = 0; i < mask->n_paths; i++) {
        bool upper = false;

        if (i > 0)
            buffer_append_byte(&text, ',');
        for (const char *c = mask->paths[i]; *c != '\0'; c++) {
            if (*c != '_')
                buffer_append_byte(&text, (uint8_t)(upper && *c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c));
            upper = *c == '_';
        }
    }
    json_put_string_bytes(walk->writer, (struct bytes){text.data, text.len});
    buffer_free(&text);
}

/* --- payloads --- */

/* The value of a payload's metadata; empty when there is none. */
static struct bytes metadata_of(const PbPayload *payload, const char *key)
{
    for (size_t i = 0; i < payload->n_metadata; i++)
        if (strcmp(payload->metadata[i]->key, key) == 0)
            return (struct bytes){payload->metadata[i]->value.data, payload->metadata[i]->value.len};
    return (struct bytes){NULL, 0};
}

/* Whether a payload can be written as the JSON in it, which is read into *ret_json. */
static bool is_short(const struct walk *walk, const PbPayload *payload, struct json_text *ret_json)
{
    struct bytes data = {payload->data.data, payload->data.len};

    if (payload_is_encoded_as(payload, "json/plain"))
        return payload->n_metadata == 1 && json_text_read(walk->arena, data, ret_json) == NULL;
    return payload_is_encoded_as(payload, "json/protobuf") && payload->n_metadata == 2 &&
           metadata_of(payload, "messageType").len > 0 && json_text_read(walk->arena, data, ret_json) == NULL &&
           ret_json->nodes[0].kind == JSON_NODE_OBJECT;
}

/* The JSON in a payload; that of a message with its type as one more member. */
static void write_short(const struct walk *walk, const PbPayload *payload, const struct json_text *json)
{
    struct json_writer *writer = walk->writer;

    if (payload->n_metadata == 1) {
        json_put_value(writer, json, 0);
        return;
    }
    json_put_object_begin(writer);
    json_put_name(writer, MESSAGE_TYPE_NAME);
    json_put_string_bytes(writer, metadata_of(payload, "messageType"));
    for (uint32_t name = 1; name < json->nodes[0].next; name = json->nodes[name + 1].next) {
        struct bytes text = json_text_string(walk->arena, json, name);

        if (bytes_equal(text, bytes_of(MESSAGE_TYPE_NAME)))
            continue;
        json_put_name_bytes(writer, text);
        json_put_value(writer, json, name + 1);
    }
    json_put_object_end(writer);
}

static void write_long_form(const struct walk *walk, const ProtobufCMessage *message)
{
    json_put_object_begin(walk->writer);
    write_fields(walk, message);
    json_put_object_end(walk->writer);
}

static void write_payload(const struct walk *walk, const PbPayload *payload)
{
    struct json_text json;

    if (is_short(walk, payload, &json))
        write_short(walk, payload, &json);
    else
        write_long_form(walk, &payload->base);
}

/* All of them short, or (because a reader has to tell them apart) none. Nothing at all counts as short. */
static void write_payloads(const struct walk *walk, const PbPayloads *payloads)
{
    struct json_text *jsons = ARENA_NEW_ARRAY(walk->arena, struct json_text, payloads->n_payloads);

    for (size_t i = 0; i < payloads->n_payloads; i++) {
        const PbPayload *payload = payloads->payloads[i];

        if (!is_short(walk, payload, &jsons[i]) && !payload_is_encoded_as(payload, "binary/null")) {
            write_long_form(walk, &payloads->base);
            return;
        }
    }
    json_put_array_begin(walk->writer);
    for (size_t i = 0; i < payloads->n_payloads; i++)
        if (jsons[i].count > 0)
            write_short(walk, payloads->payloads[i], &jsons[i]);
        else
            write_long_form(walk, &payloads->payloads[i]->base);
    json_put_array_end(walk->writer);
}

static void write_message(const struct walk *walk, const ProtobufCMessage *message)
{
    const ProtobufCMessageDescriptor *type = message->descriptor;
    const PbTimestamp *timestamp = (const PbTimestamp *)message;
    const PbDuration *duration = (const PbDuration *)message;

    if (walk->shorthand && type == &PbPayload_descriptor) {
        write_payload(walk, (const PbPayload *)message);
        return;
    }
    if (walk->shorthand && type == &PbPayloads_descriptor) {
        write_payloads(walk, (const PbPayloads *)message);
        return;
    }
    switch (json_form_of(type)) {
    case JSON_FORM_FIELDS:
        write_long_form(walk, message);
        break;
    case JSON_FORM_ANY:
        write_any(walk, (const PbAny *)message);
        break;
    case JSON_FORM_TIMESTAMP:
        json_put_string(walk->writer, json_timestamp_text(walk->arena, timestamp->seconds, timestamp->nanos));
        break;
    case JSON_FORM_DURATION:
        json_put_string(walk->writer, json_duration_text(walk->arena, duration->seconds, duration->nanos));
        break;
    case JSON_FORM_FIELD_MASK:
        write_field_mask(walk, (const PbFieldMask *)message);
        break;
    case JSON_FORM_WRAPPER:
        write_value(walk, &type->fields[0], (const uint8_t *)message + type->fields[0].offset);
        break;
    }
}

void json_message_write(struct json_writer *writer, struct arena *arena, const void *message, bool payload_shorthand)
{
    struct walk walk = {.writer = writer, .arena = arena, .shorthand = payload_shorthand};

    write_message(&walk, message);
}
