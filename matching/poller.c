#include "matching/poller.h"

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <string.h>

#include "base/hash_table.h"

/* Shown for a worker that asks for no limit; the real server's number. */
static const double RATE_UNLIMITED = 100000;

struct poller_record {
    UT_hash_handle hh;
    struct poller_record *prev, *next;
    nanos last_access;
    double rate_per_second;
    uint8_t *options_packed; /* the deployment options as the worker sent them */
    size_t options_bytes;
    ProtobufCMessage *options;
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

static void drop_options(struct poller_record *record)
{
    if (record->options != NULL)
        protobuf_c_message_free_unpacked(record->options, NULL);
    memory_free(record->options_packed);
    record->options = NULL;
    record->options_packed = NULL;
    record->options_bytes = 0;
}

static void forget(struct pollers *pollers, struct poller_record *record)
{
    HASH_DEL(pollers->by_key, record);
    DL_DELETE(pollers->oldest, record);
    pollers->count--;
    drop_options(record);
    memory_free(record);
}

/* Polls come in by the thousands a second and nearly always with the same options, so the packed form is compared
 * before the record's copy is made anew. */
static void keep_options(struct poller_record *record, const ProtobufCMessage *options)
{
    size_t bytes = options != NULL ? protobuf_c_message_get_packed_size(options) : 0;
    uint8_t *packed;

    if (options == NULL) {
        drop_options(record);
        return;
    }
    packed = memory_new(bytes + 1);
    protobuf_c_message_pack(options, packed);
    if (record->options != NULL && bytes == record->options_bytes &&
        memcmp(packed, record->options_packed, bytes) == 0) {
        memory_free(packed);
        return;
    }
    drop_options(record);
    record->options_packed = packed;
    record->options_bytes = bytes;
    record->options = protobuf_c_message_unpack(options->descriptor, NULL, bytes, packed);
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
    record->rate_per_second = poll->tasks_per_second_max > 0 ? poll->tasks_per_second_max : RATE_UNLIMITED;
    keep_options(record, poll->deployment_options);
    if (pollers->count > POLLER_RECORDS_MAX) /* P2 */
        forget(pollers, pollers->oldest);
}

static bool has_expired(const struct poller_record *record, nanos now)
{
    return now - record->last_access >= POLLER_RECORD_TTL;
}

void pollers_expire(struct pollers *pollers, nanos now)
{
    while (pollers->oldest != NULL && has_expired(pollers->oldest, now))
        forget(pollers, pollers->oldest);
}

void pollers_clear(struct pollers *pollers)
{
    while (pollers->oldest != NULL)
        forget(pollers, pollers->oldest);
}

size_t pollers_list(const struct pollers *pollers, nanos now, struct poller_info *ret_pollers, size_t most)
{
    size_t count = 0;

    if (pollers->oldest == NULL)
        return 0;
    /* utlist keeps the list's end in its head's prev. */
    for (const struct poller_record *record = pollers->oldest->prev; count < most; record = record->prev) {
        if (has_expired(record, now))
            break;
        ret_pollers[count++] = (struct poller_info){.identity = record->key,
                                                    .last_access = record->last_access,
                                                    .rate_per_second = record->rate_per_second,
                                                    .deployment_options = record->options};
        if (record == pollers->oldest)
            break;
    }
    return count;
}
