/*
 * The search attributes of a run: set at its start, changed by its worker, and a few that the server keeps itself. They
 * are held packed, and replaced at each change: changes are rare, and nobody looks at those of a run that waits.
 */
#include <stdio.h>
#include <string.h>

#include "history/internal.h"
#include "proto/search_attributes.h"

enum { ATTRIBUTES_ARENA_BYTES = 256 };

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

static void keep_packed(struct mutable_state *ms, struct bytes packed)
{
    uint8_t *copy = memory_new(packed.len + 1); /* there, even if empty */

    if (packed.len > 0)
        memcpy(copy, packed.data, packed.len);
    memory_free((void *)(uintptr_t)ms->search_attributes.data);
    ms->search_attributes = (struct bytes){.data = copy, .len = packed.len};
}

void mutable_state_keep_search_attributes(struct mutable_state *ms, const PbSearchAttributes *attributes,
                                          struct arena *scratch)
{
    if (attributes != NULL) {
        keep_packed(ms, pb_pack(scratch, attributes));
    } else {
        memory_free((void *)(uintptr_t)ms->search_attributes.data);
        ms->search_attributes = (struct bytes){0};
    }
}

void mutable_state_replace_search_attributes(struct mutable_state *ms, const PbSearchAttributes *attributes)
{
    struct arena *scratch = arena_new(ATTRIBUTES_ARENA_BYTES);

    mutable_state_keep_search_attributes(ms, attributes, scratch);
    ms->columns_changed = true;
    arena_free(scratch);
}

void mutable_state_set_search_attributes(struct mutable_state *ms, const struct attribute_change *changes, size_t count)
{
    struct buffer packed = {0};

    if (packed_attributes_change(ms->search_attributes, changes, count, &packed)) {
        keep_packed(ms, (struct bytes){packed.data, packed.len});
        ms->columns_changed = true;
        for (size_t i = 0; i < count && !ms->lookups_changed; i++)
            ms->lookups_changed = is_search_attribute_looked_up(changes[i].name);
    }
    buffer_free(&packed);
}

/* ---- values, as the real server's JSON has them ---- */

/* A character of a text takes at most so many in JSON. */
enum { ESCAPE_BYTES = 6 };

/* How many bytes from here on stand for themselves. What could end a script in a web page does not. */
static size_t plain_bytes(const char *text)
{
    const char *at = text;

    while ((unsigned char)*at >= ' ' && *at != '"' && *at != '\\' && *at != '<' && *at != '>' && *at != '&')
        at++;
    return (size_t)(at - text);
}

static char *put_escaped(char *at, char c)
{
    static const char short_escapes[] = "\bb\ff\nn\rr\tt\"\"\\\\";

    for (const char *escape = short_escapes; *escape != '\0'; escape += 2) {
        if (*escape == c) {
            *at++ = '\\';
            *at++ = escape[1];
            return at;
        }
    }
    return at + snprintf(at, ESCAPE_BYTES + 1, "\\u%04x", (unsigned char)c);
}

/* The most that put_text writes, and its end. */
static size_t text_bytes_max(const char *text)
{
    return ESCAPE_BYTES * strlen(text) + sizeof("\"\"");
}

/* Writes a text with its quotes, and returns where it ends. */
static char *put_text(char *at, const char *text)
{
    *at++ = '"';
    for (;;) {
        size_t plain = plain_bytes(text);

        memcpy(at, text, plain);
        at += plain;
        text += plain;
        if (*text == '\0')
            break;
        at = put_escaped(at, *text++);
    }
    *at++ = '"';
    return at;
}

struct attribute_change keyword_list_attribute(struct arena *arena, const char *name, size_t count,
                                               const char *const *texts)
{
    size_t most = 2;
    char *json, *at;

    for (size_t i = 0; i < count; i++)
        most += 1 + text_bytes_max(texts[i]);
    json = at = arena_alloc_raw(arena, most);
    *at++ = '[';
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            *at++ = ',';
        at = put_text(at, texts[i]);
    }
    *at++ = ']';
    return (struct attribute_change){name, "KeywordList", {(const uint8_t *)json, (size_t)(at - json)}};
}

struct attribute_change keyword_attribute(struct arena *arena, const char *name, const char *text)
{
    char *json = arena_alloc_raw(arena, text_bytes_max(text));

    return (struct attribute_change){name, "Keyword", {(const uint8_t *)json, (size_t)(put_text(json, text) - json)}};
}

struct attribute_change no_attribute(const char *name)
{
    return (struct attribute_change){.name = name};
}
