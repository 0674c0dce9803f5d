/*
 * Values are JSON in a payload. They are kept as the client wrote them; here it is only looked whether they are of
 * their attribute's type.
 *
 * The order of the checks is the real server's: all names, the count, each attribute's use and value, sizes.
 */
#include "server/frontend/search_attributes.h"

#include <string.h>

#include "proto/payload.h"
#include "proto/pb.h"
#include "proto/search_attributes.h"
#include "proto/search_value.h"
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

/* How an error shows a value: strings without quotes, lists with spaces. */
static const char *value_shown(struct arena *arena, const char *text)
{
    char *shown = arena_strdup(arena, text + strspn(text, " \t\r\n")), *to = shown;

    for (const char *from = shown; *from != '\0'; from++) {
        if (*from == ',' && *shown == '[') {
            *to++ = ' ';
            from += strspn(from + 1, " \t\r\n");
        } else if (*from != '"')
            *to++ = *from;
    }
    *to = '\0';
    return shown;
}

static status check_value(struct arena *arena, const char *name, PbIndexedValueType type, const PbPayload *payload)
{
    const char *text = "";
    struct search_value value;

    if (payload != NULL && payload_is_encoded_as(payload, "binary/null"))
        return status_ok();
    if (payload != NULL)
        text = arena_strndup(arena, (const char *)payload->data.data, payload->data.len);
    if (payload != NULL && payload_is_encoded_as(payload, "json/plain") &&
        search_value_read(arena, (struct bytes){payload->data.data, payload->data.len}, type, &value) !=
            SEARCH_VALUE_BAD)
        return status_ok();
    return status_errorf(arena, GRPC_INVALID_ARGUMENT, MSG_SEARCH_ATTRIBUTE_BAD_VALUE, name,
                         search_attribute_type_name((int)type), value_shown(arena, text));
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

/* Whether the payload's metadata says that it is of this type. */
static bool is_of_type(const PbPayload *payload, PbIndexedValueType type)
{
    const char *name = search_attribute_type_name((int)type);

    for (size_t i = 0; payload != NULL && i < payload->n_metadata; i++)
        if (strcmp(payload->metadata[i]->key, "type") == 0)
            return payload->metadata[i]->value.len == strlen(name) &&
                   memcmp(payload->metadata[i]->value.data, name, strlen(name)) == 0;
    return false;
}

PbSearchAttributes *search_attributes_shown(struct arena *arena, const struct namespace_info *ns,
                                            const PbSearchAttributes *attributes)
{
    PbSearchAttributes *shown = ARENA_NEW_PB(arena, PbSearchAttributes);
    size_t count = attributes == NULL ? 0 : attributes->n_indexed_fields;

    shown->indexed_fields = ARENA_NEW_ARRAY(arena, PbSearchAttributesIndexedFieldsEntry *, count);
    for (size_t i = 0; i < count; i++) {
        PbSearchAttributesIndexedFieldsEntry *entry = attributes->indexed_fields[i];
        struct known known;

        if (find_attribute(ns, entry->key, &known) && is_of_type(entry->value, known.type))
            shown->indexed_fields[shown->n_indexed_fields++] = entry;
    }
    return shown;
}

static void add_metadata(struct arena *arena, PbPayload *payload, const char *key, const char *value)
{
    PbPayloadMetadataEntry *entry = ARENA_NEW_PB(arena, PbPayloadMetadataEntry);

    entry->key = key;
    entry->value.len = strlen(value);
    entry->value.data = arena_memdup(arena, value, strlen(value));
    payload->metadata[payload->n_metadata++] = entry;
}

PbPayload *search_attribute_payload(struct arena *arena, PbIndexedValueType type, const char *text)
{
    PbPayload *payload = ARENA_NEW_PB(arena, PbPayload);
    const char *json = json_quoted(arena, text);

    payload->metadata = ARENA_NEW_ARRAY(arena, PbPayloadMetadataEntry *, 2);
    add_metadata(arena, payload, "encoding", "json/plain");
    add_metadata(arena, payload, "type", search_attribute_type_name((int)type));
    payload->data.len = strlen(json);
    payload->data.data = arena_memdup(arena, json, strlen(json));
    return payload;
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
