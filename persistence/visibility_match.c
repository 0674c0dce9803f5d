/*
 * Three-valued logic, as in SQL: comparing what is not there is neither true nor false, and so is its negation. Only on
 * lists and texts (KeywordList, Text) every comparison has an answer, because the real server asks an index for the set
 * of runs.
 */
#include "persistence/visibility_match.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/uuid.h"
#include "persistence/visibility_text.h"
#include "proto/packed_attributes.h"
#include "proto/search_value.h"

#define DIVISION "TemporalNamespaceDivision"

enum truth { IS_FALSE, IS_TRUE, IS_UNKNOWN };

struct matching_run {
    const struct visible_run *run;
    struct store *store;
    struct arena *scratch;
};

/* ---- preparing ---- */

/* A Text's literal is phrases with blanks between them, each of one or more words. */
static struct filter_value *split_phrases(struct arena *arena, struct store *store, struct bytes text,
                                          size_t *ret_count)
{
    struct filter_value *phrases = ARENA_NEW_ARRAY(arena, struct filter_value, text.len / 2 + 1);
    size_t start = 0;

    *ret_count = 0;
    for (size_t i = 0; i <= text.len; i++) {
        struct filter_value *phrase = &phrases[*ret_count];

        if (i < text.len && text.data[i] != ' ')
            continue;
        if (i > start) {
            phrase->text = (struct bytes){text.data + start, i - start};
            phrase->words_count = visibility_text_words(store, arena, phrase->text, &phrase->words);
            ++*ret_count;
        }
        start = i + 1;
    }
    return phrases;
}

static void prepare(struct arena *arena, struct store *store, struct filter *filter)
{
    for (size_t i = 0; i < filter->parts_count; i++)
        prepare(arena, store, filter->parts[i]);
    if (filter->values_count == 0)
        return;
    if (filter->type == INDEXED_VALUE_TYPE_TEXT)
        filter->values = split_phrases(arena, store, filter->values[0].text, &filter->values_count);
    if (filter->type == INDEXED_VALUE_TYPE_KEYWORD_LIST)
        for (size_t i = 0; i < filter->values_count; i++)
            filter->values[i].text = visibility_text_fold(store, arena, filter->values[i].text);
}

void visibility_query_prepare(struct arena *arena, struct store *store, struct visibility_query *query)
{
    if (query->filter != NULL)
        prepare(arena, store, query->filter);
}

/* ---- values of runs ---- */

static struct bytes uuid_bytes(struct arena *arena, const uint8_t uuid[UUID_BYTES])
{
    return bytes_of(uuid_text(arena, uuid));
}

/* Microseconds, downwards also before 1970. */
static int64_t micros(nanos instant)
{
    return instant / 1000 - (instant % 1000 < 0);
}

static bool number_if(bool is_set, int64_t number, struct filter_value *ret_value)
{
    ret_value->integer = number;
    return is_set;
}

static bool text_if(bool is_set, struct bytes text, struct filter_value *ret_value)
{
    ret_value->text = text;
    return is_set;
}

static bool attribute_value(const struct matching_run *m, const struct filter *filter, struct filter_value *ret_value)
{
    struct search_value value;

    if (search_value_find(m->scratch, m->run->search_attributes, filter->attribute, filter->type, &value) !=
        SEARCH_VALUE_SET)
        return false;
    if (filter->type == INDEXED_VALUE_TYPE_KEYWORD)
        ret_value->text = value.texts[0];
    ret_value->is_real = filter->type == INDEXED_VALUE_TYPE_DOUBLE;
    ret_value->integer = value.integer;
    ret_value->real = value.real;
    return true;
}

/* The value of the column; false: it has none. Not for lists and texts. */
static bool value_of(const struct matching_run *m, const struct filter *filter, struct filter_value *ret_value)
{
    const struct visible_run *run = m->run;
    bool is_closed = run->close_time != 0;

    *ret_value = (struct filter_value){0};
    switch (filter->column) {
    case COLUMN_WORKFLOW_ID:
        return text_if(true, run->workflow_id, ret_value);
    case COLUMN_RUN_ID:
        return text_if(true, uuid_bytes(m->scratch, run->run_id), ret_value);
    case COLUMN_WORKFLOW_TYPE:
        return text_if(true, run->workflow_type, ret_value);
    case COLUMN_TASK_QUEUE:
        return text_if(true, run->task_queue, ret_value);
    case COLUMN_STATUS:
        return number_if(true, run->status, ret_value);
    case COLUMN_START_TIME:
        return number_if(true, micros(run->start_time), ret_value);
    case COLUMN_EXECUTION_TIME:
        return number_if(true, micros(run->execution_time), ret_value);
    case COLUMN_CLOSE_TIME:
        return number_if(is_closed, micros(run->close_time), ret_value);
    case COLUMN_EXECUTION_DURATION:
        return number_if(is_closed, nanos_add(run->close_time, -run->execution_time), ret_value);
    case COLUMN_HISTORY_LENGTH:
        return number_if(is_closed, run->history_length, ret_value);
    case COLUMN_HISTORY_BYTES:
        return number_if(is_closed, run->history_bytes, ret_value);
    case COLUMN_STATE_TRANSITIONS:
        return number_if(is_closed, run->state_transitions, ret_value);
    case COLUMN_PARENT_WORKFLOW_ID:
        return text_if(run->has_parent, run->parent_workflow_id, ret_value);
    case COLUMN_PARENT_RUN_ID:
        return text_if(run->has_parent, uuid_bytes(m->scratch, run->parent_run_id), ret_value);
    case COLUMN_ROOT_WORKFLOW_ID:
        return text_if(true, run->has_root ? run->root_workflow_id : run->workflow_id, ret_value);
    case COLUMN_ROOT_RUN_ID:
        return text_if(true, uuid_bytes(m->scratch, run->has_root ? run->root_run_id : run->run_id), ret_value);
    case COLUMN_ATTRIBUTE:
        return attribute_value(m, filter, ret_value);
    case COLUMN_NOTHING:
        return false;
    }
    return false;
}

/* ---- conditions ---- */

static int compare(const struct filter *filter, const struct filter_value *a, const struct filter_value *b)
{
    return filter_is_textual(filter) ? filter_value_compare_texts(a->text, b->text)
                                     : filter_value_compare_numbers(a, b);
}

/* Whether the value is among the filter's, which are in order. */
static bool is_among(const struct filter *filter, const struct filter_value *value)
{
    size_t low = 0, high = filter->values_count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare(filter, value, &filter->values[middle]);

        if (order == 0)
            return true;
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return false;
}

static bool starts_with(struct bytes text, struct bytes prefix)
{
    if (text.len < prefix.len)
        return false;
    for (size_t i = 0; i < prefix.len; i++) {
        uint8_t a = text.data[i], b = prefix.data[i];

        if (a != b && (a >= 0x80 || b >= 0x80 || tolower(a) != tolower(b)))
            return false;
    }
    return true;
}

/* Whether the words stand in the text next to each other. A phrase without a word stands nowhere. */
static bool has_phrase(const struct bytes *words, size_t count, const struct filter_value *phrase)
{
    for (size_t at = 0; phrase->words_count > 0 && at + phrase->words_count <= count; at++) {
        size_t same = 0;

        while (same < phrase->words_count && bytes_equal(words[at + same], phrase->words[same]))
            same++;
        if (same == phrase->words_count)
            return true;
    }
    return false;
}

static bool text_has_any(const struct matching_run *m, const struct filter *filter, struct bytes text)
{
    struct bytes *words;
    size_t count = visibility_text_words(m->store, m->scratch, text, &words);

    for (size_t i = 0; i < filter->values_count; i++)
        if (has_phrase(words, count, &filter->values[i]))
            return true;
    return false;
}

static bool list_has_any(const struct matching_run *m, const struct filter *filter, const struct search_value *list)
{
    for (size_t i = 0; i < list->texts_count; i++) {
        struct bytes element = visibility_text_fold(m->store, m->scratch, list->texts[i]);

        for (size_t wanted = 0; wanted < filter->values_count; wanted++)
            if (bytes_equal(element, filter->values[wanted].text))
                return true;
    }
    return false;
}

/* Lists and texts. */
static enum truth evaluate_set(const struct matching_run *m, const struct filter *filter)
{
    struct search_value value;
    bool is_set = filter->column == COLUMN_ATTRIBUTE &&
                  search_value_find(m->scratch, m->run->search_attributes, filter->attribute, filter->type, &value) ==
                      SEARCH_VALUE_SET;

    if (filter->kind == FILTER_IS_NULL)
        return is_set ? IS_FALSE : IS_TRUE;
    if (!is_set)
        return IS_FALSE;
    if (filter->type == INDEXED_VALUE_TYPE_TEXT)
        return text_has_any(m, filter, value.texts[0]) ? IS_TRUE : IS_FALSE;
    return list_has_any(m, filter, &value) ? IS_TRUE : IS_FALSE;
}

static enum truth truth_of(bool is_true)
{
    return is_true ? IS_TRUE : IS_FALSE;
}

static enum truth evaluate_condition(const struct matching_run *m, const struct filter *filter)
{
    struct filter_value value;
    bool is_set;

    if (filter->type == INDEXED_VALUE_TYPE_TEXT || filter->type == INDEXED_VALUE_TYPE_KEYWORD_LIST)
        return evaluate_set(m, filter);
    is_set = value_of(m, filter, &value);
    if (filter->kind == FILTER_IS_NULL)
        return truth_of(!is_set);
    if (!is_set)
        return IS_UNKNOWN;
    switch (filter->kind) {
    case FILTER_EQUAL:
        return truth_of(is_among(filter, &value));
    case FILTER_STARTS_WITH:
        return truth_of(starts_with(value.text, filter->values[0].text));
    case FILTER_LESS:
        return truth_of(compare(filter, &value, filter->values) < 0);
    case FILTER_LESS_OR_EQUAL:
        return truth_of(compare(filter, &value, filter->values) <= 0);
    case FILTER_GREATER:
        return truth_of(compare(filter, &value, filter->values) > 0);
    case FILTER_GREATER_OR_EQUAL:
        return truth_of(compare(filter, &value, filter->values) >= 0);
    case FILTER_AND:
    case FILTER_OR:
    case FILTER_NOT:
    case FILTER_IS_NULL:
        break;
    }
    return IS_UNKNOWN;
}

static enum truth evaluate(const struct matching_run *m, const struct filter *filter)
{
    enum truth result = filter->kind == FILTER_AND ? IS_TRUE : IS_FALSE, decided = truth_of(filter->kind == FILTER_OR);

    if (filter->kind == FILTER_NOT) {
        result = evaluate(m, filter->parts[0]);
        return result == IS_UNKNOWN ? IS_UNKNOWN : truth_of(result == IS_FALSE);
    }
    if (filter->kind != FILTER_AND && filter->kind != FILTER_OR)
        return evaluate_condition(m, filter);
    for (size_t i = 0; i < filter->parts_count; i++) {
        enum truth part = evaluate(m, filter->parts[i]);

        if (part == decided)
            return decided;
        if (part == IS_UNKNOWN)
            result = IS_UNKNOWN;
    }
    return result;
}

struct bytes visible_run_division(struct arena *arena, const struct visible_run *run)
{
    struct search_value value;

    /* Nearly no run has one: to look for the name's bytes is cheaper than to read the map. */
    if (run->search_attributes.len < sizeof(DIVISION) ||
        memmem(run->search_attributes.data, run->search_attributes.len, DIVISION, sizeof(DIVISION) - 1) == NULL ||
        search_value_find(arena, run->search_attributes, DIVISION, INDEXED_VALUE_TYPE_KEYWORD, &value) !=
            SEARCH_VALUE_SET)
        return (struct bytes){NULL, 0};
    return value.texts[0];
}

bool visibility_query_matches(const struct visibility_query *query, struct store *store, struct arena *scratch,
                              const struct visible_run *run)
{
    struct matching_run m = {.run = run, .store = store, .scratch = scratch};

    if (!query->mentions_division && visible_run_division(scratch, run).data != NULL)
        return false;
    return query->filter == NULL || evaluate(&m, query->filter) == IS_TRUE;
}
