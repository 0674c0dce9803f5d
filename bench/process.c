#include "bench/process.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/invariant.h"

static const nanos STOP_PATIENCE = 20 * NANOS_PER_SECOND;

/* Ports are tried one after the other below those that the system gives to clients, whose connections linger for a
 * while. */
enum { PORT_FIRST = 12000, PORT_LAST = 31999 };

/* A port that was free a moment ago. */
static int free_port(void)
{
    static int next;

    for (int tries = 0; tries < PORT_LAST - PORT_FIRST; tries++) {
        struct sockaddr_in address = {.sin_family = AF_INET};
        int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        int port = PORT_FIRST + (getpid() * 7 + next++) % (PORT_LAST - PORT_FIRST);
        bool is_free;

        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        address.sin_port = htons((uint16_t)port);
        is_free = bind(fd, (const struct sockaddr *)&address, sizeof(address)) == 0;
        close(fd);
        if (is_free)
            return port;
    }
    invariant(false, "no port is free");
    return 0;
}

static _Noreturn void become_server(const char *executable, int port, const char *file, const char *log)
{
    int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0644);
    char port_text[16];

    prctl(PR_SET_PDEATHSIG, SIGKILL); /* an interrupted measurement leaves no server behind */
    dup2(fd, STDOUT_FILENO);
    dup2(fd, STDERR_FILENO);
    snprintf(port_text, sizeof(port_text), "%d", port);
    if (file != NULL)
        execl(executable, executable, "server", "start-dev", "--port", port_text, "--headless", "--log-level", "error",
              "--db-filename", file, (char *)NULL);
    else
        execl(executable, executable, "server", "start-dev", "--port", port_text, "--headless", "--log-level", "error",
              (char *)NULL);
    perror(executable);
    _exit(127);
}

struct process process_start(const struct clock *clock, const char *executable, const char *file, const char *log)
{
    struct process process = {.port = free_port(), .started = clock_monotonic(clock)};

    process.pid = fork();
    invariant(process.pid >= 0, "fork failed");
    if (process.pid == 0)
        become_server(executable, process.port, file, log);
    return process;
}

nanos process_stop(const struct clock *clock, struct process *process)
{
    const struct timespec pause = {.tv_nsec = 100000};
    nanos began = clock_monotonic(clock);

    kill(process->pid, SIGTERM);
    while (waitpid(process->pid, NULL, WNOHANG) == 0) {
        if (clock_monotonic(clock) - began > STOP_PATIENCE)
            kill(process->pid, SIGKILL);
        nanosleep(&pause, NULL);
    }
    process->pid = 0;
    return clock_monotonic(clock) - began;
}

bool process_has_ended(const struct process *process)
{
    siginfo_t info = {0};

    return waitid(P_PID, (id_t)process->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0 && info.si_pid != 0;
}

nanos process_cpu(const struct process *process)
{
    struct timespec used = {0};
    clockid_t clock;

    if (clock_getcpuclockid(process->pid, &clock) != 0 || clock_gettime(clock, &used) != 0)
        return 0;
    return (nanos)used.tv_sec * NANOS_PER_SECOND + used.tv_nsec;
}

int64_t process_pss_bytes(const struct process *process)
{
    char path[64], line[256];
    long long kilobytes = 0;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", (int)process->pid);
    file = fopen(path, "re");
    if (file == NULL)
        return 0;
    while (fgets(line, sizeof(line), file) != NULL) {
        if (sscanf(line, "Pss: %lld kB", &kilobytes) == 1)
            break;
    }
    fclose(file);
    return kilobytes * 1024;
}
