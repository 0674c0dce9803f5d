/*
 * How fast a batch goes: so many operations per second, with those of one second at once at the beginning or after a
 * pause. Pure arithmetic on instants that it is given; they are monotonic.
 */
#ifndef FERMATA_SERVER_SERVICES_BATCH_PACE_H
#define FERMATA_SERVER_SERVICES_BATCH_PACE_H

#include <stdbool.h>

#include "base/clock.h"

struct batch_pace {
    double per_second;
    double left; /* operations that may be done at once */
    nanos at;    /* when that was so */
};

/* Begins with a full second's operations. `asked`: operations per second; anything that is no rate means `usual`. */
struct batch_pace batch_pace_begin(double asked, int usual, nanos now);

/* Takes one operation's turn; false when it has not come yet. */
bool batch_pace_take(struct batch_pace *pace, nanos now);

/* When the next operation's turn comes: now, or later. */
nanos batch_pace_next(const struct batch_pace *pace, nanos now);

#endif
