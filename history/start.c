/* How a run begins. */
#include <string.h>

#include "base/cron.h"
#include "history/internal.h"

/* In whole milliseconds, as the real server has it. */
static PbTimestamp *expiration(struct arena *arena, nanos now, nanos timeout)
{
    nanos at = nanos_add(nanos_add(now, timeout), NANOS_PER_MILLISECOND / 2);

    return timeout == 0 ? NULL : pb_timestamp_new(arena, at - at % NANOS_PER_MILLISECOND);
}

const char *cron_problem(const char *schedule, nanos now)
{
    struct cron cron;

    if (schedule[0] == '\0')
        return NULL;
    if (!cron_parse(schedule, &cron))
        return "invalid CronSchedule.";
    return cron_next(&cron, now) == NANOS_MAX ? "invalid CronSchedule, no time can be found to satisfy the schedule"
                                              : NULL;
}

void start_fill_in_times(struct arena *arena, PbWorkflowExecutionStartedEventAttributes *started, nanos now,
                         nanos delay)
{
    if (started->cron_schedule[0] != '\0') {
        nanos wait = cron_backoff(started->cron_schedule, now, now);

        started->initiator = CONTINUE_AS_NEW_INITIATOR_CRON_SCHEDULE;
        delay = wait == CRON_NEVER ? 0 : wait;
    }
    started->first_workflow_task_backoff = pb_duration_new(arena, delay);
    started->workflow_execution_expiration_time =
        expiration(arena, now, duration_from_pb(started->workflow_execution_timeout));
}

static void add_started(struct transition *t, const PbWorkflowExecutionStartedEventAttributes *started,
                        const PbUserMetadata *metadata, size_t links_count, PbCommonLink **links)
{
    PbWorkflowExecutionStartedEventAttributes *slot = transition_add(t, EVENT_TYPE_WORKFLOW_EXECUTION_STARTED);

    *slot = *started;
    t->pending->user_metadata = borrow(metadata);
    t->pending->n_links = links_count;
    t->pending->links = links;
    transition_settle(t);
}

void decide_start(struct transition *t, PbWorkflowExecutionStartedEventAttributes *started,
                  const PbUserMetadata *metadata, size_t links_count, PbCommonLink **links)
{
    add_started(t, started, metadata, links_count, links);
    if (started->parent_workflow_execution == NULL || started->continued_execution_run_id[0] != '\0')
        workflow_task_schedule(t, false); /* a child's waits until its parent knows that it runs */
}

void decide_start_with_signal(struct transition *t, PbWorkflowExecutionStartedEventAttributes *started,
                              const PbUserMetadata *metadata, const PbWorkflowExecutionSignaledEventAttributes *signal,
                              size_t links_count, PbCommonLink **links)
{
    add_started(t, started, metadata, links_count, links);
    decide_signal(t, signal, links_count, links);
}

void decide_backoff_over(struct transition *t)
{
    workflow_task_schedule(t, true);
}

static void keep_attributes(struct mutable_state *ms, const PbSearchAttributes *attributes)
{
    struct arena *scratch = attributes == NULL ? NULL : arena_new(1024);

    mutable_state_keep_search_attributes(ms, attributes, scratch);
    arena_free(scratch);
}

/* A copy of the text, or `same` when it says the same: nearly all runs are the first of their chain, and their root. */
static const char *keep_once(struct arena *arena, const char *text, const char *same)
{
    return strcmp(text, same) == 0 ? same : arena_strdup(arena, text);
}

static const PbWorkflowExecution *keep_root(struct mutable_state *ms, const PbWorkflowExecution *root)
{
    PbWorkflowExecution *kept;

    if (root == NULL)
        return NULL;
    kept = ARENA_NEW_PB(ms->arena, PbWorkflowExecution);
    kept->workflow_id = borrow_text(keep_once(ms->arena, root->workflow_id, ms->workflow_id));
    kept->run_id = borrow_text(keep_once(ms->arena, root->run_id, ms->original_run_id));
    return kept;
}

enum broken apply_started(struct mutable_state *ms, const PbHistoryEvent *event,
                          const PbWorkflowExecutionStartedEventAttributes *attributes)
{
    struct arena *arena = ms->arena;
    nanos backoff = duration_from_pb(attributes->first_workflow_task_backoff);

    ms->workflow_id = arena_strdup(arena, attributes->workflow_id);
    ms->workflow_type = arena_strdup(arena, attributes->workflow_type == NULL ? "" : attributes->workflow_type->name);
    ms->task_queue = arena_strdup(arena, attributes->task_queue == NULL ? "" : attributes->task_queue->name);
    ms->original_run_id = arena_strdup(arena, attributes->original_execution_run_id);
    ms->first_run_id = keep_once(arena, attributes->first_execution_run_id, ms->original_run_id);
    ms->start_identity = arena_strdup(arena, attributes->identity);
    ms->execution_timeout = duration_from_pb(attributes->workflow_execution_timeout);
    ms->run_timeout = duration_from_pb(attributes->workflow_run_timeout);
    ms->has_run_timeout_field = attributes->workflow_run_timeout != NULL;
    ms->has_execution_timeout_field = attributes->workflow_execution_timeout != NULL;
    ms->has_start_links = event->n_links > 0;
    ms->task_timeout = duration_from_pb(attributes->workflow_task_timeout);
    ms->start_time = ms->original_start_time = time_from_pb(event->event_time);
    ms->first_task_at = nanos_add(ms->start_time, backoff);
    if (ms->run_timeout > 0)
        ms->run_expires_at = nanos_add(ms->first_task_at, ms->run_timeout);
    if (attributes->workflow_execution_expiration_time != NULL)
        ms->execution_expires_at = time_from_pb(attributes->workflow_execution_expiration_time);
    ms->attempt = attributes->attempt;
    ms->retry_policy = pb_copy(arena, attributes->retry_policy);
    ms->cron_schedule = keep_once(arena, attributes->cron_schedule, "");
    ms->memo = pb_copy(arena, attributes->memo);
    keep_attributes(ms, attributes->search_attributes);
    ms->priority = pb_copy(arena, attributes->priority);
    ms->user_metadata = pb_copy(arena, event->user_metadata);
    ms->parent_execution = pb_copy(arena, attributes->parent_workflow_execution);
    ms->parent_namespace = keep_once(arena, attributes->parent_workflow_namespace, "");
    ms->parent_initiated_event_id = attributes->parent_initiated_event_id;
    ms->parent_namespace_id = keep_once(arena, attributes->parent_workflow_namespace_id, "");
    ms->root_execution = keep_root(ms, attributes->root_workflow_execution);
    versions_inherit(ms, attributes->prev_auto_reset_points);
    versioning_note_start(ms, attributes);
    versions_note_start(ms);
    return INTACT;
}
