#include "matching/routes.h"

#include "matching/queue.h"
#include "matching/routing.h"

static const struct queue_routing nowhere; /* all to workers without a version */

static const struct queue_routing *routing_of(const struct task_queue *task_queue)
{
    return task_queue->routes.routing != NULL ? task_queue->routes.routing : &nowhere;
}

void routes_clear(struct routes *routes)
{
    memory_free(routes->routing);
    *routes = (struct routes){0};
}

bool routes_name(const struct routes *routes, const struct queue *queue)
{
    return queue == routes->current || queue == routes->ramping;
}

/* Only activities ask: everything else that is pinned goes to its version, which need not have polled yet. */
static bool ask_whether_known(const struct queue *queue, const struct matching_ports *ports)
{
    struct queue_name name = task_queue_name(queue->task_queue);

    if (name.type != QUEUE_ACTIVITY || queue->number == 0 || ports->version_has_queue == NULL)
        return true;
    return ports->version_has_queue(ports->deployments, &name, &queue->version);
}

struct queue *routes_queue_of(struct task_queue *task_queue, const struct queue_version *version,
                              const struct matching_ports *ports)
{
    const struct queue *known = task_queue_find(task_queue, version);
    struct queue *queue = task_queue_get(task_queue, version);

    if (known == NULL)
        queue->is_version_known = ask_whether_known(queue, ports);
    return queue;
}

static bool refresh_known(struct task_queue *task_queue, const struct matching_ports *ports)
{
    bool has_changed = false;

    for (struct queue *queue = task_queue->unversioned.next; queue != NULL; queue = queue->next) {
        bool is_known = ask_whether_known(queue, ports);

        has_changed |= is_known != queue->is_version_known;
        queue->is_version_known = is_known;
    }
    return has_changed;
}

bool routes_refresh(struct task_queue *task_queue, const struct matching_ports *ports)
{
    struct queue_name name = task_queue_name(task_queue);
    struct queue_routing routing = {0};
    struct routes *routes = &task_queue->routes, before = *routes;
    bool had_ramping = routing_of(task_queue)->has_ramping;
    double percentage_before = routing_of(task_queue)->ramp_percentage;

    routes->is_asked = true;
    if (ports->routing == NULL || task_queue->is_sticky)
        return false;
    ports->routing(ports->deployments, &name, &routing);
    if (routing.is_known) {
        if (routes->routing == NULL)
            routes->routing = memory_new(sizeof(*routes->routing));
        routes->current = routes_queue_of(task_queue, &routing.current.version, ports);
        routes->ramping = routing.has_ramping ? routes_queue_of(task_queue, &routing.ramping.version, ports) : NULL;
        routing.current.version = routes->current->version;
        routing.ramping.version = routing.has_ramping ? routes->ramping->version : (struct queue_version){0};
        *routes->routing = routing;
    } else {
        routes_clear(routes);
        routes->is_asked = true;
    }
    return refresh_known(task_queue, ports) || routes->current != before.current || routes->ramping != before.ramping ||
           routing.has_ramping != had_ramping || routing.ramp_percentage != percentage_before;
}

struct queue *routes_place(struct task_queue *task_queue, const struct task *task)
{
    struct queue *home = task->route.home == 0 ? NULL : task_queue_numbered(task_queue, task->route.home);
    const struct queue_routing *routing = routing_of(task_queue);
    struct routing_input input = {
        .task = {.is_pinned = home != NULL, .use_ramping = task->route.use_ramping, .hash = task->route.hash},
        .queue = {.type = task_queue->type, .routing = routing},
    };
    struct routing_answer answer;

    if (task_queue->is_sticky) /* it would not be here if it did not belong here: sticky_suits, sticky_leave */
        return &task_queue->unversioned;
    if (home != NULL) {
        input.task.version = home->version;
        input.queue.pinned_version_has_it = home->is_version_known;
    }
    answer = routing_decide(&input);
    if (answer.place == ROUTING_TO_UNVERSIONED)
        return &task_queue->unversioned;
    if (answer.target == NULL)
        return home;
    return answer.target == &routing->ramping ? task_queue->routes.ramping : task_queue->routes.current;
}

/* ---- moving ---- */

/* What has been taken out of the physical queues, as many of each as there is something in. */
struct uprooted {
    struct backlog *backlogs;
    struct waiting_query **queries;
    size_t backlogs_count, queries_count;
};

static void uproot_backlog(struct uprooted *uprooted, struct backlog *backlog)
{
    if (backlog_count(backlog) == 0)
        return;
    backlog_init(&uprooted->backlogs[uprooted->backlogs_count], backlog->kind);
    backlog_move(&uprooted->backlogs[uprooted->backlogs_count++], backlog);
}

static void uproot(struct uprooted *uprooted, struct queue *queue)
{
    uproot_backlog(uprooted, &queue->backlog);
    if (queue->pinned != NULL && !queue->is_version_known)
        uproot_backlog(uprooted, queue->pinned);
    if (queue->queries != NULL)
        uprooted->queries[uprooted->queries_count++] = queue->queries;
    queue->queries = NULL;
}

/* The one whose first task of this priority is the oldest; NULL: none has any. */
static struct backlog *oldest_of(const struct uprooted *uprooted, int priority)
{
    struct backlog *oldest = NULL;
    nanos created = NANOS_MAX;

    for (size_t i = 0; i < uprooted->backlogs_count; i++) {
        if (backlog_oldest_of(&uprooted->backlogs[i], priority) >= created)
            continue;
        oldest = &uprooted->backlogs[i];
        created = backlog_oldest_of(oldest, priority);
    }
    return oldest;
}

/* `place`: where all of them belong; NULL: that has to be asked for each. */
static void plant_backlogs(struct task_queue *task_queue, const struct uprooted *uprooted, struct queue *place)
{
    for (int priority = PRIORITY_FIRST; priority <= PRIORITY_LAST; priority++) {
        struct backlog *oldest;
        struct task task;

        while ((oldest = oldest_of(uprooted, priority)) != NULL && backlog_pop_of(oldest, priority, &task))
            queue_store(place != NULL ? place : routes_place(task_queue, &task), &task);
    }
}

static struct waiting_query *take_oldest_query(const struct uprooted *uprooted)
{
    struct waiting_query **list = NULL, *query;

    for (size_t i = 0; i < uprooted->queries_count; i++) {
        query = uprooted->queries[i];
        if (query != NULL && (list == NULL || query->task.created < (*list)->task.created))
            list = &uprooted->queries[i];
    }
    if (list == NULL)
        return NULL;
    query = *list;
    DL_DELETE(*list, query);
    return query;
}

static void plant_queries(struct task_queue *task_queue, const struct uprooted *uprooted)
{
    struct waiting_query *query;

    while ((query = take_oldest_query(uprooted)) != NULL) {
        struct queue *place = routes_place(task_queue, &query->task);

        DL_APPEND(place->queries, query);
    }
}

void routes_move(struct task_queue *task_queue)
{
    static const struct task any;
    struct uprooted uprooted = {0};
    struct queue *place;
    size_t queues_count = 0;
    bool are_all_alike = task_queue->strays_count == 0 && !routing_of(task_queue)->has_ramping;

    for (const struct queue *queue = &task_queue->unversioned; queue != NULL; queue = queue->next)
        queues_count++;
    uprooted.backlogs = memory_new(sizeof(*uprooted.backlogs) * 2 * queues_count); /* one may be pinned */
    uprooted.queries = memory_new(sizeof(struct waiting_query *) * queues_count);
    for (struct queue *queue = &task_queue->unversioned; queue != NULL; queue = queue->next) {
        are_all_alike &= queue->pinned == NULL || queue->is_version_known;
        uproot(&uprooted, queue);
    }

    plant_queries(task_queue, &uprooted);
    task_queue->strays_count = 0; /* counted again as they are stored */
    place = are_all_alike ? routes_place(task_queue, &any) : NULL;
    if (place != NULL && uprooted.backlogs_count == 1)
        backlog_move(&place->backlog, uprooted.backlogs);
    else
        plant_backlogs(task_queue, &uprooted, place);
    memory_free(uprooted.backlogs);
    memory_free(uprooted.queries);
}
