#include "server/services/batch_pace.h"

/* Beyond it there is nothing to wait for, and below it no number of nanoseconds that a clock could tell. */
#define RATE_MAX 1e6
#define RATE_MIN 1e-6

struct batch_pace batch_pace_begin(double asked, int usual, nanos now)
{
    double rate = asked > 0 ? asked : usual; /* neither for NaN */

    if (!(rate > RATE_MIN))
        rate = RATE_MIN;
    if (rate > RATE_MAX)
        rate = RATE_MAX;
    return (struct batch_pace){.per_second = rate, .left = rate < 1 ? 1 : rate, .at = now};
}

static double left_at(const struct batch_pace *pace, nanos now)
{
    double most = pace->per_second < 1 ? 1 : pace->per_second;
    double left = pace->left;

    if (now > pace->at)
        left += (double)(now - pace->at) / (double)NANOS_PER_SECOND * pace->per_second;
    return left < most ? left : most;
}

bool batch_pace_take(struct batch_pace *pace, nanos now)
{
    pace->left = left_at(pace, now);
    if (now > pace->at)
        pace->at = now;
    if (pace->left < 1)
        return false;
    pace->left -= 1;
    return true;
}

nanos batch_pace_next(const struct batch_pace *pace, nanos now)
{
    double missing = 1 - left_at(pace, now);

    if (missing <= 0)
        return now;
    /* Rounded up, so that it has come by then. */
    return nanos_add(now, (nanos)(missing / pace->per_second * (double)NANOS_PER_SECOND) + 1);
}
