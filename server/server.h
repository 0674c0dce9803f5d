/* The parts of one server process, made once at start and passed to every handler through its call. */
#ifndef FERMATA_SERVER_SERVER_H
#define FERMATA_SERVER_SERVER_H

#include "base/clock.h"
#include "base/rand.h"
#include "base/timers.h"

struct batches;
struct deployment_service;
struct deployments;
struct engine;
struct http;
struct loop;
struct matching;
struct namespaces;
struct options;
struct scans;
struct server_metrics;
struct store;
struct task_queue_configs;
struct transport;
struct turn;
struct workers;

struct server {
    const struct options *options;
    struct clock *clock;
    struct rand *rand;
    struct timers *timers; /* deadlines on the wall clock */
    struct store *store;
    struct loop *loop; /* server/loop */
    struct turn *turn;
    struct namespaces *namespaces;
    struct deployments *deployments; /* worker deployments and their versions */
    struct deployment_service *deployment_service;
    struct task_queue_configs *task_queue_configs; /* what has been configured for them */
    struct matching *matching;
    struct engine *engine;
    struct batches *batches;        /* batch operations under way */
    struct workers *workers;        /* what workers tell of themselves by heartbeats */
    struct scans *scans;            /* lists and counts that take more than one turn */
    struct transport *transport;    /* server/grpc: connections and streams */
    struct http *http;              /* server/http: the JSON API and the web UI */
    struct server_metrics *metrics; /* NULL: nothing is counted */
};

#endif
