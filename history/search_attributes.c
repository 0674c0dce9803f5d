/*
 * The search attributes of a run: set at its start, changed by its worker, and a few that the server keeps itself. They
 * are held as one message in an arena of its own, which is replaced at each change: changes are rare and the message is
 * small.
 */
#include <stdio.h>
#include <string.h>

#include "history/internal.h"
#include "proto/search_attributes.h"

enum { ATTRIBUTES_ARENA_BYTES = 256 };

void mutable_state_set_search_attribute(struct mutable_state *ms, const char *name, const PbPayload *payload)
{
    struct arena *scratch = arena_new(1024), *old = ms->search_attributes_arena;
    const PbSearchAttributes *before = ms->search_attributes;
    size_t count = before == NULL ? 0 : before->n_indexed_fields;
    PbSearchAttributes *after = ARENA_NEW_PB(scratch, PbSearchAttributes);
    PbSearchAttributesIndexedFieldsEntry *added = ARENA_NEW_PB(scratch, PbSearchAttributesIndexedFieldsEntry);

    after->indexed_fields = ARENA_NEW_ARRAY(scratch, PbSearchAttributesIndexedFieldsEntry *, count + 1);
    for (size_t i = 0; i < count; i++)
        if (strcmp(before->indexed_fields[i]->key, name) != 0)
            after->indexed_fields[after->n_indexed_fields++] = before->indexed_fields[i];
    if (payload != NULL) {
        added->key = borrow_text(name);
        added->value = borrow(payload);
        after->indexed_fields[after->n_indexed_fields++] = added;
    }
    if (payload != NULL || after->n_indexed_fields < count) {
        ms->search_attributes_arena = arena_new(ATTRIBUTES_ARENA_BYTES);
        ms->search_attributes = pb_copy(ms->search_attributes_arena, after);
        ms->columns_changed = true;
        ms->lookups_changed = ms->lookups_changed || is_search_attribute_looked_up(name);
        arena_free(old);
    }
    arena_free(scratch);
}

/* Appends a text as the real server's JSON has it: what could end a script in a web page is escaped as well. */
static void append_json_text(struct buffer *json, const char *text)
{
    static const char short_escapes[] = "\bb\ff\nn\rr\tt\"\"\\\\";
    char escape[8];

    buffer_append_byte(json, '"');
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        const char *known = NULL;

        for (const char *at = short_escapes; *at != '\0' && known == NULL; at += 2)
            known = *at == *text ? at + 1 : NULL;
        if (known != NULL) {
            buffer_append_byte(json, '\\');
            buffer_append_byte(json, (uint8_t)*known);
        } else if (c < ' ' || c == '<' || c == '>' || c == '&') {
            snprintf(escape, sizeof(escape), "\\u%04x", c);
            buffer_append(json, escape, strlen(escape));
        } else {
            buffer_append_byte(json, c);
        }
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

PbPayload *keyword_list_payload(struct arena *arena, size_t count, const char *const *texts)
{
    PbPayload *payload = ARENA_NEW_PB(arena, PbPayload);
    struct buffer json = {0};

    buffer_append_byte(&json, '[');
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buffer_append_byte(&json, ',');
        append_json_text(&json, texts[i]);
    }
    buffer_append_byte(&json, ']');
    payload->data = (ProtobufCBinaryData){json.len, arena_memdup(arena, json.data, json.len)};
    buffer_free(&json);
    payload->metadata = ARENA_NEW_ARRAY(arena, PbPayloadMetadataEntry *, 2);
    payload->metadata[payload->n_metadata++] = metadata_entry(arena, "encoding", "json/plain");
    payload->metadata[payload->n_metadata++] = metadata_entry(arena, "type", "KeywordList");
    return payload;
}
