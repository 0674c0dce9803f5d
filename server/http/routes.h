/* The routes of the JSON API, generated from the google.api.http annotations of its RPCs. */
#ifndef FERMATA_SERVER_HTTP_ROUTES_H
#define FERMATA_SERVER_HTTP_ROUTES_H

#include <stdbool.h>
#include <stddef.h>

#include "server/rpc_table.h"

/* A route: "/namespaces/{namespace}/workflows/{execution.workflow_id}". */
struct http_route {
    const char *method, *path;
    bool has_body;   /* the body is the request message; without, the query is */
    const char *rpc; /* "/package.Service/Method" */
};

enum { ROUTE_PARAMETERS_MAX = 8 };

/* What a path says: field paths of the request message, and the segments that stand for them. */
struct route_match {
    const struct http_route *route; /* NULL: none has this path and method */
    bool path_exists;               /* … but another method has */
    struct {
        const char *field, *value; /* not zero-terminated */
        size_t field_len, value_len;
    } parameters[ROUTE_PARAMETERS_MAX];
    size_t parameters_count;
};

/* Finds the route of a path. `of_ui`: as the UI's port has them, just those below /api/v1/, and a few of its own. */
struct route_match route_find(const char *method, const char *path, bool of_ui);

/* All routes of the annotations, for tests. */
extern const struct http_route http_routes[];
extern const size_t http_routes_count;

#endif
