#include "proto/json.h"

#include <string.h>

#include <jansson.h>

static struct json_value value_of(struct arena *arena, const json_t *json)
{
    switch (json_typeof(json)) {
    case JSON_TRUE:
    case JSON_FALSE:
        return (struct json_value){.kind = JSON_KIND_BOOL, .boolean = json_is_true(json)};
    case JSON_INTEGER:
        return (struct json_value){
            .kind = JSON_KIND_INTEGER, .integer = json_integer_value(json), .real = (double)json_integer_value(json)};
    case JSON_REAL:
        return (struct json_value){.kind = JSON_KIND_REAL, .real = json_real_value(json)};
    case JSON_STRING:
        return (struct json_value){.kind = JSON_KIND_TEXT, .text = arena_strdup(arena, json_string_value(json))};
    case JSON_ARRAY:
    case JSON_OBJECT:
        return (struct json_value){.kind = JSON_KIND_COMPOUND};
    case JSON_NULL:
        break;
    }
    return (struct json_value){.kind = JSON_KIND_NULL};
}

bool json_read_value(struct arena *arena, const char *text, struct json_value *ret_value, const char **ret_error)
{
    json_error_t error;
    json_t *json = json_loads(text, JSON_DECODE_ANY, &error);

    if (json == NULL) {
        *ret_error = arena_strdup(arena, error.text);
        return false;
    }
    *ret_value = value_of(arena, json);
    json_decref(json);
    return true;
}
