/*
 * The database: one SQLite connection, one open transaction per turn.
 *
 * ST1  Writes open the transaction by themselves; store_commit ends it. A write that fails poisons the transaction:
 * later writes do nothing, and store_commit reports the failure and rolls back. So writers need not check, and a turn
 * is never half applied. ST2  Reads see the turn's own writes. ST3  A file is opened by one process only (a lock is
 * held), is upgraded in place by numbered migrations, and is refused when it is damaged or newer than this program.
 */
#ifndef FERMATA_PERSISTENCE_STORE_H
#define FERMATA_PERSISTENCE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/status.h"

struct store;

/* A `--sqlite-pragma` name and value. */
struct store_pragma {
    const char *name, *value;
};

struct store_options {
    const char *path;      /* NULL: in memory */
    bool synchronous_full; /* survive a power cut, not only a killed process */
    /* Set after, and instead of, our own settings. Those on which ST1 to ST3 stand cannot be set (locking_mode,
     * journal_mode=OFF, user_version, application_id): an error says so. */
    const struct store_pragma *pragmas;
    int pragmas_count;
};

/* Opens or creates the database and brings its schema up to date. An error's text says what is wrong with the file and
 * goes to the user as it is. */
status store_open(struct arena *arena, const struct store_options *options, struct store **ret_store);

/* Closes it; an open transaction is rolled back. NULL is accepted. */
void store_close(struct store *store);

/* The newest row of runs: that of the file when it was opened, or one that has been inserted since. */
int64_t store_last_run(const struct store *store);

/* Whether this turn has written anything, or tried to. */
bool store_has_changes(const struct store *store);

/* Makes this turn's commit fail: for one who cannot finish what it has begun, because a read failed. */
void store_poison(struct store *store);

/* Commits the turn's transaction, if there is one. On failure it has been rolled back, and the text (UNAVAILABLE) says
 * why. */
status store_commit(struct store *store, struct arena *arena);

/* Housekeeping between turns, to be called after a turn's answers have left: moves the WAL's pages into the file once
 * there are a few thousand of them, which bounds both what one call costs and what a start after a crash has to read.
 */
void store_idle(struct store *store);

/* Counts since start, for metrics and bench: rows written, commits. */
struct store_counts {
    uint64_t rows_written, commits, commit_failures, checkpoints, checkpoint_failures;
};
struct store_counts store_counts(const struct store *store);

/* How often each kind of row was read or written since start, in the words of the real server's persistence_requests.
 * Calls `each` once per statement that has run: an operation may come more than once. */
void store_each_operation(const struct store *store, void (*each)(void *context, const char *operation, uint64_t count),
                          void *context);

/* Tests only: makes the n-th SQLite step or commit from now fail with an I/O error (0 switches it off). */
void store_fail_after(struct store *store, int64_t steps);

/* Tests only: after such a failure the m-th step from there fails as well, then the m+1-th from there, and so on (0: no
 * more). If they were all equally far apart, one who tries again in as many steps would meet the next, for ever. */
void store_fail_every(struct store *store, int64_t steps);

#endif
