/*
 * Lists and counts of workflows. The old calls for open and closed ones are put as filters, too, but not by pasting
 * texts together: what a client names in them is a value, whatever quotes it has in it.
 */
#include <string.h>

#include "base/uuid.h"
#include "persistence/visibility.h"
#include "proto/pb.h"
#include "proto/search_attributes.h"
#include "proto/time.h"
#include "server/frontend/handlers.h"
#include "server/frontend/messages.h"
#include "server/frontend/search_attributes.h"
#include "server/server.h"
#include "server/services/namespaces.h"
#include "server/services/scans.h"

/* As the real server's: what a page has at most, and when nothing is asked for. */
enum { PAGE_MAX = 1000 };

/* ---- rows ---- */

static const char *text_of(struct arena *arena, struct bytes bytes)
{
    return arena_strndup(arena, bytes.data == NULL ? "" : (const char *)bytes.data, bytes.len);
}

static PbWorkflowExecution *execution_of(struct arena *arena, struct bytes workflow_id,
                                         const uint8_t run_id[UUID_BYTES])
{
    PbWorkflowExecution *execution = ARENA_NEW_PB(arena, PbWorkflowExecution);

    execution->workflow_id = text_of(arena, workflow_id);
    execution->run_id = uuid_text(arena, run_id);
    return execution;
}

/* To the microsecond, which is what the real server's lists know. */
static PbTimestamp *list_time(struct arena *arena, nanos instant)
{
    return pb_timestamp_new(arena, instant - instant % 1000);
}

static void fill_closed(struct arena *arena, const struct visible_run *run, PbWorkflowExecutionInfo *info)
{
    info->close_time = list_time(arena, run->close_time);
    info->history_length = run->history_length;
    info->history_size_bytes = run->history_bytes;
    info->state_transition_count = run->state_transitions;
    info->execution_duration = pb_duration_new(arena, nanos_add(run->close_time, -run->execution_time));
}

/* temporal.api.workflow.v1.WorkflowExecutionInfo, as lists fill it. */
static PbWorkflowExecutionInfo *info_of(struct arena *arena, const struct namespace_info *ns,
                                        const struct visible_run *run)
{
    PbWorkflowExecutionInfo *info = ARENA_NEW_PB(arena, PbWorkflowExecutionInfo);
    PbSearchAttributes *attributes;

    info->execution = execution_of(arena, run->workflow_id, run->run_id);
    info->type = ARENA_NEW_PB(arena, PbWorkflowType);
    info->type->name = text_of(arena, run->workflow_type);
    info->start_time = list_time(arena, run->start_time);
    info->execution_time = list_time(arena, run->execution_time);
    info->status = (PbWorkflowExecutionStatus)run->status;
    info->task_queue = text_of(arena, run->task_queue);
    if (run->close_time != 0)
        fill_closed(arena, run, info);
    info->memo = pb_unpack(arena, &PbMemo_descriptor, run->memo.data, run->memo.len);
    if (info->memo == NULL)
        info->memo = ARENA_NEW_PB(arena, PbMemo);
    attributes =
        pb_unpack(arena, &PbSearchAttributes_descriptor, run->search_attributes.data, run->search_attributes.len);
    info->search_attributes = search_attributes_shown(arena, ns, attributes);
    if (run->has_parent)
        info->parent_execution = execution_of(arena, run->parent_workflow_id, run->parent_run_id);
    info->root_execution = run->has_root ? execution_of(arena, run->root_workflow_id, run->root_run_id)
                                         : execution_of(arena, run->workflow_id, run->run_id);
    return info;
}

/* ---- pages ---- */

/* The responses of all lists have the same two fields first. */
struct list_page {
    PbWorkflowExecutionInfo **executions;
    size_t count;
    ProtobufCBinaryData next_page_token;
};

static ProtobufCBinaryData make_page_token(struct arena *arena, const struct visible_run *last)
{
    PbVisibilityPageToken token = PbVisibilityPageToken_INIT;
    struct bytes packed;

    token.close_time = last->close_time;
    token.run = last->id;
    packed = pb_pack(arena, &token);
    return (ProtobufCBinaryData){.data = (uint8_t *)(uintptr_t)packed.data, .len = packed.len};
}

static status read_page_token(struct arena *arena, ProtobufCBinaryData token, struct visibility_position *ret_position)
{
    const PbVisibilityPageToken *read;

    *ret_position = (struct visibility_position){0};
    if (token.len == 0)
        return status_ok();
    read = pb_unpack(arena, &PbVisibilityPageToken_descriptor, token.data, token.len);
    if (read == NULL || read->run <= 0 || read->close_time < 0)
        return status_error(GRPC_INVALID_ARGUMENT, MSG_PAGE_TOKEN_INVALID);
    *ret_position = (struct visibility_position){.close_time = read->close_time, .id = read->run};
    return status_ok();
}

/* The namespace that was asked for, once more: it was there when the call began. */
static const struct namespace_info *namespace_of(const struct call *call, const char *name)
{
    const struct namespace_info *ns = NULL;

    return status_is_ok(namespaces_find(call->server->namespaces, call->arena, name, &ns)) ? ns : NULL;
}

static struct list_page make_page(struct call *call, const char *namespace_name, int most,
                                  const struct visibility_scan *scan)
{
    const struct namespace_info *ns = namespace_of(call, namespace_name);
    const struct visible_run *rows;
    struct list_page page = {0};
    int count;

    rows = visibility_list_rows(scan, &count);
    page.executions = ARENA_NEW_ARRAY(call->arena, PbWorkflowExecutionInfo *, count);
    for (int i = 0; i < count; i++)
        page.executions[page.count++] = info_of(call->arena, ns, &rows[i]);
    if (count > 0 && count == most) /* a full page: there may be more */
        page.next_page_token = make_page_token(call->arena, &rows[count - 1]);
    return page;
}

static int page_size(int asked)
{
    return asked <= 0 || asked > PAGE_MAX ? PAGE_MAX : asked;
}

/* Begins a list. */
static status list(struct call *call, const struct namespace_info *ns, struct visibility_query *query, int asked,
                   ProtobufCBinaryData token, scan_finish *finish)
{
    struct visibility_position after;

    TRY(read_page_token(call->arena, token, &after));
    return scans_run(call,
                     visibility_list_new(call->arena, call->server->store, ns->id, query, &after, page_size(asked),
                                         clock_now(call->server->clock)),
                     finish);
}

/* ---- lists by filter ---- */

static status list_by_filter(struct call *call, const char *namespace_name, const char *filter, int asked,
                             ProtobufCBinaryData token, scan_finish *finish)
{
    struct visibility_query *query = ARENA_NEW(call->arena, struct visibility_query);
    const struct namespace_info *ns;

    TRY(namespaces_find(call->server->namespaces, call->arena, namespace_name, &ns));
    TRY(visibility_query_read(call->arena, ns->record, filter, query));
    return list(call, ns, query, asked, token, finish);
}

static status finish_list(struct call *call, const struct visibility_scan *scan)
{
    const PbListWorkflowExecutionsRequest *request = call->request;
    PbListWorkflowExecutionsResponse *response = call->response;
    struct list_page page = make_page(call, request->namespace_, page_size(request->page_size), scan);

    response->executions = page.executions;
    response->n_executions = page.count;
    response->next_page_token = page.next_page_token;
    return status_ok();
}

/* WorkflowService.ListWorkflowExecutions */
status rpc_list_workflow_executions(struct call *call, const PbListWorkflowExecutionsRequest *request,
                                    PbListWorkflowExecutionsResponse *response)
{
    (void)response;
    return list_by_filter(call, request->namespace_, request->query, request->page_size, request->next_page_token,
                          finish_list);
}

static status finish_scan(struct call *call, const struct visibility_scan *scan)
{
    const PbScanWorkflowExecutionsRequest *request = call->request;
    PbScanWorkflowExecutionsResponse *response = call->response;
    struct list_page page = make_page(call, request->namespace_, page_size(request->page_size), scan);

    response->executions = page.executions;
    response->n_executions = page.count;
    response->next_page_token = page.next_page_token;
    return status_ok();
}

/* WorkflowService.ScanWorkflowExecutions: another name of the same. */
status rpc_scan_workflow_executions(struct call *call, const PbScanWorkflowExecutionsRequest *request,
                                    PbScanWorkflowExecutionsResponse *response)
{
    (void)response;
    return list_by_filter(call, request->namespace_, request->query, request->page_size, request->next_page_token,
                          finish_scan);
}

/* ---- lists by parts ---- */

/* A filter that is put together: conditions that must all be met. */
struct conditions {
    struct arena *arena;
    struct filter *all;
};

enum { CONDITIONS_MAX = 6 };

static struct conditions no_conditions(struct arena *arena)
{
    struct conditions conditions = {.arena = arena, .all = ARENA_NEW(arena, struct filter)};

    conditions.all->kind = FILTER_AND;
    conditions.all->parts = ARENA_NEW_ARRAY(arena, struct filter *, CONDITIONS_MAX);
    return conditions;
}

static struct filter *add_condition(struct conditions *conditions, enum filter_kind kind, enum visibility_column column,
                                    PbIndexedValueType type, struct filter_value value)
{
    struct filter *condition = ARENA_NEW(conditions->arena, struct filter);

    condition->kind = kind;
    condition->column = column;
    condition->type = type;
    condition->values = ARENA_NEW(conditions->arena, struct filter_value);
    condition->values[0] = value;
    condition->values_count = 1;
    conditions->all->parts[conditions->all->parts_count++] = condition;
    return condition;
}

static void add_text(struct conditions *conditions, enum visibility_column column, const char *text)
{
    add_condition(conditions, FILTER_EQUAL, column, INDEXED_VALUE_TYPE_KEYWORD,
                  (struct filter_value){.text = bytes_of(text)});
}

static struct filter *add_number(struct conditions *conditions, enum filter_kind kind, enum visibility_column column,
                                 int64_t number)
{
    return add_condition(conditions, kind, column,
                         column == COLUMN_STATUS ? INDEXED_VALUE_TYPE_KEYWORD : INDEXED_VALUE_TYPE_DATETIME,
                         (struct filter_value){.integer = number});
}

static void add_execution(struct conditions *conditions, const PbWorkflowExecutionFilter *filter)
{
    if (filter->workflow_id[0] != '\0')
        add_text(conditions, COLUMN_WORKFLOW_ID, filter->workflow_id);
    if (filter->run_id[0] != '\0')
        add_text(conditions, COLUMN_RUN_ID, filter->run_id);
}

/* A range of time; either end may be open. */
static status add_times(struct conditions *conditions, enum visibility_column column, const PbStartTimeFilter *filter)
{
    nanos earliest, latest;

    if (filter == NULL)
        return status_ok();
    earliest = time_from_pb(filter->earliest_time);
    latest = filter->latest_time == NULL ? NANOS_MAX : time_from_pb(filter->latest_time);
    if (earliest > latest)
        return status_error(GRPC_INVALID_ARGUMENT, MSG_LIST_TIMES_REVERSED);
    if (filter->earliest_time != NULL)
        add_number(conditions, FILTER_GREATER_OR_EQUAL, column, earliest / 1000);
    if (filter->latest_time != NULL)
        add_number(conditions, FILTER_LESS_OR_EQUAL, column, latest / 1000);
    return status_ok();
}

static status list_by_parts(struct call *call, const struct namespace_info *ns, const struct conditions *conditions,
                            int asked, ProtobufCBinaryData token, scan_finish *finish)
{
    struct visibility_query *query = ARENA_NEW(call->arena, struct visibility_query);

    query->filter = conditions->all;
    query->conditions_count = conditions->all->parts_count;
    return list(call, ns, query, asked, token, finish);
}

static status finish_open(struct call *call, const struct visibility_scan *scan)
{
    const PbListOpenWorkflowExecutionsRequest *request = call->request;
    PbListOpenWorkflowExecutionsResponse *response = call->response;
    struct list_page page = make_page(call, request->namespace_, page_size(request->maximum_page_size), scan);

    response->executions = page.executions;
    response->n_executions = page.count;
    response->next_page_token = page.next_page_token;
    return status_ok();
}

/* WorkflowService.ListOpenWorkflowExecutions */
status rpc_list_open_workflow_executions(struct call *call, const PbListOpenWorkflowExecutionsRequest *request,
                                         PbListOpenWorkflowExecutionsResponse *response)
{
    struct conditions conditions = no_conditions(call->arena);
    const struct namespace_info *ns;

    (void)response;
    TRY(namespaces_find(call->server->namespaces, call->arena, request->namespace_, &ns));
    TRY(add_times(&conditions, COLUMN_START_TIME, request->start_time_filter));
    add_number(&conditions, FILTER_EQUAL, COLUMN_STATUS, WORKFLOW_EXECUTION_STATUS_RUNNING);
    if (request->filters_case == PbListOpenWorkflowExecutionsRequest_execution_filter_case)
        add_execution(&conditions, request->execution_filter);
    else if (request->filters_case == PbListOpenWorkflowExecutionsRequest_type_filter_case)
        add_text(&conditions, COLUMN_WORKFLOW_TYPE, request->type_filter->name);
    return list_by_parts(call, ns, &conditions, request->maximum_page_size, request->next_page_token, finish_open);
}

static status finish_closed(struct call *call, const struct visibility_scan *scan)
{
    const PbListClosedWorkflowExecutionsRequest *request = call->request;
    PbListClosedWorkflowExecutionsResponse *response = call->response;
    struct list_page page = make_page(call, request->namespace_, page_size(request->maximum_page_size), scan);

    response->executions = page.executions;
    response->n_executions = page.count;
    response->next_page_token = page.next_page_token;
    return status_ok();
}

/* WorkflowService.ListClosedWorkflowExecutions */
status rpc_list_closed_workflow_executions(struct call *call, const PbListClosedWorkflowExecutionsRequest *request,
                                           PbListClosedWorkflowExecutionsResponse *response)
{
    struct conditions conditions = no_conditions(call->arena);
    const struct namespace_info *ns;
    PbWorkflowExecutionStatus wanted = WORKFLOW_EXECUTION_STATUS_UNSPECIFIED;

    (void)response;
    TRY(namespaces_find(call->server->namespaces, call->arena, request->namespace_, &ns));
    TRY(add_times(&conditions, COLUMN_CLOSE_TIME, request->start_time_filter));
    if (request->filters_case == PbListClosedWorkflowExecutionsRequest_execution_filter_case)
        add_execution(&conditions, request->execution_filter);
    else if (request->filters_case == PbListClosedWorkflowExecutionsRequest_type_filter_case)
        add_text(&conditions, COLUMN_WORKFLOW_TYPE, request->type_filter->name);
    else if (request->filters_case == PbListClosedWorkflowExecutionsRequest_status_filter_case) {
        wanted = request->status_filter->status;
        if (wanted == WORKFLOW_EXECUTION_STATUS_UNSPECIFIED || wanted == WORKFLOW_EXECUTION_STATUS_RUNNING)
            return status_error(GRPC_INVALID_ARGUMENT, MSG_LIST_STATUS_NOT_CLOSED);
    }
    if (wanted != WORKFLOW_EXECUTION_STATUS_UNSPECIFIED)
        add_number(&conditions, FILTER_EQUAL, COLUMN_STATUS, wanted);
    else /* every status that is not Running is above it */
        add_number(&conditions, FILTER_GREATER, COLUMN_STATUS, WORKFLOW_EXECUTION_STATUS_RUNNING);
    return list_by_parts(call, ns, &conditions, request->maximum_page_size, request->next_page_token, finish_closed);
}

/* WorkflowService.ListArchivedWorkflowExecutions: nothing is archived. */
status rpc_list_archived_workflow_executions(struct call *call, const PbListArchivedWorkflowExecutionsRequest *request,
                                             PbListArchivedWorkflowExecutionsResponse *response)
{
    const struct namespace_info *ns;

    (void)response;
    TRY(namespaces_find(call->server->namespaces, call->arena, request->namespace_, &ns));
    return status_error(GRPC_INVALID_ARGUMENT, MSG_LIST_NOT_ARCHIVED);
}

/* ---- counts ---- */

static PbPayload *group_value(struct arena *arena, enum visibility_group group, const struct visibility_count *count)
{
    static const char *const statuses[] = {"Unspecified", "Running",        "Completed", "Failed", "Canceled",
                                           "Terminated",  "ContinuedAsNew", "TimedOut",  "Paused"};
    const char *text = group == GROUP_BY_STATUS ? statuses[count->status] : text_of(arena, count->division);

    return search_attribute_payload(arena, INDEXED_VALUE_TYPE_KEYWORD, text);
}

static status finish_count(struct call *call, const struct visibility_scan *scan)
{
    PbCountWorkflowExecutionsResponse *response = call->response;
    enum visibility_group group = visibility_count_group(scan);
    const struct visibility_count *groups;
    int count;

    groups = visibility_count_groups(scan, &count);
    response->count = visibility_count_total(scan);
    response->groups = ARENA_NEW_ARRAY(call->arena, PbCountWorkflowExecutionsResponseAggregationGroup *, count);
    for (int i = 0; i < count; i++) {
        PbCountWorkflowExecutionsResponseAggregationGroup *entry =
            ARENA_NEW_PB(call->arena, PbCountWorkflowExecutionsResponseAggregationGroup);

        entry->group_values = ARENA_NEW(call->arena, PbPayload *);
        entry->group_values[entry->n_group_values++] = group_value(call->arena, group, &groups[i]);
        entry->count = groups[i].count;
        response->groups[response->n_groups++] = entry;
    }
    return status_ok();
}

/* WorkflowService.CountWorkflowExecutions */
status rpc_count_workflow_executions(struct call *call, const PbCountWorkflowExecutionsRequest *request,
                                     PbCountWorkflowExecutionsResponse *response)
{
    struct visibility_query *query = ARENA_NEW(call->arena, struct visibility_query);
    const struct namespace_info *ns;

    (void)response;
    TRY(namespaces_find(call->server->namespaces, call->arena, request->namespace_, &ns));
    TRY(visibility_query_read(call->arena, ns->record, request->query, query));
    return scans_run(
        call, visibility_count_new(call->arena, call->server->store, ns->id, query, clock_now(call->server->clock)),
        finish_count);
}

/* ---- names ---- */

static void add_key(struct arena *arena, PbGetSearchAttributesResponse *response, const char *name,
                    PbIndexedValueType type)
{
    PbGetSearchAttributesResponseKeysEntry *entry = ARENA_NEW_PB(arena, PbGetSearchAttributesResponseKeysEntry);

    entry->key = name;
    entry->value = type;
    response->keys[response->n_keys++] = entry;
}

/* WorkflowService.GetSearchAttributes: an old call, of no namespace: names of columns instead of what they stand for.
 */
status rpc_get_search_attributes(struct call *call, const PbGetSearchAttributesRequest *request,
                                 PbGetSearchAttributesResponse *response)
{
    size_t columns = 0;

    (void)request;
    for (size_t i = 0; i < search_attribute_types_count; i++)
        columns += (size_t)search_attribute_types[i].columns_count;
    response->keys = ARENA_NEW_ARRAY(call->arena, PbGetSearchAttributesResponseKeysEntry *,
                                     predefined_search_attributes_count + columns);
    for (size_t i = 0; i < predefined_search_attributes_count; i++)
        add_key(call->arena, response, predefined_search_attributes[i].name, predefined_search_attributes[i].type);
    for (size_t i = 0; i < search_attribute_types_count; i++)
        for (int number = 1; number <= search_attribute_types[i].columns_count; number++)
            add_key(call->arena, response, arena_printf(call->arena, "%s%02d", search_attribute_types[i].name, number),
                    search_attribute_types[i].type);
    return status_ok();
}
