#include "server/services/batch_targets.h"

#include "base/arena.h"
#include "base/memory.h"
#include "base/uuid.h"
#include "persistence/batches.h"
#include "persistence/visibility.h"
#include "server/server.h"
#include "server/services/batch_operations.h"
#include "server/services/namespaces.h"

/* Executions that are known beforehand: little memory, and not judged long before their turn comes. */
enum { PAGE_EXECUTIONS = 32 };

struct batch_targets {
    const struct server *server;
    const struct namespace_info *ns;
    const PbStartBatchOperationRequest *request;

    struct arena *count_arena; /* while it counts */
    struct visibility_scan *count;

    struct arena *page_arena;
    struct batch_target *page;
    int page_count, page_at;
    int64_t found_up_to; /* where the next page begins */
    bool is_last_page;
};

static bool has_query(const PbStartBatchOperationRequest *request)
{
    return request->visibility_query[0] != '\0';
}

int64_t batch_targets_begin(const struct server *server, const PbStartBatchOperationRequest *request)
{
    return has_query(request) ? batches_above_all_runs(server->store) : 0;
}

int64_t batch_targets_total(const PbStartBatchOperationRequest *request)
{
    return has_query(request) ? -1 : (int64_t)(request->n_executions + request->n_target_executions);
}

struct batch_targets *batch_targets_new(const struct server *server, const struct namespace_info *ns,
                                        const PbStartBatchOperationRequest *request, int64_t at)
{
    struct batch_targets *targets = memory_new(sizeof(*targets));

    targets->server = server;
    targets->ns = ns;
    targets->request = request;
    targets->page_arena = arena_new(4096);
    targets->found_up_to = at;
    return targets;
}

void batch_targets_free(struct batch_targets *targets)
{
    if (targets == NULL)
        return;
    arena_free(targets->count_arena);
    arena_free(targets->page_arena);
    memory_free(targets);
}

/* ---- the query ---- */

/* Read anew for each use: the namespace's search attributes may have changed. */
static status read_query(const struct batch_targets *targets, struct arena *arena, struct visibility_query **ret_query)
{
    struct visibility_query *query = ARENA_NEW(arena, struct visibility_query);

    TRY(visibility_query_read(arena, targets->ns->record, targets->request->visibility_query, query));
    if (batch_operation_find(targets->request)->open_only) {
        /* The real server puts the text into parentheses, where it is none any more; without, its lists overlook it. */
        if (query->group != GROUP_BY_NOTHING)
            return status_error(GRPC_INVALID_ARGUMENT, "invalid query: operation is not supported: 'GROUP BY' clause");
        visibility_query_only_open(arena, query);
    }
    query->group = GROUP_BY_NOTHING;
    *ret_query = query;
    return status_ok();
}

static status begin_count(struct batch_targets *targets)
{
    const struct server *server = targets->server;
    struct visibility_query *query;

    if (targets->count_arena == NULL)
        targets->count_arena = arena_new(4096);
    TRY(read_query(targets, targets->count_arena, &query));
    targets->count =
        visibility_count_new(targets->count_arena, server->store, targets->ns->id, query, clock_now(server->clock));
    return status_ok();
}

status batch_targets_count(struct batch_targets *targets, bool *ret_done, int64_t *ret_total)
{
    if (targets->count == NULL)
        TRY(begin_count(targets));
    TRY(visibility_scan_step(targets->count, ret_done));
    if (!*ret_done)
        return status_ok();
    *ret_total = visibility_count_total(targets->count);
    arena_free(targets->count_arena);
    targets->count_arena = NULL;
    targets->count = NULL;
    return status_ok();
}

/* ---- pages ---- */

static void add(struct batch_targets *targets, const char *workflow_id, const char *run_id, int64_t at)
{
    struct batch_target *target = &targets->page[targets->page_count++];

    target->execution = (PbWorkflowExecution)PbWorkflowExecution_INIT;
    target->execution.workflow_id = workflow_id;
    target->execution.run_id = run_id;
    target->at = at;
}

/* The next executions of the request's list. */
static void take_from_list(struct batch_targets *targets)
{
    const PbStartBatchOperationRequest *request = targets->request;
    bool is_newer_form = request->n_target_executions > 0;
    int64_t count = (int64_t)(is_newer_form ? request->n_target_executions : request->n_executions);

    while (targets->page_count < PAGE_EXECUTIONS && targets->found_up_to < count) {
        int64_t place = targets->found_up_to++;

        if (is_newer_form)
            add(targets, request->target_executions[place]->business_id, request->target_executions[place]->run_id,
                place + 1);
        else
            add(targets, request->executions[place]->workflow_id, request->executions[place]->run_id, place + 1);
    }
    targets->is_last_page = targets->found_up_to == count;
}

/* The next executions that the query selects, if a step finds any. */
static status find_by_query(struct batch_targets *targets, struct arena *scratch)
{
    const struct server *server = targets->server;
    struct visibility_query *query;
    struct visibility_scan *walk;
    const struct visible_run *runs;
    bool is_done;
    int count;

    TRY(read_query(targets, scratch, &query));
    walk = visibility_walk_new(scratch, server->store, targets->ns->id, query, targets->found_up_to, PAGE_EXECUTIONS,
                               clock_now(server->clock));
    TRY(visibility_scan_step(walk, &is_done));
    runs = visibility_list_rows(walk, &count);
    for (int i = 0; i < count; i++)
        add(targets,
            arena_strndup(targets->page_arena, (const char *)runs[i].workflow_id.data, runs[i].workflow_id.len),
            uuid_text(targets->page_arena, runs[i].run_id), runs[i].id);
    targets->found_up_to = visibility_walk_position(walk);
    targets->is_last_page = is_done && count < PAGE_EXECUTIONS;
    return status_ok();
}

status batch_targets_find(struct batch_targets *targets)
{
    struct arena *scratch;
    status found;

    if (targets->page_at < targets->page_count || targets->is_last_page)
        return status_ok();
    arena_reset(targets->page_arena);
    targets->page = ARENA_NEW_ARRAY(targets->page_arena, struct batch_target, PAGE_EXECUTIONS);
    targets->page_count = targets->page_at = 0;
    if (!has_query(targets->request)) {
        take_from_list(targets);
        return status_ok();
    }
    scratch = arena_new(16 * 1024);
    found = find_by_query(targets, scratch);
    if (!status_is_ok(found) && found.message != NULL)
        found.message = arena_strdup(targets->page_arena, found.message);
    arena_free(scratch);
    return found;
}

const struct batch_target *batch_targets_next(const struct batch_targets *targets)
{
    return targets->page_at < targets->page_count ? &targets->page[targets->page_at] : NULL;
}

void batch_targets_pass(struct batch_targets *targets)
{
    targets->page_at++;
}

bool batch_targets_are_over(const struct batch_targets *targets)
{
    return targets->is_last_page && targets->page_at == targets->page_count;
}
