#include "server/services/task_queue_configs.h"

#include <string.h>

#include "base/hash_table.h"
#include "persistence/store.h"
#include "persistence/task_queue_configs.h"
#include "proto/pb.h"
#include "server/server.h"
#include "server/turn.h"

/* A config, with the weights as matching takes them. */
struct content {
    struct arena *arena; /* of the two */
    const PbTaskQueueConfig *config;
    struct key_weight *weights;
};

struct entry {
    UT_hash_handle hh;
    struct content content, before; /* `before`: of before this turn */
    bool has_changed;               /* in this turn; without `before`, it was made in it */
    struct entry *next_changed;
    struct queue_name queue;
    size_t key_bytes;
    char key[]; /* the fields of fixed size, then the name with its zero */
};

struct task_queue_configs {
    struct server *server;
    struct entry *entries, *changed;
    bool is_damaged; /* while restoring */
};

/* ---- contents ---- */

static struct content content_of(const PbTaskQueueConfig *config)
{
    struct content content = {.arena = arena_new(512)};
    size_t count = config->n_fairness_weight_overrides;

    content.config = pb_copy(content.arena, config);
    content.weights = ARENA_NEW_ARRAY(content.arena, struct key_weight, count);
    for (size_t i = 0; i < count; i++)
        content.weights[i] = (struct key_weight){
            .key = matching_fairness_key(config->fairness_weight_overrides[i]->key),
            .weight = config->fairness_weight_overrides[i]->value,
        };
    return content;
}

static void drop_content(struct content *content)
{
    arena_free(content->arena);
    *content = (struct content){0};
}

/* ---- entries ---- */

static struct buffer key_of(const struct queue_name *queue)
{
    struct buffer key = {0};
    int32_t type = (int32_t)queue->type;

    buffer_append(&key, &queue->namespace_id, sizeof(queue->namespace_id));
    buffer_append(&key, &type, sizeof(type));
    buffer_append(&key, queue->name, strlen(queue->name) + 1);
    return key;
}

static struct entry *find(const struct task_queue_configs *configs, const struct queue_name *queue)
{
    struct buffer key = key_of(queue);
    struct entry *entry;

    HASH_FIND(hh, configs->entries, key.data, key.len, entry);
    buffer_free(&key);
    return entry;
}

static struct entry *add(struct task_queue_configs *configs, const struct queue_name *queue)
{
    struct buffer key = key_of(queue);
    struct entry *entry = memory_new(sizeof(*entry) + key.len);

    memcpy(entry->key, key.data, key.len);
    entry->key_bytes = key.len;
    entry->queue = *queue;
    entry->queue.name = entry->key + key.len - strlen(queue->name) - 1;
    HASH_ADD_KEYPTR(hh, configs->entries, entry->key, entry->key_bytes, entry);
    buffer_free(&key);
    return entry;
}

static void forget(struct task_queue_configs *configs, struct entry *entry)
{
    HASH_DEL(configs->entries, entry);
    drop_content(&entry->content);
    drop_content(&entry->before);
    memory_free(entry);
}

/* ---- start and end ---- */

static void restore_row(void *context, const struct task_queue_config_row *row)
{
    struct task_queue_configs *configs = context;
    const struct queue_name queue = {row->namespace_id, (enum queue_type)row->type, row->name, false};
    struct arena *scratch = arena_new(512);
    const PbTaskQueueConfig *config =
        pb_unpack(scratch, &PbTaskQueueConfig_descriptor, row->config.data, row->config.len);

    if (config != NULL)
        add(configs, &queue)->content = content_of(config);
    configs->is_damaged |= config == NULL;
    arena_free(scratch);
}

status task_queue_configs_new(struct server *server)
{
    struct task_queue_configs *configs = memory_new(sizeof(*configs));

    configs->server = server;
    server->task_queue_configs = configs;
    TRY(task_queue_config_rows_each(server->store, restore_row, configs));
    if (configs->is_damaged)
        return status_error(GRPC_DATA_LOSS,
                            "the database is damaged: what is configured for a task queue cannot be read");
    return status_ok();
}

void task_queue_configs_free(struct task_queue_configs *configs)
{
    struct entry *entry, *next;

    if (configs == NULL)
        return;
    HASH_ITER (hh, configs->entries, entry, next)
        forget(configs, entry);
    configs->server->task_queue_configs = NULL;
    memory_free(configs);
}

/* ---- matching ---- */

static double rate_of(const PbRateLimitConfig *limit)
{
    return (double)limit->rate_limit->requests_per_second;
}

static bool is_set(const PbRateLimitConfig *limit)
{
    return limit != NULL && limit->rate_limit != NULL;
}

static void answer_limits(const void *context, const struct queue_name *queue, struct queue_limits *ret_limits)
{
    const struct entry *entry = find(context, queue);
    const PbTaskQueueConfig *config = entry == NULL ? NULL : entry->content.config;

    *ret_limits = (struct queue_limits){0};
    if (config == NULL)
        return;
    ret_limits->has_rate = is_set(config->queue_rate_limit);
    if (ret_limits->has_rate)
        ret_limits->rate = rate_of(config->queue_rate_limit);
    ret_limits->has_key_rate = is_set(config->fairness_keys_rate_limit_default);
    if (ret_limits->has_key_rate)
        ret_limits->key_rate = rate_of(config->fairness_keys_rate_limit_default);
    ret_limits->weights = entry->content.weights;
    ret_limits->weights_count = config->n_fairness_weight_overrides;
}

void task_queue_configs_fill_ports(const struct task_queue_configs *configs, struct matching_ports *ports)
{
    if (configs == NULL)
        return;
    ports->configs = configs;
    ports->limits = answer_limits;
}

/* ---- changes ---- */

const PbTaskQueueConfig *task_queue_configs_find(const struct task_queue_configs *configs,
                                                 const struct queue_name *queue)
{
    const struct entry *entry = find(configs, queue);

    return entry == NULL ? NULL : entry->content.config;
}

/* Keeps what was before this turn. */
static void begin_change(struct task_queue_configs *configs, struct entry *entry)
{
    if (entry->has_changed) {
        drop_content(&entry->content);
        return;
    }
    entry->has_changed = true;
    entry->before = entry->content;
    entry->next_changed = configs->changed;
    configs->changed = entry;
}

void task_queue_configs_set(struct task_queue_configs *configs, const struct queue_name *queue,
                            const PbTaskQueueConfig *config)
{
    struct content content = content_of(config); /* before the old one goes: it may be made of parts of that */
    struct entry *entry = find(configs, queue);

    if (entry == NULL)
        entry = add(configs, queue);
    begin_change(configs, entry);
    entry->content = content;
    task_queue_config_rows_put(configs->server->store, &(struct task_queue_config_row){
                                                           .namespace_id = queue->namespace_id,
                                                           .name = queue->name,
                                                           .type = (int)queue->type,
                                                           .config = pb_pack(turn_arena(configs->server->turn), config),
                                                       });
    matching_limits_changed(configs->server->matching, queue);
}

void task_queue_configs_turn_done(struct task_queue_configs *configs)
{
    while (configs != NULL && configs->changed != NULL) {
        struct entry *entry = configs->changed;

        configs->changed = entry->next_changed;
        entry->has_changed = false;
        drop_content(&entry->before);
    }
}

void task_queue_configs_forget_turn(struct task_queue_configs *configs)
{
    while (configs != NULL && configs->changed != NULL) {
        struct entry *entry = configs->changed;
        struct content content = entry->content;

        configs->changed = entry->next_changed;
        entry->has_changed = false;
        entry->content = entry->before;
        entry->before = (struct content){0};
        matching_limits_changed(configs->server->matching, &entry->queue);
        drop_content(&content);
        if (entry->content.arena == NULL)
            forget(configs, entry);
    }
}
