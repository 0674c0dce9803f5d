/* A server under measurement: a child process, and what the kernel tells about it. */
#ifndef FERMATA_BENCH_PROCESS_H
#define FERMATA_BENCH_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/clock.h"

struct process {
    pid_t pid;
    int port;
    nanos started; /* just before fork, monotonic */
};

/* Runs `executable server start-dev --port P --headless --log-level error [--db-filename file]` on a free port; what it
 * prints goes to the file `log`. `file` NULL: in memory. */
struct process process_start(const struct clock *clock, const char *executable, const char *file, const char *log);

/* Sends SIGTERM and waits; returns how long it took. After 20 s it is killed. */
nanos process_stop(const struct clock *clock, struct process *process);

/* Whether it has ended by itself. */
bool process_has_ended(const struct process *process);

/* CPU time that all its threads have used, user and system. */
nanos process_cpu(const struct process *process);

/* Its proportional set size in bytes: private memory, and its share of what is shared. */
int64_t process_pss_bytes(const struct process *process);

#endif
