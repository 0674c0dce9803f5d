#include "proto/field_path.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration_text.h"
#include "proto/api.h"
#include "proto/json_message.h"
#include "proto/json_types.h"
#include "proto/pack.h"
#include "proto/pb.h"
#include "proto/time.h"

/* Paths are as long as messages are deep; types refer to themselves (a Failure's cause). */
enum { PATH_LENGTH_MAX = 32 };

/* Go's words for a text that is no number. */
static const char *bad_number(struct arena *arena, const char *function, const char *text, const char *why)
{
    return arena_printf(arena, "strconv.%s: parsing \"%.200s\": %s", function, text, why);
}

static const char *parse_signed(struct arena *arena, const char *text, int64_t least, int64_t most, int64_t *ret_number)
{
    const char *digits = text + (*text == '-' || *text == '+');
    long long number;

    if (*digits == '\0' || strspn(digits, "0123456789") != strlen(digits))
        return bad_number(arena, "ParseInt", text, "invalid syntax");
    errno = 0;
    number = strtoll(text, NULL, 10);
    if (errno != 0 || number < least || number > most)
        return bad_number(arena, "ParseInt", text, "value out of range");
    *ret_number = number;
    return NULL;
}

static const char *parse_unsigned(struct arena *arena, const char *text, uint64_t most, uint64_t *ret_number)
{
    unsigned long long number;

    if (*text == '\0' || strspn(text, "0123456789") != strlen(text))
        return bad_number(arena, "ParseUint", text, "invalid syntax");
    errno = 0;
    number = strtoull(text, NULL, 10);
    if (errno != 0 || number > most)
        return bad_number(arena, "ParseUint", text, "value out of range");
    *ret_number = number;
    return NULL;
}

static const char *parse_double(struct arena *arena, const char *text, double *ret_number)
{
    char *end;

    *ret_number = strtod(text, &end);
    if (*text == '\0' || *end != '\0' || strchr(" \t\n\r\v\f", *text) != NULL)
        return bad_number(arena, "ParseFloat", text, "invalid syntax");
    return NULL;
}

static const char *parse_bool(struct arena *arena, const char *text, protobuf_c_boolean *ret_value)
{
    static const char *const words[] = {"0", "f", "F", "false", "FALSE", "False",
                                        "1", "t", "T", "true",  "TRUE",  "True"};
    enum { WORDS_COUNT = sizeof(words) / sizeof(words[0]) };

    for (int i = 0; i < WORDS_COUNT; i++)
        if (strcmp(words[i], text) == 0) {
            *ret_value = i >= WORDS_COUNT / 2;
            return NULL;
        }
    return bad_number(arena, "ParseBool", text, "invalid syntax");
}

static const char *parse_enum(struct arena *arena, const ProtobufCEnumDescriptor *type, const char *text,
                              int *ret_value)
{
    const ProtobufCEnumValue *known = protobuf_c_enum_descriptor_get_value_by_name(type, text);
    int64_t number;

    if (known == NULL && parse_signed(arena, text, INT32_MIN, INT32_MAX, &number) == NULL)
        known = protobuf_c_enum_descriptor_get_value(type, (int)number);
    if (known == NULL)
        return arena_printf(arena, "\"%.200s\" is not a valid value", text);
    *ret_value = known->value;
    return NULL;
}

/* Padding is not optional here. */
static const char *parse_bytes(struct arena *arena, const char *text, ProtobufCBinaryData *ret_data)
{
    size_t len = strlen(text);
    ptrdiff_t bad = json_base64_read(arena, bytes_of(text), ret_data);

    if (bad < 0 && len % 4 != 0)
        bad = (ptrdiff_t)len;
    return bad < 0 ? NULL : arena_printf(arena, "illegal base64 data at input byte %zd", bad);
}

static const char *set_value(struct arena *arena, const ProtobufCFieldDescriptor *field, void *value, const char *text);

static const char *parse_field_mask(struct arena *arena, const char *text, PbFieldMask *mask)
{
    size_t count = 1;

    for (const char *c = text; *c != '\0'; c++)
        count += *c == ',';
    mask->paths = ARENA_NEW_ARRAY(arena, const char *, count);
    for (; mask->n_paths < count; mask->n_paths++) {
        size_t len = strcspn(text, ",");

        mask->paths[mask->n_paths] = arena_strndup(arena, text, len);
        text += len + 1;
    }
    return NULL;
}

/* Messages that a text can stand for. */
static const char *parse_message(struct arena *arena, const ProtobufCMessageDescriptor *type, const char *text,
                                 ProtobufCMessage **ret_message)
{
    ProtobufCMessage *message = pb_new(arena, type);
    PbTimestamp *timestamp = (PbTimestamp *)message;
    nanos span;

    switch (json_form_of(type)) {
    case JSON_FORM_TIMESTAMP:
        if (!json_timestamp_read(text, &timestamp->seconds, &timestamp->nanos))
            return arena_printf(arena, "parsing time \"%.200s\" as \"2006-01-02T15:04:05.999999999Z07:00\": it is not",
                                text);
        break;
    case JSON_FORM_DURATION:
        if (!duration_text_read(text, &span))
            return arena_printf(arena, "time: invalid duration \"%.200s\"", text);
        message = &pb_duration_new(arena, span)->base;
        break;
    case JSON_FORM_FIELD_MASK:
        parse_field_mask(arena, text, (PbFieldMask *)message);
        break;
    case JSON_FORM_WRAPPER:
        *ret_message = message;
        return set_value(arena, &type->fields[0], (uint8_t *)message + type->fields[0].offset, text);
    case JSON_FORM_FIELDS:
    case JSON_FORM_ANY:
        return arena_printf(arena, "unsupported message type: \"%s\"", type->name);
    }
    *ret_message = message;
    return NULL;
}

static const char *set_value(struct arena *arena, const ProtobufCFieldDescriptor *field, void *value, const char *text)
{
    const char *wrong = NULL;
    int64_t number = 0;
    uint64_t natural = 0;
    double real = 0;

    switch (field->type) {
    case PROTOBUF_C_TYPE_INT32:
    case PROTOBUF_C_TYPE_SINT32:
    case PROTOBUF_C_TYPE_SFIXED32:
        wrong = parse_signed(arena, text, INT32_MIN, INT32_MAX, &number);
        *(int32_t *)value = (int32_t)number;
        break;
    case PROTOBUF_C_TYPE_INT64:
    case PROTOBUF_C_TYPE_SINT64:
    case PROTOBUF_C_TYPE_SFIXED64:
        wrong = parse_signed(arena, text, INT64_MIN, INT64_MAX, &number);
        *(int64_t *)value = number;
        break;
    case PROTOBUF_C_TYPE_UINT32:
    case PROTOBUF_C_TYPE_FIXED32:
        wrong = parse_unsigned(arena, text, UINT32_MAX, &natural);
        *(uint32_t *)value = (uint32_t)natural;
        break;
    case PROTOBUF_C_TYPE_UINT64:
    case PROTOBUF_C_TYPE_FIXED64:
        wrong = parse_unsigned(arena, text, UINT64_MAX, &natural);
        *(uint64_t *)value = natural;
        break;
    case PROTOBUF_C_TYPE_FLOAT:
        wrong = parse_double(arena, text, &real);
        *(float *)value = (float)real;
        break;
    case PROTOBUF_C_TYPE_DOUBLE:
        wrong = parse_double(arena, text, value);
        break;
    case PROTOBUF_C_TYPE_BOOL:
        wrong = parse_bool(arena, text, value);
        break;
    case PROTOBUF_C_TYPE_ENUM:
        wrong = parse_enum(arena, field->descriptor, text, value);
        break;
    case PROTOBUF_C_TYPE_STRING:
        *(const char **)value = arena_strdup(arena, text);
        break;
    case PROTOBUF_C_TYPE_BYTES:
        wrong = parse_bytes(arena, text, value);
        break;
    case PROTOBUF_C_TYPE_MESSAGE:
        wrong = parse_message(arena, field->descriptor, text, value);
        break;
    }
    return wrong;
}

static const char *set_list(struct arena *arena, const ProtobufCFieldDescriptor *field, uint8_t *base,
                            const char *const *values, size_t values_count)
{
    size_t bytes = pack_value_bytes(field->type);
    uint8_t *elements = arena_alloc(arena, bytes * values_count);

    for (size_t i = 0; i < values_count; i++) {
        const char *wrong = set_value(arena, field, elements + i * bytes, values[i]);

        if (wrong != NULL)
            return arena_printf(arena, "parsing list \"%s\": %s", field->name, wrong);
    }
    *(uint8_t **)(void *)(base + field->offset) = elements;
    *(size_t *)(void *)(base + field->quantifier_offset) = values_count;
    return NULL;
}

static const char *too_many(struct arena *arena, const ProtobufCFieldDescriptor *field, const char *const *values,
                            size_t values_count)
{
    const char *list = values[0];

    for (size_t i = 1; i < values_count && i < 10; i++)
        list = arena_printf(arena, "%.1000s, %.100s", list, values[i]);
    return arena_printf(arena, "too many values for field \"%s\": %s", field->name, list);
}

/* Says that a field which is there once at most is there. False when another one of its oneof is. */
static bool mark(const ProtobufCFieldDescriptor *field, uint8_t *base)
{
    uint8_t *quantifier = base + field->quantifier_offset;

    if ((field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF) != 0) {
        uint32_t *held = (uint32_t *)(void *)quantifier;

        if (*held != 0 && *held != field->id)
            return false;
        *held = field->id;
    } else if (field->label == PROTOBUF_C_LABEL_OPTIONAL && field->type != PROTOBUF_C_TYPE_STRING &&
               field->type != PROTOBUF_C_TYPE_MESSAGE) {
        *(protobuf_c_boolean *)quantifier = 1;
    }
    return true;
}

static const char *set_field(struct arena *arena, const ProtobufCFieldDescriptor *field, ProtobufCMessage *message,
                             const char *const *values, size_t values_count)
{
    uint8_t *base = (uint8_t *)message;
    const char *wrong;

    if (field->label == PROTOBUF_C_LABEL_REPEATED) {
        if (json_is_map(message->descriptor, field))
            return arena_printf(arena, "more than one value provided for key \"%.200s\" in map \"%s\"", values[0],
                                field->name);
        return set_list(arena, field, base, values, values_count);
    }
    if (values_count > 1)
        return too_many(arena, field, values, values_count);
    if (!mark(field, base))
        return arena_printf(arena, "field already set for oneof of \"%s\"", field->name);
    wrong = set_value(arena, field, base + field->offset, values[0]);
    return wrong == NULL ? NULL : arena_printf(arena, "parsing field \"%s\": %s", field->name, wrong);
}

const char *field_path_set(struct arena *arena, void *message, const char *path, const char *const *values,
                           size_t values_count)
{
    ProtobufCMessage *at = message;

    for (int i = 0; i < PATH_LENGTH_MAX; i++) {
        size_t len = strcspn(path, ".");
        const ProtobufCFieldDescriptor *field =
            json_field_find(at->descriptor, (struct bytes){(const uint8_t *)path, len});
        ProtobufCMessage **inner;

        if (field == NULL)
            return NULL;
        if (path[len] == '\0')
            return set_field(arena, field, at, values, values_count);
        if (field->type != PROTOBUF_C_TYPE_MESSAGE || field->label == PROTOBUF_C_LABEL_REPEATED)
            return arena_printf(arena, "invalid path: \"%s\" is not a message", field->name);
        if (!mark(field, (uint8_t *)at))
            return arena_printf(arena, "field already set for oneof of \"%s\"", field->name);
        inner = (ProtobufCMessage **)(void *)((uint8_t *)at + field->offset);
        if (*inner == NULL)
            *inner = pb_new(arena, field->descriptor);
        at = *inner;
        path += len + 1;
    }
    return "a path is too long";
}
