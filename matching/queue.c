#include "matching/queue.h"

#include <string.h>

static enum task_kind kind_of(enum queue_type type)
{
    return type == QUEUE_WORKFLOW ? TASK_WORKFLOW : TASK_ACTIVITY;
}

static char *copy_text(const char *text)
{
    size_t bytes = (text != NULL ? strlen(text) : 0) + 1;
    char *copy = memory_new(bytes);

    memcpy(copy, text != NULL ? text : "", bytes);
    return copy;
}

/* Both texts in one block, which starts with the deployment's. */
static struct queue_version copy_version(const struct queue_version *version)
{
    const char *deployment = version->deployment != NULL ? version->deployment : "";
    const char *build_id = version->build_id != NULL ? version->build_id : "";
    size_t deployment_bytes = strlen(deployment) + 1, build_id_bytes = strlen(build_id) + 1;
    char *block = memory_new(deployment_bytes + build_id_bytes);

    memcpy(block, deployment, deployment_bytes);
    memcpy(block + deployment_bytes, build_id, build_id_bytes);
    return (struct queue_version){.deployment = block, .build_id = block + deployment_bytes};
}

static void free_version(struct queue_version *version)
{
    memory_free((char *)(uintptr_t)version->deployment); /* ours: copy_version */
    *version = (struct queue_version){0};
}

static void queue_init(struct queue *queue, struct task_queue *task_queue)
{
    queue->task_queue = task_queue;
    backlog_init(&queue->backlog, kind_of(task_queue->type));
}

void queue_clear(struct queue *queue)
{
    struct waiting_query *query, *next;

    DL_FOREACH_SAFE (queue->queries, query, next)
        memory_free(query);
    backlog_clear(&queue->backlog);
    if (queue->pinned != NULL)
        backlog_clear(queue->pinned);
    memory_free(queue->pinned);
    memory_free(queue->other_traffic);
    free_version(&queue->version);
}

void queue_table_init(struct queue_table *table)
{
    *table = (struct queue_table){0};
    table->key = memory_new(sizeof(*table->key));
}

void queue_table_destroy(struct queue_table *table)
{
    struct task_queue *task_queue, *next;

    HASH_ITER (hh, table->by_key, task_queue, next)
        queue_table_forget(table, task_queue);
    buffer_free(table->key);
    memory_free(table->key);
}

/* The key: the fields of fixed size, then the name without its zero. */
static void put_key_together(const struct queue_table *table, const struct queue_name *name)
{
    table->key->len = 0;
    buffer_append(table->key, &name->namespace_id, sizeof(name->namespace_id));
    buffer_append_byte(table->key, (uint8_t)name->type);
    buffer_append_byte(table->key, name->is_sticky);
    buffer_append(table->key, name->name, strlen(name->name));
}

struct task_queue *queue_table_find(const struct queue_table *table, const struct queue_name *name)
{
    struct task_queue *task_queue;

    put_key_together(table, name);
    HASH_FIND(hh, table->by_key, table->key->data, table->key->len, task_queue);
    return task_queue;
}

struct task_queue *queue_table_get(struct queue_table *table, const struct queue_name *name)
{
    struct task_queue *task_queue = queue_table_find(table, name);

    if (task_queue != NULL)
        return task_queue;
    task_queue = memory_new(sizeof(*task_queue) + table->key->len + 1);
    task_queue->namespace_id = name->namespace_id;
    task_queue->type = name->type;
    task_queue->is_sticky = name->is_sticky;
    task_queue->key_bytes = table->key->len;
    memcpy(task_queue->key, table->key->data, table->key->len);
    task_queue->name = task_queue->key + table->key->len - strlen(name->name);
    queue_init(&task_queue->unversioned, task_queue);
    HASH_ADD_KEYPTR(hh, table->by_key, task_queue->key, task_queue->key_bytes, task_queue);
    if (task_queue->is_sticky)
        DL_APPEND2(table->sticky, task_queue, prev_sticky, next_sticky);
    return task_queue;
}

void queue_table_forget(struct queue_table *table, struct task_queue *task_queue)
{
    struct queue *queue = task_queue->unversioned.next;

    HASH_DEL(table->by_key, task_queue);
    if (task_queue->is_sticky)
        DL_DELETE2(table->sticky, task_queue, prev_sticky, next_sticky);
    while (queue != NULL) {
        struct queue *next = queue->next;

        queue_clear(queue);
        memory_free(queue);
        queue = next;
    }
    queue_clear(&task_queue->unversioned);
    pollers_clear(&task_queue->pollers);
    routes_clear(&task_queue->routes);
    throttle_free(task_queue->throttle);
    free_version(&task_queue->worker.version);
    memory_free(task_queue->worker.normal_name);
    memory_free(task_queue);
}

const struct queue *task_queue_find(const struct task_queue *task_queue, const struct queue_version *version)
{
    const struct queue *queue = &task_queue->unversioned;

    if (!queue_version_is_set(version))
        return queue;
    for (queue = queue->next; queue != NULL; queue = queue->next)
        if (queue_version_equal(&queue->version, version))
            break;
    return queue;
}

/* Puts a new one behind the last in an unbroken row of numbers, so that it has the least free one. */
static struct queue *add_queue(struct task_queue *task_queue, const struct queue_version *version)
{
    struct queue *queue = memory_new(sizeof(*queue)), *before = &task_queue->unversioned;

    while (before->next != NULL && before->next->number == before->number + 1)
        before = before->next;
    queue_init(queue, task_queue);
    queue->version = copy_version(version);
    queue->number = before->number + 1; /* Q4 */
    queue->is_version_known = true;
    queue->next = before->next;
    before->next = queue;
    return queue;
}

struct queue *task_queue_get(struct task_queue *task_queue, const struct queue_version *version)
{
    const struct queue *known = task_queue_find(task_queue, version);

    return known != NULL ? task_queue_numbered(task_queue, known->number) : add_queue(task_queue, version);
}

struct queue *task_queue_numbered(struct task_queue *task_queue, uint32_t number)
{
    struct queue *queue = &task_queue->unversioned;

    while (queue != NULL && queue->number != number)
        queue = queue->next;
    invariant(queue != NULL, "a task is pinned to version %u, which is forgotten", (unsigned)number); /* Q5 */
    return queue;
}

struct queue_name task_queue_name(const struct task_queue *task_queue)
{
    return (struct queue_name){
        .namespace_id = task_queue->namespace_id,
        .type = task_queue->type,
        .name = task_queue->name,
        .is_sticky = task_queue->is_sticky,
    };
}

void task_queue_set_worker(struct task_queue *task_queue, const struct poll *poll)
{
    struct sticky_worker *worker = &task_queue->worker;
    const char *normal_name = poll->normal_name != NULL ? poll->normal_name : "";

    if (worker->normal_name == NULL || strcmp(worker->normal_name, normal_name) != 0) {
        memory_free(worker->normal_name);
        worker->normal_name = copy_text(normal_name);
    }
    if (!queue_version_equal(&worker->version, &poll->version)) {
        free_version(&worker->version);
        worker->version = copy_version(&poll->version);
    }
}

void task_queue_forget_next(struct queue *before)
{
    struct queue *queue = before->next;

    invariant(queue_is_empty(queue), "a queue that is in use is forgotten");
    before->next = queue->next;
    queue_clear(queue);
    memory_free(queue);
}

struct traffic *queue_traffic(struct queue *queue, int priority)
{
    if (priority < PRIORITY_FIRST || priority == PRIORITY_DEFAULT)
        return &queue->traffic;
    if (priority > PRIORITY_LAST)
        priority = PRIORITY_LAST;
    if (queue->other_traffic == NULL)
        queue->other_traffic = memory_new(PRIORITY_LAST * sizeof(*queue->other_traffic));
    return &queue->other_traffic[priority - PRIORITY_FIRST];
}

bool queue_has_work(const struct queue *queue)
{
    return queue->queries != NULL || backlog_count(&queue->backlog) > 0 ||
           (queue->pinned != NULL && backlog_count(queue->pinned) > 0);
}

bool queue_is_empty(const struct queue *queue)
{
    return queue->polls == NULL && !queue_has_work(queue);
}

void queue_append_poll(struct queue *queue, struct poll *poll)
{
    DL_APPEND(queue->polls, poll);
    poll->queue = queue;
    queue->task_queue->waiting_polls_count++;
}

void queue_prepend_poll(struct queue *queue, struct poll *poll)
{
    DL_PREPEND(queue->polls, poll);
    poll->queue = queue;
    queue->task_queue->waiting_polls_count++;
}

void queue_unlist_poll(struct poll *poll)
{
    struct queue *queue = poll->queue;

    DL_DELETE(queue->polls, poll);
    poll->queue = NULL;
    poll->prev = poll->next = NULL;
    invariant(queue->task_queue->waiting_polls_count > 0, "more polls leave than came"); /* Q3 */
    queue->task_queue->waiting_polls_count--;
}

static void store_in_backlog(struct queue *queue, const struct task *task)
{
    if (!task->route.is_pinned || task->route.home != queue->number) {
        queue->task_queue->strays_count += task->route.is_pinned; /* Q5 */
        backlog_push(&queue->backlog, task);
        return;
    }
    if (queue->pinned == NULL) {
        queue->pinned = memory_new(sizeof(*queue->pinned));
        backlog_init(queue->pinned, queue->backlog.kind);
    }
    backlog_push(queue->pinned, task);
}

void queue_store(struct queue *queue, const struct task *task)
{
    struct waiting_query *query;

    if (task->kind != TASK_QUERY) {
        store_in_backlog(queue, task);
        return;
    }
    query = memory_new(sizeof(*query));
    query->task = *task;
    DL_APPEND(queue->queries, query);
}

static void forget_query(struct queue *queue, struct waiting_query *query)
{
    DL_DELETE(queue->queries, query);
    memory_free(query);
}

static bool take_from_backlog(struct queue *queue, struct task *ret_task)
{
    bool is_pinned = queue->pinned != NULL && !backlog_goes_before(&queue->backlog, queue->pinned);

    if (!backlog_pop(is_pinned ? queue->pinned : &queue->backlog, ret_task))
        return false;
    if (is_pinned)
        ret_task->route.is_pinned = true; /* at a sticky queue without a number */
    else if (ret_task->route.is_pinned)
        queue->task_queue->strays_count--; /* Q5 */
    return true;
}

/* ---- as a throttle allows ---- */

struct look {
    const struct throttle *throttle;
    nanos now, due; /* of those that were looked at: when the first may go */
};

static bool may_go(void *context, const struct task *task)
{
    struct look *look = context;
    nanos ready = throttle_ready(look->throttle, task);

    if (ready < look->due)
        look->due = ready;
    return ready <= look->now;
}

/* The older one of the first tasks of a priority in both backlogs. */
static bool take_due_of(struct queue *queue, int priority, struct look *look, struct task *ret_task)
{
    struct backlog_place place, pinned_place;
    struct task pinned;
    bool found = backlog_find_of(&queue->backlog, priority, may_go, look, &place, ret_task);

    if (queue->pinned != NULL && backlog_find_of(queue->pinned, priority, may_go, look, &pinned_place, &pinned) &&
        (!found || pinned.created < ret_task->created)) {
        backlog_remove(&pinned_place);
        *ret_task = pinned;
        ret_task->route.is_pinned = true;
        return true;
    }
    if (!found)
        return false;
    backlog_remove(&place);
    queue->task_queue->strays_count -= ret_task->route.is_pinned; /* Q5 */
    return true;
}

bool queue_take_due(struct queue *queue, const struct throttle *throttle, nanos now, struct task *ret_task,
                    nanos *ret_due)
{
    struct look look = {.throttle = throttle, .now = now, .due = NANOS_MAX};

    *ret_due = throttle->ready;
    if (throttle->ready > now)
        return false;
    if (!throttle_has_keys(throttle) || queue->queries != NULL)
        return queue_take(queue, ret_task);
    for (int priority = PRIORITY_FIRST; priority <= PRIORITY_LAST; priority++)
        if (take_due_of(queue, priority, &look, ret_task))
            return true;
    *ret_due = look.due;
    return false;
}

bool queue_take(struct queue *queue, struct task *ret_task)
{
    if (queue->queries == NULL)
        return take_from_backlog(queue, ret_task);
    *ret_task = queue->queries->task;
    forget_query(queue, queue->queries);
    return true;
}

bool queue_remove_query(struct queue *queue, const struct query_task *query)
{
    struct waiting_query *waiting;

    DL_FOREACH (queue->queries, waiting) {
        if (waiting->task.query != query)
            continue;
        forget_query(queue, waiting);
        return true;
    }
    return false;
}
