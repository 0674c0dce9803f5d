/*
 * The search attributes of a run: set at its start, changed by its worker, and a few that the server keeps itself. They
 * are held packed, and replaced at each change: changes are rare, and nobody looks at those of a run that waits.
 */
#include <stdio.h>
#include <string.h>

#include "history/internal.h"
#include "proto/search_attributes.h"

enum { ATTRIBUTES_ARENA_BYTES = 256 };

static const PbPayload *value_of(const PbSearchAttributes *attributes, const char *name)
{
    for (size_t i = 0; attributes != NULL && i < attributes->n_indexed_fields; i++)
        if (strcmp(attributes->indexed_fields[i]->key, name) == 0)
            return attributes->indexed_fields[i]->value;
    return NULL;
}

/* Whether it changes what is there. The server gives each of its attributes one type only, so data tell. */
static bool is_change(const PbSearchAttributes *before, const struct server_attribute *change)
{
    const PbPayload *present = value_of(before, change->name);

    if (present == NULL || change->value == NULL)
        return present != change->value;
    return present->data.len != change->value->data.len ||
           memcmp(present->data.data, change->value->data.data, present->data.len) != 0;
}

static bool is_among(const char *name, const struct server_attribute *changes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(changes[i].name, name) == 0)
            return true;
    return false;
}

PbSearchAttributes *mutable_state_search_attributes(const struct mutable_state *ms, struct arena *arena)
{
    struct bytes packed = ms->search_attributes;
    PbSearchAttributes *attributes;

    if (packed.data == NULL)
        return NULL;
    attributes = pb_unpack(arena, &PbSearchAttributes_descriptor, packed.data, packed.len);
    invariant(attributes != NULL, "search attributes that we packed cannot be read");
    return attributes;
}

void mutable_state_keep_search_attributes(struct mutable_state *ms, const PbSearchAttributes *attributes,
                                          struct arena *scratch)
{
    struct bytes packed = {0};
    uint8_t *copy = NULL;

    if (attributes != NULL) {
        packed = pb_pack(scratch, attributes);
        copy = memory_new(packed.len + 1); /* there, even if empty */
        if (packed.len > 0)
            memcpy(copy, packed.data, packed.len);
    }
    memory_free((void *)(uintptr_t)ms->search_attributes.data);
    ms->search_attributes = (struct bytes){.data = copy, .len = packed.len};
}

void mutable_state_replace_search_attributes(struct mutable_state *ms, const PbSearchAttributes *attributes)
{
    struct arena *scratch = arena_new(ATTRIBUTES_ARENA_BYTES);

    mutable_state_keep_search_attributes(ms, attributes, scratch);
    ms->columns_changed = true;
    arena_free(scratch);
}

void mutable_state_set_search_attributes(struct mutable_state *ms, const struct server_attribute *changes, size_t count)
{
    struct arena *scratch = arena_new(1024);
    const PbSearchAttributes *before = mutable_state_search_attributes(ms, scratch);
    size_t before_count = before == NULL ? 0 : before->n_indexed_fields;
    PbSearchAttributes *after = ARENA_NEW_PB(scratch, PbSearchAttributes);
    bool is_changed = false;

    after->indexed_fields = ARENA_NEW_ARRAY(scratch, PbSearchAttributesIndexedFieldsEntry *, before_count + count);
    for (size_t i = 0; i < before_count; i++)
        if (!is_among(before->indexed_fields[i]->key, changes, count))
            after->indexed_fields[after->n_indexed_fields++] = before->indexed_fields[i];
    for (size_t i = 0; i < count; i++) {
        PbSearchAttributesIndexedFieldsEntry *added;

        if (is_change(before, &changes[i])) {
            is_changed = true;
            ms->lookups_changed = ms->lookups_changed || is_search_attribute_looked_up(changes[i].name);
        }
        if (changes[i].value == NULL)
            continue;
        added = ARENA_NEW_PB(scratch, PbSearchAttributesIndexedFieldsEntry);
        added->key = borrow_text(changes[i].name);
        added->value = borrow(changes[i].value);
        after->indexed_fields[after->n_indexed_fields++] = added;
    }
    if (is_changed) {
        mutable_state_keep_search_attributes(ms, after, scratch);
        ms->columns_changed = true;
    }
    arena_free(scratch);
}

void mutable_state_set_search_attribute(struct mutable_state *ms, const char *name, const PbPayload *payload)
{
    mutable_state_set_search_attributes(ms, &(struct server_attribute){name, payload}, 1);
}

/* How many bytes from here on stand for themselves. */
static size_t plain_bytes(const char *text)
{
    const char *at = text;

    while ((unsigned char)*at >= ' ' && *at != '"' && *at != '\\' && *at != '<' && *at != '>' && *at != '&')
        at++;
    return (size_t)(at - text);
}

static void append_escaped(struct buffer *json, char c)
{
    static const char short_escapes[] = "\bb\ff\nn\rr\tt\"\"\\\\";
    char escape[8];

    for (const char *at = short_escapes; *at != '\0'; at += 2) {
        if (*at == c) {
            buffer_append_byte(json, '\\');
            buffer_append_byte(json, (uint8_t)at[1]);
            return;
        }
    }
    snprintf(escape, sizeof(escape), "\\u%04x", (unsigned char)c);
    buffer_append(json, escape, strlen(escape));
}

/* Appends a text as the real server's JSON has it: what could end a script in a web page is escaped as well. */
static void append_json_text(struct buffer *json, const char *text)
{
    buffer_append_byte(json, '"');
    for (;;) {
        size_t plain = plain_bytes(text);

        buffer_append(json, text, plain);
        text += plain;
        if (*text == '\0')
            break;
        append_escaped(json, *text++);
    }
    buffer_append_byte(json, '"');
}

static PbPayloadMetadataEntry *metadata_entry(struct arena *arena, const char *key, const char *value)
{
    PbPayloadMetadataEntry *entry = ARENA_NEW_PB(arena, PbPayloadMetadataEntry);

    entry->key = borrow_text(key);
    entry->value = (ProtobufCBinaryData){strlen(value), arena_memdup(arena, value, strlen(value))};
    return entry;
}

static PbPayload *typed_payload(struct arena *arena, struct buffer *json, const char *type)
{
    PbPayload *payload = ARENA_NEW_PB(arena, PbPayload);

    payload->data = (ProtobufCBinaryData){json->len, arena_memdup(arena, json->data, json->len)};
    buffer_free(json);
    payload->metadata = ARENA_NEW_ARRAY(arena, PbPayloadMetadataEntry *, 2);
    payload->metadata[payload->n_metadata++] = metadata_entry(arena, "encoding", "json/plain");
    payload->metadata[payload->n_metadata++] = metadata_entry(arena, "type", type);
    return payload;
}

PbPayload *keyword_list_payload(struct arena *arena, size_t count, const char *const *texts)
{
    struct buffer json = {0};

    buffer_append_byte(&json, '[');
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buffer_append_byte(&json, ',');
        append_json_text(&json, texts[i]);
    }
    buffer_append_byte(&json, ']');
    return typed_payload(arena, &json, "KeywordList");
}

PbPayload *keyword_payload(struct arena *arena, const char *text)
{
    struct buffer json = {0};

    append_json_text(&json, text);
    return typed_payload(arena, &json, "Keyword");
}
