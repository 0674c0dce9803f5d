#include "proto/json.h"

#include <string.h>

#include <jansson.h>

/* False when something in the array is not a text. */
static bool texts_of(struct arena *arena, const json_t *array, struct json_texts *ret_texts)
{
    size_t count = json_array_size(array);
    const char **texts = ARENA_NEW_ARRAY(arena, const char *, count + 1); /* also of none: see struct json_texts */

    for (size_t i = 0; i < count; i++) {
        const json_t *element = json_array_get(array, i);

        if (!json_is_string(element))
            return false;
        texts[i] = arena_strdup(arena, json_string_value(element));
    }
    *ret_texts = (struct json_texts){texts, count};
    return true;
}

static struct json_value value_of(struct arena *arena, const json_t *json)
{
    struct json_texts texts;

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
        if (texts_of(arena, json, &texts))
            return (struct json_value){.kind = JSON_KIND_TEXTS, .texts = texts};
        return (struct json_value){.kind = JSON_KIND_COMPOUND};
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
