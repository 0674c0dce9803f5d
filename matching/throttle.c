#include "matching/throttle.h"

#include "base/hash_table.h"

/* The least weight that counts. Server 1.32.0. */
static const double WEIGHT_MIN = 0.001;

struct throttled_key {
    UT_hash_handle hh;
    uint32_t key;
    nanos ready;
};

struct throttle *throttle_new(struct matching *matching, struct timers *timers)
{
    struct throttle *throttle = memory_new(sizeof(*throttle));

    throttle->matching = matching;
    throttle->timers = timers;
    return throttle;
}

static void forget_key(struct throttle *throttle, struct throttled_key *key)
{
    HASH_DEL(throttle->keys, key);
    memory_free(key);
}

static void forget_keys(struct throttle *throttle)
{
    while (throttle->keys != NULL)
        forget_key(throttle, throttle->keys);
}

void throttle_free(struct throttle *throttle)
{
    if (throttle == NULL)
        return;
    timers_cancel(throttle->timers, &throttle->timer);
    forget_keys(throttle);
    memory_free(throttle);
}

/* ---- limits ---- */

static void set_key_limit(struct throttle *throttle, const struct rate_limit *each, nanos now)
{
    throttle->each = *each;
    if (!throttle_has_keys(throttle))
        forget_keys(throttle);
    for (struct throttled_key *key = throttle->keys; key != NULL; key = key->hh.next)
        key->ready = rate_limit_change(each, key->ready, now);
}

bool throttle_set(struct throttle *throttle, const struct rate_limit *all, const struct queue_limits *limits, nanos now)
{
    struct rate_limit each = {0};
    bool all_changed = !rate_limit_equal(all, &throttle->all), each_changed;

    if (limits->has_key_rate)
        each = rate_limit_of(limits->key_rate);
    each_changed = !rate_limit_equal(&each, &throttle->each);
    if (all_changed) {
        throttle->all = *all;
        throttle->ready = rate_limit_change(all, throttle->ready, now);
    }
    if (each_changed)
        set_key_limit(throttle, &each, now);
    throttle->weights = limits->weights;
    throttle->weights_count = limits->weights_count;
    return all_changed || each_changed;
}

/* A rate of zero means none: as on the real server, where only the queue's own can stop what is handed out. */
bool throttle_has_keys(const struct throttle *throttle)
{
    return throttle->each.interval > 0;
}

bool throttle_matters(const struct throttle *throttle, nanos now)
{
    return throttle != NULL && throttle->ready > now && throttle->ready != NANOS_MAX;
}

/* ---- tasks ---- */

static struct rate_limit limit_of(const struct throttle *throttle, const struct task *task)
{
    double weight = task->fairness.weight;

    for (size_t i = 0; i < throttle->weights_count; i++)
        if (throttle->weights[i].key == task->fairness.key)
            weight = throttle->weights[i].weight;
    if (!(weight > 0))
        weight = 1;
    return rate_limit_scaled(&throttle->each, weight < WEIGHT_MIN ? WEIGHT_MIN : weight);
}

static struct throttled_key *find_key(const struct throttle *throttle, uint32_t wanted)
{
    struct throttled_key *key;

    HASH_FIND(hh, throttle->keys, &wanted, sizeof(wanted), key);
    return key;
}

/* The key's entry, made if there is none and moved to the end of the list. */
static struct throttled_key *use_key(struct throttle *throttle, uint32_t wanted)
{
    struct throttled_key *key = find_key(throttle, wanted);

    if (key != NULL) {
        HASH_DEL(throttle->keys, key);
    } else {
        key = memory_new(sizeof(*key));
        key->key = wanted;
        if (HASH_COUNT(throttle->keys) >= THROTTLE_KEYS_MAX)
            forget_key(throttle, throttle->keys);
    }
    HASH_ADD(hh, throttle->keys, key, sizeof(key->key), key);
    return key;
}

nanos throttle_ready(const struct throttle *throttle, const struct task *task)
{
    const struct throttled_key *key = throttle_has_keys(throttle) ? find_key(throttle, task->fairness.key) : NULL;

    return key != NULL && key->ready > throttle->ready ? key->ready : throttle->ready;
}

void throttle_take(struct throttle *throttle, const struct task *task, nanos now)
{
    throttle->ready = rate_limit_take(&throttle->all, throttle->ready, now);
    if (throttle_has_keys(throttle)) {
        struct throttled_key *key = use_key(throttle, task->fairness.key);
        struct rate_limit limit = limit_of(throttle, task);

        key->ready = rate_limit_take(&limit, key->ready, now);
    }
}

void throttle_give_back(struct throttle *throttle, const struct task *task)
{
    throttle->ready = rate_limit_give_back(&throttle->all, throttle->ready);
    if (throttle_has_keys(throttle)) {
        struct throttled_key *key = use_key(throttle, task->fairness.key);
        struct rate_limit limit = limit_of(throttle, task);

        key->ready = rate_limit_give_back(&limit, key->ready);
    }
}
