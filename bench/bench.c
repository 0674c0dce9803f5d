/* Measures Fermata, and another server that speaks the same API beside it: see README.md. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench/scenario.h"

static const struct scale FULL = {.lives = 3,
                                  .calls = 2000,
                                  .one_task = 1000,
                                  .versioned = 2000,
                                  .ten_activities = 100,
                                  .latency = 300,
                                  .open = 1000,
                                  .signals = 500,
                                  .polls = 500,
                                  .waiting = 100000};
static const struct scale QUICK = {.lives = 1,
                                   .calls = 1000,
                                   .one_task = 200,
                                   .versioned = 200,
                                   .ten_activities = 20,
                                   .latency = 50,
                                   .open = 200,
                                   .signals = 100,
                                   .polls = 100,
                                   .waiting = 100000};

static const struct {
    const char *name;
    void (*run)(const struct subject *subject, const struct scale *scale);
} SCENARIOS[] = {
    {"lives", scenario_lives}, {"workflows", scenario_workflows}, {"open", scenario_open_workflows},
    {"polls", scenario_polls}, {"versions", scenario_versions},
};

enum { SCENARIOS_COUNT = sizeof(SCENARIOS) / sizeof(SCENARIOS[0]), SERVERS_MAX = 2 };

struct options {
    const char *executables[SERVERS_MAX];
    int servers_count, rounds;
    struct scale scale;
    const char *only; /* one scenario's name */
    bool in_memory, on_file;
};

static _Noreturn void usage(int status)
{
    fprintf(status == 0 ? stdout : stderr, "usage: fermata-bench [options] FERMATA\n"
                                           "  --other PATH     another server to measure in turn with it\n"
                                           "  --rounds N       how often everything is done (3)\n"
                                           "  --times N        N times the workflows and signals: for a profiler\n"
                                           "  --quick          a tenth of the load, one round: to see that it works\n"
                                           "  --only SCENARIO  lives, workflows, open, polls or versions\n"
                                           "  --memory         without a database file only\n"
                                           "  --file           with one only\n"
                                           "Databases and logs are kept in TMPDIR, or /tmp, while it runs.\n");
    exit(status);
}

static struct options parse(int argc, char **argv)
{
    static const struct option LONG[] = {
        {"other", required_argument, NULL, 'o'},
        {"rounds", required_argument, NULL, 'r'},
        {"quick", no_argument, NULL, 'q'},
        {"times", required_argument, NULL, 't'},
        {"only", required_argument, NULL, 's'},
        {"memory", no_argument, NULL, 'm'},
        {"file", no_argument, NULL, 'f'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct options options = {.rounds = 3, .scale = FULL, .in_memory = true, .on_file = true};
    const char *other = NULL;
    int option, times = 1;

    while ((option = getopt_long(argc, argv, "", LONG, NULL)) != -1) {
        switch (option) {
        case 'o':
            other = optarg;
            break;
        case 'r':
            options.rounds = atoi(optarg);
            break;
        case 'q':
            options.scale = QUICK;
            options.rounds = 1;
            break;
        case 't':
            times = atoi(optarg);
            break;
        case 's':
            options.only = optarg;
            break;
        case 'm':
            options.on_file = false;
            break;
        case 'f':
            options.in_memory = false;
            break;
        default:
            usage(option == 'h' ? 0 : 2);
        }
    }
    if (optind != argc - 1 || options.rounds < 1 || times < 1)
        usage(2);
    options.scale.one_task *= times;
    options.scale.versioned *= times;
    options.scale.ten_activities *= times;
    options.scale.signals *= times;
    options.executables[options.servers_count++] = argv[optind];
    if (other != NULL)
        options.executables[options.servers_count++] = other;
    return options;
}

static void add_executable_size(struct subject *subject)
{
    struct stat info;

    if (stat(subject->executable, &info) != 0 || access(subject->executable, X_OK) != 0) {
        perror(subject->executable);
        exit(2);
    }
    report_add(subject->report, METRIC_EXECUTABLE, (double)info.st_size / 1e6);
}

/* Everything in one mode: the servers take turns scenario by scenario, so that a drift of the machine meets both. */
static void run_mode(const struct options *options, const struct clock *clock, const char *directory, bool on_file)
{
    static struct report reports[SERVERS_MAX];
    struct subject subjects[SERVERS_MAX];

    memset(reports, 0, sizeof(reports));
    for (int i = 0; i < options->servers_count; i++) {
        subjects[i] = (struct subject){clock, options->executables[i], directory, on_file, i == 0, &reports[i]};
        add_executable_size(&subjects[i]);
    }
    for (int round = 0; round < options->rounds; round++) {
        for (int scenario = 0; scenario < SCENARIOS_COUNT; scenario++) {
            if (options->only != NULL && strcmp(options->only, SCENARIOS[scenario].name) != 0)
                continue;
            for (int i = 0; i < options->servers_count; i++)
                SCENARIOS[scenario].run(&subjects[i], &options->scale);
        }
    }
    report_print(on_file ? "On a file" : "In memory", &reports[0], "other",
                 options->servers_count > 1 ? &reports[1] : NULL);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    struct options options = parse(argc, argv);
    struct clock *clock = clock_new(0);
    const char *parent = getenv("TMPDIR");
    char directory[200], log[sizeof(directory) + 16];

    snprintf(directory, sizeof(directory), "%s/fermata-bench-XXXXXX", parent != NULL ? parent : "/tmp");
    if (mkdtemp(directory) == NULL) {
        perror(directory);
        return 2;
    }
    printf("fermata: %s\n", options.executables[0]);
    if (options.servers_count > 1)
        printf("other:   %s\n", options.executables[1]);
    printf("medians of %d rounds, [least most]; ratio: how many times better fermata is\n", options.rounds);
    if (options.in_memory)
        run_mode(&options, clock, directory, false);
    if (options.on_file)
        run_mode(&options, clock, directory, true);
    snprintf(log, sizeof(log), "%s/server.log", directory);
    unlink(log);
    rmdir(directory);
    clock_free(clock);
    return 0;
}
