/* https://www.sqlite.org/fts5.html#custom_tokenizers, section 7.1: the tokenizers are reached through a pointer that a
 * query fills in. */
#include "persistence/visibility_text.h"

#include <ctype.h>
#include <string.h>

#include "base/invariant.h"
#include "base/memory.h"
#include "persistence/store_internal.h"

struct visibility_text {
    fts5_tokenizer calls;
    Fts5Tokenizer *words, *elements;
};

static fts5_api *find_api(sqlite3 *db)
{
    sqlite3_stmt *statement = NULL;
    fts5_api *api = NULL;

    if (sqlite3_prepare_v2(db, "SELECT fts5(?1)", -1, &statement, NULL) == SQLITE_OK) {
        sqlite3_bind_pointer(statement, 1, &api, "fts5_api_ptr", NULL);
        sqlite3_step(statement);
    }
    sqlite3_finalize(statement);
    return api;
}

static struct visibility_text *make(sqlite3 *db)
{
    const char *for_words[] = {"remove_diacritics", "2"};
    const char *for_elements[] = {"remove_diacritics", "0", "categories", "C* L* M* N* P* S* Z*"};
    struct visibility_text *text = memory_new(sizeof(*text));
    fts5_api *api = find_api(db);
    void *context;

    invariant(api != NULL, "SQLite has been built without full-text search");
    invariant(api->xFindTokenizer(api, "unicode61", &context, &text->calls) == SQLITE_OK &&
                  text->calls.xCreate(context, for_words, 2, &text->words) == SQLITE_OK &&
                  text->calls.xCreate(context, for_elements, 4, &text->elements) == SQLITE_OK,
              "SQLite's tokenizer cannot be made");
    return text;
}

static struct visibility_text *of_store(struct store *store)
{
    struct visibility_text **text = store_visibility_text(store);

    if (*text == NULL)
        *text = make(store_database(store));
    return *text;
}

void visibility_text_free(struct visibility_text *text)
{
    if (text == NULL)
        return;
    text->calls.xDelete(text->words);
    text->calls.xDelete(text->elements);
    memory_free(text);
}

/* What a tokenizer has found so far. */
struct tokens {
    struct arena *arena;
    struct bytes *list;
    size_t count, capacity;
};

static int add_token(void *context, int flags, const char *token, int length, int start, int end)
{
    struct tokens *tokens = context;

    (void)flags;
    (void)start;
    (void)end;
    if (tokens->count == tokens->capacity) {
        size_t capacity = tokens->capacity == 0 ? 16 : tokens->capacity * 2;
        struct bytes *larger = ARENA_NEW_ARRAY(tokens->arena, struct bytes, capacity);

        if (tokens->count > 0)
            memcpy(larger, tokens->list, tokens->count * sizeof(larger[0]));
        tokens->list = larger;
        tokens->capacity = capacity;
    }
    tokens->list[tokens->count++] = (struct bytes){arena_memdup(tokens->arena, token, (size_t)length), (size_t)length};
    return SQLITE_OK;
}

static struct tokens tokenize(struct visibility_text *text, Fts5Tokenizer *tokenizer, struct arena *arena,
                              struct bytes source)
{
    struct tokens tokens = {.arena = arena};

    if (source.len > 0)
        text->calls.xTokenize(tokenizer, &tokens, FTS5_TOKENIZE_DOCUMENT, (const char *)source.data, (int)source.len,
                              add_token);
    return tokens;
}

size_t visibility_text_words(struct store *store, struct arena *arena, struct bytes text, struct bytes **ret_words)
{
    struct visibility_text *own = of_store(store);
    struct tokens tokens = tokenize(own, own->words, arena, text);

    *ret_words = tokens.list;
    return tokens.count;
}

static struct bytes lower_ascii(struct arena *arena, struct bytes text)
{
    uint8_t *lower = arena_memdup(arena, text.data, text.len);

    for (size_t i = 0; i < text.len; i++)
        lower[i] = (uint8_t)tolower(lower[i]);
    return (struct bytes){lower, text.len};
}

struct bytes visibility_text_fold(struct store *store, struct arena *arena, struct bytes text)
{
    bool is_ascii = true, is_lower = true;
    struct visibility_text *own;
    struct tokens tokens;
    struct bytes folded;

    for (size_t i = 0; i < text.len; i++) {
        is_ascii = is_ascii && text.data[i] < 0x80;
        is_lower = is_lower && !isupper(text.data[i]);
    }
    if (is_ascii)
        return is_lower ? text : lower_ascii(arena, text);
    own = of_store(store);
    tokens = tokenize(own, own->elements, arena, text);
    if (tokens.count == 1)
        return tokens.list[0];
    /* Something in it is no character to the tokenizer. The parts, with a mark between them, are as good. */
    folded = (struct bytes){(const uint8_t *)"", 0};
    for (size_t i = 0; i < tokens.count; i++)
        folded = bytes_of(arena_printf(arena, "%.*s\x1f%.*s", (int)folded.len, (const char *)folded.data,
                                       (int)tokens.list[i].len, (const char *)tokens.list[i].data));
    return folded;
}
