/*
 * GetWorkflowExecutionHistory: pages of stored batches as they are, and calls that wait for more; and the same
 * backwards.
 *
 * A page is a number of batches, not of events. What has not been stored yet (the started event of the pending workflow
 * task) and the virtual events of a transient task follow behind the last page.
 */
#include <string.h>

#include "base/invariant.h"
#include "base/uuid.h"
#include "server/engine/internal.h"

enum { PAGE_BATCHES_MAX = 256 };

/* How long a reader waits at most before it gets an empty page, and how long before its own deadline. Server 1.32.0. */
#define READER_TAIL_ROOM seconds(1)

static int batches_at_most(int asked)
{
    return asked <= 0 || asked > PAGE_BATCHES_MAX ? PAGE_BATCHES_MAX : asked;
}

/* The batches that a page for a client may have which has asked for so many. */
static int page_size(const struct call *call, int asked)
{
    return batches_at_most(asked <= 0 ? call->server->options->config.read_page_max : asked);
}

status run_read_history(struct run *run, struct arena *arena, int64_t from, int most, struct bytes **ret_parts,
                        size_t *ret_count, int64_t *ret_next)
{
    struct event_batch *batches;
    struct bytes *parts;
    int count;

    most = batches_at_most(most);
    TRY(events_read(run->engine->server->store, arena, run->id, from, most, &batches, &count));
    parts =
        ARENA_NEW_ARRAY(arena, struct bytes, (size_t)count + 2); /* one for the unstored event, one for virtual ones */
    *ret_next = from;
    for (int i = 0; i < count; i++) {
        parts[i] = batches[i].history;
        *ret_next = batches[i].first_event_id + batches[i].events_count;
    }
    if (count < most && run->unstored.len > 0 && run->unstored_first_id >= from) {
        parts[count++] = (struct bytes){arena_memdup(arena, run->unstored.data, run->unstored.len), run->unstored.len};
        *ret_next = run->unstored_first_id + 1;
    }
    *ret_parts = parts;
    *ret_count = (size_t)count;
    return status_ok();
}

static ProtobufCBinaryData make_token(const struct run *run, struct arena *arena, int64_t next_event_id, bool was_full)
{
    PbHistoryPageToken token = PbHistoryPageToken_INIT;

    token.run_id = (ProtobufCBinaryData){UUID_BYTES, arena_memdup(arena, run->run_id, UUID_BYTES)};
    token.next_event_id = next_event_id;
    token.was_open = mutable_state_is_open(run->state);
    token.was_full = was_full;
    return page_token_encode(arena, &token);
}

static bool has_header_word(const char *header, const char *word)
{
    size_t length = strlen(word);

    while (header != NULL && (header = strstr(header, word)) != NULL) {
        if (header[length] == '\0' || header[length] == ',' || header[length] == ' ')
            return true;
        header += length;
    }
    return false;
}

/* The CLI and the UI show what the log has; SDKs want the pending transient task as well. */
static bool shows_virtual_events(const struct call *call)
{
    const char *name = call->headers.client_name;

    return name == NULL || (strcmp(name, "temporal-cli") != 0 && strcmp(name, "temporal-ui") != 0);
}

/* Older clients follow a chain only through ContinuedAsNew: a close event that names a successor is shown as one. */
static void disguise_close_event(struct arena *arena, PbHistoryEvent *event)
{
    PbWorkflowExecutionContinuedAsNewEventAttributes *shown;
    const char *new_run_id;
    PbFailure *failure = NULL;
    PbPayloads *result = NULL;

    switch (event->event_type) {
    case EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED:
        new_run_id = event->workflow_execution_completed_event_attributes->new_execution_run_id;
        result = event->workflow_execution_completed_event_attributes->result;
        break;
    case EVENT_TYPE_WORKFLOW_EXECUTION_FAILED:
        new_run_id = event->workflow_execution_failed_event_attributes->new_execution_run_id;
        failure = event->workflow_execution_failed_event_attributes->failure;
        break;
    case EVENT_TYPE_WORKFLOW_EXECUTION_TIMED_OUT:
        new_run_id = event->workflow_execution_timed_out_event_attributes->new_execution_run_id;
        failure = ARENA_NEW_PB(arena, PbFailure);
        failure->message = "workflow timeout";
        failure->source = "Server";
        failure->failure_info_case = PbFailure_timeout_failure_info_case;
        failure->timeout_failure_info = ARENA_NEW_PB(arena, PbTimeoutFailureInfo);
        failure->timeout_failure_info->timeout_type = TIMEOUT_TYPE_START_TO_CLOSE;
        break;
    default:
        return;
    }
    if (new_run_id[0] == '\0')
        return;
    shown = ARENA_NEW_PB(arena, PbWorkflowExecutionContinuedAsNewEventAttributes);
    shown->new_execution_run_id = new_run_id;
    shown->failure = failure;
    shown->last_completion_result = result;
    event->event_type = EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW;
    event->attributes_case = PbHistoryEvent_workflow_execution_continued_as_new_event_attributes_case;
    event->workflow_execution_continued_as_new_event_attributes = shown;
}

/* The close event alone. */
static status fill_close_event(struct call *call, struct run *run, PbGetWorkflowExecutionHistoryResponse *resp)
{
    struct arena *arena = call->arena;
    struct event_batch *batches;
    PbHistory *history;
    int count;

    TRY(events_read_back(run->engine->server->store, arena, run->id, run->state->close_event_id, 1, &batches, &count));
    history =
        count == 0 ? NULL : pb_unpack(arena, &PbHistory_descriptor, batches[0].history.data, batches[0].history.len);
    if (history == NULL || history->n_events == 0)
        return status_error(GRPC_DATA_LOSS, "the run's stored history cannot be read");
    history->events += history->n_events - 1;
    history->n_events = 1;
    if (!has_header_word(call->headers.supported_features, "follows-next-run-id"))
        disguise_close_event(arena, history->events[0]);
    resp->history = history;
    return status_ok();
}

static void append_history(struct call *call, const struct bytes *parts, size_t count)
{
    const ProtobufCFieldDescriptor *field =
        protobuf_c_message_descriptor_get_field_by_name(&PbGetWorkflowExecutionHistoryResponse_descriptor, "history");

    call_append_field(call, field->id, parts, count);
}

/* A page from event `from` on. A full one is never the last, as in the real server: who reads on by the token gets an
 * empty page when nothing is left. So virtual events, which are on the last page only, come once. */
static status fill_page(struct call *call, struct run *run, const PbGetWorkflowExecutionHistoryRequest *req,
                        int64_t from, PbGetWorkflowExecutionHistoryResponse *resp)
{
    int most = page_size(call, req->maximum_page_size);
    struct bytes *parts;
    size_t count;
    int64_t next;
    bool full;

    TRY(run_read_history(run, call->arena, from, most, &parts, &count, &next));
    full = count == (size_t)most;
    if (full || (req->wait_new_event && mutable_state_is_open(run->state)))
        resp->next_page_token = make_token(run, call->arena, next, full);
    if (!full && next >= run->state->next_event_id && shows_virtual_events(call)) {
        PbHistory virtual = PbHistory_INIT;
        PbHistoryEvent *events[2];

        virtual.events = events;
        virtual.n_events = workflow_task_virtual_events(run->state, call->arena, false, events);
        if (virtual.n_events > 0)
            parts[count++] = pb_pack(call->arena, &virtual);
    }
    append_history(call, parts, count);
    return status_ok();
}

/* ---- waiting ---- */

static void stop_reading(struct history_reader *reader)
{
    struct history_reader **at = &reader->run->readers;

    while (*at != reader)
        at = &(*at)->next;
    *at = reader->next;
    timers_cancel(reader->run->engine->server->timers, &reader->timer);
}

static void reader_cancelled(struct call *call, enum call_end why)
{
    (void)why;
    stop_reading(call->waiter);
}

static status fill_for_reader(struct history_reader *reader)
{
    struct call *call = reader->call;
    struct run *run = reader->run;

    if (!reader->close_only)
        return fill_page(call, run, call->request, reader->from, call->response);
    if (mutable_state_is_open(run->state)) {
        ((PbGetWorkflowExecutionHistoryResponse *)call->response)->next_page_token =
            make_token(run, call->arena, run->state->next_event_id, false);
        append_history(call, NULL, 0);
        return status_ok();
    }
    return fill_close_event(call, run, call->response);
}

/* Nothing came: an empty page, and the place to go on from for who wants to. */
static void reader_expired(struct timer *timer, void *context)
{
    struct history_reader *reader = context;
    PbGetWorkflowExecutionHistoryResponse *resp = reader->call->response;

    (void)timer;
    stop_reading(reader);
    if (reader->goes_on)
        resp->next_page_token = make_token(reader->run, reader->call->arena, reader->from, false);
    append_history(reader->call, NULL, 0);
    call_answer(reader->call, status_ok());
}

void readers_wake(struct run *run)
{
    struct history_reader *reader = run->readers, *next;

    for (; reader != NULL; reader = next) {
        next = reader->next;
        if (mutable_state_is_open(run->state) && (reader->close_only || reader->from >= run->state->next_event_id))
            continue;
        stop_reading(reader);
        call_answer(reader->call, fill_for_reader(reader));
    }
}

void readers_fail(struct run *run)
{
    while (run->readers != NULL) {
        struct history_reader *reader = run->readers;

        stop_reading(reader);
        call_answer(reader->call, status_error(GRPC_UNAVAILABLE, "the run has to be loaded again; try again"));
    }
}

static status wait_for_more(struct call *call, struct run *run, int64_t from, bool close_only, bool goes_on)
{
    struct history_reader *reader = ARENA_NEW(call->arena, struct history_reader);
    nanos most = call->server->options->config.history_long_poll_max, left = call_time_left(call);

    if (left != NANOS_MAX && left - READER_TAIL_ROOM < most)
        most = left - READER_TAIL_ROOM;
    *reader = (struct history_reader){
        .call = call,
        .run = run,
        .from = from,
        .close_only = close_only,
        .goes_on = goes_on,
        .next = run->readers,
    };
    run->readers = reader;
    timers_set(call->server->timers, &reader->timer, nanos_add(clock_now(call->server->clock), most), reader_expired,
               reader);
    return call_park(call, reader_cancelled, reader);
}

/* Where a reader goes on. */
struct place {
    int64_t from;  /* 0: at the beginning */
    bool is_known; /* the reader has seen all that was there: it may wait for more */
};

/* The run that the token, if there is one, and the request name; and where to go on. */
static status find_place(struct call *call, const struct namespace_info *ns, const PbWorkflowExecution *wanted,
                         const ProtobufCBinaryData *encoded, struct run **ret_run, struct place *ret_place)
{
    PbWorkflowExecution execution = *wanted;
    const PbHistoryPageToken *token;
    char run_id[UUID_TEXT_BYTES];
    uint8_t uuid[UUID_BYTES];

    *ret_place = (struct place){0};
    if (encoded->len == 0)
        return engine_find_run(call, ns, &execution, ret_run);
    token = page_token_decode(call->arena, encoded);
    if (token == NULL)
        return status_error(GRPC_INVALID_ARGUMENT, MSG_PAGE_TOKEN_INVALID);
    if (execution.run_id[0] != '\0' &&
        (!uuid_parse(execution.run_id, uuid) || memcmp(uuid, token->run_id.data, UUID_BYTES) != 0))
        return status_error(GRPC_INVALID_ARGUMENT, MSG_PAGE_TOKEN_OTHER_RUN);
    uuid_format(token->run_id.data, run_id);
    execution.run_id = run_id;
    *ret_place = (struct place){.from = token->next_event_id, .is_known = !token->was_full};
    return engine_find_run(call, ns, &execution, ret_run);
}

status engine_get_history(struct call *call, const struct namespace_info *ns,
                          const PbGetWorkflowExecutionHistoryRequest *req, PbGetWorkflowExecutionHistoryResponse *resp)
{
    bool close_only = req->history_event_filter_type == HISTORY_EVENT_FILTER_TYPE_CLOSE_EVENT;
    struct place place;
    struct run *run;
    int64_t from;

    TRY(find_place(call, ns, req->execution, &req->next_page_token, &run, &place));
    from = place.from == 0 ? 1 : place.from;
    if (close_only && !mutable_state_is_open(run->state))
        return fill_close_event(call, run, resp);
    if (close_only && (req->wait_new_event || place.from == 0)) /* who asks for the end at all wants to see it */
        return wait_for_more(call, run, from, true, req->wait_new_event);
    if (close_only) {
        append_history(call, NULL, 0);
        return status_ok();
    }
    if (req->wait_new_event && place.is_known && from >= run->state->next_event_id && mutable_state_is_open(run->state))
        return wait_for_more(call, run, from, false, true);
    return fill_page(call, run, req, from, resp);
}

/* ---- backwards ---- */

/* At most `most` batches before event `before`, newest first; what is not stored yet counts as one. */
static status read_back(struct run *run, struct arena *arena, int64_t before, int most,
                        struct event_batch **ret_batches, int *ret_count)
{
    struct event_batch *stored = NULL, *all;
    bool has_unstored = run->unstored.len > 0 && run->unstored_first_id < before;
    int count = 0;

    if (has_unstored) {
        before = run->unstored_first_id;
        most--;
    }
    if (most > 0)
        TRY(events_read_back(run->engine->server->store, arena, run->id, before - 1, most, &stored, &count));
    all = ARENA_NEW_ARRAY(arena, struct event_batch, (size_t)count + 1);
    *ret_count = 0;
    if (has_unstored)
        all[(*ret_count)++] = (struct event_batch){
            .first_event_id = run->unstored_first_id,
            .events_count = 1,
            .history = {run->unstored.data, run->unstored.len},
        };
    for (int i = 0; i < count; i++)
        all[(*ret_count)++] = stored[i];
    *ret_batches = all;
    return status_ok();
}

/* The events of batches that are ordered newest first, in that order; NULL when one cannot be read. */
static PbHistory *reversed(struct arena *arena, const struct event_batch *batches, int count)
{
    PbHistory *history = ARENA_NEW_PB(arena, PbHistory);
    size_t events_count = 0;

    for (int i = 0; i < count; i++)
        events_count += (size_t)batches[i].events_count;
    history->events = ARENA_NEW_ARRAY(arena, PbHistoryEvent *, events_count);
    for (int i = 0; i < count; i++) {
        const PbHistory *batch =
            pb_unpack(arena, &PbHistory_descriptor, batches[i].history.data, batches[i].history.len);

        if (batch == NULL || batch->n_events != (size_t)batches[i].events_count)
            return NULL;
        for (size_t j = batch->n_events; j > 0; j--)
            history->events[history->n_events++] = batch->events[j - 1];
    }
    return history;
}

status engine_get_history_reverse(struct call *call, const struct namespace_info *ns,
                                  const PbGetWorkflowExecutionHistoryReverseRequest *req,
                                  PbGetWorkflowExecutionHistoryReverseResponse *resp)
{
    int most = page_size(call, req->maximum_page_size), count;
    struct event_batch *batches;
    struct place place;
    struct run *run;

    TRY(find_place(call, ns, req->execution, &req->next_page_token, &run, &place));
    TRY(read_back(run, call->arena, place.from == 0 ? run->state->next_event_id : place.from + 1, most, &batches,
                  &count));
    resp->history = reversed(call->arena, batches, count);
    if (resp->history == NULL)
        return status_error(GRPC_DATA_LOSS, "the run's stored history cannot be read");
    if (count > 0 && batches[count - 1].first_event_id > 1)
        resp->next_page_token = make_token(run, call->arena, batches[count - 1].first_event_id - 1, false);
    return status_ok();
}
