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
 * The log has an event for accepted and one for completed. What is admitted or sent lives in memory only: after a crash
 * the caller tries again under the same id. (An update that a reset brings along is admitted by an event: the worker
 * reads it there, and no message carries it.)
 *
 * The worker answers with messages in its completion: an acceptance, a rejection, a response. A PROTOCOL_MESSAGE
 * command puts a message in its place among the commands; those that no command names come after all of them.
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

int64_t mutable_state_updates_in_flight_bytes(const struct mutable_state *ms)
{
    const struct update *update;
    int64_t bytes = 0;

    for (update = ms->updates; update != NULL; update = update->by_id.next)
        if (is_in_flight(update))
            bytes += (int64_t)strlen(update->id) + packed_bytes(update->request);
    return bytes;
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

static struct update *admit(struct mutable_state *ms, const char *id, const PbUpdateRequest *request)
{
    struct update *update = update_new(ms, id, UPDATE_ADMITTED);

    update->request = pb_copy(update->arena, request);
    return update;
}

struct update *update_admit(struct mutable_state *ms, const PbUpdateRequest *request)
{
    return admit(ms, request->meta->update_id, request);
}

void updates_unsend(struct mutable_state *ms)
{
    struct update *update;

    for (update = ms->updates; update != NULL; update = update->by_id.next)
        if (update->stage == UPDATE_SENT)
            update->stage = UPDATE_ADMITTED;
}

struct update_memory {
    const char *id;
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
        **end = (struct update_memory){
            .id = arena_strdup(arena, update->id), .request = pb_copy(arena, update->request), .stage = update->stage};
        end = &(*end)->next;
    }
    return first;
}

void updates_recall(struct mutable_state *ms, const struct update_memory *memory)
{
    for (; memory != NULL; memory = memory->next)
        if (mutable_state_update(ms, memory->id) == NULL)
            admit(ms, memory->id, memory->request)->stage = memory->stage;
}

/* ---- news ---- */

static void report(struct transition *t, const struct update *update, enum update_news_kind kind,
                   const PbOutcome *outcome)
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
    outcome->failure = failure == NULL ? ARENA_NEW_PB(arena, PbFailure) : borrow(failure);
    return outcome;
}

/* What has become of an update in this transition; NULL: nothing that anybody waits for. */
static const struct update_news *news_of(const struct transition *t, const char *id)
{
    const struct update_news *news = t->update_news;

    while (news != NULL && strcmp(news->id, id) != 0)
        news = news->next;
    return news;
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

    HASH_ITER (by_id, t->ms->updates, update, next)
        if (update->stage == UPDATE_SENT) {
            report(t, update, UPDATE_LOST, NULL);
            update_free(t->ms, update);
        }
}

void updates_reject_unprocessed(struct transition *t)
{
    struct update *update, *next;

    HASH_ITER (by_id, t->ms->updates, update, next)
        if (update->stage == UPDATE_SENT && update->request != NULL) {
            report(t, update, UPDATE_REJECTED,
                   failed_outcome(t->arena,
                                  update_failure(t->arena,
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

    HASH_ITER (by_id, t->ms->updates, update, next) {
        if (update->stage == UPDATE_ACCEPTED)
            report(t, update, UPDATE_DONE, failed_outcome(t->arena, update_cut_off_failure(t->arena)));
        if (update->stage > UPDATE_SENT)
            continue;
        report(t, update, t->ms->new_run_id != NULL ? UPDATE_MOVED : UPDATE_ABORTED, NULL);
        update_free(t->ms, update);
    }
}

void updates_abandon(struct transition *t, bool is_run_too_large)
{
    struct update *update, *next;

    HASH_ITER (by_id, t->ms->updates, update, next) {
        if (update->stage > UPDATE_SENT || (is_run_too_large && update->stage != UPDATE_SENT))
            continue; /* what happens when a run closes is right for these */
        if (is_run_too_large)
            report(t, update, UPDATE_DONE, failed_outcome(t->arena, update_cut_off_failure(t->arena)));
        else
            report(t, update, UPDATE_GONE, NULL);
        update_free(t->ms, update);
    }
}

/* ---- messages to the worker ---- */

size_t updates_make_messages(struct mutable_state *ms, enum messages_of which, struct arena *arena,
                             PbMessage ***ret_messages)
{
    PbMessage **messages = ARENA_NEW_ARRAY(arena, PbMessage *, HASH_CNT(by_id, ms->updates));
    struct update *update;
    size_t count = 0;

    if (which == UNPROCESSED_UPDATES)
        updates_unsend(ms);
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

/* "temporal.api.update.v1.Acceptance" of a message; "" when it has no proper name. */
static const char *body_name(const PbMessage *message)
{
    const char *slash = strrchr(message->body->type_url, '/');
    const char *name = slash == NULL ? message->body->type_url : slash + 1;
    size_t length = strlen(name);

    if (length == 0 || name[0] == '.' || name[length - 1] == '.' || strstr(name, "..") != NULL)
        return "";
    return name;
}

const char *update_messages_problem(struct arena *arena, const PbRespondWorkflowTaskCompletedRequest *request)
{
    for (size_t i = 0; i < request->n_messages; i++) {
        const char *name;

        if (request->messages[i]->body == NULL)
            return "nil message body";
        name = body_name(request->messages[i]);
        if (name[0] == '\0')
            return "no message name specified";
        if (strchr(name, '.') == NULL)
            return arena_printf(arena, "failed to extract protocol type: no . found in \"%s\"", name);
    }
    return NULL;
}

static const char *stage_name(const struct update *update, int64_t completed_event_id)
{
    switch (update->stage) {
    case UPDATE_ADMITTED:
        return "Admitted";
    case UPDATE_SENT:
        return "Sent";
    case UPDATE_ACCEPTED:
        return update->accepted_event_id > completed_event_id ? "ProvisionallyAccepted" : "Accepted";
    case UPDATE_COMPLETED:
        return update->completed_event_id > completed_event_id ? "ProvisionallyCompleted" : "Completed";
    }
    return "";
}

static struct refusal wrong_stage(struct transition *t, const char *id, const char *message, const char *stage)
{
    return refuse(t, BAD_MESSAGE,
                  "invalid state transition attempted for Update %s: received *update.%s message while in state %s", id,
                  message, stage);
}

static struct refusal accept_update(struct transition *t, struct update *update, const PbAcceptance *acceptance)
{
    PbWorkflowExecutionUpdateAcceptedEventAttributes *accepted;

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
    report(t, update, UPDATE_REJECTED, failed_outcome(t->arena, rejection->failure));
    update_free(t->ms, update);
    return ACCEPTED;
}

static struct refusal complete_update(struct transition *t, struct update *update, const PbUpdateResponse *response)
{
    PbWorkflowExecutionUpdateCompletedEventAttributes *completed;

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

enum message_kind { ACCEPTANCE, REJECTION, RESPONSE };

/* The messages that there are: what they are for an update of a wrong stage or none at all. */
static const struct message_type {
    const char *name;
    const ProtobufCMessageDescriptor *descriptor;
    enum message_kind kind;
} message_types[] = {
    {"Acceptance", &PbAcceptance_descriptor, ACCEPTANCE},
    {"Rejection", &PbRejection_descriptor, REJECTION},
    {"Response", &PbUpdateResponse_descriptor, RESPONSE},
};

static const struct message_type *message_type_find(const char *name)
{
    for (size_t i = 0; i < sizeof(message_types) / sizeof(message_types[0]); i++)
        if (strcmp(message_types[i].name, name) == 0)
            return &message_types[i];
    return NULL;
}

/* A worker may bring back an update that this server has lost: its message then holds the whole request. */
static struct update *resurrect(struct mutable_state *ms, const char *id, enum message_kind kind, const void *body)
{
    const PbUpdateRequest *request = NULL;
    struct update *update;

    if (kind == ACCEPTANCE)
        request = ((const PbAcceptance *)body)->accepted_request;
    else if (kind == REJECTION)
        request = ((const PbRejection *)body)->rejected_request;
    if (request == NULL)
        return NULL;
    update = admit(ms, id, request);
    update->stage = UPDATE_SENT;
    return update;
}

/* The run has been closed by a command before this message: it comes too late. */
static struct refusal abort_update(struct transition *t, struct update *update)
{
    if (update->stage <= UPDATE_SENT) {
        report(t, update, UPDATE_ABORTED, NULL);
        update_free(t->ms, update);
    }
    return ACCEPTED; /* an accepted one is told of the run's end when all messages are done */
}

static struct refusal apply_message(struct transition *t, struct update *update, const struct message_type *type,
                                    const void *body, int64_t completed_event_id)
{
    bool fits = type->kind == RESPONSE ? update->stage == UPDATE_ACCEPTED : update->stage <= UPDATE_SENT;

    if (!mutable_state_is_open(t->ms) && type->kind != REJECTION)
        return abort_update(t, update);
    if (!fits)
        return wrong_stage(t, update->id, type->name, stage_name(update, completed_event_id));
    switch (type->kind) {
    case ACCEPTANCE:
        return accept_update(t, update, body);
    case REJECTION:
        return reject_update(t, update, body);
    case RESPONSE:
        return complete_update(t, update, body);
    }
    return ACCEPTED;
}

/* A message for an update that is not there: rejected or aborted by a message before, or lost with a server's memory.
 */
static struct refusal process_for_absent(struct transition *t, const char *id, const struct message_type *type,
                                         const void *body, int64_t completed_event_id)
{
    const struct update_news *news = news_of(t, id);
    struct update *update;

    if (news != NULL && news->kind == UPDATE_ABORTED)
        return ACCEPTED;
    if (news != NULL && news->kind == UPDATE_REJECTED)
        return wrong_stage(t, id, type->name, "ProvisionallyCompleted");
    update = resurrect(t->ms, id, type->kind, body);
    if (update == NULL)
        return refuse(
            t, BAD_MESSAGE,
            "update %s wasn't found on the server. This is most likely a transient error which will be resolved "
            "automatically by retries",
            id);
    return apply_message(t, update, type, body, completed_event_id);
}

static struct refusal process_message(struct transition *t, const PbMessage *message, int64_t completed_event_id)
{
    static const char protocol[] = "temporal.api.update.v1";
    const char *id = message->protocol_instance_id, *name = body_name(message), *dot = strrchr(name, '.');
    struct update *update = mutable_state_update(t->ms, id);
    const struct message_type *type;
    const void *body;

    invariant(dot != NULL, "a message without a proper name"); /* update_messages_problem has seen to that */
    if ((int64_t)message->body->value.len > t->limits->blob_bytes_max)
        return refuse_and_terminate(t, BAD_MESSAGE, "Message type %s exceeds size limit.", name);
    if ((size_t)(dot - name) != sizeof(protocol) - 1 || strncmp(name, protocol, sizeof(protocol) - 1) != 0)
        return refuse(t, BAD_MESSAGE, "unsupported protocol type %.*s", (int)(dot - name), name);
    type = message_type_find(dot + 1);
    if (type == NULL)
        return refuse(t, BAD_MESSAGE, "Message type *update.%s not supported", dot + 1);
    body = pb_unpack_any(t->arena, type->descriptor, message->body); /* scans first: the inside of an Any came unseen */
    if (body == NULL)
        return refuse(t, BAD_MESSAGE, "unable to unmarshal request: proto: cannot parse invalid wire-format data");
    if (update == NULL)
        return process_for_absent(t, id, type, body, completed_event_id);
    return apply_message(t, update, type, body, completed_event_id);
}

struct refusal decide_protocol_message(struct transition *t, const PbCommand *command, struct task_context *task)
{
    const char *id;

    if (command == NULL)
        return refuse(t, BAD_MESSAGE, "ProtocolMessageCommandAttributes is not set on ProtocolMessageCommand.");
    id = command->protocol_message_command_attributes->message_id;
    if (id[0] == '\0')
        return refuse(t, BAD_MESSAGE, "MessageID is not set on ProtocolMessageCommand.");
    for (size_t i = task->request->n_messages; i-- > 0;) { /* of several with one id the last one counts */
        if (strcmp(task->request->messages[i]->id, id) != 0)
            continue;
        if (task->message_is_done[i])
            break;
        task->message_is_done[i] = true;
        return process_message(t, task->request->messages[i], task->completed_event_id);
    }
    return refuse(t, BAD_MESSAGE, "ProtocolMessageCommand referenced absent message ID %s", id);
}

struct refusal updates_process_rest(struct transition *t, struct task_context *task)
{
    for (size_t i = 0; i < task->request->n_messages; i++) {
        struct refusal refusal = ACCEPTED;

        if (!task->message_is_done[i])
            refusal = process_message(t, task->request->messages[i], task->completed_event_id);
        transition_settle(t);
        if (refusal.cause != WORKFLOW_TASK_FAILED_CAUSE_UNSPECIFIED)
            return refusal;
    }
    return ACCEPTED;
}

bool messages_are_rejections(const PbRespondWorkflowTaskCompletedRequest *request)
{
    for (size_t i = 0; i < request->n_messages; i++)
        if (strcmp(body_name(request->messages[i]), PbRejection_descriptor.name) != 0)
            return false;
    return true;
}

/* ---- appliers ---- */

static void keep_request_id(struct update *update, const PbUpdateRequest *request)
{
    if (request != NULL && request->request_id[0] != '\0')
        update->request_id = arena_strdup(update->arena, request->request_id);
}

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
    keep_request_id(update, attributes->request);
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
    keep_request_id(update, attributes->accepted_request);
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
