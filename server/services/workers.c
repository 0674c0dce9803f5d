#include "server/services/workers.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/hash_table.h"
#include "persistence/visibility_syntax.h"
#include "proto/pb.h"
#include "proto/search_value.h"
#include "proto/time.h"
#include "server/frontend/messages.h"

/* So long a worker is known after its last heartbeat. Server 1.32.0: matching.workerRegistryEntryTTL. */
#define KNOWN_FOR seconds(300)

/* What all heartbeats together may be and take; the oldest go. Of a usual one, 1 KiB. */
enum { WORKERS_MAX = 10000, BYTES_MAX = 16 << 20 };

struct worker {
    struct worker *older, *newer; /* utlist: by the time of the last heartbeat */
    nanos seen;
    bool is_system;
    struct bytes packed; /* of memory_new */
    UT_hash_handle hh;
    struct worker_key {
        int64_t namespace_id;
        char instance_key[];
    } key;
};

struct workers {
    const struct clock *clock;
    struct worker *table;
    struct worker *oldest; /* the head of a utlist; its `older` is the newest */
    size_t bytes;
};

struct workers *workers_new(const struct clock *clock)
{
    struct workers *workers = memory_new(sizeof(*workers));

    workers->clock = clock;
    return workers;
}

static void forget(struct workers *workers, struct worker *worker)
{
    HASH_DEL(workers->table, worker);
    DL_DELETE2(workers->oldest, worker, older, newer);
    workers->bytes -= worker->packed.len;
    memory_free((void *)(uintptr_t)worker->packed.data);
    memory_free(worker);
}

void workers_free(struct workers *workers)
{
    if (workers == NULL)
        return;
    while (workers->oldest != NULL)
        forget(workers, workers->oldest);
    memory_free(workers);
}

static void forget_silent(struct workers *workers)
{
    nanos now = clock_monotonic(workers->clock);

    while (workers->oldest != NULL && nanos_add(workers->oldest->seen, KNOWN_FOR) < now)
        forget(workers, workers->oldest);
}

static size_t key_bytes(const char *instance_key)
{
    return sizeof(struct worker_key) + strlen(instance_key);
}

static struct worker *find(struct workers *workers, const struct namespace_info *ns, const char *instance_key)
{
    size_t bytes = key_bytes(instance_key);
    struct worker_key *key = memory_new(bytes + 1);
    struct worker *found;

    key->namespace_id = ns->id;
    memcpy(key->instance_key, instance_key, strlen(instance_key));
    HASH_FIND(hh, workers->table, key, bytes, found);
    memory_free(key);
    return found;
}

static void add(struct workers *workers, const struct namespace_info *ns, const PbWorkerHeartbeat *heartbeat)
{
    size_t bytes = key_bytes(heartbeat->worker_instance_key);
    struct worker *worker = memory_new(sizeof(*worker) + strlen(heartbeat->worker_instance_key) + 1);
    size_t len = protobuf_c_message_get_packed_size(&heartbeat->base);
    uint8_t *packed = memory_new(len + 1);

    protobuf_c_message_pack(&heartbeat->base, packed);
    worker->packed = (struct bytes){packed, len};
    worker->seen = clock_monotonic(workers->clock);
    worker->is_system = strncmp(heartbeat->task_queue, "temporal-sys-", strlen("temporal-sys-")) == 0;
    worker->key.namespace_id = ns->id;
    memcpy(worker->key.instance_key, heartbeat->worker_instance_key, strlen(heartbeat->worker_instance_key));
    HASH_ADD(hh, workers->table, key, bytes, worker);
    DL_APPEND2(workers->oldest, worker, older, newer);
    workers->bytes += len;
}

void workers_record(struct workers *workers, const struct namespace_info *ns, const PbWorkerHeartbeat *heartbeat)
{
    struct worker *known = find(workers, ns, heartbeat->worker_instance_key);

    if (known != NULL)
        forget(workers, known);
    if (heartbeat->status != WORKER_STATUS_SHUTDOWN)
        add(workers, ns, heartbeat);
    forget_silent(workers);
    while (HASH_COUNT(workers->table) > WORKERS_MAX || workers->bytes > BYTES_MAX)
        forget(workers, workers->oldest);
}

static PbWorkerHeartbeat *unpack(struct arena *arena, const struct worker *worker)
{
    return pb_unpack(arena, &PbWorkerHeartbeat_descriptor, worker->packed.data, worker->packed.len);
}

PbWorkerHeartbeat *workers_find(struct workers *workers, struct arena *arena, const struct namespace_info *ns,
                                const char *instance_key)
{
    const struct worker *worker;

    forget_silent(workers);
    worker = find(workers, ns, instance_key);
    return worker == NULL ? NULL : unpack(arena, worker);
}

/* ---- filters ---- */

/* NONSENSE is no answer: it ends the whole filter, as an error does on the real server, which then hides it. */
enum verdict { NO, YES, NONSENSE };

static enum verdict verdict(bool is_so)
{
    return is_so ? YES : NO;
}

/* A column that is a text; NULL: there is none of this name. */
static const char *text_column(struct arena *arena, const PbWorkerHeartbeat *worker, const char *name)
{
    if (strcmp(name, "WorkerInstanceKey") == 0)
        return worker->worker_instance_key;
    if (strcmp(name, "WorkerIdentity") == 0)
        return worker->worker_identity;
    if (strcmp(name, "HostName") == 0)
        return worker->host_info == NULL ? "" : worker->host_info->host_name;
    if (strcmp(name, "TaskQueue") == 0)
        return worker->task_queue;
    if (strcmp(name, "DeploymentName") == 0)
        return worker->deployment_version == NULL ? "" : worker->deployment_version->deployment_name;
    if (strcmp(name, "BuildId") == 0)
        return worker->deployment_version == NULL ? "" : worker->deployment_version->build_id;
    if (strcmp(name, "SdkName") == 0)
        return worker->sdk_name;
    if (strcmp(name, "SdkVersion") == 0)
        return worker->sdk_version;
    if (strcmp(name, "WorkerStatus") == 0 || strcasecmp(name, "Status") == 0) /* a word of SQL: in any case */
        return pb_enum_short_name(arena, &PbWorkerStatus_descriptor, (int)worker->status, "WORKER_STATUS_");
    return NULL;
}

/* A column that is a time, not set: NULL. False: there is none of this name. */
static bool time_column(const PbWorkerHeartbeat *worker, const char *name, const PbTimestamp **ret_time)
{
    if (strcmp(name, "StartTime") == 0)
        *ret_time = worker->start_time;
    else if (strcmp(name, "HeartbeatTime") == 0)
        *ret_time = worker->heartbeat_time;
    else
        return false;
    return true;
}

static const char *text_of(struct arena *arena, const struct expression *expression)
{
    return arena_strndup(arena, (const char *)expression->text.data, expression->text.len);
}

/* What a time is compared with: an instant as RFC 3339 has it, or nanoseconds. */
static bool read_time(struct arena *arena, const struct expression *value, nanos *ret_time)
{
    const char *text = text_of(arena, value), *rest;
    int64_t micros;
    char *end;

    if (value->kind == EXPRESSION_NUMBER) {
        *ret_time = strtoll(text, &end, 10);
        return *end == '\0' && end != text;
    }
    if (value->kind != EXPRESSION_STRING)
        return false;
    rest = instant_scan(text, &micros);
    *ret_time = nanos_scale(NANOS_PER_SECOND / 1000000, micros);
    return rest != NULL && *rest == '\0';
}

static enum verdict compare_text(const char *text, const char *operator, const char * with)
{
    if (with[0] == '\0')
        return NONSENSE;
    if (strcmp(operator, "=") == 0)
        return verdict(strcmp(text, with) == 0);
    if (strcmp(operator, "!=") == 0)
        return verdict(strcmp(text, with) != 0);
    if (strcmp(operator, "STARTS_WITH") == 0)
        return verdict(strncmp(text, with, strlen(with)) == 0);
    if (strcmp(operator, "NOT STARTS_WITH") == 0)
        return verdict(strncmp(text, with, strlen(with)) != 0);
    return NONSENSE;
}

static enum verdict compare_time(nanos time, const char *operator, nanos with)
{
    if (strcmp(operator, "=") == 0)
        return verdict(time == with);
    if (strcmp(operator, "!=") == 0)
        return verdict(time != with);
    if (strcmp(operator, "<") == 0)
        return verdict(time < with);
    if (strcmp(operator, "<=") == 0)
        return verdict(time <= with);
    if (strcmp(operator, ">") == 0)
        return verdict(time > with);
    if (strcmp(operator, ">=") == 0)
        return verdict(time >= with);
    return NONSENSE;
}

static enum verdict judge_comparison(struct arena *arena, const struct expression *comparison,
                                     const PbWorkerHeartbeat *worker)
{
    const struct expression *left = comparison->parts[0], *right = comparison->parts[1];
    const PbTimestamp *time;
    const char *name, *text;
    nanos with;

    if (left->kind != EXPRESSION_COLUMN)
        return NONSENSE;
    name = text_of(arena, left);
    text = text_column(arena, worker, name);
    if (text != NULL)
        return right->kind == EXPRESSION_STRING ? compare_text(text, comparison->operator, text_of(arena, right))
                                                : NONSENSE;
    if (!time_column(worker, name, &time) || !read_time(arena, right, &with))
        return NONSENSE;
    return compare_time(time == NULL ? 0 : time_from_pb(time), comparison->operator, with);
}

static enum verdict judge_range(struct arena *arena, const struct expression *range, const PbWorkerHeartbeat *worker)
{
    const PbTimestamp *time;
    nanos from, to, at;

    if (range->parts[0]->kind != EXPRESSION_COLUMN || !time_column(worker, text_of(arena, range->parts[0]), &time) ||
        !read_time(arena, range->parts[1], &from) || !read_time(arena, range->parts[2], &to))
        return NONSENSE;
    if (time == NULL)
        return NO;
    at = time_from_pb(time);
    return verdict((from <= at && at <= to) != range->is_negated);
}

static enum verdict judge_is(struct arena *arena, const struct expression *is, const PbWorkerHeartbeat *worker)
{
    const PbTimestamp *time;
    const char *name, *text;

    if (!is->is_null_test || is->parts[0]->kind != EXPRESSION_COLUMN)
        return NONSENSE;
    name = text_of(arena, is->parts[0]);
    text = text_column(arena, worker, name);
    if (text != NULL)
        return verdict((text[0] == '\0') != is->is_negated);
    return time_column(worker, name, &time) ? verdict((time == NULL) != is->is_negated) : NONSENSE;
}

static enum verdict judge(struct arena *arena, const struct expression *where, const PbWorkerHeartbeat *worker);

/* All parts of AND, or one of OR; those behind the one that decides are not looked at. */
static enum verdict judge_parts(struct arena *arena, const struct expression *where, const PbWorkerHeartbeat *worker)
{
    enum verdict decides = where->kind == EXPRESSION_AND ? NO : YES;
    enum verdict one = NO;

    for (size_t i = 0; i < where->parts_count; i++) {
        one = judge(arena, where->parts[i], worker);
        if (one == decides || one == NONSENSE)
            return one;
    }
    return one;
}

/* Nested as deep as a filter can be: VS1. */
static enum verdict judge(struct arena *arena, const struct expression *where, const PbWorkerHeartbeat *worker)
{
    switch (where->kind) {
    case EXPRESSION_AND:
    case EXPRESSION_OR:
        return judge_parts(arena, where, worker);
    case EXPRESSION_PARENTHESES:
        return judge(arena, where->parts[0], worker);
    case EXPRESSION_COMPARISON:
        return judge_comparison(arena, where, worker);
    case EXPRESSION_RANGE:
        return judge_range(arena, where, worker);
    case EXPRESSION_IS:
        return judge_is(arena, where, worker);
    default:
        return NONSENSE;
    }
}

/* `ret_where`: NULL for all. */
static status read_filter(struct arena *arena, const char *filter, const struct expression **ret_where)
{
    struct filter_syntax syntax;

    *ret_where = NULL;
    if (filter[0] == '\0')
        return status_ok();
    filter += strspn(filter, " \t\r\n\v\f");
    if (filter[0] == '\0')
        return status_error(GRPC_INVALID_ARGUMENT, MSG_WORKERS_QUERY_BLANK);
    if (strncasecmp(filter, "where ", strlen("where ")) == 0 || strncasecmp(filter, "select ", strlen("select ")) == 0)
        return status_errorf(arena, GRPC_INVALID_ARGUMENT, MSG_WORKERS_QUERY_PREFIX, filter);
    TRY(filter_syntax_read_of_workers(arena, filter, &syntax));
    if (syntax.has_limit)
        return status_error(GRPC_INVALID_ARGUMENT, MSG_WORKERS_QUERY_LIMIT);
    *ret_where = syntax.where;
    return status_ok();
}

/* ---- lists ---- */

static int by_key(const void *left, const void *right)
{
    const struct worker *const *a = left, *const *b = right;

    return strcmp((*a)->key.instance_key, (*b)->key.instance_key);
}

/* The namespace's workers whose keys come after the query's, in their order. */
static size_t candidates(struct workers *workers, struct arena *arena, const struct namespace_info *ns,
                         const struct workers_query *query, struct worker ***ret_candidates)
{
    struct worker **found = ARENA_NEW_ARRAY(arena, struct worker *, HASH_COUNT(workers->table) + 1);
    struct worker *worker;
    size_t count = 0;

    DL_FOREACH2(workers->oldest, worker, newer)
    if (worker->key.namespace_id == ns->id && (query->include_system || !worker->is_system) &&
        (query->after[0] == '\0' || strcmp(worker->key.instance_key, query->after) > 0))
        found[count++] = worker;
    if (count > 0)
        qsort(found, count, sizeof(struct worker *), by_key);
    *ret_candidates = found;
    return count;
}

status workers_list(struct workers *workers, struct arena *arena, const struct namespace_info *ns,
                    const struct workers_query *query, PbWorkerHeartbeat ***ret_heartbeats, size_t *ret_count,
                    bool *ret_has_more)
{
    const struct expression *where;
    PbWorkerHeartbeat **heartbeats;
    struct worker **all;
    size_t all_count, count = 0;

    forget_silent(workers);
    TRY(read_filter(arena, query->filter, &where));
    all_count = candidates(workers, arena, ns, query, &all);
    heartbeats = ARENA_NEW_ARRAY(arena, PbWorkerHeartbeat *, all_count + 1);
    *ret_has_more = false;
    for (size_t i = 0; i < all_count && !*ret_has_more; i++) {
        PbWorkerHeartbeat *worker = unpack(arena, all[i]);

        if (where != NULL && judge(arena, where, worker) != YES)
            continue;
        if (count < query->most)
            heartbeats[count++] = worker;
        else
            *ret_has_more = true;
    }
    *ret_heartbeats = heartbeats;
    *ret_count = count;
    return status_ok();
}
