/*
 * Which rows a scan looks at, and in what order.
 *
 * A condition that every run of the result must meet (one of those that the filter's outermost AND connects) may say
 * where to look: at one run, at the runs of one workflow id, at those that the search index has for a value, if they
 * are few. If none does, all rows are walked in the order of lists, open ones and then closed ones, between the bounds
 * that such conditions set on the time of closing; a count that no bound applies to goes through the table, where no
 * run changes its place while it is under way. (Where one does, it may be missed: a count that takes several turns can
 * lack a run that has closed in between.)
 *
 * Open runs in the order of their row ids are in the order of their starts. So are the runs of one workflow id, of
 * which at most the newest is open.
 */
#include "persistence/visibility.h"

#include <stdlib.h>
#include <string.h>

#include "base/uuid.h"
#include "persistence/search_index.h"
#include "persistence/store_internal.h"
#include "persistence/visibility_match.h"

/* Rows that a step looks at when the filter has one or two conditions: a few milliseconds. More conditions, fewer rows.
 */
enum { ROWS_PER_STEP = 4000, ROWS_PER_STEP_MIN = 50, CONDITIONS_PER_ROW = 4 };

/* So many runs of the search index are looked at one by one; if it has more, walking finds them soon enough. */
enum { CANDIDATES_MAX = 1000 };

/* Longer lists of values are not looked up one by one. */
enum { INDEXED_VALUES_MAX = 100 };

enum { SCRATCH_BYTES = 16 * 1024 };

#define COLUMNS                                                                                              \
    "id, status, start_time, execution_time, close_time, history_length, history_bytes, state_transitions, " \
    "workflow_id, workflow_type, task_queue, run_id, memo, search_attributes, parent_workflow_id, "          \
    "root_workflow_id, parent_run_id, root_run_id, namespace_id"

/* A way through the rows. Statements take: ?1 namespace, ?2 row id, ?3 and ?4 closing times, ?5 a key. */
enum walk { WALK_OPEN, WALK_CLOSED, WALK_ALL, WALK_WORKFLOW, WALK_RUN_ID, WALKS_COUNT };

static const struct {
    enum statement_slot slot;
    const char *sql;
} walks[WALKS_COUNT] = {
    [WALK_OPEN] = {SLOT_VISIBILITY_OPEN, "SELECT " COLUMNS " FROM runs INDEXED BY runs_open "
                                         "WHERE close_time = 0 AND id < ?2 AND namespace_id = ?1 ORDER BY id DESC"},
    [WALK_CLOSED] = {SLOT_VISIBILITY_CLOSED,
                     "SELECT " COLUMNS " FROM runs INDEXED BY runs_closed "
                     "WHERE namespace_id = ?1 AND close_time > 0 AND close_time >= ?3 AND close_time <= ?4 "
                     "AND (close_time < ?4 OR id < ?2) ORDER BY close_time DESC, id DESC"},
    [WALK_ALL] = {SLOT_VISIBILITY_ALL,
                  "SELECT " COLUMNS " FROM runs NOT INDEXED WHERE id < ?2 AND namespace_id = ?1 ORDER BY id DESC"},
    [WALK_WORKFLOW] = {SLOT_VISIBILITY_WORKFLOW,
                       "SELECT " COLUMNS " FROM runs INDEXED BY runs_by_workflow_id "
                       "WHERE namespace_id = ?1 AND workflow_id = ?5 AND id < ?2 ORDER BY id DESC"},
    [WALK_RUN_ID] = {SLOT_VISIBILITY_RUN_ID, "SELECT " COLUMNS " FROM runs INDEXED BY runs_by_run_id "
                                             "WHERE run_id = ?5 AND namespace_id = ?1 AND id < ?2"},
};

/* Where runs of the result can be. */
struct bounds {
    bool may_be_open, may_be_closed;
    nanos closed_from, closed_to;
    struct bytes workflow_id;     /* NULL: any */
    const uint8_t *run_id;        /* NULL: any */
    const struct filter *indexed; /* the condition that the search index serves; NULL: none */
};

struct visibility_scan {
    struct arena *arena;
    struct store *store;
    int64_t namespace_id;
    const struct visibility_query *query;
    struct bounds bounds;
    nanos began;

    bool is_planned, is_count, is_by_id;
    enum walk walk;
    struct visibility_position at; /* the last row that has been looked at, or behind which the list begins */

    int most;
    struct visible_run *rows;
    int rows_count;
    int64_t total;
    struct visibility_count *groups;
    int groups_count;
};

/* ---- bounds ---- */

static void only_closed(struct bounds *bounds)
{
    bounds->may_be_open = false;
}

static void closed_not_before(struct bounds *bounds, int64_t micros)
{
    nanos from = nanos_scale(1000, micros);

    if (from > bounds->closed_from)
        bounds->closed_from = from;
}

static void closed_not_after(struct bounds *bounds, int64_t micros)
{
    nanos to = nanos_add(nanos_scale(1000, micros), 999);

    if (to < bounds->closed_to)
        bounds->closed_to = to;
}

static void bound_by_time(struct bounds *bounds, const struct filter *condition)
{
    bool is_close = condition->column == COLUMN_CLOSE_TIME;
    int64_t first, last;

    if (condition->kind == FILTER_IS_NULL) {
        if (is_close)
            bounds->may_be_closed = false;
        return;
    }
    if (is_close)
        only_closed(bounds);
    first = condition->values[0].integer;
    last = condition->values[condition->values_count - 1].integer;
    if (condition->kind == FILTER_EQUAL || condition->kind == FILTER_GREATER ||
        condition->kind == FILTER_GREATER_OR_EQUAL)
        closed_not_before(bounds, first); /* what started then or later closed later still */
    if (is_close &&
        (condition->kind == FILTER_EQUAL || condition->kind == FILTER_LESS || condition->kind == FILTER_LESS_OR_EQUAL))
        closed_not_after(bounds, last);
}

static void bound_by_status(struct bounds *bounds, const struct filter *condition)
{
    bool has_open = false, has_closed = false;

    if (condition->kind != FILTER_EQUAL)
        return;
    for (size_t i = 0; i < condition->values_count; i++) {
        int64_t wanted = condition->values[i].integer;
        bool is_open = wanted == WORKFLOW_EXECUTION_STATUS_RUNNING || wanted == WORKFLOW_EXECUTION_STATUS_PAUSED;

        has_open = has_open || is_open;
        has_closed = has_closed || !is_open;
    }
    bounds->may_be_open = bounds->may_be_open && has_open;
    bounds->may_be_closed = bounds->may_be_closed && has_closed;
}

/* Negated, only tests for null say something: CloseTime IS NOT NULL. */
static void bound_by_negation(struct bounds *bounds, const struct filter *part)
{
    if (part->kind == FILTER_IS_NULL && part->column == COLUMN_CLOSE_TIME)
        only_closed(bounds);
}

static void bound_by_run_id(struct arena *arena, struct bounds *bounds, struct bytes text)
{
    uint8_t *run_id = arena_alloc(arena, UUID_BYTES);

    bounds->run_id = run_id;
    if (!uuid_parse(arena_strndup(arena, (const char *)text.data, text.len), run_id))
        bounds->may_be_open = bounds->may_be_closed = false;
}

static void bound_by_condition(struct arena *arena, struct bounds *bounds, const struct filter *condition)
{
    bool is_one_value = condition->kind == FILTER_EQUAL && condition->values_count == 1;

    switch (condition->column) {
    case COLUMN_WORKFLOW_ID:
        if (is_one_value)
            bounds->workflow_id = condition->values[0].text;
        break;
    case COLUMN_RUN_ID:
        if (is_one_value)
            bound_by_run_id(arena, bounds, condition->values[0].text);
        break;
    case COLUMN_STATUS:
        bound_by_status(bounds, condition);
        break;
    case COLUMN_START_TIME:
    case COLUMN_CLOSE_TIME:
        bound_by_time(bounds, condition);
        break;
    case COLUMN_EXECUTION_DURATION:
    case COLUMN_HISTORY_LENGTH:
    case COLUMN_HISTORY_BYTES:
    case COLUMN_STATE_TRANSITIONS:
        if (condition->kind != FILTER_IS_NULL)
            only_closed(bounds);
        break;
    case COLUMN_ATTRIBUTE:
        if (search_index_serves(condition) && condition->values_count <= INDEXED_VALUES_MAX)
            bounds->indexed = condition;
        break;
    default:
        break;
    }
}

static struct bounds bounds_of(struct arena *arena, struct filter *filter)
{
    struct bounds bounds = {.may_be_open = true, .may_be_closed = true, .closed_from = 1, .closed_to = NANOS_MAX};
    bool is_and = filter != NULL && filter->kind == FILTER_AND;
    struct filter *const *parts = is_and ? filter->parts : &filter;
    size_t count = is_and ? filter->parts_count : filter != NULL;

    for (size_t i = 0; i < count; i++) {
        switch (parts[i]->kind) {
        case FILTER_OR:
            break;
        case FILTER_AND: /* in parentheses, or BETWEEN */
            for (size_t inner = 0; inner < parts[i]->parts_count; inner++)
                if (parts[i]->parts[inner]->parts_count == 0)
                    bound_by_condition(arena, &bounds, parts[i]->parts[inner]);
            break;
        case FILTER_NOT:
            bound_by_negation(&bounds, parts[i]->parts[0]);
            break;
        default:
            bound_by_condition(arena, &bounds, parts[i]);
            break;
        }
    }
    return bounds;
}

/* ---- rows ---- */

static struct bytes borrow_column(sqlite3_stmt *statement, int column)
{
    const void *data = sqlite3_column_blob(statement, column);

    return (struct bytes){data, (size_t)sqlite3_column_bytes(statement, column)};
}

/* The row that the statement stands on; texts and blobs are the statement's. */
static void read_row(sqlite3_stmt *statement, struct visible_run *ret_run)
{
    *ret_run = (struct visible_run){
        .id = sqlite3_column_int64(statement, 0),
        .status = sqlite3_column_int(statement, 1),
        .start_time = sqlite3_column_int64(statement, 2),
        .execution_time = sqlite3_column_int64(statement, 3),
        .close_time = sqlite3_column_int64(statement, 4),
        .history_length = sqlite3_column_int64(statement, 5),
        .history_bytes = sqlite3_column_int64(statement, 6),
        .state_transitions = sqlite3_column_int64(statement, 7),
        .workflow_id = borrow_column(statement, 8),
        .workflow_type = borrow_column(statement, 9),
        .task_queue = borrow_column(statement, 10),
        .memo = borrow_column(statement, 12),
        .search_attributes = borrow_column(statement, 13),
        .has_parent = sqlite3_column_type(statement, 14) != SQLITE_NULL,
        .has_root = sqlite3_column_type(statement, 15) != SQLITE_NULL,
        .parent_workflow_id = borrow_column(statement, 14),
        .root_workflow_id = borrow_column(statement, 15),
    };
    column_uuid(statement, 11, ret_run->run_id);
    column_uuid(statement, 16, ret_run->parent_run_id);
    column_uuid(statement, 17, ret_run->root_run_id);
}

static struct bytes copy_bytes(struct arena *arena, struct bytes bytes)
{
    return (struct bytes){arena_memdup(arena, bytes.data, bytes.len), bytes.len};
}

static struct visible_run copy_row(struct arena *arena, const struct visible_run *run)
{
    struct visible_run copy = *run;

    copy.workflow_id = copy_bytes(arena, run->workflow_id);
    copy.workflow_type = copy_bytes(arena, run->workflow_type);
    copy.task_queue = copy_bytes(arena, run->task_queue);
    copy.memo = copy_bytes(arena, run->memo);
    copy.search_attributes = copy_bytes(arena, run->search_attributes);
    copy.parent_workflow_id = copy_bytes(arena, run->parent_workflow_id);
    copy.root_workflow_id = copy_bytes(arena, run->root_workflow_id);
    return copy;
}

/* ---- results ---- */

/* Groups stand in the order of what they have in common, as the real server's database sorts them. */
static int compare_groups(const struct visibility_count *group, int run_status, struct bytes division)
{
    size_t least = group->division.len < division.len ? group->division.len : division.len;
    int order = group->status - run_status;

    if (order == 0 && least > 0)
        order = memcmp(group->division.data, division.data, least);
    return order != 0 ? order : (group->division.len > division.len) - (group->division.len < division.len);
}

static struct visibility_count *find_group(struct visibility_scan *scan, int run_status, struct bytes division)
{
    struct visibility_count *larger, *place;
    int at = 0;

    while (at < scan->groups_count && compare_groups(&scan->groups[at], run_status, division) < 0)
        at++;
    if (at < scan->groups_count && compare_groups(&scan->groups[at], run_status, division) == 0)
        return &scan->groups[at];
    if ((scan->groups_count & (scan->groups_count - 1)) == 0) { /* 0 or a power of two: full */
        larger = ARENA_NEW_ARRAY(scan->arena, struct visibility_count, scan->groups_count * 2 + 1);
        if (scan->groups_count > 0)
            memcpy(larger, scan->groups, sizeof(larger[0]) * (size_t)scan->groups_count);
        scan->groups = larger;
    }
    place = &scan->groups[at];
    memmove(place + 1, place, sizeof(*place) * (size_t)(scan->groups_count - at));
    scan->groups_count++;
    *place = (struct visibility_count){.status = run_status, .division = copy_bytes(scan->arena, division)};
    return place;
}

static void count_run(struct visibility_scan *scan, struct arena *scratch, const struct visible_run *run)
{
    struct bytes division = {NULL, 0};

    scan->total++;
    if (scan->query->group == GROUP_BY_NOTHING)
        return;
    if (scan->query->group == GROUP_BY_DIVISION)
        division = visible_run_division(scratch, run);
    find_group(scan, scan->query->group == GROUP_BY_STATUS ? run->status : 0, division)->count++;
}

/* A run that has been taken as open and has closed since is not taken again. */
static bool is_taken(const struct visibility_scan *scan, const struct visible_run *run)
{
    if (run->close_time <= scan->began)
        return false;
    if (scan->is_count)
        return scan->walk == WALK_CLOSED && scan->bounds.may_be_open;
    for (int i = 0; i < scan->rows_count; i++)
        if (scan->rows[i].id == run->id)
            return true;
    return false;
}

/* Takes the run into the result if it belongs there. */
static void judge(struct visibility_scan *scan, struct arena *scratch, const struct visible_run *run)
{
    if (!visibility_query_matches(scan->query, scan->store, scratch, run) || is_taken(scan, run))
        return;
    if (scan->is_count)
        count_run(scan, scratch, run);
    else
        scan->rows[scan->rows_count++] = copy_row(scan->arena, run);
}

static bool is_full(const struct visibility_scan *scan)
{
    return !scan->is_count && scan->rows_count == scan->most;
}

/* ---- walking ---- */

static int rows_per_step(const struct visibility_scan *scan)
{
    int rows = ROWS_PER_STEP / (int)(1 + scan->query->conditions_count / CONDITIONS_PER_ROW);

    return rows < ROWS_PER_STEP_MIN ? ROWS_PER_STEP_MIN : rows;
}

static void bind_walk(const struct visibility_scan *scan, sqlite3_stmt *statement)
{
    bool is_inside = scan->at.close_time > 0 && scan->at.close_time <= scan->bounds.closed_to;

    sqlite3_bind_int64(statement, 1, scan->namespace_id);
    sqlite3_bind_int64(statement, 2, scan->at.id == 0 ? INT64_MAX : scan->at.id);
    if (scan->walk == WALK_CLOSED) {
        sqlite3_bind_int64(statement, 2, is_inside ? scan->at.id : INT64_MAX);
        sqlite3_bind_int64(statement, 3, scan->bounds.closed_from);
        sqlite3_bind_int64(statement, 4, is_inside ? scan->at.close_time : scan->bounds.closed_to);
    } else if (scan->walk == WALK_WORKFLOW) {
        sqlite3_bind_text64(statement, 5, (const char *)scan->bounds.workflow_id.data, scan->bounds.workflow_id.len,
                            SQLITE_STATIC, SQLITE_UTF8);
    } else if (scan->walk == WALK_RUN_ID) {
        bind_uuid(statement, 5, scan->bounds.run_id);
    }
}

/* Looks at rows of the present walk, `*budget` at most. `ret_end`: it has none left. */
static status walk_on(struct visibility_scan *scan, struct arena *scratch, int *budget, bool *ret_end)
{
    sqlite3_stmt *statement;

    *ret_end = false;
    TRY(statement_for_read(scan->store, walks[scan->walk].slot, walks[scan->walk].sql, &statement));
    bind_walk(scan, statement);
    while (*budget > 0 && !is_full(scan)) {
        struct visible_run run;
        bool row;

        TRY(statement_next(scan->store, statement, &row));
        if (!row) {
            *ret_end = true;
            return status_ok();
        }
        read_row(statement, &run);
        judge(scan, scratch, &run);
        arena_reset(scratch);
        scan->at = (struct visibility_position){.close_time = run.close_time, .id = run.id};
        --*budget;
    }
    statement_done(statement);
    return status_ok();
}

/* ---- candidates of the search index ---- */

static int compare_ids(const void *a, const void *b)
{
    int64_t left = *(const int64_t *)a, right = *(const int64_t *)b;

    return (left < right) - (left > right);
}

/* Whether a list has `a` before `b`. */
static int compare_positions(const struct visibility_position *a, const struct visibility_position *b)
{
    if ((a->close_time == 0) != (b->close_time == 0))
        return a->close_time == 0 ? -1 : 1;
    if (a->close_time != b->close_time)
        return a->close_time > b->close_time ? -1 : 1;
    return compare_ids(&a->id, &b->id);
}

static int compare_rows(const void *a, const void *b)
{
    const struct visible_run *left = a, *right = b;
    struct visibility_position first = {left->close_time, left->id}, second = {right->close_time, right->id};

    return compare_positions(&first, &second);
}

static bool is_behind(const struct visibility_scan *scan, const struct visibility_position *place)
{
    if (scan->is_by_id)
        return place->id < scan->at.id;
    return scan->at.id == 0 || compare_positions(&scan->at, place) < 0;
}

static status look_at(struct visibility_scan *scan, struct arena *scratch, int64_t id)
{
    struct visibility_position place;
    sqlite3_stmt *statement;
    struct visible_run run;
    bool found;

    TRY(statement_for_read(scan->store, SLOT_VISIBILITY_ROW, "SELECT " COLUMNS " FROM runs WHERE id = ?1", &statement));
    sqlite3_bind_int64(statement, 1, id);
    TRY(statement_next(scan->store, statement, &found));
    if (!found)
        return status_ok();
    read_row(statement, &run);
    place = (struct visibility_position){run.close_time, run.id};
    if (sqlite3_column_int64(statement, 18) == scan->namespace_id && is_behind(scan, &place))
        judge(scan, scratch, &run);
    arena_reset(scratch);
    statement_done(statement);
    return status_ok();
}

/* Answers from the index, if what it has is little. `ret_done`: it was. */
static status look_at_candidates(struct visibility_scan *scan, struct arena *scratch, bool *ret_done)
{
    int64_t *ids = ARENA_NEW_ARRAY(scan->arena, int64_t, CANDIDATES_MAX + 1);
    int count;

    TRY(search_index_find(scan->store, scan->namespace_id, scan->bounds.indexed, CANDIDATES_MAX + 1, ids, &count));
    *ret_done = count <= CANDIDATES_MAX;
    if (!*ret_done)
        return status_ok();
    qsort(ids, (size_t)count, sizeof(ids[0]), compare_ids);
    scan->rows = ARENA_NEW_ARRAY(scan->arena, struct visible_run, count);
    for (int i = 0; i < count; i++)
        if (i == 0 || ids[i] != ids[i - 1])
            TRY(look_at(scan, scratch, ids[i]));
    if (!scan->is_by_id) /* else they are in order already */
        qsort(scan->rows, (size_t)scan->rows_count, sizeof(scan->rows[0]), compare_rows);
    if (scan->rows_count > scan->most)
        scan->rows_count = scan->most;
    return status_ok();
}

/* ---- the plan ---- */

static enum walk first_walk(const struct visibility_scan *scan)
{
    const struct bounds *bounds = &scan->bounds;

    if (bounds->run_id != NULL)
        return WALK_RUN_ID;
    if (bounds->workflow_id.data != NULL)
        return WALK_WORKFLOW;
    if (scan->is_by_id)
        return bounds->may_be_closed ? WALK_ALL : WALK_OPEN;
    if (scan->is_count && bounds->may_be_open && bounds->may_be_closed && bounds->closed_from <= 1)
        return WALK_ALL;
    return bounds->may_be_open && scan->at.close_time == 0 ? WALK_OPEN : WALK_CLOSED;
}

/* The walk that comes after the present one, which has ended; false: none. */
static bool next_walk(struct visibility_scan *scan)
{
    if (scan->walk != WALK_OPEN || !scan->bounds.may_be_closed)
        return false;
    scan->walk = WALK_CLOSED;
    scan->at = (struct visibility_position){0};
    return true;
}

static status plan(struct visibility_scan *scan, struct arena *scratch, bool *ret_done)
{
    scan->is_planned = true;
    scan->walk = first_walk(scan);
    *ret_done = !scan->bounds.may_be_open && !scan->bounds.may_be_closed;
    if (*ret_done || scan->bounds.indexed == NULL || scan->walk == WALK_RUN_ID || scan->walk == WALK_WORKFLOW)
        return status_ok();
    return look_at_candidates(scan, scratch, ret_done);
}

static status step(struct visibility_scan *scan, struct arena *scratch, bool *ret_done)
{
    int budget = rows_per_step(scan);

    if (!scan->is_planned) {
        TRY(plan(scan, scratch, ret_done));
        if (*ret_done)
            return status_ok();
    }
    *ret_done = scan->walk == WALK_CLOSED && !scan->bounds.may_be_closed;
    while (!*ret_done && budget > 0) {
        bool is_at_end;

        TRY(walk_on(scan, scratch, &budget, &is_at_end));
        *ret_done = is_full(scan) || (is_at_end && !next_walk(scan));
    }
    return status_ok();
}

status visibility_scan_step(struct visibility_scan *scan, bool *ret_done)
{
    struct arena *scratch = arena_new(SCRATCH_BYTES);
    status stepped = step(scan, scratch, ret_done);

    arena_free(scratch);
    return stepped;
}

/* ---- making and reading scans ---- */

static struct visibility_scan *new_scan(struct arena *arena, struct store *store, int64_t namespace_id,
                                        struct visibility_query *query, nanos now)
{
    struct visibility_scan *scan = ARENA_NEW(arena, struct visibility_scan);

    visibility_query_prepare(arena, store, query);
    scan->arena = arena;
    scan->store = store;
    scan->namespace_id = namespace_id;
    scan->query = query;
    scan->bounds = bounds_of(arena, query->filter);
    scan->began = now;
    return scan;
}

struct visibility_scan *visibility_list_new(struct arena *arena, struct store *store, int64_t namespace_id,
                                            struct visibility_query *query, const struct visibility_position *after,
                                            int most, nanos now)
{
    struct visibility_scan *scan = new_scan(arena, store, namespace_id, query, now);

    scan->at = *after;
    scan->most = most;
    scan->rows = ARENA_NEW_ARRAY(arena, struct visible_run, most);
    return scan;
}

struct visibility_scan *visibility_walk_new(struct arena *arena, struct store *store, int64_t namespace_id,
                                            struct visibility_query *query, int64_t below, int most, nanos now)
{
    struct visibility_position after = {.id = below};
    struct visibility_scan *scan = visibility_list_new(arena, store, namespace_id, query, &after, most, now);

    scan->is_by_id = true;
    return scan;
}

int64_t visibility_walk_position(const struct visibility_scan *scan)
{
    return is_full(scan) ? scan->rows[scan->rows_count - 1].id : scan->at.id;
}

struct visibility_scan *visibility_count_new(struct arena *arena, struct store *store, int64_t namespace_id,
                                             struct visibility_query *query, nanos now)
{
    struct visibility_scan *scan = new_scan(arena, store, namespace_id, query, now);

    scan->is_count = true;
    return scan;
}

const struct visible_run *visibility_list_rows(const struct visibility_scan *scan, int *ret_count)
{
    *ret_count = scan->rows_count;
    return scan->rows;
}

int64_t visibility_count_total(const struct visibility_scan *scan)
{
    return scan->total;
}

const struct visibility_count *visibility_count_groups(const struct visibility_scan *scan, int *ret_count)
{
    *ret_count = scan->groups_count;
    return scan->groups;
}

enum visibility_group visibility_count_group(const struct visibility_scan *scan)
{
    return scan->query->group;
}
