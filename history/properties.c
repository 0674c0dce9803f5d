/*
 * What a run carries about itself for others to see: its search attributes and its memo. Both are maps that begin with
 * the run and into which commands merge: a value replaces the one of the same key, a nil value deletes the key.
 *
 * Names and types of search attributes belong to the namespace, which this folder does not know: the transition asks.
 */
#include <string.h>

#include "history/internal.h"
#include "proto/payload.h"

enum { PROPERTIES_ARENA_BYTES = 256 };

/* ---- merging ---- */

/* An entry of either map: their generated types differ by name only. */
struct field {
    const char *key;
    const PbPayload *value;
    void *entry;
    UT_hash_handle by_key;
};

/* Lists the entries of a map behind the `ret_count` ones that are there. */
#define LIST(map, fields, list, ret_count)                         \
    do {                                                           \
        for (size_t place = 0; place < (map)->n_##fields; place++) \
            (list)[(ret_count)++] = (struct field){                \
                .key = (map)->fields[place]->key,                  \
                .value = (map)->fields[place]->value,              \
                .entry = (map)->fields[place],                     \
            };                                                     \
    } while (0)

/* Merges the list, first to last, and puts what is left of it into `ret_left`, in the order in which keys came; returns
 * how many. Keys are looked up: these maps come from clients, and to compare each key of a large one with each takes
 * minutes. */
static size_t merge(struct field *list, size_t count, const struct field **ret_left)
{
    struct field *merged = NULL, *present, *next;
    size_t left = 0;

    for (size_t i = 0; i < count; i++) {
        HASH_FIND(by_key, merged, list[i].key, strlen(list[i].key), present);
        if (payload_is_nil(list[i].value)) {
            if (present != NULL)
                HASH_DELETE(by_key, merged, present);
        } else if (present != NULL) {
            present->entry = list[i].entry;
        } else {
            HASH_ADD_KEYPTR(by_key, merged, list[i].key, strlen(list[i].key), &list[i]);
        }
    }
    HASH_ITER (by_key, merged, present, next)
        ret_left[left++] = present;
    HASH_CLEAR(by_key, merged);
    return left;
}

static PbSearchAttributes *merged_attributes(struct arena *arena, const PbSearchAttributes *present,
                                             const PbSearchAttributes *changes)
{
    PbSearchAttributes *merged = ARENA_NEW_PB(arena, PbSearchAttributes);
    size_t most = changes->n_indexed_fields + (present == NULL ? 0 : present->n_indexed_fields), count = 0;
    struct field *list = ARENA_NEW_ARRAY(arena, struct field, most);
    const struct field **left = ARENA_NEW_ARRAY(arena, const struct field *, most);

    if (present != NULL)
        LIST(present, indexed_fields, list, count);
    LIST(changes, indexed_fields, list, count);
    merged->indexed_fields = ARENA_NEW_ARRAY(arena, PbSearchAttributesIndexedFieldsEntry *, most);
    merged->n_indexed_fields = merge(list, count, left);
    for (size_t i = 0; i < merged->n_indexed_fields; i++)
        merged->indexed_fields[i] = left[i]->entry;
    return merged;
}

static PbMemo *merged_memo(struct arena *arena, const PbMemo *present, const PbMemo *changes)
{
    PbMemo *merged = ARENA_NEW_PB(arena, PbMemo);
    size_t most = changes->n_fields + (present == NULL ? 0 : present->n_fields), count = 0;
    struct field *list = ARENA_NEW_ARRAY(arena, struct field, most);
    const struct field **left = ARENA_NEW_ARRAY(arena, const struct field *, most);

    if (present != NULL)
        LIST(present, fields, list, count);
    LIST(changes, fields, list, count);
    merged->fields = ARENA_NEW_ARRAY(arena, PbMemoFieldsEntry *, most);
    merged->n_fields = merge(list, count, left);
    for (size_t i = 0; i < merged->n_fields; i++)
        merged->fields[i] = left[i]->entry;
    return merged;
}

/* ---- commands ---- */

/* The size of a map as the real server counts it for its limit on payloads: keys and data, no metadata. */
#define DATA_BYTES(map, fields, ret_bytes)                                                                         \
    do {                                                                                                           \
        for (size_t field = 0; field < (map)->n_##fields; field++)                                                 \
            (ret_bytes) += (int64_t)strlen((map)->fields[field]->key) + packed_bytes((map)->fields[field]->value); \
    } while (0)

struct refusal judge_search_attributes(struct transition *t, const char *namespace_name,
                                       const PbSearchAttributes *given, struct search_attributes_verdict *ret_verdict)
{
    *ret_verdict = (struct search_attributes_verdict){0};
    if (given == NULL || given->n_indexed_fields == 0)
        return ACCEPTED;
    t->judge_search_attributes(t->context, t->arena, namespace_name, given, ret_verdict);
    return ret_verdict->is_unknown_name
               ? refuse(t, WORKFLOW_TASK_FAILED_CAUSE_BAD_SEARCH_ATTRIBUTES, "%s", ret_verdict->problem)
               : ACCEPTED;
}

PbSearchAttributes *set_search_attributes(struct transition *t, const struct search_attributes_verdict *verdict)
{
    PbSearchAttributes *set;

    if (verdict->typed == NULL)
        return NULL;
    set = merged_attributes(t->arena, NULL, verdict->typed);
    return set->n_indexed_fields > 0 ? set : NULL;
}

const char *search_attributes_size_problem(struct transition *t, const PbSearchAttributes *attributes)
{
    return attributes == NULL ? NULL : t->search_attributes_size_problem(t->context, t->arena, attributes);
}

struct refusal decide_upsert_search_attributes(struct transition *t, const PbCommand *command,
                                               struct task_context *task)
{
    const PbWorkflowTaskFailedCause bad = WORKFLOW_TASK_FAILED_CAUSE_BAD_SEARCH_ATTRIBUTES;
    PbUpsertWorkflowSearchAttributesEventAttributes *upserted;
    struct search_attributes_verdict verdict;
    const PbSearchAttributes *given;
    struct refusal refusal;
    const char *problem;
    int64_t bytes = 0;

    if (command == NULL)
        return refuse(
            t, bad,
            "UpsertWorkflowSearchAttributesCommandAttributes is not set on UpsertWorkflowSearchAttributesCommand.");
    given = command->upsert_workflow_search_attributes_command_attributes->search_attributes;
    if (given == NULL)
        return refuse(t, bad, "SearchAttributes is not set on UpsertWorkflowSearchAttributesCommand.");
    if (given->n_indexed_fields == 0)
        return refuse(t, bad, "IndexedFields is not set on UpsertWorkflowSearchAttributesCommand.");
    refusal = judge_search_attributes(t, t->namespace_name, given, &verdict);
    if (refusal.cause != WORKFLOW_TASK_FAILED_CAUSE_UNSPECIFIED)
        return refusal;
    if (verdict.problem != NULL)
        return refuse(t, bad, "%s", verdict.problem);
    DATA_BYTES(given, indexed_fields, bytes);
    if (bytes > t->limits->blob_bytes_max)
        return refuse_and_terminate(t, bad, "UpsertWorkflowSearchAttributesCommandAttributes exceeds size limit.");
    problem = search_attributes_size_problem(
        t, merged_attributes(t->arena, mutable_state_search_attributes(t->ms, t->arena), verdict.typed));
    if (problem != NULL)
        return refuse_and_terminate(t, bad, "%s", problem);
    upserted = transition_add(t, EVENT_TYPE_UPSERT_WORKFLOW_SEARCH_ATTRIBUTES);
    upserted->workflow_task_completed_event_id = task->completed_event_id;
    upserted->search_attributes = verdict.typed;
    transition_settle(t);
    t->attributes_changed = true;
    return ACCEPTED;
}

struct refusal decide_modify_properties(struct transition *t, const PbCommand *command, struct task_context *task)
{
    const PbWorkflowTaskFailedCause bad = WORKFLOW_TASK_FAILED_CAUSE_BAD_MODIFY_WORKFLOW_PROPERTIES_ATTRIBUTES;
    PbWorkflowPropertiesModifiedEventAttributes *modified;
    PbMemo *given;
    int64_t bytes = 0;

    if (command == NULL)
        return refuse(t, bad,
                      "ModifyWorkflowPropertiesCommandAttributes is not set on ModifyWorkflowPropertiesCommand.");
    given = command->modify_workflow_properties_command_attributes->upserted_memo;
    if (given == NULL)
        return refuse(t, bad, "UpsertedMemo is not set on ModifyWorkflowPropertiesCommand.");
    if (given->n_fields == 0)
        return refuse(t, bad, "UpsertedMemo.Fields is not set on ModifyWorkflowPropertiesCommand.");
    DATA_BYTES(given, fields, bytes);
    if (bytes > t->limits->blob_bytes_max)
        return refuse_and_terminate(t, bad, "ModifyWorkflowPropertiesCommandAttributes exceeds size limit.");
    if (packed_bytes(merged_memo(t->arena, t->ms->memo, given)) > t->limits->memo_bytes_max)
        return refuse_and_terminate(t, bad, "ModifyWorkflowPropertiesCommandAttributes. Memo exceeds size limit.");
    modified = transition_add(t, EVENT_TYPE_WORKFLOW_PROPERTIES_MODIFIED);
    modified->workflow_task_completed_event_id = task->completed_event_id;
    modified->upserted_memo = given;
    transition_settle(t);
    t->attributes_changed = true;
    return ACCEPTED;
}

/* ---- appliers ---- */

enum broken apply_upserted_search_attributes(struct mutable_state *ms, const PbHistoryEvent *event,
                                             const PbUpsertWorkflowSearchAttributesEventAttributes *attributes)
{
    const PbSearchAttributes *merged;
    struct arena *scratch;

    (void)event;
    if (attributes->search_attributes == NULL)
        return INTACT;
    scratch = arena_new(1024);
    merged = merged_attributes(scratch, mutable_state_search_attributes(ms, scratch), attributes->search_attributes);
    mutable_state_keep_search_attributes(ms, merged, scratch);
    arena_free(scratch);
    return INTACT;
}

/* The merged map gets an arena of its own, so that a run which changes it a thousand times holds the last one only. */
enum broken apply_properties_modified(struct mutable_state *ms, const PbHistoryEvent *event,
                                      const PbWorkflowPropertiesModifiedEventAttributes *attributes)
{
    struct arena *arena;

    (void)event;
    if (attributes->upserted_memo == NULL)
        return INTACT;
    arena = arena_new(PROPERTIES_ARENA_BYTES);
    ms->memo = pb_copy(arena, merged_memo(arena, ms->memo, attributes->upserted_memo));
    arena_free(ms->memo_arena);
    ms->memo_arena = arena;
    return INTACT;
}
