#include "server/http/routes.h"

#include <string.h>

#include "base/invariant.h"

#define ROUTE(method_name, path_template, body, rpc_path) {#method_name, path_template, body, rpc_path},
const struct http_route http_routes[] = {
#include "proto/http_routes.def"
};
const size_t http_routes_count = sizeof(http_routes) / sizeof(http_routes[0]);

/* What upstream's annotations leave out and our UI has buttons for; below its port only. */
static const struct http_route ui_routes[] = {
    {"POST", "/api/v1/namespaces/{namespace}/search-attributes", true,
     "/temporal.api.operatorservice.v1.OperatorService/AddSearchAttributes"},
    {"POST", "/api/v1/namespaces/{namespace}/search-attributes/remove", true,
     "/temporal.api.operatorservice.v1.OperatorService/RemoveSearchAttributes"},
};

/* Whether a path fits a template: literal text is the same, a variable is one segment, also an empty one. */
static bool fits(const char *template, const char *path, struct route_match *match)
{
    match->parameters_count = 0;
    while (*template != '\0') {
        size_t field_len, value_len;

        if (*template != '{') {
            if (*template ++ != *path++)
                return false;
            continue;
        }
        field_len = strcspn(++template, "}");
        value_len = strcspn(path, "/");
        invariant(match->parameters_count < ROUTE_PARAMETERS_MAX, "too many variables in %s", template);
        match->parameters[match->parameters_count].field = template;
        match->parameters[match->parameters_count].field_len = field_len;
        match->parameters[match->parameters_count].value = path;
        match->parameters[match->parameters_count].value_len = value_len;
        match->parameters_count++;
        template += field_len + 1;
        path += value_len;
    }
    return *path == '\0';
}

/* Finds the route in a table; `match` may know already that the path exists. */
static void find_in(const struct http_route *routes, size_t count, const char *method, const char *path,
                    struct route_match *match)
{
    for (size_t i = 0; i < count && match->route == NULL; i++) {
        if (!fits(routes[i].path, path, match))
            continue;
        match->path_exists = true;
        if (strcmp(routes[i].method, method) == 0)
            match->route = &routes[i];
    }
}

struct route_match route_find(const char *method, const char *path, bool of_ui)
{
    static const char prefix[] = "/api/v1/";
    struct route_match match = {.route = NULL};

    if (of_ui && strncmp(path, prefix, sizeof(prefix) - 1) != 0)
        return match;
    find_in(http_routes, http_routes_count, method, path, &match);
    if (of_ui)
        find_in(ui_routes, sizeof(ui_routes) / sizeof(ui_routes[0]), method, path, &match);
    return match;
}
