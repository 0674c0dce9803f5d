/*
 * Values are JSON in a payload. They are kept as the client wrote them; here it is only looked whether they are of
 * their attribute's type, with a scanner of what can occur (a scalar, or a list of scalars), since no tree is needed.
 *
 * The order of the checks is the real server's: all names, the count, each attribute's use and value, sizes.
 */
#include "server/frontend/search_attributes.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proto/payload.h"
#include "proto/pb.h"
#include "proto/search_attributes.h"
#include "server/frontend/messages.h"

/* An attribute as the namespace knows it. */
struct known {
    PbIndexedValueType type;
    enum search_attribute_use use;
};

static bool find_attribute(const struct namespace_info *ns, const char *name, struct known *ret_known)
{
    const struct predefined_search_attribute *predefined = predefined_search_attribute_find(name);
    const PbNamespaceSearchAttribute *custom = custom_search_attribute_find(ns->record, name);

    if (predefined != NULL)
        *ret_known = (struct known){.type = predefined->type, .use = predefined->use};
    else if (custom != NULL)
        *ret_known = (struct known){.type = (PbIndexedValueType)custom->type, .use = SEARCH_ATTRIBUTE_CUSTOM};
    return predefined != NULL || custom != NULL;
}

/* ---- values ---- */

static const char *skip_blanks(const char *at)
{
    return at + strspn(at, " \t\r\n");
}

/* Behind the JSON string at `at`, NULL when there is none. */
static const char *scan_string(const char *at)
{
    if (*at != '"')
        return NULL;
    for (at++; *at != '"'; at++) {
        if ((unsigned char)*at < 0x20)
            return NULL;
        if (*at != '\\')
            continue;
        at++;
        if (*at == 'u') {
            for (int i = 0; i < 4; i++) {
                if (!isxdigit((unsigned char)*++at))
                    return NULL;
            }
        } else if (*at == '\0' || strchr("\"\\/bfnrt", *at) == NULL) {
            return NULL;
        }
    }
    return at + 1;
}

/* Behind the JSON number at `at`, NULL when there is none. */
static const char *scan_number(const char *at, bool *ret_is_integer)
{
    size_t digits;

    *ret_is_integer = true;
    at += *at == '-';
    digits = strspn(at, "0123456789");
    if (digits == 0 || (digits > 1 && *at == '0'))
        return NULL;
    at += digits;
    if (*at == '.') {
        *ret_is_integer = false;
        digits = strspn(++at, "0123456789");
        if (digits == 0)
            return NULL;
        at += digits;
    }
    if (*at == 'e' || *at == 'E') {
        *ret_is_integer = false;
        at++;
        at += *at == '+' || *at == '-';
        digits = strspn(at, "0123456789");
        if (digits == 0)
            return NULL;
        at += digits;
    }
    return at;
}

static const char *scan_integer(const char *at)
{
    bool is_integer;
    const char *end = scan_number(at, &is_integer);

    errno = 0;
    if (end == NULL || !is_integer || (strtoll(at, NULL, 10), errno) != 0)
        return NULL;
    return end;
}

static const char *scan_word(const char *at, const char *word)
{
    return strncmp(at, word, strlen(word)) == 0 ? at + strlen(word) : NULL;
}

/* The number that the two digits at `at` write, -1 when there are none. */
static int two_digits(const char *at)
{
    if (!isdigit((unsigned char)at[0]) || !isdigit((unsigned char)at[1]))
        return -1;
    return (at[0] - '0') * 10 + (at[1] - '0');
}

static bool is_two_digits(const char *at, int least, int most)
{
    return two_digits(at) >= least && two_digits(at) <= most;
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

    return days[month - 1] + (month == 2 && is_leap);
}

/* Behind "2026-01-31T23:59:59" at `at`, NULL when there is none. */
static const char *scan_date_and_time(const char *at)
{
    if (strspn(at, "0123456789") != 4 || at[4] != '-' || !is_two_digits(at + 5, 1, 12) || at[7] != '-')
        return NULL;
    if (!is_two_digits(at + 8, 1, days_in_month(two_digits(at) * 100 + two_digits(at + 2), two_digits(at + 5))))
        return NULL;
    if (at[10] != 'T' || !is_two_digits(at + 11, 0, 23) || at[13] != ':' || !is_two_digits(at + 14, 0, 59) ||
        at[16] != ':' || !is_two_digits(at + 17, 0, 59))
        return NULL;
    return at + 19;
}

/* Behind a JSON string with an instant as RFC 3339 has it: "2026-01-31T23:59:59.5Z". */
static const char *scan_instant(const char *at)
{
    if (*at != '"' || (at = scan_date_and_time(at + 1)) == NULL)
        return NULL;
    if (*at == '.' || *at == ',') { /* the comma is ISO 8601's, and taken */
        size_t digits = strspn(++at, "0123456789");

        if (digits == 0)
            return NULL;
        at += digits;
    }
    if (*at == 'Z')
        at++;
    else if ((*at == '+' || *at == '-') && is_two_digits(at + 1, 0, 23) && at[3] == ':' && is_two_digits(at + 4, 0, 59))
        at += 6;
    else
        return NULL;
    return *at == '"' ? at + 1 : NULL;
}

/* Behind a scalar of the type (an element, of a list type) at `at`, NULL when there is none. */
static const char *scan_scalar(const char *at, PbIndexedValueType type)
{
    const char *end;
    bool ignored;

    switch (type) {
    case INDEXED_VALUE_TYPE_TEXT:
    case INDEXED_VALUE_TYPE_KEYWORD:
    case INDEXED_VALUE_TYPE_KEYWORD_LIST:
        return scan_string(at);
    case INDEXED_VALUE_TYPE_INT:
        return scan_integer(at);
    case INDEXED_VALUE_TYPE_DOUBLE:
        return scan_number(at, &ignored);
    case INDEXED_VALUE_TYPE_BOOL:
        return (end = scan_word(at, "true")) != NULL ? end : scan_word(at, "false");
    case INDEXED_VALUE_TYPE_DATETIME:
        return scan_instant(at);
    default:
        return NULL;
    }
}

/* Whether `text` is a value of the type. Null is one, also as an element; a list of one is as good as its element. */
static bool is_value(const char *text, PbIndexedValueType type)
{
    bool is_list_type = type == INDEXED_VALUE_TYPE_KEYWORD_LIST;
    const char *at = skip_blanks(text), *end = scan_word(at, "null");
    int count = 0;

    if (end == NULL && *at != '[' && !is_list_type)
        end = scan_scalar(at, type);
    if (end != NULL)
        return *skip_blanks(end) == '\0';
    if (*at != '[')
        return false;
    at = skip_blanks(at + 1);
    while (*at != ']') {
        if (count++ > 0) {
            if (*at != ',')
                return false;
            at = skip_blanks(at + 1);
        }
        end = scan_word(at, "null");
        at = end != NULL ? end : scan_scalar(at, type);
        if (at == NULL || (count > 1 && !is_list_type))
            return false;
        at = skip_blanks(at);
    }
    return *skip_blanks(at + 1) == '\0';
}

/* How an error shows a value: strings without quotes, lists with spaces. */
static const char *value_shown(struct arena *arena, const char *text)
{
    char *shown = arena_strdup(arena, skip_blanks(text)), *to = shown;

    for (const char *from = shown; *from != '\0'; from++) {
        if (*from == ',' && *shown == '[')
            *to++ = ' ';
        else if (*from != '"')
            *to++ = *from;
    }
    *to = '\0';
    return shown;
}

static status check_value(struct arena *arena, const char *name, PbIndexedValueType type, const PbPayload *payload)
{
    const char *text = "";

    if (payload != NULL && payload_is_encoded_as(payload, "binary/null"))
        return status_ok();
    if (payload != NULL)
        text = arena_strndup(arena, (const char *)payload->data.data, payload->data.len);
    if (payload != NULL && payload_is_encoded_as(payload, "json/plain") && strlen(text) == payload->data.len &&
        is_value(text, type))
        return status_ok();
    return status_errorf(arena, GRPC_INVALID_ARGUMENT, MSG_SEARCH_ATTRIBUTE_BAD_VALUE, name, search_attribute_type_name((int)type),
                         value_shown(arena, text));
}

/* ---- the whole ---- */

status search_attributes_check_sizes(struct arena *arena, const struct dynamic_config *config,
                                     const PbSearchAttributes *attributes)
{
    size_t total = protobuf_c_message_get_packed_size(&attributes->base);

    for (size_t i = 0; i < attributes->n_indexed_fields; i++) {
        const PbSearchAttributesIndexedFieldsEntry *entry = attributes->indexed_fields[i];

        if (entry->value != NULL && entry->value->data.len > (size_t)config->search_attribute_bytes_max)
            return status_errorf(arena, GRPC_INVALID_ARGUMENT, MSG_SEARCH_ATTRIBUTE_TOO_LARGE, entry->key,
                                 entry->value->data.len, config->search_attribute_bytes_max);
    }
    if (total > (size_t)config->search_attributes_bytes_max)
        return status_errorf(arena, GRPC_INVALID_ARGUMENT, MSG_SEARCH_ATTRIBUTES_TOO_LARGE, total,
                             config->search_attributes_bytes_max);
    return status_ok();
}

/* The payload with "type" in its metadata: clients decode by it. */
static PbPayload *with_type(struct arena *arena, const PbPayload *payload, PbIndexedValueType type)
{
    PbPayload *typed = ARENA_NEW_PB(arena, PbPayload);
    PbPayloadMetadataEntry *entry = ARENA_NEW_PB(arena, PbPayloadMetadataEntry);

    if (payload == NULL)
        payload = typed;
    *typed = *payload;
    typed->metadata = ARENA_NEW_ARRAY(arena, PbPayloadMetadataEntry *, payload->n_metadata + 1);
    typed->n_metadata = 0;
    for (size_t i = 0; i < payload->n_metadata; i++) {
        if (strcmp(payload->metadata[i]->key, "type") != 0)
            typed->metadata[typed->n_metadata++] = payload->metadata[i];
    }
    entry->key = "type";
    entry->value.len = strlen(search_attribute_type_name((int)type));
    entry->value.data = arena_memdup(arena, search_attribute_type_name((int)type), entry->value.len);
    typed->metadata[typed->n_metadata++] = entry;
    return typed;
}

static status check_names(struct arena *arena, const struct namespace_info *ns, const PbSearchAttributes *attributes,
                          struct known *ret_known)
{
    for (size_t i = 0; i < attributes->n_indexed_fields; i++) {
        if (!find_attribute(ns, attributes->indexed_fields[i]->key, &ret_known[i]))
            return status_errorf(arena, GRPC_INVALID_ARGUMENT, MSG_SEARCH_ATTRIBUTE_UNKNOWN, ns->name,
                                 attributes->indexed_fields[i]->key);
    }
    return status_ok();
}

static status check_values(struct arena *arena, const struct dynamic_config *config,
                           const PbSearchAttributes *attributes, const struct known *known)
{
    if (attributes->n_indexed_fields > (size_t)config->search_attributes_max)
        return status_errorf(arena, GRPC_INVALID_ARGUMENT, MSG_SEARCH_ATTRIBUTES_TOO_MANY, attributes->n_indexed_fields,
                             config->search_attributes_max);
    for (size_t i = 0; i < attributes->n_indexed_fields; i++) {
        const PbSearchAttributesIndexedFieldsEntry *entry = attributes->indexed_fields[i];

        if (known[i].use == SEARCH_ATTRIBUTE_OF_ROW || known[i].use == SEARCH_ATTRIBUTE_SERVER)
            return status_errorf(arena, GRPC_INVALID_ARGUMENT, MSG_SEARCH_ATTRIBUTE_RESERVED, entry->key);
        TRY(check_value(arena, entry->key, known[i].type, entry->value));
    }
    return status_ok();
}

/* The attributes, each with its type; those that are nil only if `with_nil`. */
static PbSearchAttributes *with_types(struct arena *arena, const PbSearchAttributes *attributes,
                                      const struct known *known, bool with_nil)
{
    PbSearchAttributes *typed = ARENA_NEW_PB(arena, PbSearchAttributes);

    typed->indexed_fields =
        ARENA_NEW_ARRAY(arena, PbSearchAttributesIndexedFieldsEntry *, attributes->n_indexed_fields);
    for (size_t i = 0; i < attributes->n_indexed_fields; i++) {
        PbSearchAttributesIndexedFieldsEntry *copy;

        if (!with_nil && payload_is_nil(attributes->indexed_fields[i]->value))
            continue;
        copy = ARENA_NEW_PB(arena, PbSearchAttributesIndexedFieldsEntry);
        copy->key = attributes->indexed_fields[i]->key;
        copy->value = with_type(arena, attributes->indexed_fields[i]->value, known[i].type);
        typed->indexed_fields[typed->n_indexed_fields++] = copy;
    }
    return typed;
}

status search_attributes_check(struct arena *arena, const struct dynamic_config *config,
                               const struct namespace_info *ns, const PbSearchAttributes *attributes,
                               PbSearchAttributes **ret_attributes)
{
    struct known *known;
    PbSearchAttributes *kept;

    if (attributes == NULL || attributes->n_indexed_fields == 0) {
        *ret_attributes = NULL;
        return status_ok();
    }
    known = ARENA_NEW_ARRAY(arena, struct known, attributes->n_indexed_fields);
    TRY(check_names(arena, ns, attributes, known));
    TRY(check_values(arena, config, attributes, known));
    TRY(search_attributes_check_sizes(arena, config, attributes));
    kept = with_types(arena, attributes, known, false);
    *ret_attributes = kept->n_indexed_fields > 0 ? kept : NULL;
    return status_ok();
}

void search_attributes_judge(struct arena *arena, const struct dynamic_config *config, const struct namespace_info *ns,
                             const PbSearchAttributes *attributes, struct search_attributes_verdict *ret_verdict)
{
    struct known *known = ARENA_NEW_ARRAY(arena, struct known, attributes->n_indexed_fields);
    status checked = check_names(arena, ns, attributes, known);

    *ret_verdict = (struct search_attributes_verdict){.is_unknown_name = !status_is_ok(checked)};
    if (status_is_ok(checked))
        checked = check_values(arena, config, attributes, known);
    if (status_is_ok(checked))
        ret_verdict->typed = with_types(arena, attributes, known, true);
    else
        ret_verdict->problem = checked.message;
}
