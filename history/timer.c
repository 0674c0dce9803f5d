/* User timers: started and cancelled by commands, fired by the clock. */
#include <stdlib.h>
#include <string.h>

#include "base/invariant.h"
#include "history/internal.h"

#define BAD_START  WORKFLOW_TASK_FAILED_CAUSE_BAD_START_TIMER_ATTRIBUTES
#define BAD_CANCEL WORKFLOW_TASK_FAILED_CAUSE_BAD_CANCEL_TIMER_ATTRIBUTES

void user_timer_free(struct mutable_state *ms, struct user_timer *timer)
{
    HASH_DELETE(by_id, ms->timers, timer);
    memory_free(timer);
}

struct refusal decide_start_timer(struct transition *t, const PbCommand *command, struct task_context *task)
{
    const PbStartTimerCommandAttributes *want;
    PbTimerStartedEventAttributes *started;
    const struct user_timer *present;
    const char *problem;

    if (command == NULL)
        return refuse(t, BAD_START, "StartTimerCommandAttributes is not set on StartTimerCommand.");
    want = command->start_timer_command_attributes;
    if (want->timer_id[0] == '\0')
        return refuse(t, BAD_START, "TimerId is not set on StartTimerCommand.");
    if (strlen(want->timer_id) > (size_t)t->limits->id_bytes_max)
        return refuse(t, BAD_START,
                      "TimerId on StartTimerCommand exceeds length limit. TimerId=%s Length=%zu Limit=%lld",
                      want->timer_id, strlen(want->timer_id), (long long)t->limits->id_bytes_max);
    if ((problem = duration_problem(want->start_to_fire_timeout)) != NULL)
        return refuse(t, BAD_START, "An invalid StartToFireTimeout is set on StartTimerCommand: %s. TimerId=%s",
                      problem, want->timer_id);
    present = mutable_state_timer(t->ms, want->timer_id);
    if (present != NULL && !present->firing) /* MS3 */
        return refuse(t, WORKFLOW_TASK_FAILED_CAUSE_START_TIMER_DUPLICATE_ID,
                      "invalid history builder state for action: add-timer-started-event, TimerID: %s", want->timer_id);
    started = transition_add(t, EVENT_TYPE_TIMER_STARTED);
    started->timer_id = want->timer_id;
    started->start_to_fire_timeout =
        want->start_to_fire_timeout != NULL ? want->start_to_fire_timeout : pb_duration_new(t->arena, 0);
    started->workflow_task_completed_event_id = task->completed_event_id;
    transition_settle(t);
    return ACCEPTED;
}

struct refusal decide_cancel_timer(struct transition *t, const PbCommand *command, struct task_context *task)
{
    PbTimerCanceledEventAttributes *canceled;
    const struct user_timer *timer;
    const char *id;

    if (command == NULL)
        return refuse(t, BAD_CANCEL, "CancelTimerCommandAttributes is not set on CancelTimerCommand.");
    id = command->cancel_timer_command_attributes->timer_id;
    if (id[0] == '\0')
        return refuse(t, BAD_CANCEL, "TimerId is not set on CancelTimerCommand.");
    if (strlen(id) > (size_t)t->limits->id_bytes_max)
        return refuse(t, BAD_CANCEL,
                      "TimerId on CancelTimerCommand exceeds length limit. TimerId=%s Length=%zu Limit=%lld", id,
                      strlen(id), (long long)t->limits->id_bytes_max);
    timer = mutable_state_timer(t->ms, id);
    if (timer == NULL)
        return refuse(t, BAD_CANCEL, "invalid history builder state for action: add-timer-canceled-event, TimerID: %s",
                      id);
    /* Fired, but the worker could not know: the firing never happened, and if nothing else waits the run may close. */
    if (timer->firing && mutable_state_unbuffer_timer(t->ms, id)) {
        t->volatile_changed = true;
        task->had_buffered = t->ms->buffered != NULL;
    }
    canceled = transition_add(t, EVENT_TYPE_TIMER_CANCELED);
    canceled->timer_id = id;
    canceled->started_event_id = timer->started_event_id;
    canceled->workflow_task_completed_event_id = task->completed_event_id;
    canceled->identity = borrow_text(task->identity);
    transition_settle(t);
    return ACCEPTED;
}

static int compare_due(const void *a, const void *b)
{
    const struct user_timer *x = *(struct user_timer *const *)a, *y = *(struct user_timer *const *)b;

    if (x->fires_at != y->fires_at)
        return x->fires_at < y->fires_at ? -1 : 1;
    return x->started_event_id < y->started_event_id ? -1 : x->started_event_id > y->started_event_id;
}

void timers_fire_all_due(struct transition *t)
{
    int32_t pending = mutable_state_timers_count(t->ms);
    struct user_timer **due = ARENA_NEW_ARRAY(t->arena, struct user_timer *, pending);
    struct user_timer *timer, *next;
    size_t count = 0;

    HASH_ITER (by_id, t->ms->timers, timer, next)
        if (!timer->firing && timer->fires_at <= t->now)
            due[count++] = timer;
    if (count == 0)
        return;
    qsort(due, count, sizeof(due[0]), compare_due);
    for (size_t i = 0; i < count; i++) {
        PbTimerFiredEventAttributes *fired = transition_add(t, EVENT_TYPE_TIMER_FIRED);

        fired->timer_id = arena_strdup(t->arena, due[i]->timer_id);
        fired->started_event_id = due[i]->started_event_id;
        transition_settle(t); /* frees due[i], or marks it as firing */
    }
    workflow_task_schedule(t, false);
}

enum broken apply_timer_started(struct mutable_state *ms, const PbHistoryEvent *event,
                                const PbTimerStartedEventAttributes *attributes)
{
    size_t length = strlen(attributes->timer_id);
    struct user_timer *timer;

    /* An earlier one with this id may still be there: it has fired, and that event enters the log after this (MS3). */
    timer = memory_new(sizeof(*timer) + length + 1);
    memcpy(timer->timer_id, attributes->timer_id, length + 1);
    timer->started_event_id = event->event_id;
    timer->fires_at = nanos_add(time_from_pb(event->event_time), duration_from_pb(attributes->start_to_fire_timeout));
    HASH_ADD_KEYPTR(by_id, ms->timers, timer->timer_id, length, timer);
    return INTACT;
}

static enum broken end_timer(struct mutable_state *ms, const char *timer_id, int64_t started_event_id)
{
    struct user_timer *timer = mutable_state_timer(ms, timer_id);

    if (timer != NULL && timer->started_event_id != started_event_id) /* the newer one of two with this id */
        for (timer = ms->timers; timer != NULL && timer->started_event_id != started_event_id;)
            timer = timer->by_id.next;
    if (timer == NULL)
        return BROKEN_UNKNOWN_REFERENCE;
    user_timer_free(ms, timer);
    return INTACT;
}

enum broken apply_timer_fired(struct mutable_state *ms, const PbHistoryEvent *event,
                              const PbTimerFiredEventAttributes *attributes)
{
    (void)event;
    return end_timer(ms, attributes->timer_id, attributes->started_event_id);
}

enum broken apply_timer_canceled(struct mutable_state *ms, const PbHistoryEvent *event,
                                 const PbTimerCanceledEventAttributes *attributes)
{
    (void)event;
    return end_timer(ms, attributes->timer_id, attributes->started_event_id);
}
