/*
 * The server's metrics: what is counted where, and the page that tells of it. Names, labels and buckets are those of
 * the real server, so that its dashboards and alerts work; docs/metrics.md lists them.
 *
 * server->metrics is there only with --metrics-port. Whatever is counted begins with that question, and without it
 * nothing else happens. With it, counting is an addition to a series that was looked up before: a run, a queue and a
 * call keep theirs (struct metric_scope).
 *
 * What runs and queues do counts when the turn has been stored: if its commit fails, it has not happened.
 */
#ifndef FERMATA_SERVER_METRICS_SERVER_METRICS_H
#define FERMATA_SERVER_METRICS_SERVER_METRICS_H

#include "base/bytes.h"
#include "history/transition.h"
#include "matching/matching.h"
#include "server/call.h"
#include "server/server.h"

struct namespace_info;
struct server_metrics;

/* Values of the labels that several series share, and those series. Lives as long as the server's metrics. */
struct metric_scope;

/* Makes them; server->clock must be there. */
struct server_metrics *server_metrics_new(struct server *server);

/* Frees them; NULL is accepted. */
void server_metrics_free(struct server_metrics *metrics);

/* Appends the page. `namespaces`, `matching`, `store`, `engine` and `transport` must be there. */
void server_metrics_write(struct server_metrics *metrics, struct buffer *page);

/* A handler is about to be called; the call has got its answer, or its client is gone. In between a call that is parked
 * waits for others. */
void metrics_call_begins(struct call *call);
void metrics_call_parks(struct call *call);
void metrics_call_is_answered(struct call *call);
void metrics_call_ends(struct call *call);

/* The call came over HTTP; after metrics_call_begins. */
void metrics_http_call(struct call *call);

/* A run's transition is about to be carried out. `scope` is the run's own, NULL at first. */
void metrics_transition(struct server_metrics *metrics, const struct namespace_info *ns, const struct transition *t,
                        struct metric_scope **scope);

/* Something has happened at a queue: matching_ports.observe. */
void metrics_observe_matching(struct server_metrics *metrics, const struct matching_observation *seen);

/* What was done since the last of these two has been stored, or needed not to be; or it has been undone. NULL is
 * accepted. */
void metrics_turn_is_stored(struct server_metrics *metrics);
void metrics_turn_is_undone(struct server_metrics *metrics);

/* A turn is over; a commit has taken so long, stored so many rows and released so many answers. */
void metrics_turn(struct server_metrics *metrics);
void metrics_commit(struct server_metrics *metrics, nanos took, uint64_t rows, uint64_t answers, bool failed);

#endif
