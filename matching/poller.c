#include "matching/poller.h"

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <string.h>

#include "base/hash_table.h"
#include "proto/pack.h"

/* Shown for a worker that asks for no limit; the real server's number. */
static const double RATE_UNASKED = 100000;

/* What a worker says of itself fits in so many bytes as a rule, and they in a stack. */
enum { KEPT_BYTES_USUAL = 1024 };

/* A message of the worker's as it was sent; empty: none. */
struct kept {
    uint8_t *packed;
    size_t bytes;
    ProtobufCMessage *message;
};

struct poller_record {
    UT_hash_handle hh;
    struct poller_record *prev, *next;
    nanos last_access;
    double rate_per_second;
    struct kept options, capabilities;
    size_t key_bytes;
    char key[]; /* identity, deployment, build id, each with its zero; so the key starts with the identity as a text */
};

static const char *text_or_empty(const char *text)
{
    return text != NULL ? text : "";
}

static void append_text(struct buffer *buffer, const char *text)
{
    buffer_append(buffer, text_or_empty(text), strlen(text_or_empty(text)) + 1);
}

static void drop_kept(struct kept *kept)
{
    if (kept->message != NULL)
        protobuf_c_message_free_unpacked(kept->message, NULL);
    memory_free(kept->packed);
    *kept = (struct kept){0};
}

static void forget(struct pollers *pollers, struct poller_record *record)
{
    HASH_DEL(pollers->by_key, record);
    DL_DELETE(pollers->oldest, record);
    pollers->count--;
    drop_kept(&record->options);
    drop_kept(&record->capabilities);
    memory_free(record);
}

/* Polls come in by the thousands a second and nearly always say the same, so the packed form is compared before the
 * record's copy is made anew. */
static void keep(struct kept *kept, const ProtobufCMessage *message)
{
    uint8_t room[KEPT_BYTES_USUAL], *end = room + sizeof(room);
    const uint8_t *packed;
    uint8_t *larger = NULL;
    size_t bytes;

    if (message == NULL) {
        drop_kept(kept);
        return;
    }
    packed = pack_backwards(message, room, end);
    bytes = packed != NULL ? (size_t)(end - packed) : protobuf_c_message_get_packed_size(message);
    if (packed == NULL) {
        packed = larger = memory_new(bytes);
        protobuf_c_message_pack(message, larger);
    }
    if (kept->message == NULL || bytes != kept->bytes || memcmp(packed, kept->packed, bytes) != 0) {
        drop_kept(kept);
        kept->packed = memory_new(bytes + 1); /* there, even if empty */
        memcpy(kept->packed, packed, bytes);
        kept->bytes = bytes;
        kept->message = protobuf_c_message_unpack(message->descriptor, NULL, bytes, packed);
    }
    memory_free(larger);
}

static struct poller_record *find_or_add(struct pollers *pollers, const struct poll *poll)
{
    struct buffer key = {0};
    struct poller_record *record;

    append_text(&key, poll->identity);
    append_text(&key, poll->version.deployment);
    append_text(&key, poll->version.build_id);
    HASH_FIND(hh, pollers->by_key, key.data, key.len, record);
    if (record == NULL) {
        record = memory_new(sizeof(*record) + key.len);
        memcpy(record->key, key.data, key.len);
        record->key_bytes = key.len;
        HASH_ADD_KEYPTR(hh, pollers->by_key, record->key, record->key_bytes, record);
        DL_APPEND(pollers->oldest, record);
        pollers->count++;
    }
    buffer_free(&key);
    return record;
}

void pollers_touch(struct pollers *pollers, const struct poll *poll, nanos now)
{
    struct poller_record *record = find_or_add(pollers, poll);

    if (record->next != NULL) { /* P1 */
        DL_DELETE(pollers->oldest, record);
        DL_APPEND(pollers->oldest, record);
    }
    record->last_access = now;
    record->rate_per_second = poll->wants_rate ? poll->tasks_per_second_max : RATE_UNASKED;
    keep(&record->options, poll->deployment_options);
    keep(&record->capabilities, poll->version_capabilities);
    if (pollers->count > POLLER_RECORDS_MAX) /* P2 */
        forget(pollers, pollers->oldest);
}

void pollers_expire(struct pollers *pollers, nanos since)
{
    while (pollers->oldest != NULL && pollers->oldest->last_access <= since)
        forget(pollers, pollers->oldest);
}

void pollers_clear(struct pollers *pollers)
{
    while (pollers->oldest != NULL)
        forget(pollers, pollers->oldest);
}

static struct queue_version version_of(const struct poller_record *record)
{
    const char *deployment = record->key + strlen(record->key) + 1;

    return (struct queue_version){.deployment = deployment, .build_id = deployment + strlen(deployment) + 1};
}

static bool is_of(const struct poller_record *record, const struct queue_version *version)
{
    struct queue_version own = version_of(record);

    return version == NULL || queue_version_equal(&own, version);
}

/* The newest record, and the next older one; NULL: there is none. (utlist keeps a list's end in its head's prev.) */
static const struct poller_record *newest(const struct pollers *pollers)
{
    return pollers->oldest == NULL ? NULL : pollers->oldest->prev;
}

static const struct poller_record *next_older(const struct pollers *pollers, const struct poller_record *record)
{
    return record == pollers->oldest ? NULL : record->prev;
}

size_t pollers_list(const struct pollers *pollers, nanos since, const struct queue_version *version,
                    struct poller_info *ret_pollers, size_t most)
{
    size_t count = 0;

    for (const struct poller_record *record = newest(pollers); record != NULL && count < most;
         record = next_older(pollers, record)) {
        if (record->last_access <= since)
            break;
        if (!is_of(record, version))
            continue;
        ret_pollers[count++] = (struct poller_info){.identity = record->key,
                                                    .version = version_of(record),
                                                    .last_access = record->last_access,
                                                    .rate_per_second = record->rate_per_second,
                                                    .deployment_options = record->options.message,
                                                    .version_capabilities = record->capabilities.message};
    }
    return count;
}

size_t pollers_count(const struct pollers *pollers, const struct queue_version *version, nanos since)
{
    size_t count = 0;

    for (const struct poller_record *record = newest(pollers); record != NULL && record->last_access > since;
         record = next_older(pollers, record))
        count += is_of(record, version);
    return count;
}

bool pollers_have(const struct pollers *pollers, const struct queue_version *version, nanos since)
{
    for (const struct poller_record *record = newest(pollers); record != NULL; record = next_older(pollers, record)) {
        if (record->last_access <= since)
            break;
        if (is_of(record, version))
            return true;
    }
    return false;
}
