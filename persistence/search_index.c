#include "persistence/search_index.h"

#include <string.h>

#include "persistence/store.h"
#include "persistence/store_internal.h"
#include "persistence/visibility_text.h"
#include "proto/packed_attributes.h"
#include "proto/search_attributes.h"
#include "proto/search_value.h"

enum { SCRATCH_BYTES = 4096 };

static bool is_indexed_type(PbIndexedValueType type)
{
    return type == INDEXED_VALUE_TYPE_KEYWORD || type == INDEXED_VALUE_TYPE_KEYWORD_LIST ||
           type == INDEXED_VALUE_TYPE_INT;
}

struct entry {
    const char *name;
    bool is_text;
    int64_t integer;
    struct bytes text;
};

struct entries {
    struct store *store;
    struct arena *arena;
    struct entry *list;
    size_t count, capacity;
};

static void add_entry(struct entries *entries, struct entry entry)
{
    if (entries->count == entries->capacity) {
        size_t capacity = entries->capacity == 0 ? 8 : entries->capacity * 2;
        struct entry *larger = ARENA_NEW_ARRAY(entries->arena, struct entry, capacity);

        if (entries->count > 0)
            memcpy(larger, entries->list, entries->count * sizeof(larger[0]));
        entries->list = larger;
        entries->capacity = capacity;
    }
    entries->list[entries->count++] = entry;
}

static bool is_indexed(struct bytes key)
{
    char name[64]; /* all that are not looked up are shorter */

    if (key.len >= sizeof(name))
        return true;
    if (key.len > 0)
        memcpy(name, key.data, key.len);
    name[key.len] = '\0';
    return is_search_attribute_looked_up(name);
}

static void add_attribute(void *context, struct bytes key, struct bytes data, struct bytes type_name)
{
    struct entries *entries = context;
    const char *name = arena_strndup(entries->arena, (const char *)key.data, key.len);
    struct search_value value;

    for (size_t i = 0; i < search_attribute_types_count; i++) {
        const struct search_attribute_type *type = &search_attribute_types[i];

        if (!is_indexed_type(type->type) || !bytes_equal(type_name, bytes_of(type->name)) ||
            search_value_read(entries->arena, data, type->type, &value) != SEARCH_VALUE_SET)
            continue;
        if (type->type == INDEXED_VALUE_TYPE_INT)
            add_entry(entries, (struct entry){.name = name, .integer = value.integer});
        for (size_t t = 0; t < value.texts_count; t++)
            add_entry(entries,
                      (struct entry){.name = name,
                                     .is_text = true,
                                     .text = type->type == INDEXED_VALUE_TYPE_KEYWORD_LIST
                                                 ? visibility_text_fold(entries->store, entries->arena, value.texts[t])
                                                 : value.texts[t]});
    }
}

static struct entries entries_of(struct store *store, struct arena *arena, struct bytes attributes)
{
    struct entries entries = {.store = store, .arena = arena};

    search_attributes_each(attributes, is_indexed, add_attribute, &entries);
    return entries;
}

static bool has_entry(const struct entries *entries, const struct entry *entry)
{
    for (size_t i = 0; i < entries->count; i++) {
        const struct entry *other = &entries->list[i];

        if (other->is_text == entry->is_text && other->integer == entry->integer &&
            strcmp(other->name, entry->name) == 0 && bytes_equal(other->text, entry->text))
            return true;
    }
    return false;
}

static void bind_key(sqlite3_stmt *statement, int64_t namespace_id, const struct entry *entry)
{
    sqlite3_bind_int64(statement, 1, namespace_id);
    bind_text(statement, 2, entry->name);
    if (entry->is_text)
        sqlite3_bind_text64(statement, 3, entry->text.len == 0 ? "" : (const char *)entry->text.data, entry->text.len,
                            SQLITE_STATIC, SQLITE_UTF8);
    else
        sqlite3_bind_int64(statement, 3, entry->integer);
}

static void write_entry(struct store *store, enum statement_slot slot, const char *sql, int64_t namespace_id,
                        int64_t run, const struct entry *entry)
{
    sqlite3_stmt *statement = statement_for_write(store, slot, sql);

    if (statement == NULL)
        return;
    bind_key(statement, namespace_id, entry);
    sqlite3_bind_int64(statement, 4, run);
    statement_write(store, statement);
}

void search_index_change(struct store *store, int64_t namespace_id, int64_t run, struct bytes before,
                         struct bytes after)
{
    struct arena *arena = arena_new(SCRATCH_BYTES);
    struct entries old = entries_of(store, arena, before), new = entries_of(store, arena, after);

    for (size_t i = 0; i < old.count; i++)
        if (!has_entry(&new, &old.list[i]))
            write_entry(store, SLOT_SEARCH_INDEX_DELETE,
                        "DELETE FROM search_index WHERE namespace_id = ?1 AND name = ?2 AND value = ?3 AND run = ?4",
                        namespace_id, run, &old.list[i]);
    for (size_t i = 0; i < new.count; i++)
        if (!has_entry(&old, &new.list[i]))
            write_entry(store, SLOT_SEARCH_INDEX_INSERT,
                        "INSERT OR IGNORE INTO search_index (namespace_id, name, value, run) VALUES (?1, ?2, ?3, ?4)",
                        namespace_id, run, &new.list[i]);
    arena_free(arena);
}

bool search_index_serves(const struct filter *condition)
{
    return condition->kind == FILTER_EQUAL && condition->column == COLUMN_ATTRIBUTE &&
           is_search_attribute_looked_up(condition->attribute) && is_indexed_type(condition->type);
}

/* Reads runs of one value behind those that there are. */
static status find_value(struct store *store, int64_t namespace_id, const struct entry *entry, int most,
                         int64_t *ret_runs, int *count)
{
    sqlite3_stmt *statement;

    TRY(statement_for_read(store, SLOT_SEARCH_INDEX_FIND,
                           "SELECT run FROM search_index WHERE namespace_id = ?1 AND name = ?2 AND value = ?3 LIMIT ?4",
                           &statement));
    bind_key(statement, namespace_id, entry);
    sqlite3_bind_int(statement, 4, most - *count);
    for (;;) {
        bool row;

        TRY(statement_next(store, statement, &row));
        if (!row)
            return status_ok();
        ret_runs[(*count)++] = sqlite3_column_int64(statement, 0);
    }
}

status search_index_find(struct store *store, int64_t namespace_id, const struct filter *condition, int most,
                         int64_t *ret_runs, int *ret_count)
{
    *ret_count = 0;
    for (size_t i = 0; i < condition->values_count && *ret_count < most; i++) {
        const struct filter_value *value = &condition->values[i];
        struct entry entry = {.name = condition->attribute,
                              .is_text = condition->type != INDEXED_VALUE_TYPE_INT,
                              .integer = value->integer,
                              .text = value->text};

        if (!entry.is_text && value->is_real) { /* no integer equals it, or the one that it is */
            if (!(value->real >= -9.2e18 && value->real <= 9.2e18) || value->real != (double)(int64_t)value->real)
                continue;
            entry.integer = (int64_t)value->real;
        }
        TRY(find_value(store, namespace_id, &entry, most, ret_runs, ret_count));
    }
    return status_ok();
}

void search_index_fill(struct store *store)
{
    sqlite3_stmt *runs;
    status found = statement_for_read(
        store, SLOT_SEARCH_INDEX_FILL,
        "SELECT id, namespace_id, search_attributes FROM runs WHERE search_attributes IS NOT NULL", &runs);

    for (bool row = status_is_ok(found); row;) {
        found = statement_next(store, runs, &row);
        if (!status_is_ok(found))
            break;
        if (row)
            search_index_change(store, sqlite3_column_int64(runs, 1), sqlite3_column_int64(runs, 0),
                                (struct bytes){NULL, 0},
                                (struct bytes){sqlite3_column_blob(runs, 2), (size_t)sqlite3_column_bytes(runs, 2)});
    }
    if (!status_is_ok(found))
        store_poison(store);
}
