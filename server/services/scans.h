/*
 * Lists and counts that take more than one turn. The first step is taken at once, and is the only one for nearly all of
 * them; those that need more wait in line, and each turn takes one step of the first, which then goes to the end of the
 * line. So a turn is held up by one step, however many scans there are.
 */
#ifndef FERMATA_SERVER_SERVICES_SCANS_H
#define FERMATA_SERVER_SERVICES_SCANS_H

#include "base/status.h"
#include "server/call.h"

struct scans;
struct server;
struct visibility_scan;

/* Makes an empty line. server->loop and server->turn must be there. */
struct scans *scans_new(struct server *server);

/* Frees it; calls that wait in it must be gone. NULL is accepted. */
void scans_free(struct scans *scans);

/* Fills the call's response from a scan that is done. */
typedef status scan_finish(struct call *call, const struct visibility_scan *scan);

/* Runs a scan in the call's arena to its end, then `finish`. For a handler to return. */
__attribute__((warn_unused_result)) status scans_run(struct call *call, struct visibility_scan *scan,
                                                     scan_finish *finish);

#endif
