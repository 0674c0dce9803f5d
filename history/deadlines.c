/* What falls due: everything of one run that is due at one instant happens in one transition. */
#include <stdlib.h>

#include "history/internal.h"

static int compare_scheduled(const void *a, const void *b)
{
    int64_t x = (*(struct activity *const *)a)->scheduled_event_id,
            y = (*(struct activity *const *)b)->scheduled_event_id;

    return x < y ? -1 : x > y;
}

/* In the order in which they were scheduled. An activity that ends is freed, so they are collected first. */
static void activities_due(struct transition *t)
{
    struct activity **due = ARENA_NEW_ARRAY(t->arena, struct activity *, mutable_state_activities_count(t->ms));
    struct activity *activity, *next;
    PbTimeoutType type;
    size_t count = 0;

    HASH_ITER (by_event, t->ms->activities, activity, next)
        if (activity_deadline(activity, &type) <= t->now)
            due[count++] = activity;
    qsort(due, count, sizeof(due[0]), compare_scheduled);
    for (size_t i = 0; i < count; i++)
        activity_deadline_passed(t, due[i]);
}

void decide_deadlines(struct transition *t)
{
    struct mutable_state *ms = t->ms;

    if (!mutable_state_is_open(ms))
        return;
    if (ms->run_expires_at <= t->now || ms->execution_expires_at <= t->now) {
        close_timed_out(t);
        return;
    }
    if (workflow_task_deadline(ms) <= t->now)
        workflow_task_deadline_passed(t);
    timers_fire_all_due(t);
    activities_due(t);
    if (mutable_state_in_backoff(ms) && ms->first_task_at <= t->now)
        decide_backoff_over(t);
}
