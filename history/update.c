/*
 * Updates, as a run knows them.
 *
 *     admitted ----> sent ----> accepted ----> completed
 *                     |  ^
 *                     |  |  the task failed: it is sent again with the next one
 *                     +--+
 *                     |
 *                     +-------> (rejected, aborted: forgotten)
 *
 * The log has an event for accepted and one for completed. What is admitted or sent lives in memory only: after a crash the
 * caller tries again under the same id. (An update that a reset brings along is admitted by an event: the worker reads it
 * there, and no message carries it.)
 *
 * The worker answers with messages in its completion: an acceptance, a rejection, a response. A PROTOCOL_MESSAGE command puts
 * a message in its place among the commands; those that no command names come after all of them.
 */
#include <string.h>

#include "base/invariant.h"
#include "history/internal.h"

enum { UPDATE_ARENA_BYTES = 256 };

#define BAD_MESSAGE WORKFLOW_TASK_FAILED_CAUSE_BAD_UPDATE_WORKFLOW_EXECUTION_MESSAGE

/* ---- the table ---- */

static struct update *update_new(struct mutable_state *ms, const char *id, enum update_stage stage)
{
    struct arena *arena = arena_new(UPDATE_ARENA_BYTES);
    struct update *update = ARENA_NEW(arena, struct update);

    update->arena = arena;
    update->id = arena_strdup(arena, id);
    update->stage = stage;
    HASH_ADD_KEYPTR(by_id, ms->updates, update->id, strlen(update->id), update);
    return update;
}

void update_free(struct mutable_state *ms, struct update *update)
{
    HASH_DELETE(by_id, ms->updates, update);
    arena_free(update->arena);
}

struct update *mutable_state_update(const struct mutable_state *ms, const char *id)
{
    struct update *update;

    HASH_FIND(by_id, ms->updates, id, strlen(id), update);
    return update;
}

static bool is_in_flight(const struct update *update)
{
    return update->stage != UPDATE_COMPLETED;
}

int32_t mutable_state_updates_in_flight(const struct mutable_state *ms)
{
    const struct update *update;
    int32_t count = 0;

    for (update = ms->updates; update != NULL; update = update->by_id.next)
        count += is_in_flight(update);
    return count;
}

int32_t mutable_state_updates_count(const struct mutable_state *ms)
{
    return (int32_t)HASH_CNT(by_id, ms->updates);
}

/* Whether a message is still to be brought to a worker. */
static bool waits_for_a_task(const struct update *update)
{
    return update->stage == UPDATE_ADMITTED && update->request != NULL;
}

bool updates_wait_for_a_task(const struct mutable_state *ms)
{
    const struct update *update;

    for (update = ms->updates; update != NULL; update = update->by_id.next)
        if (waits_for_a_task(update))
            return true;
    return false;
}

bool updates_are_in_memory_only(const struct mutable_state *ms)
{
    const struct update *update;

    for (update = ms->updates; update != NULL; update = update->by_id.next)
        if (update->stage <= UPDATE_SENT && update->request != NULL)
            return true;
    return false;
}

struct update *update_admit(struct mutable_state *ms, const PbUpdateRequest *request)
{
    struct update *update = update_new(ms, request->meta->update_id, UPDATE_ADMITTED);

    update->request = pb_copy(update->arena, request);
    return update;
}

void updates_unsend(struct mutable_state *ms)
{
    struct update *update;

    for (update = ms->updates; update != NULL; update = update->by_id.next)
        if (update->stage == UPDATE_SENT)
            update->stage = UPDATE_ADMITTED;
}

struct update_memory {
    const PbUpdateRequest *request;
    enum update_stage stage;
    struct update_memory *next;
};

struct update_memory *updates_remember(const struct mutable_state *ms, struct arena *arena)
{
    struct update_memory *first = NULL, **end = &first;
    const struct update *update;

    for (update = ms->updates; update != NULL; update = update->by_id.next) {
        if (update->stage > UPDATE_SENT || update->request == NULL)
            continue;
        *end = ARENA_NEW(arena, struct update_memory);
        **end = (struct update_memory){.request = pb_copy(arena, update->request), .stage = update->stage};
        end = &(*end)->next;
    }
    return first;
}

void updates_recall(struct mutable_state *ms, const struct update_memory *memory)
{
    for (; memory != NULL; memory = memory->next)
        if (mutable_state_update(ms, memory->request->meta->update_id) == NULL)
            update_admit(ms, memory->request)->stage = memory->stage;
}

/* ---- news ---- */

static void report(struct transition *t, const struct update *update, enum update_news_kind kind, const PbOutcome *outcome)
{
    struct update_news *news = ARENA_NEW(t->arena, struct update_news);

    *news = (struct update_news){.id = arena_strdup(t->arena, update->id), .kind = kind, .outcome = outcome};
    news->next = t->update_news;
    t->update_news = news;
}

static PbOutcome *failed_outcome(struct arena *arena, const PbFailure *failure)
{
    PbOutcome *outcome = ARENA_NEW_PB(arena, PbOutcome);

    outcome->value_case = PbOutcome_failure_case;
    outcome->failure = borrow(failure);
    return outcome;
}

/* A failure that the server gives as the outcome of an update. */
static PbFailure *update_failure(struct arena *arena, const char *message, const char *type)
{
    PbFailure *failure = ARENA_NEW_PB(arena, PbFailure);

    failure->message = message;
    failure->source = "Server";
    failure->failure_info_case = PbFailure_application_failure_info_case;
    failure->application_failure_info = ARENA_NEW_PB(arena, PbApplicationFailureInfo);
    failure->application_failure_info->type = type;
    failure->application_failure_info->non_retryable = true;
    return failure;
}

void updates_drop_sent(struct transition *t)
{
    struct update *update, *next;

    HASH_ITER(by_id, t->ms->updates, update, next)
    if (update->stage == UPDATE_SENT) {
        report(t, update, UPDATE_LOST, NULL);
        update_free(t->ms, update);
    }
}

void updates_reject_unprocessed(struct transition *t)
{
    struct update *update, *next;

    HASH_ITER(by_id, t->ms->updates, update, next)
    if (update->stage == UPDATE_SENT && update->request != NULL) {
        report(t, update, UPDATE_REJECTED,
               failed_outcome(t->arena, update_failure(t->arena,
                                                       "Workflow Update is rejected because it wasn't processed by worker. "
                                                       "Probably, Workflow Update is not supported by the worker.",
                                                       "UnprocessedUpdate")));
        update_free(t->ms, update);
    }
}

PbFailure *update_cut_off_failure(struct arena *arena)
{
    return update_failure(arena, "Workflow Update failed because the Workflow completed before the Update completed.",
                          "AcceptedUpdateCompletedWorkflow");
}

void updates_run_closed(struct transition *t)
{
    struct update *update, *next;

    HASH_ITER(by_id, t->ms->updates, update, next)
    {
        if (update->stage == UPDATE_ACCEPTED)
            report(t, update, UPDATE_DONE, failed_outcome(t->arena, update_cut_off_failure(t->arena)));
        if (update->stage > UPDATE_SENT)
            continue;
        report(t, update, t->ms->new_run_id != NULL ? UPDATE_MOVED : UPDATE_ABORTED, NULL);
        update_free(t->ms, update);
    }
}

/* ---- messages to the worker ---- */

size_t updates_make_messages(struct mutable_state *ms, struct arena *arena, PbMessage ***ret_messages)
{
    PbMessage **messages = ARENA_NEW_ARRAY(arena, PbMessage *, HASH_CNT(by_id, ms->updates));
    struct update *update;
    size_t count = 0;

    /* In order of admission, which is the table's. */
    for (update = ms->updates; update != NULL; update = update->by_id.next) {
        PbMessage *message;

        if (!waits_for_a_task(update))
            continue;
        update->stage = UPDATE_SENT;
        message = ARENA_NEW_PB(arena, PbMessage);
        message->id = arena_printf(arena, "%s/request", update->id);
        message->protocol_instance_id = arena_strdup(arena, update->id);
        message->sequencing_id_case = PbMessage_event_id_case;
        message->event_id = ms->workflow_task.started_event_id - 1;
        message->body = pb_pack_any(arena, update->request);
        messages[count++] = message;
    }
    *ret_messages = messages;
    return count;
}

/* ---- messages from the worker ---- */

enum message_kind { ACCEPTANCE, REJECTION, RESPONSE, OTHER };

/* An unpacked message body. */
struct body {
    enum message_kind kind;
    const PbAcceptance *acceptance;
    const PbRejection *rejection;
    const PbUpdateResponse *response;
};

static const void *unpack_body(struct arena *arena, const PbMessage *message, const ProtobufCMessageDescriptor *type)
{
    return pb_unpack_any(arena, type, message->body); /* scans first: the inside of an Any came unseen */
}

static struct body read_body(struct arena *arena, const PbMessage *message)
{
    struct body body = {.kind = OTHER};

    if ((body.acceptance = unpack_body(arena, message, &PbAcceptance_descriptor)) != NULL)
        body.kind = ACCEPTANCE;
    else if ((body.rejection = unpack_body(arena, message, &PbRejection_descriptor)) != NULL)
        body.kind = REJECTION;
    else if ((body.response = unpack_body(arena, message, &PbUpdateResponse_descriptor)) != NULL)
        body.kind = RESPONSE;
    return body;
}

static const char *stage_name(const struct update *update)
{
    switch (update->stage) {
    case UPDATE_ADMITTED:
        return "Admitted";
    case UPDATE_SENT:
        return "Sent";
    case UPDATE_ACCEPTED:
        return "Accepted";
    case UPDATE_COMPLETED:
        return "Completed";
    }
    return "";
}

static struct refusal wrong_stage(struct transition *t, const struct update *update, const char *message)
{
    return refuse(t, BAD_MESSAGE,
                  "invalid state transition attempted for Update %s: received *update.%s message while in state %s",
                  update->id, message, stage_name(update));
}

static struct refusal accept_update(struct transition *t, struct update *update, const PbAcceptance *acceptance)
{
    PbWorkflowExecutionUpdateAcceptedEventAttributes *accepted;

    if (update->stage > UPDATE_SENT)
        return wrong_stage(t, update, "Acceptance");
    if (acceptance->accepted_request_sequencing_event_id == 0)
        return refuse(t, BAD_MESSAGE, "invalid *update.Acceptance: accepted_request_sequencing_event_id is not set");
    if (acceptance->accepted_request_message_id[0] == '\0')
        return refuse(t, BAD_MESSAGE, "invalid *update.Acceptance: accepted_request_message_id is not set");
    accepted = transition_add(t, EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED);
    accepted->protocol_instance_id = arena_strdup(t->arena, update->id);
    accepted->accepted_request_message_id = arena_printf(t->arena, "%s/request", update->id);
    accepted->accepted_request_sequencing_event_id = acceptance->accepted_request_sequencing_event_id;
    accepted->accepted_request = pb_copy(t->arena, update->request);
    transition_settle(t);
    report(t, update, UPDATE_NOW_ACCEPTED, NULL);
    return ACCEPTED;
}

static struct refusal reject_update(struct transition *t, struct update *update, const PbRejection *rejection)
{
    if (update->stage > UPDATE_SENT)
        return wrong_stage(t, update, "Rejection");
    report(t, update, UPDATE_REJECTED, failed_outcome(t->arena, rejection->failure));
    update_free(t->ms, update);
    return ACCEPTED;
}

static struct refusal complete_update(struct transition *t, struct update *update, const PbUpdateResponse *response)
{
    PbWorkflowExecutionUpdateCompletedEventAttributes *completed;

    if (update->stage != UPDATE_ACCEPTED)
        return wrong_stage(t, update, "Response");
    if (response->meta == NULL)
        return refuse(t, BAD_MESSAGE, "invalid *update.Response: meta is not set");
    if (response->meta->update_id[0] == '\0')
        return refuse(t, BAD_MESSAGE, "invalid *update.Response: meta.update_id is not set");
    if (strcmp(response->meta->update_id, update->id) != 0)
        return refuse(t, BAD_MESSAGE, "invalid *update.Response: meta.update_id != %s", update->id);
    if (response->outcome == NULL)
        return refuse(t, BAD_MESSAGE, "invalid *update.Response: outcome is not set");
    completed = transition_add(t, EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_COMPLETED);
    completed->meta = response->meta;
    completed->accepted_event_id = update->accepted_event_id;
    completed->outcome = response->outcome;
    transition_settle(t);
    report(t, update, UPDATE_DONE, response->outcome);
    return ACCEPTED;
}

/* A worker may bring back an update that this server has lost: its message then holds the whole request. */
static struct update *resurrect(struct mutable_state *ms, const char *id, const struct body *body)
{
    const PbUpdateRequest *request = NULL;
    struct update *update;

    if (body->kind == ACCEPTANCE)
        request = body->acceptance->accepted_request;
    else if (body->kind == REJECTION)
        request = body->rejection->rejected_request;
    if (request == NULL || request->meta == NULL || request->input == NULL || strcmp(request->meta->update_id, id) != 0)
        return NULL;
    update = update_admit(ms, request);
    update->stage = UPDATE_SENT;
    return update;
}

static struct refusal process_message(struct transition *t, const PbMessage *message)
{
    const char *id = message->protocol_instance_id;
    struct update *update = mutable_state_update(t->ms, id);
    struct body body = read_body(t->arena, message);

    if ((int64_t)message->body->value.len > t->limits->blob_bytes_max)
        return refuse_and_terminate(t, BAD_MESSAGE, "Message type %s exceeds size limit.",
                                    strrchr(message->body->type_url, '/') == NULL ? message->body->type_url
                                                                                  : strrchr(message->body->type_url, '/') + 1);
    if (!mutable_state_is_open(t->ms) && body.kind != REJECTION)
        return ACCEPTED; /* too late: the end of the run aborts it */
    if (update == NULL)
        update = resurrect(t->ms, id, &body);
    if (update == NULL)
        return refuse(t, BAD_MESSAGE,
                      "update %s wasn't found on the server. This is most likely a transient error which will be resolved "
                      "automatically by retries",
                      id);
    switch (body.kind) {
    case ACCEPTANCE:
        return accept_update(t, update, body.acceptance);
    case REJECTION:
        return reject_update(t, update, body.rejection);
    case RESPONSE:
        return complete_update(t, update, body.response);
    case OTHER:
        break;
    }
    return refuse(t, BAD_MESSAGE, "Message type %s not supported", message->body->type_url);
}

struct refusal decide_protocol_message(struct transition *t, const PbCommand *command, struct task_context *task)
{
    const char *id;

    if (command == NULL)
        return refuse(t, BAD_MESSAGE, "ProtocolMessageCommandAttributes is not set on ProtocolMessageCommand.");
    id = command->protocol_message_command_attributes->message_id;
    if (id[0] == '\0')
        return refuse(t, BAD_MESSAGE, "MessageID is not set on ProtocolMessageCommand.");
    for (size_t i = 0; i < task->request->n_messages; i++)
        if (!task->message_is_done[i] && strcmp(task->request->messages[i]->id, id) == 0) {
            task->message_is_done[i] = true;
            return process_message(t, task->request->messages[i]);
        }
    return refuse(t, BAD_MESSAGE, "ProtocolMessageCommand referenced absent message ID %s", id);
}

struct refusal updates_process_rest(struct transition *t, struct task_context *task)
{
    for (size_t i = 0; i < task->request->n_messages; i++) {
        struct refusal refusal = ACCEPTED;

        if (!task->message_is_done[i])
            refusal = process_message(t, task->request->messages[i]);
        transition_settle(t);
        if (refusal.cause != WORKFLOW_TASK_FAILED_CAUSE_UNSPECIFIED)
            return refusal;
    }
    return ACCEPTED;
}

bool messages_are_rejections(const PbRespondWorkflowTaskCompletedRequest *request)
{
    static const char rejection[] = "temporal.api.update.v1.Rejection";

    for (size_t i = 0; i < request->n_messages; i++) {
        const PbAny *body = request->messages[i]->body;
        const char *name = body == NULL ? NULL : strrchr(body->type_url, '/');

        if (name == NULL || strcmp(name + 1, rejection) != 0)
            return false;
    }
    return true;
}

/* ---- appliers ---- */

enum broken apply_update_admitted(struct mutable_state *ms, const PbHistoryEvent *event,
                                  const PbWorkflowExecutionUpdateAdmittedEventAttributes *attributes)
{
    struct update *update;

    if (attributes->request == NULL || attributes->request->meta == NULL)
        return BROKEN_UNKNOWN_REFERENCE;
    update = mutable_state_update(ms, attributes->request->meta->update_id);
    if (update == NULL)
        update = update_new(ms, attributes->request->meta->update_id, UPDATE_ADMITTED);
    update->admitted_event_id = event->event_id;
    update->request = NULL; /* the worker reads it in the event */
    return INTACT;
}

enum broken apply_update_accepted(struct mutable_state *ms, const PbHistoryEvent *event,
                                  const PbWorkflowExecutionUpdateAcceptedEventAttributes *attributes)
{
    struct update *update = mutable_state_update(ms, attributes->protocol_instance_id);

    if (update == NULL)
        update = update_new(ms, attributes->protocol_instance_id, UPDATE_ACCEPTED);
    update->stage = UPDATE_ACCEPTED;
    update->accepted_event_id = event->event_id;
    update->request = NULL; /* the event has it; it goes when the update does */
    return INTACT;
}

enum broken apply_update_completed(struct mutable_state *ms, const PbHistoryEvent *event,
                                   const PbWorkflowExecutionUpdateCompletedEventAttributes *attributes)
{
    struct update *update = attributes->meta == NULL ? NULL : mutable_state_update(ms, attributes->meta->update_id);

    if (update == NULL)
        return BROKEN_UNKNOWN_REFERENCE;
    update->stage = UPDATE_COMPLETED;
    update->completed_event_id = event->event_id;
    return INTACT;
}
