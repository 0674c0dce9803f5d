/*
 * Bad requests and what their senders are told. Codes and texts were taken from the real server (release 1.32.0); what
 * it accepts is accepted.
 */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "base/uuid.h"
#include "history/failures.h"
#include "proto/pb.h"
#include "proto/time.h"
#include "server/frontend/check.h"
#include "server/frontend/client_version.h"
#include "server/frontend/failures.h"
#include "server/frontend/messages.h"
#include "server/frontend/search_attributes.h"
#include "server/frontend/started.h"

enum { ID_MAX = 1000, BLOB_MAX = 2 * 1024 * 1024 };
#define NOW (seconds(1700000000) + 123456789)

static struct arena *arena;
static struct dynamic_config config;
static struct namespace_info ns;
static struct check check;

static void set_up(void)
{
    static PbNamespaceRecord record;
    PbNamespaceSearchAttribute *attribute;

    arena = arena_new(64 * 1024);
    dynamic_config_init(&config);
    record = (PbNamespaceRecord)PbNamespaceRecord_INIT;
    attribute = ARENA_NEW_PB(arena, PbNamespaceSearchAttribute);
    attribute->name = "Color";
    attribute->type = INDEXED_VALUE_TYPE_KEYWORD;
    attribute->column = "Keyword01";
    record.n_search_attributes = 1;
    record.search_attributes = ARENA_NEW_ARRAY(arena, PbNamespaceSearchAttribute *, 1);
    record.search_attributes[0] = attribute;
    ns = (struct namespace_info){.id = 1, .name = "default", .record = &record};
    check = (struct check){.arena = arena, .config = &config, .ns = &ns, .rand = rand_new(1), .now = NOW};
}

static void tear_down(void)
{
    rand_free(check.rand);
    arena_free(arena);
}

static const char *long_text(size_t len)
{
    char *text = arena_alloc_raw(arena, len + 1);

    memset(text, 'x', len);
    text[len] = '\0';
    return text;
}

static PbDuration *span(int64_t whole, int32_t rest)
{
    PbDuration *duration = ARENA_NEW_PB(arena, PbDuration);

    duration->seconds = whole;
    duration->nanos = rest;
    return duration;
}

static PbPayload *payload(const char *encoding, const char *data)
{
    PbPayload *result = ARENA_NEW_PB(arena, PbPayload);
    PbPayloadMetadataEntry *entry = ARENA_NEW_PB(arena, PbPayloadMetadataEntry);

    entry->key = "encoding";
    entry->value.len = strlen(encoding);
    entry->value.data = arena_memdup(arena, encoding, entry->value.len);
    result->metadata = ARENA_NEW_ARRAY(arena, PbPayloadMetadataEntry *, 1);
    result->metadata[0] = entry;
    result->n_metadata = 1;
    result->data.len = strlen(data);
    result->data.data = arena_memdup(arena, data, result->data.len);
    return result;
}

static PbStartWorkflowExecutionRequest *start_request(void)
{
    PbStartWorkflowExecutionRequest *req = ARENA_NEW_PB(arena, PbStartWorkflowExecutionRequest);

    req->namespace_ = "default";
    req->workflow_id = "w";
    req->workflow_type = ARENA_NEW_PB(arena, PbWorkflowType);
    req->workflow_type->name = "T";
    req->task_queue = ARENA_NEW_PB(arena, PbTaskQueue);
    req->task_queue->name = "q";
    req->request_id = "r";
    req->identity = "me";
    return req;
}

static void expect(status got, enum status_code code, const char *text)
{
    ck_assert_msg(got.code == code, "%s: %s", status_code_name(got.code), got.message == NULL ? "" : got.message);
    if (text != NULL)
        ck_assert_str_eq(got.message, text);
}

/* ---- starts ---- */

typedef void spoil(PbStartWorkflowExecutionRequest *req);

#define SPOIL(name, ...)                                   \
    static void name(PbStartWorkflowExecutionRequest *req) \
    {                                                      \
        __VA_ARGS__;                                       \
    }

static PbRetryPolicy *retry(PbStartWorkflowExecutionRequest *req)
{
    return req->retry_policy = ARENA_NEW_PB(arena, PbRetryPolicy);
}

static PbPriority *priority(PbStartWorkflowExecutionRequest *req)
{
    return req->priority = ARENA_NEW_PB(arena, PbPriority);
}

static PbCallbackNexus *callback(PbStartWorkflowExecutionRequest *req, const char *url)
{
    PbCallback *added = ARENA_NEW_PB(arena, PbCallback);

    req->completion_callbacks = ARENA_NEW_ARRAY(arena, PbCallback *, 1);
    req->completion_callbacks[0] = added;
    req->n_completion_callbacks = 1;
    added->variant_case = url == NULL ? PbCallback_variant_not_set_case : PbCallback_nexus_case;
    added->nexus = url == NULL ? NULL : ARENA_NEW_PB(arena, PbCallbackNexus);
    if (url != NULL)
        added->nexus->url = url;
    return added->nexus;
}

static PbCommonLink *link_of(PbStartWorkflowExecutionRequest *req, size_t count)
{
    PbCommonLink *added = ARENA_NEW_PB(arena, PbCommonLink);

    req->links = ARENA_NEW_ARRAY(arena, PbCommonLink *, count);
    req->n_links = count;
    for (size_t i = 0; i < count; i++)
        req->links[i] = added;
    return added;
}

static void job_link(PbStartWorkflowExecutionRequest *req, size_t count, const char *job_id)
{
    PbCommonLink *added = link_of(req, count);

    added->variant_case = PbCommonLink_batch_job_case;
    added->batch_job = ARENA_NEW_PB(arena, PbLinkBatchJob);
    added->batch_job->job_id = job_id;
}

static PbLinkWorkflowEvent *event_link(PbStartWorkflowExecutionRequest *req)
{
    PbCommonLink *added = link_of(req, 1);

    added->variant_case = PbCommonLink_workflow_event_case;
    added->workflow_event = ARENA_NEW_PB(arena, PbLinkWorkflowEvent);
    added->workflow_event->namespace_ = "default";
    added->workflow_event->workflow_id = "w";
    added->workflow_event->run_id = "r";
    return added->workflow_event;
}

static void event_link_without_type(PbStartWorkflowExecutionRequest *req)
{
    PbLinkWorkflowEvent *link = event_link(req);

    link->reference_case = PbLinkWorkflowEvent_event_ref_case;
    link->event_ref = ARENA_NEW_PB(arena, PbLinkWorkflowEventEventReference);
    link->event_ref->event_id = 3;
}

static void attribute(PbStartWorkflowExecutionRequest *req, const char *name, const char *json)
{
    PbSearchAttributesIndexedFieldsEntry *entry = ARENA_NEW_PB(arena, PbSearchAttributesIndexedFieldsEntry);

    entry->key = name;
    entry->value = payload("json/plain", json);
    req->search_attributes = ARENA_NEW_PB(arena, PbSearchAttributes);
    req->search_attributes->indexed_fields = ARENA_NEW_ARRAY(arena, PbSearchAttributesIndexedFieldsEntry *, 1);
    req->search_attributes->indexed_fields[0] = entry;
    req->search_attributes->n_indexed_fields = 1;
}

static void many_attributes(PbStartWorkflowExecutionRequest *req)
{
    enum { COUNT = 101 };
    PbSearchAttributesIndexedFieldsEntry **entries =
        ARENA_NEW_ARRAY(arena, PbSearchAttributesIndexedFieldsEntry *, COUNT);

    attribute(req, "Color", "\"red\"");
    for (int i = 0; i < COUNT; i++)
        entries[i] = req->search_attributes->indexed_fields[0];
    req->search_attributes->indexed_fields = entries;
    req->search_attributes->n_indexed_fields = COUNT;
}

static void policies(PbStartWorkflowExecutionRequest *req, PbWorkflowIdReusePolicy reuse,
                     PbWorkflowIdConflictPolicy conflict)
{
    req->workflow_id_reuse_policy = reuse;
    req->workflow_id_conflict_policy = conflict;
}

static PbPayloads *one_payload(size_t bytes)
{
    PbPayloads *payloads = ARENA_NEW_PB(arena, PbPayloads);

    payloads->payloads = ARENA_NEW_ARRAY(arena, PbPayload *, 1);
    payloads->payloads[0] = ARENA_NEW_PB(arena, PbPayload);
    payloads->payloads[0]->data.len = bytes;
    payloads->payloads[0]->data.data = arena_alloc(arena, bytes);
    payloads->n_payloads = 1;
    return payloads;
}

static void memo(PbStartWorkflowExecutionRequest *req, size_t bytes)
{
    PbMemoFieldsEntry *entry = ARENA_NEW_PB(arena, PbMemoFieldsEntry);

    entry->key = "k";
    entry->value = one_payload(bytes)->payloads[0];
    req->memo = ARENA_NEW_PB(arena, PbMemo);
    req->memo->fields = ARENA_NEW_ARRAY(arena, PbMemoFieldsEntry *, 1);
    req->memo->fields[0] = entry;
    req->memo->n_fields = 1;
}

static void attach_callbacks_alone(PbStartWorkflowExecutionRequest *req)
{
    req->on_conflict_options = ARENA_NEW_PB(arena, PbWorkflowOnConflictOptions);
    req->on_conflict_options->attach_completion_callbacks = true;
}

static void error_type(PbStartWorkflowExecutionRequest *req, const char *type)
{
    PbRetryPolicy *policy = retry(req);

    policy->non_retryable_error_types = ARENA_NEW_ARRAY(arena, const char *, 1);
    policy->non_retryable_error_types[0] = type;
    policy->n_non_retryable_error_types = 1;
}

static void policy_interval(PbStartWorkflowExecutionRequest *req, PbDuration *initial, PbDuration *most)
{
    PbRetryPolicy *policy = retry(req);

    policy->initial_interval = initial;
    policy->maximum_interval = most;
}

static void policy_numbers(PbStartWorkflowExecutionRequest *req, double coefficient, int32_t attempts)
{
    PbRetryPolicy *policy = retry(req);

    policy->backoff_coefficient = coefficient;
    policy->maximum_attempts = attempts;
}

static void cron_and_delay(PbStartWorkflowExecutionRequest *req)
{
    req->cron_schedule = "* * * * *";
    req->workflow_start_delay = span(0, 0);
}

SPOIL(nothing, (void)req)
SPOIL(no_workflow_id, req->workflow_id = "")
SPOIL(long_workflow_id, req->workflow_id = long_text(ID_MAX + 1))
SPOIL(longest_workflow_id, req->workflow_id = long_text(ID_MAX))
SPOIL(no_type, req->workflow_type = NULL)
SPOIL(empty_type, req->workflow_type->name = "")
SPOIL(long_type, req->workflow_type->name = long_text(ID_MAX + 1))
SPOIL(no_queue, req->task_queue = NULL)
SPOIL(empty_queue, req->task_queue->name = "")
SPOIL(long_queue, req->task_queue->name = long_text(ID_MAX + 1))
SPOIL(reserved_queue, req->task_queue->name = "/_sys/q/1")
SPOIL(internal_queue, req->task_queue->name = "temporal-sys-per-ns-tq")
SPOIL(negative_execution, req->workflow_execution_timeout = span(-1, 0))
SPOIL(negative_run, req->workflow_run_timeout = span(0, -1))
SPOIL(negative_task, req->workflow_task_timeout = span(-1, -1))
SPOIL(mixed_run, req->workflow_run_timeout = span(5, -5))
SPOIL(negative_delay, req->workflow_start_delay = span(-1, 0))
SPOIL(bad_cron, req->cron_schedule = "x")
SPOIL(never_cron, req->cron_schedule = "0 0 30 2 *")
SPOIL(good_cron, req->cron_schedule = "0 0 * * *")
SPOIL(long_request_id, req->request_id = long_text(ID_MAX + 1))
SPOIL(retry_coefficient, policy_numbers(req, 0.5, 0))
SPOIL(retry_attempts, policy_numbers(req, 0, -1))
SPOIL(retry_once_is_not_looked_at, policy_numbers(req, 0.5, 1))
SPOIL(retry_initial, policy_interval(req, span(-1, 0), NULL))
SPOIL(retry_most, policy_interval(req, NULL, span(-1, 0)))
SPOIL(retry_order, policy_interval(req, span(5, 0), span(4, 0)))
SPOIL(retry_type, error_type(req, "TemporalTimeout:Never"))
SPOIL(terminate_if_running,
      policies(req, WORKFLOW_ID_REUSE_POLICY_TERMINATE_IF_RUNNING, WORKFLOW_ID_CONFLICT_POLICY_FAIL))
SPOIL(reject_and_terminate,
      policies(req, WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE, WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING))
SPOIL(unknown_attribute, attribute(req, "Nope", "1"))
SPOIL(column_attribute, attribute(req, "Keyword01", "\"x\""))
SPOIL(system_attribute, attribute(req, "WorkflowId", "\"x\""))
SPOIL(server_attribute, attribute(req, "TemporalWorkerDeployment", "\"x\""))
SPOIL(typed_attribute, attribute(req, "BatcherUser", "1"))
SPOIL(bare_list_attribute, attribute(req, "BuildIds", "\"1\""))
SPOIL(instant_attribute, attribute(req, "TemporalScheduledStartTime", "\"x\""))
SPOIL(long_attribute, attribute(req, "Color", arena_printf(arena, "\"%s\"", long_text(3000))))
SPOIL(negative_priority, priority(req)->priority_key = -1)
SPOIL(high_priority, priority(req)->priority_key = 99)
SPOIL(long_fairness, priority(req)->fairness_key = long_text(65))
SPOIL(negative_weight, priority(req)->fairness_weight = -1)
SPOIL(unknown_callback, callback(req, NULL))
SPOIL(long_callback, callback(req, long_text(1001)))
SPOIL(odd_callback, callback(req, "temporal://systemx"))
SPOIL(foreign_callback, callback(req, "http://x/y"))
SPOIL(hostless_callback, callback(req, "http:///y"))
SPOIL(system_callback, callback(req, "temporal://system"))
SPOIL(empty_link, link_of(req, 1))
SPOIL(many_links, job_link(req, 11, "j"))
SPOIL(long_link, job_link(req, 1, long_text(5000)))
SPOIL(nameless_link, job_link(req, 1, ""))
SPOIL(good_link, event_link(req))
SPOIL(link_without_run, event_link(req)->run_id = "")
SPOIL(time_skipping, req->time_skipping_config = ARENA_NEW_PB(arena, PbTimeSkippingConfig))
SPOIL(large_input, req->input = one_payload(BLOB_MAX))
SPOIL(large_memo, memo(req, BLOB_MAX))
SPOIL(override, req->versioning_override = ARENA_NEW_PB(arena, PbVersioningOverride))

static const struct {
    const char *name;
    spoil *spoil;
    enum status_code code;
    const char *text;
} STARTS[] = {
#define BAD(name, text)                          \
    {                                            \
#name, name, GRPC_INVALID_ARGUMENT, text \
    }
#define GOOD(name)                 \
    {                              \
#name, name, GRPC_OK, NULL \
    }
#define NOT_BUILT(name, text)                 \
    {                                         \
#name, name, GRPC_UNIMPLEMENTED, text \
    }
    GOOD(nothing),
    BAD(no_workflow_id, "WorkflowId is not set on request."),
    BAD(long_workflow_id, "WorkflowId exceeds maximum allowed length (1001/1000)"),
    GOOD(longest_workflow_id),
    BAD(no_type, "WorkflowType is not set on request."),
    BAD(empty_type, "WorkflowType is not set on request."),
    BAD(long_type, "WorkflowType length exceeds limit."),
    BAD(no_queue, "taskQueue is not set"),
    BAD(empty_queue, "missing task queue name"),
    BAD(long_queue, "taskQueue length exceeds limit"),
    BAD(reserved_queue, "task queue name cannot start with reserved prefix /_sys/"),
    BAD(internal_queue, "cannot use internal per-namespace task queue:temporal-sys-per-ns-tq"),
    BAD(negative_execution, "An invalid WorkflowExecutionTimeoutSeconds is set on request. cause: negative duration"),
    BAD(negative_run, "An invalid WorkflowRunTimeoutSeconds is set on request. cause: negative duration"),
    BAD(negative_task, "An invalid WorkflowTaskTimeoutSeconds is set on request. cause: negative duration"),
    BAD(mixed_run, "An invalid WorkflowRunTimeoutSeconds is set on request. cause: duration has seconds and nanos with "
                   "different signs"),
    BAD(negative_delay, "An invalid WorkflowStartDelaySeconds is set on request. cause: negative duration"),
    BAD(cron_and_delay, "CronSchedule and WorkflowStartDelay may not be used together."),
    BAD(bad_cron, "invalid CronSchedule."),
    BAD(never_cron, "invalid CronSchedule, no time can be found to satisfy the schedule"),
    GOOD(good_cron),
    BAD(long_request_id, "RequestId length exceeds limit."),
    BAD(retry_coefficient, "BackoffCoefficient cannot be less than 1 on retry policy."),
    BAD(retry_attempts, "MaximumAttempts cannot be negative on retry policy."),
    GOOD(retry_once_is_not_looked_at),
    BAD(retry_initial, "invalid InitialInterval set on retry policy: negative duration"),
    BAD(retry_most, "invalid MaximumInterval set on retry policy: negative duration"),
    BAD(retry_order, "MaximumInterval cannot be less than InitialInterval on retry policy."),
    BAD(retry_type, "Invalid timeout type value: Never."),
    BAD(terminate_if_running, "Invalid WorkflowIDReusePolicy: WORKFLOW_ID_REUSE_POLICY_TERMINATE_IF_RUNNING cannot be "
                              "used together with a WorkflowIDConflictPolicy"),
    BAD(reject_and_terminate,
        "Invalid WorkflowIDReusePolicy: WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE cannot be used together with "
        "WorkflowIdConflictPolicy WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING"),
    BAD(attach_callbacks_alone, "attaching request ID is required for attaching completion callbacks"),
    BAD(unknown_attribute, "Namespace default has no mapping defined for search attribute Nope"),
    BAD(column_attribute, "Namespace default has no mapping defined for search attribute Keyword01"),
    BAD(system_attribute, "WorkflowId attribute can't be set in SearchAttributes"),
    BAD(server_attribute, "TemporalWorkerDeployment attribute can't be set in SearchAttributes"),
    BAD(typed_attribute, "invalid value for search attribute BatcherUser of type Keyword: 1"),
    BAD(bare_list_attribute, "invalid value for search attribute BuildIds of type KeywordList: 1"),
    BAD(instant_attribute, "invalid value for search attribute TemporalScheduledStartTime of type Datetime: x"),
    BAD(long_attribute, "search attribute Color value size 3002 exceeds size limit 2048"),
    BAD(many_attributes, "number of search attributes 101 exceeds limit 100"),
    BAD(negative_priority, "priority key can't be negative"),
    GOOD(high_priority),
    BAD(long_fairness, "fairness key length exceeds limit"),
    BAD(negative_weight, "must be greater than zero"),
    NOT_BUILT(unknown_callback, "unknown callback variant: <nil>"),
    BAD(long_callback, "invalid url: url length longer than max length allowed of 1000"),
    BAD(odd_callback, "invalid url: unknown scheme: temporal://systemx"),
    BAD(foreign_callback, "invalid url: url does not match any configured callback address: http://x/y"),
    BAD(hostless_callback, "invalid url: missing host"),
    NOT_BUILT(system_callback, "completion callbacks are not supported yet"),
    BAD(empty_link, "unsupported link variant"),
    BAD(many_links, "cannot attach more than 10 links per request, got 11"),
    BAD(long_link, "link exceeds allowed size of 4000, got 5006"),
    BAD(nameless_link, "batch job link must not have an empty job ID"),
    GOOD(good_link),
    BAD(link_without_run, "workflow event link must not have an empty run ID field"),
    BAD(event_link_without_type,
        "workflow event link ref cannot have an unspecified event type and a non-zero event ID"),
    NOT_BUILT(time_skipping, "The Time-Skipping feature is not enabled for namespace."),
    BAD(large_input, "Blob data size exceeds limit."),
};

START_TEST(a_start_is_judged_as_by_the_real_server)
{
    PbStartWorkflowExecutionRequest *req = start_request(), *normal;

    STARTS[_i].spoil(req);
    expect(check_start(&check, req, &normal), STARTS[_i].code, STARTS[_i].text);
}
END_TEST

START_TEST(the_memo_is_checked_last)
{
    PbStartWorkflowExecutionRequest *req = start_request(), *normal;

    large_memo(req);
    override(req);
    expect(check_start(&check, req, &normal), GRPC_INVALID_ARGUMENT, "Memo size exceeds limit.");
    req->memo = NULL;
    expect(check_start(&check, req, &normal), GRPC_OK, NULL);
}
END_TEST

START_TEST(the_first_mistake_is_the_one_reported)
{
    PbStartWorkflowExecutionRequest *req = ARENA_NEW_PB(arena, PbStartWorkflowExecutionRequest), *normal;

    negative_run(req);
    retry_coefficient(req);
    expect(check_start(&check, req, &normal), GRPC_INVALID_ARGUMENT, "WorkflowId is not set on request.");
    req->workflow_id = "w";
    expect(check_start(&check, req, &normal), GRPC_INVALID_ARGUMENT,
           "BackoffCoefficient cannot be less than 1 on retry policy.");
    req->retry_policy = NULL;
    expect(check_start(&check, req, &normal), GRPC_INVALID_ARGUMENT, "WorkflowType is not set on request.");
}
END_TEST

START_TEST(a_start_gets_its_defaults)
{
    PbStartWorkflowExecutionRequest *req = start_request(), *normal;
    uint8_t uuid[UUID_BYTES];

    req->request_id = "";
    policy_numbers(req, 0, 0);
    expect(check_start(&check, req, &normal), GRPC_OK, NULL);
    ck_assert(uuid_parse(normal->request_id, uuid));
    ck_assert_int_eq(normal->workflow_id_reuse_policy, WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE);
    ck_assert_int_eq(normal->workflow_id_conflict_policy, WORKFLOW_ID_CONFLICT_POLICY_FAIL);
    ck_assert_int_eq(normal->task_queue->kind, TASK_QUEUE_KIND_NORMAL);
    ck_assert_int_eq(req->task_queue->kind, TASK_QUEUE_KIND_UNSPECIFIED); /* the request is not touched */
    ck_assert_str_eq(req->request_id, "");
    ck_assert_int_eq(duration_from_pb(normal->retry_policy->initial_interval), seconds(1));
    ck_assert_int_eq(duration_from_pb(normal->retry_policy->maximum_interval), seconds(100));
    ck_assert(normal->retry_policy->backoff_coefficient == 2.0);
}
END_TEST

START_TEST(the_deprecated_reuse_policy_becomes_a_conflict_policy)
{
    PbStartWorkflowExecutionRequest *req = start_request(), *normal;

    req->workflow_id_reuse_policy = WORKFLOW_ID_REUSE_POLICY_TERMINATE_IF_RUNNING;
    expect(check_start(&check, req, &normal), GRPC_OK, NULL);
    ck_assert_int_eq(normal->workflow_id_reuse_policy, WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE);
    ck_assert_int_eq(normal->workflow_id_conflict_policy, WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING);
}
END_TEST

START_TEST(eager_execution_needs_a_first_task_at_once)
{
    PbStartWorkflowExecutionRequest *req = start_request(), *normal;

    req->request_eager_execution = true;
    expect(check_start(&check, req, &normal), GRPC_OK, NULL);
    ck_assert(frontend_make_started(arena, normal, "run", NOW, &config.history)->eager_execution_accepted);
    req->workflow_start_delay = span(1, 0);
    expect(check_start(&check, req, &normal), GRPC_OK, NULL);
    ck_assert(!frontend_make_started(arena, normal, "run", NOW, &config.history)->eager_execution_accepted);
}
END_TEST

START_TEST(nil_values_are_not_set)
{
    static const char *const nil[][2] = {{"json/plain", "null"}, {"json/plain", "[]"}, {"binary/null", ""}};
    PbStartWorkflowExecutionRequest *req = start_request(), *normal;

    for (size_t i = 0; i < sizeof(nil) / sizeof(nil[0]); i++) {
        memo(req, 1);
        req->memo->fields[0]->value = payload(nil[i][0], nil[i][1]);
        attribute(req, "Color", "");
        req->search_attributes->indexed_fields[0]->value = payload(nil[i][0], nil[i][1]);
        expect(check_start(&check, req, &normal), GRPC_OK, NULL);
        ck_assert_ptr_null(normal->memo);
        ck_assert_ptr_null(normal->search_attributes);
    }
    memo(req, 1);
    attribute(req, "Color", "\"red\"");
    expect(check_start(&check, req, &normal), GRPC_OK, NULL);
    ck_assert_uint_eq(normal->memo->n_fields, 1);
    ck_assert_uint_eq(normal->search_attributes->n_indexed_fields, 1);
}
END_TEST

/* ---- the started event ---- */

static const struct {
    int64_t asked_execution, asked_run, asked_task; /* -1: absent */
    int64_t run, task;                              /* -1: absent */
} TIMEOUTS[] = {
    {-1, -1, -1, -1, 10}, {-1, 0, -1, 0, 10},        {-1, 5, -1, 5, 5},    {-1, 60, 20, 60, 20},
    {30, -1, -1, 30, 10}, {30, 60, -1, 30, 10},      {30, 20, -1, 20, 10}, {-1, -1, 300, -1, 120},
    {-1, 1, 300, 1, 1},   {100, 200, 300, 100, 100}, {-1, -1, 0, -1, 10},  {0, 0, 0, 0, 10},
};

static void expect_span(const PbDuration *got, int64_t expected)
{
    if (expected < 0) {
        ck_assert_ptr_null(got);
        return;
    }
    ck_assert_ptr_nonnull(got);
    ck_assert_int_eq(duration_from_pb(got), seconds(expected));
}

START_TEST(timeouts_are_cut_to_each_other)
{
    PbStartWorkflowExecutionRequest *req = start_request(), *normal;
    const PbWorkflowExecutionStartedEventAttributes *started;

    req->workflow_execution_timeout = TIMEOUTS[_i].asked_execution < 0 ? NULL : span(TIMEOUTS[_i].asked_execution, 0);
    req->workflow_run_timeout = TIMEOUTS[_i].asked_run < 0 ? NULL : span(TIMEOUTS[_i].asked_run, 0);
    req->workflow_task_timeout = TIMEOUTS[_i].asked_task < 0 ? NULL : span(TIMEOUTS[_i].asked_task, 0);
    expect(check_start(&check, req, &normal), GRPC_OK, NULL);
    started = frontend_make_started(arena, normal, "run", NOW, &config.history);
    expect_span(started->workflow_execution_timeout, TIMEOUTS[_i].asked_execution);
    expect_span(started->workflow_run_timeout, TIMEOUTS[_i].run);
    expect_span(started->workflow_task_timeout, TIMEOUTS[_i].task);
}
END_TEST

START_TEST(the_started_event_says_what_was_asked_for)
{
    PbStartWorkflowExecutionRequest *req = start_request(), *normal;
    const PbWorkflowExecutionStartedEventAttributes *started;

    req->workflow_execution_timeout = span(10, 0);
    req->workflow_start_delay = span(3, 0);
    req->input = one_payload(3);
    expect(check_start(&check, req, &normal), GRPC_OK, NULL);
    started = frontend_make_started(arena, normal, "run", NOW, &config.history);
    ck_assert_str_eq(started->workflow_id, "w");
    ck_assert_str_eq(started->workflow_type->name, "T");
    ck_assert_str_eq(started->task_queue->name, "q");
    ck_assert_str_eq(started->identity, "me");
    ck_assert_str_eq(started->original_execution_run_id, "run");
    ck_assert_str_eq(started->first_execution_run_id, "run");
    ck_assert_str_eq(started->continued_execution_run_id, "");
    ck_assert_int_eq(started->attempt, 1);
    ck_assert_ptr_eq(started->input, req->input); /* borrowed */
    ck_assert_ptr_null(started->retry_policy);
    expect_span(started->first_workflow_task_backoff, 3);
    ck_assert_int_eq(time_from_pb(started->workflow_execution_expiration_time),
                     seconds(1700000010) + milliseconds(123));
}
END_TEST

START_TEST(backoff_is_there_and_expiration_is_not_without_need)
{
    PbStartWorkflowExecutionRequest *normal;
    const PbWorkflowExecutionStartedEventAttributes *started;

    expect(check_start(&check, start_request(), &normal), GRPC_OK, NULL);
    started = frontend_make_started(arena, normal, "run", NOW, &config.history);
    expect_span(started->first_workflow_task_backoff, 0);
    ck_assert_ptr_null(started->workflow_execution_expiration_time);
}
END_TEST

START_TEST(endless_timeouts_are_cut_to_a_hundred_years)
{
    PbStartWorkflowExecutionRequest *req = start_request(), *normal;
    const PbWorkflowExecutionStartedEventAttributes *started;

    req->workflow_execution_timeout = span(INT64_MAX, 0);
    req->workflow_run_timeout = span(4000000000, 0);
    expect(check_start(&check, req, &normal), GRPC_OK, NULL);
    started = frontend_make_started(arena, normal, "run", NOW, &config.history);
    expect_span(started->workflow_execution_timeout, 3153600000);
    expect_span(started->workflow_run_timeout, 3153600000);
}
END_TEST

/* ---- client versions ---- */

static const struct {
    struct call_headers headers;
    enum status_code code;
    const char *text;
} VERSIONS[] = {
    {{NULL, NULL, NULL, NULL}, GRPC_OK, NULL},
    {{"temporal-go", "1.34.0", NULL, NULL}, GRPC_OK, NULL},
    {{"temporal-go", "1.34.0", ">=1.0.0 <2.0.0", NULL}, GRPC_OK, NULL},
    {{"temporal-python", "banana", NULL, NULL}, GRPC_OK, NULL},
    {{"temporal-go", NULL, ">9.0.0", NULL}, GRPC_OK, NULL},
    {{"temporal-go", "3.0.0", NULL, NULL},
     GRPC_FAILED_PRECONDITION,
     "Client version 3.0.0 is not supported. Server supports temporal-go versions: <2.0.0"},
    {{"temporal-ui", "2.44.1", NULL, NULL}, GRPC_OK, NULL},
    {{"temporal-go", "2.0.0-rc.1", NULL, NULL}, GRPC_OK, NULL}, /* before 2.0.0 */
    {{"temporal-go", "2.0.0", NULL, NULL},
     GRPC_FAILED_PRECONDITION,
     "Client version 2.0.0 is not supported. Server supports temporal-go versions: <2.0.0"},
    {{"temporal-go", "3", NULL, NULL},
     GRPC_INVALID_ARGUMENT,
     "Unable to parse client version: No Major.Minor.Patch elements found"},
    {{"temporal-go", "1.x.0", NULL, NULL},
     GRPC_INVALID_ARGUMENT,
     "Unable to parse client version: Invalid character(s) found in minor number \"x\""},
    {{"temporal-go", "1.02.0", NULL, NULL},
     GRPC_INVALID_ARGUMENT,
     "Unable to parse client version: Minor number must not contain leading zeroes \"02\""},
    {{"temporal-go", "1.2.3-", NULL, NULL},
     GRPC_INVALID_ARGUMENT,
     "Unable to parse client version: Prerelease is empty"},
    {{"temporal-go", "1.2.3-a.b+c.d", NULL, NULL}, GRPC_OK, NULL},
    {{"other", "1", ">2.0.0", NULL},
     GRPC_FAILED_PRECONDITION,
     "Server version 1.32.0 is not supported. Client supports server versions: >2.0.0"},
    {{"other", "1", ">2.0", NULL},
     GRPC_INVALID_ARGUMENT,
     "Unable to parse supported server versions: Could not parse Range \">2.0\": Could not parse version \"2.0\" in "
     "\">2.0\": No Major.Minor.Patch elements found"},
    {{"other", "1", "abc", NULL},
     GRPC_INVALID_ARGUMENT,
     "Unable to parse supported server versions: Could not get version from string: \"abc\""},
    {{"other", "1", "<1.0.0 || >=1.30.0", NULL}, GRPC_OK, NULL},
    {{"other", "1", "<1.0.0 || >=1.33.0", NULL},
     GRPC_FAILED_PRECONDITION,
     "Server version 1.32.0 is not supported. Client supports server versions: <1.0.0 || >=1.33.0"},
    {{"other", "1", ">= 1.0.0  < 2.0.0", NULL}, GRPC_OK, NULL},
    {{"other", "1", "1.x", NULL}, GRPC_OK, NULL},
    {{"other", "1", "1.32.x", NULL}, GRPC_OK, NULL},
    {{"other", "1", "!=1.32.0", NULL}, GRPC_FAILED_PRECONDITION, NULL},
    {{"other", "1", "|| 1.x", NULL}, GRPC_INVALID_ARGUMENT, NULL},
    {{"other", "1", "1.x ||", NULL}, GRPC_INVALID_ARGUMENT, NULL},
    {{"other", "1", ">", NULL}, GRPC_INVALID_ARGUMENT, NULL},
    {{"other", "1", "> ", NULL}, GRPC_INVALID_ARGUMENT, NULL},
};

START_TEST(client_versions_are_judged_as_by_the_real_server)
{
    expect(client_version_check(arena, &VERSIONS[_i].headers), VERSIONS[_i].code, VERSIONS[_i].text);
}
END_TEST

START_TEST(features_are_words_in_a_list)
{
    struct call_headers headers = {.supported_features = "a,follows-next-run-id,bc"};

    ck_assert(client_supports(&headers, "follows-next-run-id"));
    ck_assert(client_supports(&headers, "bc"));
    ck_assert(!client_supports(&headers, "b"));
    headers.supported_features = NULL;
    ck_assert(!client_supports(&headers, "a"));
}
END_TEST

/* ---- search attributes ---- */

static const struct {
    const char *name, *json;
    bool is_valid;
} VALUES[] = {
    {"Color", "\"\"", true},
    {"Color", " \"red\" ", true},
    {"Color", "[\"red\"]", true},
    {"Color", "[\"red\",\"blue\"]", false},
    {"Color", "[null]", true},
    {"Color", "[\"red\",null]", false},
    {"Color", "", false},
    {"Color", "\"\\u00e4\\n\"", true},
    {"Color", "\"\\x\"", false},
    {"Color", "\"open", false},
    {"Color", "red", false},
    {"Color", "{}", false},
    {"Color", "\"a\" \"b\"", false},
    {"TemporalSchedulePaused", "true", true},
    {"TemporalSchedulePaused", "\"true\"", false},
    {"TemporalSchedulePaused", "truely", false},
    {"BuildIds", "[\"a\", \"b\"]", true},
    {"BuildIds", "[\"a\", null]", true},
    {"BuildIds", "[\"a\", 1]", false},
    {"BuildIds", "[\"a\",]", false},
    {"BuildIds", "[", false},
    {"TemporalScheduledStartTime", "\"2024-02-29T23:59:59.123456789Z\"", true},
    {"TemporalScheduledStartTime", "\"2024-02-29T23:59:59+01:00\"", true},
    {"TemporalScheduledStartTime", "\"2024-02-29T23:59:59,5Z\"", true},
    {"TemporalScheduledStartTime", "\"2023-02-29T00:00:00Z\"", false},
    {"TemporalScheduledStartTime", "\"2024-01-01 00:00:00Z\"", false},
    {"TemporalScheduledStartTime", "\"2024-01-01T00:00:00\"", false},
    {"TemporalScheduledStartTime", "1700000000", false},
};

START_TEST(values_have_their_attributes_type)
{
    PbStartWorkflowExecutionRequest *req = start_request(), *normal;

    attribute(req, VALUES[_i].name, VALUES[_i].json);
    expect(check_start(&check, req, &normal), VALUES[_i].is_valid ? GRPC_OK : GRPC_INVALID_ARGUMENT, NULL);
}
END_TEST

START_TEST(attributes_are_shown_with_their_type)
{
    PbStartWorkflowExecutionRequest *req = start_request();
    PbSearchAttributes *kept;
    const PbPayload *value;

    attribute(req, "Color", "\"red\"");
    expect(search_attributes_check(arena, &config, &ns, req->search_attributes, &kept), GRPC_OK, NULL);
    value = kept->indexed_fields[0]->value;
    ck_assert_uint_eq(value->n_metadata, 2);
    ck_assert_str_eq(value->metadata[1]->key, "type");
    ck_assert_mem_eq(value->metadata[1]->value.data, "Keyword", 7);
    ck_assert_uint_eq(value->metadata[1]->value.len, 7);
    ck_assert_mem_eq(value->data.data, "\"red\"", 5);
}
END_TEST

/* ---- parts of other requests ---- */

static PbWorkerDeploymentOptions *versioned(const char *deployment, const char *build_id)
{
    PbWorkerDeploymentOptions *options = ARENA_NEW_PB(arena, PbWorkerDeploymentOptions);

    options->deployment_name = deployment;
    options->build_id = build_id;
    options->worker_versioning_mode = WORKER_VERSIONING_MODE_VERSIONED;
    return options;
}

START_TEST(worker_versions)
{
    PbTaskQueue *sticky = ARENA_NEW_PB(arena, PbTaskQueue);
    PbWorkerDeploymentOptions *unversioned = ARENA_NEW_PB(arena, PbWorkerDeploymentOptions);
    const enum status_code bad = GRPC_INVALID_ARGUMENT;

    sticky->name = "s";
    sticky->kind = TASK_QUEUE_KIND_STICKY;
    expect(check_worker_version(&check, false, "", NULL, sticky), GRPC_OK, NULL);
    expect(check_worker_version(&check, false, "", unversioned, NULL), GRPC_OK, NULL);
    expect(check_worker_version(&check, false, "", unversioned, sticky), bad, MSG_VERSIONING_NO_NORMAL_NAME);
    expect(check_worker_version(&check, true, "", NULL, NULL), bad, MSG_VERSIONING_NO_BUILD_ID);
    expect(check_worker_version(&check, false, long_text(256), NULL, NULL), bad, MSG_BUILD_ID_TOO_LONG);
    expect(check_worker_version(&check, false, "", versioned("", "b"), NULL), bad, MSG_DEPLOYMENT_OPTIONS_PARTIAL);
    expect(check_worker_version(&check, false, "", versioned("a.b", "b"), NULL), bad,
           "worker deployment name cannot contain '.'");
    expect(check_worker_version(&check, false, "", versioned("a:b", "b"), NULL), bad,
           "worker deployment name cannot contain ':'");
    expect(check_worker_version(&check, false, "", versioned("__a", "b"), NULL), bad,
           "WorkerDeploymentName cannot start with '__'");
    expect(check_worker_version(&check, false, "", versioned("a", "__b"), NULL), bad, "BuildID cannot start with '__'");
    expect(check_worker_version(&check, false, "", versioned("a", long_text(481)), NULL), bad,
           "size of BuildID larger than the maximum allowed");
    expect(check_worker_version(&check, false, "", versioned("a", "b"), NULL), GRPC_OK, NULL);
    expect(check_worker_version(&check, true, "b", NULL, NULL), GRPC_OK, NULL);
}
END_TEST

START_TEST(executions)
{
    PbWorkflowExecution *execution = ARENA_NEW_PB(arena, PbWorkflowExecution);

    expect(check_execution(NULL), GRPC_INVALID_ARGUMENT, "Execution is not set on request.");
    expect(check_execution(execution), GRPC_INVALID_ARGUMENT, "WorkflowId is not set on request.");
    execution->workflow_id = "w";
    expect(check_execution(execution), GRPC_OK, NULL);
    execution->run_id = "r";
    expect(check_execution(execution), GRPC_INVALID_ARGUMENT, "Invalid RunId.");
    execution->run_id = "01a1fe7f-ec47-7d89-bf4e-85c7e1f79e1f";
    expect(check_execution(execution), GRPC_OK, NULL);
}
END_TEST

START_TEST(long_failures_are_shortened_without_cutting_characters)
{
    PbFailure *failure = ARENA_NEW_PB(arena, PbFailure), *cause = ARENA_NEW_PB(arena, PbFailure);
    const PbFailure *shortened;

    failure->failure_info_case = PbFailure_application_failure_info_case;
    failure->application_failure_info = ARENA_NEW_PB(arena, PbApplicationFailureInfo);
    failure->application_failure_info->type = "Type";
    failure->application_failure_info->non_retryable = true;
    failure->source = "PythonSDK";
    failure->message = "a\xc3\xa4\xc3\xa4\xc3\xa4";
    failure->stack_trace = long_text(100);
    failure->cause = cause;
    cause->message = "cause";
    for (size_t most = 0; most < 200; most++) {
        shortened = failure_shorten(arena, failure, most);
        ck_assert(shortened->application_failure_info->non_retryable);
        ck_assert_uint_le(protobuf_c_message_get_packed_size(&shortened->base), most + 16);
        ck_assert_uint_eq(strlen(shortened->message) % 2, strlen(shortened->message) == 0 ? 0 : 1);
    }
    shortened = failure_shorten(arena, failure, 1000);
    ck_assert_str_eq(shortened->stack_trace, failure->stack_trace);
    ck_assert_str_eq(shortened->cause->message, "cause");
    ck_assert_ptr_null(failure_shorten(arena, NULL, 10));
}
END_TEST

START_TEST(endless_causes_are_cut)
{
    PbFailure *failure = NULL;
    const PbFailure *shortened;
    int depth = 0;

    for (int i = 0; i < 400; i++) {
        PbFailure *outer = ARENA_NEW_PB(arena, PbFailure);

        outer->cause = failure;
        failure = outer;
    }
    for (shortened = failure_shorten(arena, failure, 100000); shortened != NULL; shortened = shortened->cause)
        depth++;
    ck_assert_int_eq(depth, 21);
}
END_TEST

/* Whatever bytes come, parsers end, within their text. */
START_TEST(noise_does_no_harm)
{
    static const char letters[] = "*/,-?@0159aTZ=:. \"[]{}\\untrle<>|x~\xc3\xa4";
    struct rand *rand = rand_new((uint64_t)_i + 1);
    struct call_headers headers = {.client_name = "temporal-go"};
    PbStartWorkflowExecutionRequest *req = start_request(), *normal;

    for (int round = 0; round < 2000; round++) {
        size_t len = rand_below(rand, 24);
        char *text = arena_alloc(arena, len + 1); /* of its own, so that a sanitizer sees a step too far */

        for (size_t i = 0; i < len; i++)
            text[i] = letters[rand_below(rand, sizeof(letters) - 1)];
        headers.client_version = text;
        headers.supported_server_versions = text;
        (void)client_supports(&headers, "feature");
        ck_assert_int_ne(client_version_check(arena, &headers).code, GRPC_INTERNAL);
        headers.client_version = "1.0.0";
        ck_assert_int_ne(client_version_check(arena, &headers).code, GRPC_INTERNAL);
        for (size_t i = 0; i < sizeof(VALUES) / sizeof(VALUES[0]); i++) {
            attribute(req, VALUES[i].name, text);
            ck_assert_int_ne(check_start(&check, req, &normal).code, GRPC_INTERNAL);
        }
    }
    rand_free(rand);
}
END_TEST

#define LENGTH_OF(array) ((int)(sizeof(array) / sizeof((array)[0])))

int main(void)
{
    Suite *suite = suite_create("check");
    TCase *tcase = tcase_create("check");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_loop_test(tcase, a_start_is_judged_as_by_the_real_server, 0, LENGTH_OF(STARTS));
    tcase_add_test(tcase, the_memo_is_checked_last);
    tcase_add_test(tcase, the_first_mistake_is_the_one_reported);
    tcase_add_test(tcase, a_start_gets_its_defaults);
    tcase_add_test(tcase, the_deprecated_reuse_policy_becomes_a_conflict_policy);
    tcase_add_test(tcase, eager_execution_needs_a_first_task_at_once);
    tcase_add_test(tcase, nil_values_are_not_set);
    tcase_add_loop_test(tcase, timeouts_are_cut_to_each_other, 0, LENGTH_OF(TIMEOUTS));
    tcase_add_test(tcase, the_started_event_says_what_was_asked_for);
    tcase_add_test(tcase, backoff_is_there_and_expiration_is_not_without_need);
    tcase_add_test(tcase, endless_timeouts_are_cut_to_a_hundred_years);
    tcase_add_loop_test(tcase, client_versions_are_judged_as_by_the_real_server, 0, LENGTH_OF(VERSIONS));
    tcase_add_test(tcase, features_are_words_in_a_list);
    tcase_add_loop_test(tcase, values_have_their_attributes_type, 0, LENGTH_OF(VALUES));
    tcase_add_test(tcase, attributes_are_shown_with_their_type);
    tcase_add_test(tcase, worker_versions);
    tcase_add_test(tcase, executions);
    tcase_add_test(tcase, long_failures_are_shortened_without_cutting_characters);
    tcase_add_test(tcase, endless_causes_are_cut);
    tcase_add_loop_test(tcase, noise_does_no_harm, 0, 4);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
