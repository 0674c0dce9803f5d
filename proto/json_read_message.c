/*
 * JSON to messages: a walk over the text's values along the descriptors. Its depth is the text's, which reading it has
 * bounded. The first mistake ends it.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "proto/api.h"
#include "proto/json_message.h"
#include "proto/json_types.h"
#include "proto/pack.h"
#include "proto/pb.h"
#include "proto/scan.h"

/* The member that says which message a JSON payload is of. */
#define MESSAGE_TYPE_NAME "_protoMessageType"

struct walk {
    struct arena *arena;
    struct json_text json;
    bool shorthand;
    size_t room;       /* bytes of messages that may still be made */
    const char *wrong; /* the first mistake */
};

static bool read_message(struct walk *walk, uint32_t node, ProtobufCMessage *message, bool in_any);

/* --- mistakes --- */

/* What a mistake shows of a value: scalars whole, of others that they begin. */
static const char *shown(struct walk *walk, uint32_t node)
{
    enum { SHOWN_MAX = 200 };
    const struct json_node *it = &walk->json.nodes[node];
    struct bytes raw = json_text_raw(&walk->json, node);

    if (it->kind == JSON_NODE_ARRAY || it->kind == JSON_NODE_OBJECT)
        return it->kind == JSON_NODE_ARRAY ? "[" : "{";
    return arena_strndup(walk->arena, (const char *)raw.data, raw.len > SHOWN_MAX ? SHOWN_MAX : raw.len);
}

/* "(line 1:2): what value" */
static bool fail(struct walk *walk, uint32_t node, const char *what)
{
    walk->wrong =
        arena_printf(walk->arena, "temporalproto: %s: %s %s",
                     json_text_place(walk->arena, &walk->json, walk->json.nodes[node].start), what, shown(walk, node));
    return false;
}

/* A value of a kind that cannot stand here. */
static bool fail_kind(struct walk *walk, uint32_t node)
{
    walk->wrong =
        arena_printf(walk->arena, "temporalproto: syntax error %s: unexpected token %s",
                     json_text_place(walk->arena, &walk->json, walk->json.nodes[node].start), shown(walk, node));
    return false;
}

static bool take_room(struct walk *walk, size_t bytes)
{
    if (bytes > walk->room) {
        walk->wrong = "temporalproto: the message would take too much memory";
        return false;
    }
    walk->room -= bytes;
    return true;
}

static enum json_node_kind kind_of(const struct walk *walk, uint32_t node)
{
    return walk->json.nodes[node].kind;
}

static uint32_t behind(const struct walk *walk, uint32_t node)
{
    return walk->json.nodes[node].next;
}

static struct bytes string_of(struct walk *walk, uint32_t node)
{
    return json_text_string(walk->arena, &walk->json, node);
}

/* --- names --- */

bool json_name_is(const ProtobufCFieldDescriptor *field, struct bytes name)
{
    const char *own = field->name;
    size_t len = strlen(own), at = 0;

    if (len == name.len && memcmp(own, name.data, len) == 0)
        return true;
    for (bool upper = false; *own != '\0'; own++) {
        if (*own == '_') {
            upper = true;
            continue;
        }
        if (at == name.len || name.data[at++] != (upper && *own >= 'a' && *own <= 'z' ? *own - 'a' + 'A' : *own))
            return false;
        upper = false;
    }
    return at == name.len;
}

const ProtobufCFieldDescriptor *json_field_find(const ProtobufCMessageDescriptor *type, struct bytes name)
{
    for (unsigned i = 0; i < type->n_fields; i++)
        if (json_name_is(&type->fields[i], name))
            return &type->fields[i];
    return NULL;
}

/* --- scalars --- */

/* The text of a number: itself, or what a string holds. Empty when it is neither. */
static struct bytes number_text(struct walk *walk, uint32_t node)
{
    if (kind_of(walk, node) == JSON_NODE_NUMBER)
        return json_text_raw(&walk->json, node);
    return kind_of(walk, node) == JSON_NODE_STRING ? string_of(walk, node) : (struct bytes){NULL, 0};
}

/* Whether a text is a number of JSON, as strtod and strtoll would not insist on. */
static bool is_number(struct walk *walk, struct bytes text)
{
    struct json_text json;

    return text.len > 0 && text.len < 64 && text.data[0] != ' ' && text.data[text.len - 1] != ' ' &&
           json_text_read(walk->arena, text, &json) == NULL && json.nodes[0].kind == JSON_NODE_NUMBER;
}

/* A whole number, also as "1e3" or "2.0", that fits into so many bits. */
static bool read_whole(struct walk *walk, uint32_t node, bool is_unsigned, unsigned bits, int64_t *ret_value)
{
    struct bytes text = number_text(walk, node);
    const char *number;
    char *end;

    if (!is_number(walk, text))
        return false;
    number = arena_strndup(walk->arena, (const char *)text.data, text.len);
    if (strpbrk(number, ".eE") != NULL) {
        double value = strtod(number, NULL);

        if (value < -9.2e18 || value > 9.2e18 || (double)(int64_t)value != value)
            return false;
        number = arena_printf(walk->arena, "%" PRId64, (int64_t)value);
    }
    errno = 0;
    if (is_unsigned) {
        unsigned long long value = strtoull(number, &end, 10);

        *ret_value = (int64_t)value;
        return errno == 0 && number[0] != '-' && (bits == 64 || value <= UINT32_MAX);
    }
    *ret_value = strtoll(number, &end, 10);
    return errno == 0 && (bits == 64 || (*ret_value >= INT32_MIN && *ret_value <= INT32_MAX));
}

static bool read_double(struct walk *walk, uint32_t node, double *ret_value)
{
    struct bytes text = number_text(walk, node);

    if (kind_of(walk, node) == JSON_NODE_STRING) {
        if (bytes_equal(text, bytes_of("NaN")) || bytes_equal(text, bytes_of("Infinity")) ||
            bytes_equal(text, bytes_of("-Infinity"))) {
            *ret_value = strtod((const char *)text.data, NULL);
            return true;
        }
    }
    if (!is_number(walk, text))
        return false;
    *ret_value = strtod(arena_strndup(walk->arena, (const char *)text.data, text.len), NULL);
    return *ret_value - *ret_value == 0; /* not infinite */
}

/* Whether two names are the same but for case and underscores: "TimedOut" is an older form of "TIMED_OUT". */
static bool is_same_word(const char *a, const char *b)
{
    for (;; a++, b++) {
        while (*a == '_')
            a++;
        while (*b == '_')
            b++;
        if ((*a | 0x20) != (*b | 0x20) || *a == '\0' || *b == '\0')
            return *a == *b;
    }
}

static bool read_enum(struct walk *walk, uint32_t node, const ProtobufCEnumDescriptor *type, int *ret_value)
{
    const ProtobufCEnumValue *known;
    const char *name;
    int64_t number;

    if (kind_of(walk, node) == JSON_NODE_NUMBER) {
        if (!read_whole(walk, node, false, 32, &number))
            return false;
        *ret_value = (int)number;
        return true;
    }
    if (kind_of(walk, node) != JSON_NODE_STRING)
        return false;
    name = (const char *)string_of(walk, node).data;
    known = protobuf_c_enum_descriptor_get_value_by_name(type, name);
    for (unsigned i = 0; known == NULL && i < type->n_values; i++)
        if (is_same_word(type->values[i].name, arena_printf(walk->arena, "%s_%.100s", type->short_name, name)))
            known = &type->values[i];
    if (known == NULL)
        return false;
    *ret_value = known->value;
    return true;
}

static bool read_string(struct walk *walk, uint32_t node, const char **ret_text)
{
    struct bytes text;

    if (kind_of(walk, node) != JSON_NODE_STRING)
        return false;
    text = string_of(walk, node);
    if (memchr(text.data, '\0', text.len) != NULL)
        return false;
    *ret_text = (const char *)text.data;
    return true;
}

static const char *type_name(ProtobufCType type)
{
    static const char *const names[] = {"int32",  "sint32",  "sfixed32", "int64",   "sint64", "sfixed64",
                                        "uint32", "fixed32", "uint64",   "fixed64", "float",  "double",
                                        "bool",   "enum",    "string",   "bytes",   "message"};

    return names[type];
}

static bool read_scalar(struct walk *walk, uint32_t node, const ProtobufCFieldDescriptor *field, void *value)
{
    int64_t whole = 0;
    double real = 0;
    bool is_good = false;

    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        is_good = read_whole(walk, node, field->type >= PROTOBUF_C_TYPE_UINT32, 32, &whole);
        *(uint32_t *)value = (uint32_t)whole;
        break;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        is_good = read_whole(walk, node, field->type >= PROTOBUF_C_TYPE_UINT64, 64, &whole);
        *(int64_t *)value = whole;
        break;
    case PROTOBUF_C_TYPE_FLOAT:
        is_good = read_double(walk, node, &real);
        *(float *)value = (float)real;
        break;
    case PROTOBUF_C_TYPE_DOUBLE:
        is_good = read_double(walk, node, value);
        break;
    case PROTOBUF_C_TYPE_BOOL:
        is_good = kind_of(walk, node) == JSON_NODE_TRUE || kind_of(walk, node) == JSON_NODE_FALSE;
        *(protobuf_c_boolean *)value = kind_of(walk, node) == JSON_NODE_TRUE;
        break;
    case PROTOBUF_C_TYPE_ENUM:
        is_good = read_enum(walk, node, field->descriptor, value);
        break;
    case PROTOBUF_C_TYPE_STRING:
        is_good = read_string(walk, node, value);
        break;
    case PROTOBUF_C_TYPE_BYTES:
        is_good =
            kind_of(walk, node) == JSON_NODE_STRING && json_base64_read(walk->arena, string_of(walk, node), value) < 0;
        break;
    case PROTOBUF_C_TYPE_MESSAGE:
        break;
    }
    if (!is_good)
        return fail(walk, node, arena_printf(walk->arena, "invalid value for %s type:", type_name(field->type)));
    return true;
}

static bool read_value(struct walk *walk, uint32_t node, const ProtobufCFieldDescriptor *field, void *value)
{
    const ProtobufCMessageDescriptor *type = field->descriptor;
    ProtobufCMessage *message;

    if (field->type != PROTOBUF_C_TYPE_MESSAGE)
        return read_scalar(walk, node, field, value);
    if (!take_room(walk, type->sizeof_message))
        return false;
    message = pb_new(walk->arena, type);
    *(ProtobufCMessage **)value = message;
    return read_message(walk, node, message, false);
}

/* --- repeated fields --- */

/* Memory for the elements of a repeated field; NULL when there is not so much. */
static uint8_t *new_elements(struct walk *walk, const ProtobufCFieldDescriptor *field, ProtobufCMessage *message,
                             size_t count)
{
    uint8_t *base = (uint8_t *)message, *elements;
    size_t bytes = count * pack_value_bytes(field->type);

    if (!take_room(walk, bytes))
        return NULL;
    elements = arena_alloc(walk->arena, bytes);
    *(uint8_t **)(base + field->offset) = elements;
    *(size_t *)(base + field->quantifier_offset) = count;
    return elements;
}

static bool read_list(struct walk *walk, uint32_t node, const ProtobufCFieldDescriptor *field,
                      ProtobufCMessage *message)
{
    size_t bytes = pack_value_bytes(field->type);
    uint8_t *element;

    if (kind_of(walk, node) != JSON_NODE_ARRAY)
        return fail_kind(walk, node);
    element = new_elements(walk, field, message, json_text_children(&walk->json, node));
    if (element == NULL)
        return false;
    for (uint32_t child = node + 1; child < behind(walk, node); child = behind(walk, child), element += bytes)
        if (!read_value(walk, child, field, element))
            return false;
    return true;
}

/* The key of a map's entry, from a member's name. */
static bool read_key(struct walk *walk, uint32_t node, ProtobufCMessage *entry)
{
    const ProtobufCFieldDescriptor *field = &entry->descriptor->fields[0];
    void *value = (uint8_t *)entry + field->offset;

    if (field->type != PROTOBUF_C_TYPE_BOOL)
        return read_scalar(walk, node, field, value);
    *(protobuf_c_boolean *)value = bytes_equal(string_of(walk, node), bytes_of("true"));
    return true;
}

struct key {
    struct bytes text;
    uint32_t node;
};

static int compare_keys(const void *a, const void *b)
{
    const struct key *one = a, *other = b;
    size_t len = one->text.len < other->text.len ? one->text.len : other->text.len;
    int difference = len == 0 ? 0 : memcmp(one->text.data, other->text.data, len);

    if (difference != 0)
        return difference;
    return (one->text.len > other->text.len) - (one->text.len < other->text.len);
}

static bool check_keys_differ(struct walk *walk, struct key *keys, size_t count)
{
    qsort(keys, count, sizeof(keys[0]), compare_keys);
    for (size_t i = 1; i < count; i++)
        if (bytes_equal(keys[i - 1].text, keys[i].text))
            return fail(walk, keys[i].node, "duplicate map key");
    return true;
}

static bool read_map(struct walk *walk, uint32_t node, const ProtobufCFieldDescriptor *field, ProtobufCMessage *message)
{
    const ProtobufCMessageDescriptor *type = field->descriptor;
    size_t count, i = 0;
    ProtobufCMessage **entries;
    struct key *keys;

    if (kind_of(walk, node) != JSON_NODE_OBJECT)
        return fail_kind(walk, node);
    count = json_text_children(&walk->json, node);
    if (!take_room(walk, count * (type->sizeof_message + sizeof(struct key))))
        return false;
    keys = ARENA_NEW_ARRAY(walk->arena, struct key, count);
    entries = (ProtobufCMessage **)(void *)new_elements(walk, field, message, count);
    if (entries == NULL)
        return false;
    for (uint32_t name = node + 1; name < behind(walk, node); name = behind(walk, name + 1), i++) {
        entries[i] = pb_new(walk->arena, type);
        keys[i] = (struct key){string_of(walk, name), name};
        if (!read_key(walk, name, entries[i]) ||
            !read_value(walk, name + 1, &type->fields[1], (uint8_t *)entries[i] + type->fields[1].offset))
            return false;
    }
    return check_keys_differ(walk, keys, count);
}

/* --- messages --- */

static bool read_single(struct walk *walk, uint32_t name, const ProtobufCFieldDescriptor *field,
                        ProtobufCMessage *message)
{
    uint8_t *base = (uint8_t *)message, *quantifier = base + field->quantifier_offset;

    if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0) {
        if (*(uint32_t *)(void *)quantifier != 0)
            return fail(walk, name, "error parsing: the oneof is already set, by another than");
        *(uint32_t *)(void *)quantifier = field->id;
    } else if (field->label == PROTOBUF_C_LABEL_OPTIONAL && field->type != PROTOBUF_C_TYPE_STRING &&
               field->type != PROTOBUF_C_TYPE_MESSAGE) {
        *(protobuf_c_boolean *)quantifier = 1;
    }
    return read_value(walk, name + 1, field, base + field->offset);
}

/* The members of an object as fields. */
static bool read_fields(struct walk *walk, uint32_t node, ProtobufCMessage *message, bool in_any)
{
    const ProtobufCMessageDescriptor *type = message->descriptor;
    bool *seen = ARENA_NEW_ARRAY(walk->arena, bool, type->n_fields);

    if (kind_of(walk, node) != JSON_NODE_OBJECT)
        return fail_kind(walk, node);
    for (uint32_t name = node + 1; name < behind(walk, node); name = behind(walk, name + 1)) {
        struct bytes text = string_of(walk, name);
        const ProtobufCFieldDescriptor *field;
        bool is_read;

        if (in_any && bytes_equal(text, bytes_of("@type")))
            continue;
        field = json_field_find(type, text);
        if (field == NULL)
            return fail(walk, name, "unknown field");
        if (seen[field - type->fields])
            return fail(walk, name, "duplicate field");
        seen[field - type->fields] = true;
        if (kind_of(walk, name + 1) == JSON_NODE_NULL &&
            !(walk->shorthand && field->descriptor == &PbPayload_descriptor &&
              field->label != PROTOBUF_C_LABEL_REPEATED))
            continue;
        if (field->label != PROTOBUF_C_LABEL_REPEATED)
            is_read = read_single(walk, name, field, message);
        else if (json_is_map(type, field))
            is_read = read_map(walk, name + 1, field, message);
        else
            is_read = read_list(walk, name + 1, field, message);
        if (!is_read)
            return false;
    }
    return true;
}

/* The value of an object's member of this name; 0 when there is none. */
static uint32_t find_member(struct walk *walk, uint32_t node, const char *wanted)
{
    for (uint32_t name = node + 1; name < behind(walk, node); name = behind(walk, name + 1))
        if (bytes_equal(string_of(walk, name), bytes_of(wanted)))
            return name + 1;
    return 0;
}

static bool read_any(struct walk *walk, uint32_t node, PbAny *any)
{
    const ProtobufCMessageDescriptor *type;
    ProtobufCMessage *message;
    uint32_t url, value;
    struct bytes packed;

    if (kind_of(walk, node) != JSON_NODE_OBJECT)
        return fail_kind(walk, node);
    if (behind(walk, node) == node + 1)
        return true;
    url = find_member(walk, node, "@type");
    if (url == 0)
        return fail(walk, node, "missing \"@type\" field");
    if (!read_string(walk, url, &any->type_url))
        return fail(walk, url, "@type field value is not a string:");
    type = json_type_of_url(any->type_url);
    if (type == NULL)
        return fail(walk, url, "unable to resolve");
    if (!take_room(walk, type->sizeof_message))
        return false;
    message = pb_new(walk->arena, type);
    if (json_form_of(type) == JSON_FORM_FIELDS) {
        if (!read_fields(walk, node, message, true))
            return false;
    } else {
        value = find_member(walk, node, "value");
        if (value == 0)
            return fail(walk, node, "missing \"value\" field");
        if (!read_message(walk, value, message, false))
            return false;
    }
    packed = pb_pack(walk->arena, message);
    any->value = (ProtobufCBinaryData){.data = arena_memdup(walk->arena, packed.data, packed.len), .len = packed.len};
    return true;
}

static bool read_timestamp(struct walk *walk, uint32_t node, PbTimestamp *timestamp)
{
    if (kind_of(walk, node) != JSON_NODE_STRING)
        return fail_kind(walk, node);
    return json_timestamp_read((const char *)string_of(walk, node).data, &timestamp->seconds, &timestamp->nanos) ||
           fail(walk, node, "invalid google.protobuf.Timestamp value");
}

static bool read_duration(struct walk *walk, uint32_t node, PbDuration *duration)
{
    if (kind_of(walk, node) != JSON_NODE_STRING)
        return fail_kind(walk, node);
    return json_duration_read((const char *)string_of(walk, node).data, &duration->seconds, &duration->nanos) ||
           fail(walk, node, "invalid google.protobuf.Duration value");
}

/* A path of a mask in snake_case; NULL when it was not camelCase. */
static const char *snake_path(struct walk *walk, const char *path, size_t len)
{
    char *snake = arena_alloc(walk->arena, 2 * len + 1), *to = snake;

    if (len == 0)
        return NULL;
    for (size_t i = 0; i < len; i++) {
        if (path[i] == '_')
            return NULL;
        if (path[i] >= 'A' && path[i] <= 'Z')
            *to++ = '_';
        *to++ = path[i] >= 'A' && path[i] <= 'Z' ? (char)(path[i] - 'A' + 'a') : path[i];
    }
    return snake;
}

static bool read_field_mask(struct walk *walk, uint32_t node, PbFieldMask *mask)
{
    size_t count = 1;
    const char *text;

    if (!read_string(walk, node, &text))
        return fail_kind(walk, node);
    if (*text == '\0')
        return true;
    for (const char *c = text; *c != '\0'; c++)
        count += *c == ',';
    if (!take_room(walk, count * sizeof(char *)))
        return false;
    mask->paths = ARENA_NEW_ARRAY(walk->arena, const char *, count);
    for (; mask->n_paths < count; mask->n_paths++) {
        size_t len = strcspn(text, ",");

        mask->paths[mask->n_paths] = snake_path(walk, text, len);
        if (mask->paths[mask->n_paths] == NULL)
            return fail(walk, node, "google.protobuf.FieldMask.paths contains an invalid path:");
        text += len + 1;
    }
    return true;
}

/* --- payloads --- */

static void add_metadata(struct walk *walk, PbPayload *payload, const char *key, struct bytes value)
{
    enum { METADATA_MAX = 2 };
    PbPayloadMetadataEntry *entry = ARENA_NEW_PB(walk->arena, PbPayloadMetadataEntry);

    if (payload->metadata == NULL)
        payload->metadata = ARENA_NEW_ARRAY(walk->arena, PbPayloadMetadataEntry *, METADATA_MAX);
    entry->key = key;
    entry->value = (ProtobufCBinaryData){.data = arena_memdup(walk->arena, value.data, value.len), .len = value.len};
    payload->metadata[payload->n_metadata++] = entry;
}

/* Whether an object is a payload in its long form: metadata with an encoding, and data; all of it base64. */
static bool is_long_payload(struct walk *walk, uint32_t node)
{
    uint32_t metadata = find_member(walk, node, "metadata"), data = find_member(walk, node, "data"), encoding;
    size_t members = json_text_children(&walk->json, node);
    ProtobufCBinaryData ignored;

    if (metadata == 0 || kind_of(walk, metadata) != JSON_NODE_OBJECT)
        return false;
    encoding = find_member(walk, metadata, "encoding");
    if (encoding == 0 || (data == 0 && members != 1) || (data != 0 && members != 2))
        return false;
    if (data == 0) {
        static const char binary_null[] = "\"YmluYXJ5L251bGw=\"";

        return bytes_equal(json_text_raw(&walk->json, encoding), bytes_of(binary_null));
    }
    for (uint32_t name = metadata + 1; name < behind(walk, metadata); name = behind(walk, name + 1))
        if (kind_of(walk, name + 1) != JSON_NODE_STRING ||
            json_base64_read(walk->arena, string_of(walk, name + 1), &ignored) >= 0)
            return false;
    return kind_of(walk, data) == JSON_NODE_STRING &&
           json_base64_read(walk->arena, string_of(walk, data), &ignored) < 0;
}

/* The value as the payload's data: compact JSON, without the member that says what it is. */
static bool take_json(struct walk *walk, uint32_t node, PbPayload *payload, uint32_t left_out)
{
    struct json_writer writer = {.pretty = false};

    if (left_out == 0) {
        json_put_value(&writer, &walk->json, node);
    } else {
        json_put_object_begin(&writer);
        for (uint32_t name = node + 1; name < behind(walk, node); name = behind(walk, name + 1)) {
            if (name + 1 == left_out)
                continue;
            json_put_name_bytes(&writer, string_of(walk, name));
            json_put_value(&writer, &walk->json, name + 1);
        }
        json_put_object_end(&writer);
    }
    payload->data = (ProtobufCBinaryData){.data = arena_memdup(walk->arena, writer.out.data, writer.out.len),
                                          .len = writer.out.len};
    buffer_free(&writer.out);
    return true;
}

static bool read_payload(struct walk *walk, uint32_t node, PbPayload *payload)
{
    uint32_t type = 0;

    if (!take_room(walk, 3 * sizeof(PbPayloadMetadataEntry)))
        return false;
    if (kind_of(walk, node) == JSON_NODE_NULL) {
        add_metadata(walk, payload, "encoding", bytes_of("binary/null"));
        return true;
    }
    if (kind_of(walk, node) == JSON_NODE_OBJECT) {
        if (is_long_payload(walk, node))
            return read_fields(walk, node, &payload->base, false);
        type = find_member(walk, node, MESSAGE_TYPE_NAME);
        if (type != 0 && kind_of(walk, type) != JSON_NODE_STRING)
            type = 0;
    }
    if (type == 0) {
        add_metadata(walk, payload, "encoding", bytes_of("json/plain"));
        return take_json(walk, node, payload, 0);
    }
    add_metadata(walk, payload, "encoding", bytes_of("json/protobuf"));
    add_metadata(walk, payload, "messageType", string_of(walk, type));
    return take_json(walk, node, payload, type);
}

static bool read_message(struct walk *walk, uint32_t node, ProtobufCMessage *message, bool in_any)
{
    const ProtobufCMessageDescriptor *type = message->descriptor;

    if (walk->shorthand && type == &PbPayload_descriptor)
        return read_payload(walk, node, (PbPayload *)message);
    if (walk->shorthand && type == &PbPayloads_descriptor && kind_of(walk, node) == JSON_NODE_ARRAY)
        return read_list(walk, node, &type->fields[0], message);
    switch (json_form_of(type)) {
    case JSON_FORM_FIELDS:
        break;
    case JSON_FORM_ANY:
        return read_any(walk, node, (PbAny *)message);
    case JSON_FORM_TIMESTAMP:
        return read_timestamp(walk, node, (PbTimestamp *)message);
    case JSON_FORM_DURATION:
        return read_duration(walk, node, (PbDuration *)message);
    case JSON_FORM_FIELD_MASK:
        return read_field_mask(walk, node, (PbFieldMask *)message);
    case JSON_FORM_WRAPPER:
        return read_value(walk, node, &type->fields[0], (uint8_t *)message + type->fields[0].offset);
    }
    return read_fields(walk, node, message, in_any);
}

const char *json_message_read(struct arena *arena, const ProtobufCMessageDescriptor *type, struct bytes text,
                              bool payload_shorthand, void **ret_message)
{
    struct walk walk = {
        .arena = arena,
        .shorthand = payload_shorthand,
        .room = SCAN_UNPACKED_BYTES_BASE + SCAN_UNPACKED_BYTES_PER_BYTE * text.len,
    };
    ProtobufCMessage *message = pb_new(arena, type);
    const char *wrong;

    if (text.len > 0) {
        wrong = json_text_read(arena, text, &walk.json);
        if (wrong != NULL)
            return wrong;
        if (!read_message(&walk, 0, message, false))
            return walk.wrong;
    }
    *ret_message = message;
    return NULL;
}
