#include "server/services/namespaces.h"

#include <string.h>

#include "base/hash_table.h"
#include "base/invariant.h"
#include "base/memory.h"
#include "base/uuid.h"
#include "persistence/namespaces.h"
#include "persistence/store.h"
#include "proto/pb.h"
#include "proto/search_attributes.h"
#include "server/frontend/messages.h"
#include "server/options.h"
#include "server/server.h"
#include "server/turn.h"

/* The internal namespace: SDKs, UI and scripts know it by these. */
#define SYSTEM_NAME "temporal-system"
#define SYSTEM_UUID "32049b68-7872-4094-8e63-d0dd59896a83"

/* As the real server's at launch. */
#define RETENTION_AT_LAUNCH (24 * 3600 * NANOS_PER_SECOND)
#define RETENTION_OF_SYSTEM (7 * 24 * 3600 * NANOS_PER_SECOND)

struct entry {
    struct namespace_info info;
    struct arena *arena;   /* the texts, and the record that it began with */
    struct arena *changed; /* the record that has taken its place; NULL: none */
    struct arena *retired; /* the one before: kept until the next change, since somebody may be reading it */
    bool is_unconfirmed;   /* inserted in a turn whose commit is still to come */
    bool is_change_unconfirmed;
    struct entry *next_freed; /* taken back after a failed commit; kept, because its address may be (NS3) */
    UT_hash_handle by_name, by_id;
};

struct namespaces {
    struct server *server;
    struct entry *by_name, *by_id;
    struct entry **sorted; /* all of them, by the bytes of their ids, which is the order of lists */
    int count, capacity;
    int64_t last_id;
    struct entry *freed;
    status load_failure; /* while loading */
};

/* ---- the tables ---- */

static void insert_sorted(struct namespaces *namespaces, struct entry *entry)
{
    int place = namespaces->count;

    if (namespaces->count == namespaces->capacity) {
        int capacity = namespaces->capacity == 0 ? 8 : namespaces->capacity * 2;
        struct entry **larger = memory_new(sizeof(*larger) * (size_t)capacity);

        if (namespaces->count > 0)
            memcpy(larger, namespaces->sorted, sizeof(*larger) * (size_t)namespaces->count);
        memory_free(namespaces->sorted);
        namespaces->sorted = larger;
        namespaces->capacity = capacity;
    }
    for (; place > 0 && memcmp(namespaces->sorted[place - 1]->info.uuid, entry->info.uuid, UUID_BYTES) > 0; place--)
        namespaces->sorted[place] = namespaces->sorted[place - 1];
    namespaces->sorted[place] = entry;
    namespaces->count++;
}

static void fill_from_record(struct namespace_info *info, const PbNamespaceRecord *record)
{
    info->record = record;
    info->retention = record->retention;
    info->state = record->state == 0 ? NAMESPACE_STATE_REGISTERED : (PbNamespaceState)record->state;
}

/* Makes an entry; `record` is in `arena`, which becomes the entry's. */
static struct entry *add_entry(struct namespaces *namespaces, struct arena *arena, int64_t id,
                               const uint8_t uuid[UUID_BYTES], const char *name, const PbNamespaceRecord *record)
{
    struct entry *entry = memory_new(sizeof(*entry));

    entry->arena = arena;
    entry->info.id = id;
    entry->info.name = arena_strdup(arena, name);
    memcpy(entry->info.uuid, uuid, UUID_BYTES);
    entry->info.uuid_text = uuid_text(arena, uuid);
    fill_from_record(&entry->info, record);
    HASH_ADD_KEYPTR(by_name, namespaces->by_name, entry->info.name, strlen(entry->info.name), entry);
    HASH_ADD(by_id, namespaces->by_id, info.id, sizeof(entry->info.id), entry);
    insert_sorted(namespaces, entry);
    if (id > namespaces->last_id)
        namespaces->last_id = id;
    return entry;
}

static void take_back(struct namespaces *namespaces, struct entry *entry)
{
    int place = 0;

    HASH_DELETE(by_name, namespaces->by_name, entry);
    HASH_DELETE(by_id, namespaces->by_id, entry);
    while (namespaces->sorted[place] != entry)
        place++;
    namespaces->count--;
    memmove(&namespaces->sorted[place], &namespaces->sorted[place + 1],
            sizeof(struct entry *) * (size_t)(namespaces->count - place));
    entry->next_freed = namespaces->freed;
    namespaces->freed = entry;
}

static struct entry *find_by_name(const struct namespaces *namespaces, const char *name)
{
    struct entry *entry;

    HASH_FIND(by_name, namespaces->by_name, name, strlen(name), entry);
    return entry;
}

/* ---- search attributes ---- */

/* More of one type than anybody needs, so that a namespace stays small. */
enum { SEARCH_ATTRIBUTES_MAX = 1000 };

static int columns_max(const struct options *options, const struct search_attribute_type *type)
{
    return options->real_search_attribute_limits ? type->columns_count : SEARCH_ATTRIBUTES_MAX;
}

static bool column_is_taken(const PbNamespaceRecord *record, const char *column)
{
    for (size_t i = 0; i < record->n_search_attributes; i++)
        if (strcmp(record->search_attributes[i]->column, column) == 0)
            return true;
    return false;
}

/* Adds an attribute to a record whose array has room for it, with the first free column of its type. False when there
 * is none. What is called a column here is a name that clients see in DescribeNamespace; nothing is stored by it. */
static bool add_search_attribute(struct arena *arena, const struct options *options, PbNamespaceRecord *record,
                                 const char *name, const struct search_attribute_type *type)
{
    for (int number = 1; number <= columns_max(options, type); number++) {
        const char *column = arena_printf(arena, "%s%02d", type->name, number);
        PbNamespaceSearchAttribute *attribute;

        if (column_is_taken(record, column))
            continue;
        attribute = ARENA_NEW_PB(arena, PbNamespaceSearchAttribute);
        attribute->name = name;
        attribute->type = (int32_t)type->type;
        attribute->column = column;
        record->search_attributes[record->n_search_attributes++] = attribute;
        return true;
    }
    return false;
}

/* The launch's search attributes. */
static status add_launch_attributes(struct arena *arena, const struct options *options, PbNamespaceRecord *record)
{
    record->search_attributes = ARENA_NEW_ARRAY(arena, PbNamespaceSearchAttribute *, options->search_attributes_count);
    for (int i = 0; i < options->search_attributes_count; i++) {
        const struct search_attribute_option *wanted = &options->search_attributes[i];
        const struct search_attribute_type *type = search_attribute_type_find(wanted->type);

        invariant(type != NULL, "type %d of search attribute %s", wanted->type, wanted->name);
        if (!add_search_attribute(arena, options, record, wanted->name, type))
            return status_errorf(
                arena, GRPC_FAILED_PRECONDITION,
                "failed creating namespace config: cannot have more than %d search attributes of type %s",
                columns_max(options, type), type->name);
    }
    return status_ok();
}

/* ---- changes ---- */

/* After the turn's commit, or its failure: what the store does not have goes out of memory again. */

static void replace_record(struct entry *entry, struct arena *arena, const PbNamespaceRecord *record)
{
    arena_free(entry->retired);
    entry->retired = entry->changed;
    entry->changed = arena;
    fill_from_record(&entry->info, record);
}

static void confirm_row(void *context, const struct namespace_row *row)
{
    struct namespaces *namespaces = context;
    struct entry *entry;

    HASH_FIND(by_id, namespaces->by_id, &row->id, sizeof(row->id), entry);
    if (entry == NULL || memcmp(entry->info.uuid, row->uuid, UUID_BYTES) != 0)
        return;
    entry->is_unconfirmed = false;
    if (entry->is_change_unconfirmed) {
        struct arena *arena = arena_new(512);
        const PbNamespaceRecord *record =
            pb_unpack(arena, &PbNamespaceRecord_descriptor, row->record.data, row->record.len);

        invariant(record != NULL, "the record of namespace %s cannot be read any more", entry->info.name);
        replace_record(entry, arena, record);
        entry->is_change_unconfirmed = false;
    }
}

static void confirm(void *context)
{
    struct namespaces *namespaces = context;

    if (!status_is_ok(namespace_rows_each(namespaces->server->store, confirm_row, namespaces)))
        return; /* they stay unconfirmed; the next registration asks again */
    for (int i = namespaces->count - 1; i >= 0; i--)
        if (namespaces->sorted[i]->is_unconfirmed)
            take_back(namespaces, namespaces->sorted[i]);
}

static struct entry *create(struct namespaces *namespaces, const uint8_t uuid[UUID_BYTES], const char *name,
                            const PbNamespaceRecord *record)
{
    struct arena *arena = arena_new(512);
    struct entry *entry = add_entry(namespaces, arena, namespaces->last_id + 1, uuid, name, pb_copy(arena, record));
    struct namespace_row row = {.id = entry->info.id, .name = name, .record = pb_pack(arena, record)};

    memcpy(row.uuid, uuid, UUID_BYTES);
    namespace_rows_insert(namespaces->server->store, &row);
    entry->is_unconfirmed = true;
    return entry;
}

/* The name in quotes, as the real server prints it. */
static const char *quote(struct arena *arena, const char *name)
{
    char *quoted = arena_alloc_raw(arena, 2 * strlen(name) + 3), *end = quoted;

    *end++ = '"';
    for (; *name != '\0'; name++) {
        if (*name == '"' || *name == '\\')
            *end++ = '\\';
        *end++ = *name;
    }
    *end++ = '"';
    *end = '\0';
    return quoted;
}

status namespaces_check_new(const struct namespaces *namespaces, struct arena *arena, const char *name)
{
    if (find_by_name(namespaces, name) == NULL)
        return status_ok();
    return status_detail(arena, GRPC_ALREADY_EXISTS, ARENA_NEW_PB(arena, PbNamespaceAlreadyExistsFailure),
                         MSG_NAMESPACE_EXISTS, quote(arena, name));
}

status namespaces_register(struct namespaces *namespaces, struct arena *arena, const char *name,
                           const PbNamespaceRecord *record, const struct namespace_info **ret_namespace)
{
    uint8_t uuid[UUID_BYTES];

    TRY(namespaces_check_new(namespaces, arena, name));
    rand_uuid4(namespaces->server->rand, uuid);
    *ret_namespace = &create(namespaces, uuid, name, record)->info;
    turn_defer(namespaces->server->turn, confirm, namespaces);
    return status_ok();
}

/* Changes the record of a namespace, in the database and in memory. */
static void change(struct namespaces *namespaces, const struct namespace_info *ns, const PbNamespaceRecord *record)
{
    struct entry *entry = find_by_name(namespaces, ns->name);
    struct arena *arena = arena_new(512);
    struct namespace_row row = {.id = ns->id, .name = ns->name, .record = pb_pack(arena, record)};

    namespace_rows_update(namespaces->server->store, &row);
    replace_record(entry, arena, pb_copy(arena, record));
    entry->is_change_unconfirmed = true;
    turn_defer(namespaces->server->turn, confirm, namespaces);
}

status namespaces_add_search_attributes(struct namespaces *namespaces, struct arena *arena,
                                        const struct namespace_info *ns, int count, const char *const *names,
                                        const int *types)
{
    PbNamespaceRecord record = *ns->record;

    record.search_attributes =
        ARENA_NEW_ARRAY(arena, PbNamespaceSearchAttribute *, record.n_search_attributes + (size_t)count);
    for (size_t i = 0; i < record.n_search_attributes; i++)
        record.search_attributes[i] = ns->record->search_attributes[i];
    for (int i = 0; i < count; i++) {
        const struct search_attribute_type *type = search_attribute_type_find(types[i]);
        int most = type == NULL ? 0 : columns_max(namespaces->server->options, type);

        if (custom_search_attribute_find(&record, names[i]) != NULL)
            continue; /* also when it is of another type: the command line compares, not the server */
        if (type == NULL || !add_search_attribute(arena, namespaces->server->options, &record, names[i], type))
            return status_errorf(arena, GRPC_INVALID_ARGUMENT, MSG_SEARCH_ATTRIBUTES_FULL, most,
                                 search_attribute_type_name(types[i]));
    }
    if (record.n_search_attributes > ns->record->n_search_attributes)
        change(namespaces, ns, &record);
    return status_ok();
}

void namespaces_remove_search_attributes(struct namespaces *namespaces, struct arena *arena,
                                         const struct namespace_info *ns, size_t count, const char *const *names)
{
    PbNamespaceRecord record = *ns->record;

    record.search_attributes = ARENA_NEW_ARRAY(arena, PbNamespaceSearchAttribute *, record.n_search_attributes);
    record.n_search_attributes = 0;
    for (size_t i = 0; i < ns->record->n_search_attributes; i++) {
        PbNamespaceSearchAttribute *attribute = ns->record->search_attributes[i];
        bool is_removed = false;

        for (size_t name = 0; name < count && !is_removed; name++)
            is_removed = strcmp(attribute->name, names[name]) == 0;
        if (!is_removed)
            record.search_attributes[record.n_search_attributes++] = attribute;
    }
    if (record.n_search_attributes < ns->record->n_search_attributes)
        change(namespaces, ns, &record);
}

/* ---- start ---- */

static void load_row(void *context, const struct namespace_row *row)
{
    struct namespaces *namespaces = context;
    struct arena *arena = arena_new(512);
    const PbNamespaceRecord *record =
        pb_unpack(arena, &PbNamespaceRecord_descriptor, row->record.data, row->record.len);

    if (record == NULL) {
        arena_free(arena);
        namespaces->load_failure =
            status_error(GRPC_DATA_LOSS, "the database is damaged: the record of a namespace cannot be read");
        return;
    }
    add_entry(namespaces, arena, row->id, row->uuid, row->name, record);
}

static void register_at_launch(struct namespaces *namespaces, const char *name, const PbNamespaceRecord *record)
{
    uint8_t uuid[UUID_BYTES];

    if (find_by_name(namespaces, name) != NULL)
        return; /* from an earlier launch, and left as it is */
    rand_uuid7(namespaces->server->rand, clock_now(namespaces->server->clock), uuid);
    create(namespaces, uuid, name, record);
}

static void register_system(struct namespaces *namespaces, struct arena *arena)
{
    PbNamespaceRecord *record = ARENA_NEW_PB(arena, PbNamespaceRecord);
    uint8_t uuid[UUID_BYTES];

    if (find_by_name(namespaces, SYSTEM_NAME) != NULL)
        return;
    invariant(uuid_parse(SYSTEM_UUID, uuid), "the system namespace's id");
    record->description = "Temporal internal system namespace";
    record->owner_email = "temporal-core@temporal.io";
    record->retention = RETENTION_OF_SYSTEM;
    record->state = NAMESPACE_STATE_REGISTERED;
    record->created_time = clock_now(namespaces->server->clock);
    create(namespaces, uuid, SYSTEM_NAME, record);
}

status namespaces_new(struct server *server, struct arena *arena, struct namespaces **ret_namespaces)
{
    const struct options *options = server->options;
    struct namespaces *namespaces = memory_new(sizeof(*namespaces));
    PbNamespaceRecord *record = ARENA_NEW_PB(arena, PbNamespaceRecord);
    status result;

    namespaces->server = server;
    namespaces->load_failure = status_ok();
    record->retention = RETENTION_AT_LAUNCH;
    record->state = NAMESPACE_STATE_REGISTERED;
    record->created_time = clock_now(server->clock);
    result = add_launch_attributes(arena, options, record);
    if (status_is_ok(result))
        result = namespace_rows_each(server->store, load_row, namespaces);
    if (status_is_ok(result))
        result = namespaces->load_failure;
    if (!status_is_ok(result)) {
        namespaces_free(namespaces);
        return result;
    }
    register_system(namespaces, arena);
    register_at_launch(namespaces, "default", record);
    for (int i = 0; i < options->namespaces_count; i++)
        register_at_launch(namespaces, options->namespaces[i], record);
    *ret_namespaces = namespaces;
    return status_ok();
}

static void free_entry(struct entry *entry)
{
    arena_free(entry->arena);
    arena_free(entry->changed);
    arena_free(entry->retired);
    memory_free(entry);
}

void namespaces_free(struct namespaces *namespaces)
{
    if (namespaces == NULL)
        return;
    while (namespaces->count > 0)
        take_back(namespaces, namespaces->sorted[namespaces->count - 1]);
    while (namespaces->freed != NULL) {
        struct entry *next = namespaces->freed->next_freed;

        free_entry(namespaces->freed);
        namespaces->freed = next;
    }
    memory_free(namespaces->sorted);
    memory_free(namespaces);
}

/* ---- questions ---- */

status namespaces_find(const struct namespaces *namespaces, struct arena *arena, const char *name,
                       const struct namespace_info **ret_namespace)
{
    const struct entry *entry;
    PbNamespaceNotFoundFailure *detail;

    if (name == NULL || *name == '\0')
        return status_error(GRPC_INVALID_ARGUMENT, MSG_NAMESPACE_NOT_SET);
    entry = find_by_name(namespaces, name);
    if (entry != NULL) {
        *ret_namespace = &entry->info;
        return status_ok();
    }
    detail = ARENA_NEW_PB(arena, PbNamespaceNotFoundFailure);
    detail->namespace_ = name;
    return status_detail(arena, GRPC_NOT_FOUND, detail, MSG_NAMESPACE_NOT_FOUND, name);
}

const struct namespace_info *namespaces_find_by_id(const struct namespaces *namespaces, int64_t id)
{
    const struct entry *entry;

    HASH_FIND(by_id, namespaces->by_id, &id, sizeof(id), entry);
    return entry == NULL ? NULL : &entry->info;
}

/* The place of the first whose id is not below `uuid`. */
static int lower_bound(const struct namespaces *namespaces, const uint8_t uuid[UUID_BYTES])
{
    int low = 0, high = namespaces->count;

    while (low < high) {
        int middle = (low + high) / 2;

        if (memcmp(namespaces->sorted[middle]->info.uuid, uuid, UUID_BYTES) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct namespace_info *namespaces_find_by_uuid(const struct namespaces *namespaces, const char *uuid)
{
    uint8_t wanted[UUID_BYTES];
    int place;

    if (!uuid_parse(uuid, wanted))
        return NULL;
    place = lower_bound(namespaces, wanted);
    if (place == namespaces->count || memcmp(namespaces->sorted[place]->info.uuid, wanted, UUID_BYTES) != 0)
        return NULL;
    return &namespaces->sorted[place]->info;
}

status namespace_check_registered(struct arena *arena, const struct namespace_info *ns)
{
    PbNamespaceInvalidStateFailure *detail;

    if (ns->state == NAMESPACE_STATE_REGISTERED)
        return status_ok();
    detail = ARENA_NEW_PB(arena, PbNamespaceInvalidStateFailure);
    detail->namespace_ = ns->name;
    detail->state = ns->state;
    detail->n_allowed_states = 1;
    detail->allowed_states = ARENA_NEW(arena, PbNamespaceState);
    detail->allowed_states[0] = NAMESPACE_STATE_REGISTERED;
    return status_detail(arena, GRPC_FAILED_PRECONDITION, detail, MSG_NAMESPACE_STATE,
                         ns->state == NAMESPACE_STATE_DEPRECATED ? "Deprecated" : "Deleted");
}

int namespaces_list(const struct namespaces *namespaces, const uint8_t *after, bool with_deleted,
                    const struct namespace_info **ret_list, int most)
{
    int place = after == NULL ? 0 : lower_bound(namespaces, after), count = 0;

    if (after != NULL && place < namespaces->count &&
        memcmp(namespaces->sorted[place]->info.uuid, after, UUID_BYTES) == 0)
        place++;
    for (; place < namespaces->count && count < most; place++)
        if (with_deleted || namespaces->sorted[place]->info.state != NAMESPACE_STATE_DELETED)
            ret_list[count++] = &namespaces->sorted[place]->info;
    return count;
}

int namespaces_count(const struct namespaces *namespaces)
{
    return namespaces->count;
}

const struct namespace_info *namespaces_at(const struct namespaces *namespaces, int place)
{
    invariant(place >= 0 && place < namespaces->count, "namespace %d of %d", place, namespaces->count);
    return &namespaces->sorted[place]->info;
}
