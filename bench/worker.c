/* Requests are made on the stack from borrowed parts and packed at once, so nothing but the counters is kept. */
#include "bench/worker.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/invariant.h"
#include "base/memory.h"
#include "proto/api.h"

enum { ACTIVITIES_PER_WORKFLOW = 10, WORKFLOWS_MAX = 1 << 20, ID_BYTES = 48 };

/* Ids carry the process and a number, so that one server can meet several workers. */
#define ID_FORMAT "bench-%d-%d-%" PRId64

static const nanos POLL_TIMEOUT = 65 * NANOS_PER_SECOND;
static const nanos CALL_TIMEOUT = 10 * NANOS_PER_SECOND;

static const char NAMESPACE[] = "default";
static const char *const TYPE_NAMES[] = {"OneTask", "TenActivities", "Idle"};

static const struct grpc_method START = {"StartWorkflowExecution", &PbStartWorkflowExecutionResponse_descriptor};
static const struct grpc_method SIGNAL = {"SignalWorkflowExecution", &PbSignalWorkflowExecutionResponse_descriptor};
static const struct grpc_method POLL_WORKFLOW = {"PollWorkflowTaskQueue", &PbPollWorkflowTaskQueueResponse_descriptor};
static const struct grpc_method POLL_ACTIVITY = {"PollActivityTaskQueue", &PbPollActivityTaskQueueResponse_descriptor};
static const struct grpc_method COMPLETE_TASK = {"RespondWorkflowTaskCompleted",
                                                 &PbRespondWorkflowTaskCompletedResponse_descriptor};
static const struct grpc_method COMPLETE_ACTIVITY = {"RespondActivityTaskCompleted",
                                                     &PbRespondActivityTaskCompletedResponse_descriptor};
static const struct grpc_method SET_CURRENT = {"SetWorkerDeploymentCurrentVersion",
                                               &PbSetWorkerDeploymentCurrentVersionResponse_descriptor};

struct worker {
    struct grpc_client *client;
    const char *build; /* NULL: not of a version */
    int polls, serial;
    char queue[ID_BYTES], sticky_queue[ID_BYTES + 8];
    int64_t next_number;
    uint8_t *activities_seen; /* by workflow number: how many activities its history shows completed */
    struct worker_counts counts;
    char first_error[256];
};

static const char IDENTITY[] = "bench@127.0.0.1";

static void note_error(struct worker *worker, const char *what, const struct grpc_result *result)
{
    if (worker->counts.errors++ == 0)
        snprintf(worker->first_error, sizeof(worker->first_error), "%s: status %d: %s", what, result->status,
                 result->message);
}

/* --- polls --- */

static void poll_workflows(struct worker *worker);
static void poll_sticky(struct worker *worker);
static void poll_activities(struct worker *worker);
static void play_task(struct worker *worker, const PbPollWorkflowTaskQueueResponse *task);
static void play_activity(struct worker *worker, const PbPollActivityTaskQueueResponse *task);

static void on_workflow_task(struct worker *worker, const struct grpc_result *result)
{
    const PbPollWorkflowTaskQueueResponse *task = result->response;

    if (task == NULL)
        note_error(worker, POLL_WORKFLOW.name, result);
    else if (task->task_token.len > 0)
        play_task(worker, task);
}

static void on_normal_poll(void *context, const struct grpc_result *result)
{
    poll_workflows(context);
    on_workflow_task(context, result);
}

static void on_sticky_poll(void *context, const struct grpc_result *result)
{
    poll_sticky(context);
    on_workflow_task(context, result);
}

static void on_activity_poll(void *context, const struct grpc_result *result)
{
    const PbPollActivityTaskQueueResponse *task = result->response;

    poll_activities(context);
    if (task == NULL)
        note_error(context, POLL_ACTIVITY.name, result);
    else if (task->task_token.len > 0)
        play_activity(context, task);
}

/* What a worker of a version says of itself, in `ret`; NULL for one that is of none. The deployment is called like the
 * queue. */
static PbWorkerDeploymentOptions *deployment_options(const struct worker *worker, const char *build,
                                                     PbWorkerDeploymentOptions *ret)
{
    if (build == NULL)
        return NULL;
    *ret = (PbWorkerDeploymentOptions)PbWorkerDeploymentOptions_INIT;
    ret->deployment_name = worker->queue;
    ret->build_id = build;
    ret->worker_versioning_mode = WORKER_VERSIONING_MODE_VERSIONED;
    return ret;
}

static void poll_as(struct worker *worker, PbTaskQueue *queue, const char *build, grpc_done *done)
{
    PbPollWorkflowTaskQueueRequest request = PbPollWorkflowTaskQueueRequest_INIT;
    PbWorkerDeploymentOptions options;

    request.namespace_ = NAMESPACE;
    request.task_queue = queue;
    request.identity = IDENTITY;
    request.deployment_options = deployment_options(worker, build, &options);
    grpc_call(worker->client, &POLL_WORKFLOW, &request, POLL_TIMEOUT, done, worker);
}

static void poll_queue(struct worker *worker, PbTaskQueue *queue, grpc_done *done)
{
    poll_as(worker, queue, worker->build, done);
}

static void poll_workflows(struct worker *worker)
{
    PbTaskQueue queue = PbTaskQueue_INIT;

    queue.name = worker->queue;
    queue.kind = TASK_QUEUE_KIND_NORMAL;
    poll_queue(worker, &queue, on_normal_poll);
}

static void poll_sticky(struct worker *worker)
{
    PbTaskQueue queue = PbTaskQueue_INIT;

    queue.name = worker->sticky_queue;
    queue.kind = TASK_QUEUE_KIND_STICKY;
    queue.normal_name = worker->queue;
    poll_queue(worker, &queue, on_sticky_poll);
}

static void poll_activities(struct worker *worker)
{
    PbPollActivityTaskQueueRequest request = PbPollActivityTaskQueueRequest_INIT;
    PbTaskQueue queue = PbTaskQueue_INIT;
    PbWorkerDeploymentOptions options;

    queue.name = worker->queue;
    queue.kind = TASK_QUEUE_KIND_NORMAL;
    request.namespace_ = NAMESPACE;
    request.task_queue = &queue;
    request.identity = IDENTITY;
    request.deployment_options = deployment_options(worker, worker->build, &options);
    grpc_call(worker->client, &POLL_ACTIVITY, &request, POLL_TIMEOUT, on_activity_poll, worker);
}

static void ignore(void *context, const struct grpc_result *result)
{
    struct worker *worker = context;

    if (result->response == NULL)
        note_error(worker, POLL_WORKFLOW.name, result);
}

void worker_open_idle_poll(struct worker *worker, int queue)
{
    PbTaskQueue task_queue = PbTaskQueue_INIT;
    char name[ID_BYTES * 2];

    snprintf(name, sizeof(name), "%s-%d", worker->queue, queue);
    task_queue.name = name;
    task_queue.kind = TASK_QUEUE_KIND_NORMAL;
    poll_queue(worker, &task_queue, ignore);
}

static void count_task(void *context, const struct grpc_result *result)
{
    const PbPollWorkflowTaskQueueResponse *task = result->response;
    struct worker *worker = context;

    if (task == NULL)
        note_error(worker, POLL_WORKFLOW.name, result);
    else if (task->task_token.len > 0)
        worker->counts.handed_out++;
}

void worker_poll_for_version(struct worker *worker, const char *build)
{
    PbTaskQueue queue = PbTaskQueue_INIT;

    queue.name = worker->queue;
    queue.kind = TASK_QUEUE_KIND_NORMAL;
    poll_as(worker, &queue, build, count_task);
}

/* --- versions --- */

static void on_routed(void *context, const struct grpc_result *result)
{
    struct worker *worker = context;

    if (result->response == NULL) {
        worker->counts.not_routed++;
        return;
    }
    worker->counts.routed++;
    worker->counts.route_took = result->took;
}

void worker_set_current(struct worker *worker, const char *build)
{
    PbSetWorkerDeploymentCurrentVersionRequest request = PbSetWorkerDeploymentCurrentVersionRequest_INIT;

    request.namespace_ = NAMESPACE;
    request.deployment_name = worker->queue;
    request.build_id = build;
    request.identity = IDENTITY;
    grpc_call(worker->client, &SET_CURRENT, &request, CALL_TIMEOUT, on_routed, worker);
}

/* --- workflow tasks --- */

static int64_t number_of(const PbWorkflowExecution *execution)
{
    const char *dash = strrchr(execution->workflow_id, '-');
    int64_t number = dash != NULL ? atoll(dash + 1) : 0;

    invariant(number >= 0 && number < WORKFLOWS_MAX, "a workflow that we did not start");
    return number;
}

/* Takes in the events of a task: all of them, or under stickiness those since the last. */
static void read_history(struct worker *worker, int64_t number, const PbHistory *history, bool *ret_is_first)
{
    *ret_is_first = false;
    for (size_t i = 0; i < history->n_events; i++) {
        const PbHistoryEvent *event = history->events[i];

        if (event->event_id == 1)
            worker->activities_seen[number] = 0;
        if (event->event_id == 3)
            *ret_is_first = event->event_type == EVENT_TYPE_WORKFLOW_TASK_STARTED && history->n_events == 3;
        if (event->event_type == EVENT_TYPE_ACTIVITY_TASK_COMPLETED)
            worker->activities_seen[number]++;
        if (event->event_type == EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED)
            worker->counts.signals_seen++;
    }
}

static void on_task_completed(struct worker *worker, const struct grpc_result *result)
{
    const PbRespondWorkflowTaskCompletedResponse *response = result->response;

    if (response == NULL) {
        note_error(worker, COMPLETE_TASK.name, result);
        return;
    }
    worker->counts.tasks_completed++;
    if (response->workflow_task != NULL && response->workflow_task->task_token.len > 0)
        play_task(worker, response->workflow_task);
}

static void on_open_task_completed(void *context, const struct grpc_result *result)
{
    on_task_completed(context, result);
}

static void on_last_task_completed(void *context, const struct grpc_result *result)
{
    struct worker *worker = context;

    if (result->response != NULL)
        worker->counts.completed++;
    on_task_completed(worker, result);
}

static void complete_task(struct worker *worker, const PbPollWorkflowTaskQueueResponse *task, PbCommand **commands,
                          size_t count, bool is_last)
{
    PbRespondWorkflowTaskCompletedRequest request = PbRespondWorkflowTaskCompletedRequest_INIT;
    PbStickyExecutionAttributes sticky = PbStickyExecutionAttributes_INIT;
    PbTaskQueue queue = PbTaskQueue_INIT;
    PbDuration timeout = PbDuration_INIT;
    PbWorkerDeploymentOptions options;

    queue.name = worker->sticky_queue;
    queue.kind = TASK_QUEUE_KIND_STICKY;
    queue.normal_name = worker->queue;
    timeout.seconds = 10;
    sticky.worker_task_queue = &queue;
    sticky.schedule_to_start_timeout = &timeout;
    request.namespace_ = NAMESPACE;
    request.task_token = task->task_token;
    request.identity = IDENTITY;
    request.commands = commands;
    request.n_commands = count;
    request.return_new_workflow_task = true;
    request.deployment_options = deployment_options(worker, worker->build, &options);
    if (request.deployment_options != NULL)
        request.versioning_behavior = VERSIONING_BEHAVIOR_AUTO_UPGRADE;
    if (!is_last)
        request.sticky_attributes = &sticky;
    grpc_call(worker->client, &COMPLETE_TASK, &request, CALL_TIMEOUT,
              is_last ? on_last_task_completed : on_open_task_completed, worker);
}

static void complete_workflow(struct worker *worker, const PbPollWorkflowTaskQueueResponse *task)
{
    PbCompleteWorkflowExecutionCommandAttributes attributes = PbCompleteWorkflowExecutionCommandAttributes_INIT;
    PbCommand command = PbCommand_INIT, *commands[] = {&command};

    command.command_type = COMMAND_TYPE_COMPLETE_WORKFLOW_EXECUTION;
    command.attributes_case = PbCommand_complete_workflow_execution_command_attributes_case;
    command.complete_workflow_execution_command_attributes = &attributes;
    complete_task(worker, task, commands, 1, true);
}

static void schedule_activities(struct worker *worker, const PbPollWorkflowTaskQueueResponse *task)
{
    PbScheduleActivityTaskCommandAttributes attributes[ACTIVITIES_PER_WORKFLOW];
    PbCommand commands[ACTIVITIES_PER_WORKFLOW], *pointers[ACTIVITIES_PER_WORKFLOW];
    char ids[ACTIVITIES_PER_WORKFLOW][12];
    PbActivityType type = PbActivityType_INIT;
    PbTaskQueue queue = PbTaskQueue_INIT;
    PbDuration timeout = PbDuration_INIT;

    type.name = "Say";
    queue.name = worker->queue;
    queue.kind = TASK_QUEUE_KIND_NORMAL;
    timeout.seconds = 60;
    for (int i = 0; i < ACTIVITIES_PER_WORKFLOW; i++) {
        snprintf(ids[i], sizeof(ids[i]), "%d", i + 1);
        attributes[i] = (PbScheduleActivityTaskCommandAttributes)PbScheduleActivityTaskCommandAttributes_INIT;
        attributes[i].activity_id = ids[i];
        attributes[i].activity_type = &type;
        attributes[i].task_queue = &queue;
        attributes[i].start_to_close_timeout = &timeout;
        commands[i] = (PbCommand)PbCommand_INIT;
        commands[i].command_type = COMMAND_TYPE_SCHEDULE_ACTIVITY_TASK;
        commands[i].attributes_case = PbCommand_schedule_activity_task_command_attributes_case;
        commands[i].schedule_activity_task_command_attributes = &attributes[i];
        pointers[i] = &commands[i];
    }
    complete_task(worker, task, pointers, ACTIVITIES_PER_WORKFLOW, false);
}

static void play_task(struct worker *worker, const PbPollWorkflowTaskQueueResponse *task)
{
    int64_t number = number_of(task->workflow_execution);
    const char *type = task->workflow_type->name;
    bool is_first = false;

    if (task->history != NULL)
        read_history(worker, number, task->history, &is_first);
    if (strcmp(type, TYPE_NAMES[WORKFLOW_ONE_TASK]) == 0)
        complete_workflow(worker, task);
    else if (strcmp(type, TYPE_NAMES[WORKFLOW_TEN_ACTIVITIES]) == 0 && is_first)
        schedule_activities(worker, task);
    else if (worker->activities_seen[number] == ACTIVITIES_PER_WORKFLOW)
        complete_workflow(worker, task);
    else
        complete_task(worker, task, NULL, 0, false);
}

static void on_activity_completed(void *context, const struct grpc_result *result)
{
    struct worker *worker = context;

    if (result->response == NULL)
        note_error(worker, COMPLETE_ACTIVITY.name, result);
    else
        worker->counts.activities++;
}

static void play_activity(struct worker *worker, const PbPollActivityTaskQueueResponse *task)
{
    PbRespondActivityTaskCompletedRequest request = PbRespondActivityTaskCompletedRequest_INIT;

    request.namespace_ = NAMESPACE;
    request.task_token = task->task_token;
    request.identity = IDENTITY;
    grpc_call(worker->client, &COMPLETE_ACTIVITY, &request, CALL_TIMEOUT, on_activity_completed, worker);
}

/* --- starts and signals --- */

static void on_started(void *context, const struct grpc_result *result)
{
    struct worker *worker = context;

    if (result->response == NULL) {
        note_error(worker, START.name, result);
        return;
    }
    worker->counts.started++;
    worker->counts.start_took = result->took;
}

/* An input such as a JSON converter makes of a short text. */
struct input {
    PbPayloads payloads;
    PbPayload payload, *payload_list[1];
    PbPayloadMetadataEntry metadata, *metadata_list[1];
};

static void input_init(struct input *input)
{
    static uint8_t encoding[] = "json/plain", text[] = "\"What a nice day for a workflow of one hundred bytes\"";

    input->metadata = (PbPayloadMetadataEntry)PbPayloadMetadataEntry_INIT;
    input->metadata.key = "encoding";
    input->metadata.value = (ProtobufCBinaryData){sizeof(encoding) - 1, encoding};
    input->metadata_list[0] = &input->metadata;
    input->payload = (PbPayload)PbPayload_INIT;
    input->payload.metadata = input->metadata_list;
    input->payload.n_metadata = 1;
    input->payload.data = (ProtobufCBinaryData){sizeof(text) - 1, text};
    input->payload_list[0] = &input->payload;
    input->payloads = (PbPayloads)PbPayloads_INIT;
    input->payloads.payloads = input->payload_list;
    input->payloads.n_payloads = 1;
}

int64_t worker_start_workflow(struct worker *worker, enum workflow_kind kind)
{
    PbStartWorkflowExecutionRequest request = PbStartWorkflowExecutionRequest_INIT;
    PbWorkflowType type = PbWorkflowType_INIT;
    PbTaskQueue queue = PbTaskQueue_INIT;
    char id[ID_BYTES], request_id[ID_BYTES + 8];
    struct input input;

    input_init(&input);
    snprintf(id, sizeof(id), ID_FORMAT, (int)getpid(), worker->serial, worker->next_number);
    snprintf(request_id, sizeof(request_id), "request-%s", id);
    type.name = TYPE_NAMES[kind];
    queue.name = worker->queue;
    queue.kind = TASK_QUEUE_KIND_NORMAL;
    request.namespace_ = NAMESPACE;
    request.workflow_id = id;
    request.workflow_type = &type;
    request.task_queue = &queue;
    request.input = &input.payloads;
    request.identity = IDENTITY;
    request.request_id = request_id;
    grpc_call(worker->client, &START, &request, CALL_TIMEOUT, on_started, worker);
    invariant(worker->next_number < WORKFLOWS_MAX, "too many workflows");
    return worker->next_number++;
}

static void on_signaled(void *context, const struct grpc_result *result)
{
    struct worker *worker = context;

    if (result->response == NULL)
        note_error(worker, SIGNAL.name, result);
    else
        worker->counts.signals_sent++;
}

void worker_signal(struct worker *worker, int64_t number)
{
    PbSignalWorkflowExecutionRequest request = PbSignalWorkflowExecutionRequest_INIT;
    PbWorkflowExecution execution = PbWorkflowExecution_INIT;
    char id[ID_BYTES];
    struct input input;

    input_init(&input);
    snprintf(id, sizeof(id), ID_FORMAT, (int)getpid(), worker->serial, number);
    execution.workflow_id = id;
    request.namespace_ = NAMESPACE;
    request.workflow_execution = &execution;
    request.signal_name = "nudge";
    request.input = &input.payloads;
    request.identity = IDENTITY;
    grpc_call(worker->client, &SIGNAL, &request, CALL_TIMEOUT, on_signaled, worker);
}

/* --- the worker --- */

struct worker *worker_new(struct grpc_client *client, int polls, const char *build)
{
    static int serial;
    struct worker *worker = memory_new(sizeof(*worker));

    worker->client = client;
    worker->polls = polls;
    worker->build = build;
    worker->serial = serial++;
    worker->activities_seen = memory_new(WORKFLOWS_MAX);
    snprintf(worker->queue, sizeof(worker->queue), "bench-%d-%d", (int)getpid(), worker->serial);
    snprintf(worker->sticky_queue, sizeof(worker->sticky_queue), "%s-sticky", worker->queue);
    for (int i = 0; i < polls; i++) {
        poll_workflows(worker);
        poll_sticky(worker);
        poll_activities(worker);
    }
    return worker;
}

void worker_move(struct worker *worker, struct grpc_client *client)
{
    worker->client = client;
}

void worker_free(struct worker *worker)
{
    if (worker == NULL)
        return;
    memory_free(worker->activities_seen);
    memory_free(worker);
}

const struct worker_counts *worker_counts(const struct worker *worker)
{
    return &worker->counts;
}

const char *worker_first_error(const struct worker *worker)
{
    return worker->first_error;
}
