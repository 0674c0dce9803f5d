/* What the world outside tells a run, and what a run notes for itself: signals, cancellation requests, markers. */
#include <string.h>

#include "history/internal.h"

void decide_signal(struct transition *t, const PbWorkflowExecutionSignaledEventAttributes *signal, size_t links_count,
                   PbCommonLink **links)
{
    PbWorkflowExecutionSignaledEventAttributes *slot = transition_add(t, EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED);

    *slot = *signal;
    t->pending->n_links = links_count;
    t->pending->links = links;
    transition_settle(t);
    workflow_task_schedule(t, false);
}

void decide_cancel_request(struct transition *t, const PbWorkflowExecutionCancelRequestedEventAttributes *request)
{
    PbWorkflowExecutionCancelRequestedEventAttributes *slot =
        transition_add(t, EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED);

    *slot = *request;
    t->pending->n_links = t->links_count;
    t->pending->links = t->links;
    transition_settle(t);
    workflow_task_schedule(t, true);
}

static int64_t details_bytes(const PbRecordMarkerCommandAttributes *want)
{
    int64_t bytes = 0;

    for (size_t i = 0; i < want->n_details; i++)
        bytes += (int64_t)strlen(want->details[i]->key) + packed_bytes(want->details[i]->value);
    return bytes;
}

struct refusal decide_record_marker(struct transition *t, const PbCommand *command, struct task_context *task)
{
    const PbWorkflowTaskFailedCause bad = WORKFLOW_TASK_FAILED_CAUSE_BAD_RECORD_MARKER_ATTRIBUTES;
    const PbRecordMarkerCommandAttributes *want;
    PbMarkerRecordedEventAttributes *recorded;

    if (command == NULL)
        return refuse(t, bad, "RecordMarkerCommandAttributes is not set on RecordMarkerCommand.");
    want = command->record_marker_command_attributes;
    if (want->marker_name[0] == '\0')
        return refuse(t, bad, "MarkerName is not set on RecordMarkerCommand.");
    if (strlen(want->marker_name) > (size_t)t->limits->id_bytes_max)
        return refuse(t, bad,
                      "MarkerName on RecordMarkerCommand exceeds length limit. MarkerName=%s Length=%zu Limit=%lld",
                      want->marker_name, strlen(want->marker_name), (long long)t->limits->id_bytes_max);
    if (details_bytes(want) > t->limits->blob_bytes_max)
        return refuse_and_terminate(t, bad, "RecordMarkerCommandAttributes.Details exceeds size limit.");
    recorded = transition_add(t, EVENT_TYPE_MARKER_RECORDED);
    recorded->marker_name = want->marker_name;
    recorded->n_details = want->n_details;
    recorded->details = ARENA_NEW_ARRAY(t->arena, PbMarkerRecordedEventAttributesDetailsEntry *, want->n_details);
    for (size_t i = 0; i < want->n_details; i++) {
        recorded->details[i] = ARENA_NEW_PB(t->arena, PbMarkerRecordedEventAttributesDetailsEntry);
        recorded->details[i]->key = want->details[i]->key;
        recorded->details[i]->value = want->details[i]->value;
    }
    recorded->workflow_task_completed_event_id = task->completed_event_id;
    recorded->header = want->header;
    recorded->failure = want->failure;
    transition_settle(t);
    return ACCEPTED;
}

enum broken apply_cancel_requested(struct mutable_state *ms, const PbHistoryEvent *event,
                                   const PbWorkflowExecutionCancelRequestedEventAttributes *attributes)
{
    (void)event;
    (void)attributes;
    ms->cancel_requested = true;
    return INTACT;
}

enum broken apply_marker_recorded(struct mutable_state *ms, const PbHistoryEvent *event,
                                  const PbMarkerRecordedEventAttributes *attributes)
{
    (void)ms;
    (void)event;
    (void)attributes;
    return INTACT;
}
