#include "matching/queue.h"

#include <string.h>

static enum task_kind kind_of(enum queue_type type)
{
    return type == QUEUE_WORKFLOW ? TASK_WORKFLOW : TASK_ACTIVITY;
}

/* Both texts in one block, which starts with the deployment's. */
static struct queue_version copy_version(const struct queue_version *version)
{
    size_t deployment_bytes = strlen(version->deployment) + 1, build_id_bytes = strlen(version->build_id) + 1;
    char *block = memory_new(deployment_bytes + build_id_bytes);

    memcpy(block, version->deployment, deployment_bytes);
    memcpy(block + deployment_bytes, version->build_id, build_id_bytes);
    return (struct queue_version){.deployment = block, .build_id = block + deployment_bytes};
}

static void queue_init(struct queue *queue, struct task_queue *task_queue)
{
    queue->task_queue = task_queue;
    backlog_init(&queue->backlog, kind_of(task_queue->type));
}

static void queue_destroy(struct queue *queue)
{
    struct waiting_query *query, *next;

    DL_FOREACH_SAFE (queue->queries, query, next)
        memory_free(query);
    backlog_clear(&queue->backlog);
    memory_free(queue->other_traffic);
    memory_free((char *)(uintptr_t)queue->version.deployment); /* ours: copy_version */
}

void queue_table_init(struct queue_table *table)
{
    table->by_key = NULL;
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
    task_queue = memory_new(sizeof(*task_queue) + table->key->len);
    task_queue->namespace_id = name->namespace_id;
    task_queue->type = name->type;
    task_queue->is_sticky = name->is_sticky;
    task_queue->key_bytes = table->key->len;
    memcpy(task_queue->key, table->key->data, table->key->len);
    queue_init(&task_queue->unversioned, task_queue);
    HASH_ADD_KEYPTR(hh, table->by_key, task_queue->key, task_queue->key_bytes, task_queue);
    return task_queue;
}

void queue_table_forget(struct queue_table *table, struct task_queue *task_queue)
{
    struct queue *queue = task_queue->unversioned.next;

    HASH_DEL(table->by_key, task_queue);
    while (queue != NULL) {
        struct queue *next = queue->next;

        queue_destroy(queue);
        memory_free(queue);
        queue = next;
    }
    queue_destroy(&task_queue->unversioned);
    pollers_clear(&task_queue->pollers);
    memory_free(task_queue);
}

struct queue *task_queue_get(struct task_queue *task_queue, const struct queue_version *version)
{
    struct queue *last = &task_queue->unversioned;

    if (!queue_version_is_set(version))
        return last;
    for (; last->next != NULL; last = last->next) {
        if (queue_version_equal(&last->next->version, version))
            return last->next;
    }

    struct queue *queue = memory_new(sizeof(*queue));
    queue_init(queue, task_queue);
    queue->version = copy_version(version);
    last->next = queue;
    return queue;
}

void task_queue_forget_next(struct queue *before)
{
    struct queue *queue = before->next;

    invariant(queue_is_empty(queue), "a queue that is in use is forgotten");
    before->next = queue->next;
    queue_destroy(queue);
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

bool queue_is_empty(const struct queue *queue)
{
    return queue->polls == NULL && queue->queries == NULL && backlog_count(&queue->backlog) == 0;
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

void queue_store(struct queue *queue, const struct task *task)
{
    if (task->kind != TASK_QUERY) {
        backlog_push(&queue->backlog, task);
        return;
    }
    struct waiting_query *query = memory_new(sizeof(*query));
    query->task = *task;
    DL_APPEND(queue->queries, query);
}

static void forget_query(struct queue *queue, struct waiting_query *query)
{
    DL_DELETE(queue->queries, query);
    memory_free(query);
}

bool queue_take(struct queue *queue, struct task *ret_task)
{
    if (queue->queries == NULL)
        return backlog_pop(&queue->backlog, ret_task);
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
