/* The order in which things are looked at is the real server's, since a client hears of its first mistake only. */
#include "persistence/visibility_query.h"

#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/duration_text.h"
#include "persistence/visibility_syntax.h"
#include "proto/search_attributes.h"
#include "proto/search_value.h"

#define NOT_SUPPORTED "invalid query: operation is not supported: "
#define INVALID       "invalid query: invalid expression: "

#define PREFIX   "Temporal"
#define DIVISION "TemporalNamespaceDivision"

struct converter {
    struct arena *arena;
    const PbNamespaceRecord *ns;
    bool mentions_division;
    size_t conditions_count;
};

/* A column that a condition names. */
struct named {
    const char *name;  /* as it was written */
    const char *field; /* what it stands for */
    enum visibility_column column;
    PbIndexedValueType type;
};

#define FAIL(converter, ...) return status_errorf((converter)->arena, GRPC_INVALID_ARGUMENT, __VA_ARGS__)

/* ---- names ---- */

static const struct {
    const char *name;
    enum visibility_column column;
} row_columns[] = {
    {"WorkflowId", COLUMN_WORKFLOW_ID},
    {"RunId", COLUMN_RUN_ID},
    {"WorkflowType", COLUMN_WORKFLOW_TYPE},
    {"TaskQueue", COLUMN_TASK_QUEUE},
    {"ExecutionStatus", COLUMN_STATUS},
    {"StartTime", COLUMN_START_TIME},
    {"ExecutionTime", COLUMN_EXECUTION_TIME},
    {"CloseTime", COLUMN_CLOSE_TIME},
    {"ExecutionDuration", COLUMN_EXECUTION_DURATION},
    {"HistoryLength", COLUMN_HISTORY_LENGTH},
    {"HistorySizeBytes", COLUMN_HISTORY_BYTES},
    {"StateTransitionCount", COLUMN_STATE_TRANSITIONS},
    {"ParentWorkflowId", COLUMN_PARENT_WORKFLOW_ID},
    {"ParentRunId", COLUMN_PARENT_RUN_ID},
    {"RootWorkflowId", COLUMN_ROOT_WORKFLOW_ID},
    {"RootRunId", COLUMN_ROOT_RUN_ID},
};

static enum visibility_column row_column(const char *name)
{
    for (size_t i = 0; i < sizeof(row_columns) / sizeof(row_columns[0]); i++)
        if (strcmp(row_columns[i].name, name) == 0)
            return row_columns[i].column;
    return COLUMN_ATTRIBUTE;
}

static bool resolve_predefined(const char *name, struct named *named)
{
    const struct predefined_search_attribute *found = predefined_search_attribute_find(name);

    if (found == NULL)
        return false;
    named->field = found->name;
    named->type = found->type;
    named->column = row_column(found->name);
    return true;
}

/* Names of the real server's columns, which clients should not know and may use. */
static bool resolve_column(const char *name, struct named *named)
{
    size_t length = strlen(name);

    if (!is_search_attribute_column(name))
        return false;
    for (size_t i = 0; i < search_attribute_types_count; i++)
        if (strlen(search_attribute_types[i].name) == length - 2 &&
            strncmp(search_attribute_types[i].name, name, length - 2) == 0)
            named->type = search_attribute_types[i].type;
    named->field = name;
    named->column = COLUMN_NOTHING;
    return true;
}

static bool resolve(struct converter *converter, const char *name, struct named *named)
{
    const PbNamespaceSearchAttribute *custom = custom_search_attribute_find(converter->ns, name);

    if (custom != NULL) {
        named->field = arena_strdup(converter->arena, name); /* the namespace's own may change */
        named->type = (PbIndexedValueType)custom->type;
        named->column = COLUMN_ATTRIBUTE;
        return true;
    }
    if (resolve_predefined(name, named) || resolve_column(name, named))
        return true;
    if (strcmp(name, "ScheduleId") == 0 || strcmp(name, PREFIX "ScheduleId") == 0)
        return resolve_predefined("WorkflowId", named);
    if (strncmp(name, PREFIX, strlen(PREFIX)) == 0)
        return resolve_predefined(name + strlen(PREFIX), named);
    return resolve_predefined(arena_printf(converter->arena, PREFIX "%s", name), named);
}

static status convert_column(struct converter *converter, const struct expression *expression, struct named *ret_named)
{
    char *name, *to;

    if (expression->kind != EXPRESSION_COLUMN)
        FAIL(converter, INVALID "must be a column name but was %s", expression_type_name(expression));
    name = to = arena_strndup(converter->arena, (const char *)expression->text.data, expression->text.len);
    for (const char *from = name; *from != '\0'; from++)
        if (*from != '`')
            *to++ = *from;
    *to = '\0';
    *ret_named = (struct named){.name = name};
    if (!resolve(converter, name, ret_named))
        FAIL(converter, "invalid query: invalid search attribute: %s", name);
    if (strcmp(ret_named->field, DIVISION) == 0)
        converter->mentions_division = true;
    return status_ok();
}

/* ---- values ---- */

/* A literal before its column's type is looked at. */
enum literal_kind { LITERAL_TEXT, LITERAL_INTEGER, LITERAL_REAL, LITERAL_BOOL };
struct literal {
    enum literal_kind kind;
    const char *text; /* LITERAL_TEXT: terminated, up to a NUL in it */
    struct filter_value value;
};

/* A number as Go's %v and %#v show it: the shortest that reads back as the same. */
static const char *number_shown(struct arena *arena, double number)
{
    char digits[40];
    int exponent = 0;
    char *mark;

    for (int precision = 0; precision < 17; precision++) {
        snprintf(digits, sizeof(digits), "%.*e", precision, number);
        if (strtod(digits, NULL) == number)
            break;
    }
    mark = strchr(digits, 'e');
    if (mark != NULL)
        exponent = (int)strtol(mark + 1, NULL, 10);
    if (exponent < -4 || exponent >= 6)
        return arena_strdup(arena, digits);
    for (int precision = 0; precision <= 25; precision++) {
        const char *plain = arena_printf(arena, "%.*f", precision, number);

        if (strtod(plain, NULL) == number)
            return plain;
    }
    return arena_strdup(arena, digits);
}

/* A text in quotes, as Go's %#v and %q show it. */
static const char *text_quoted(struct arena *arena, struct bytes text)
{
    static const char names[] = "\"\\abfnrtv", values[] = "\"\\\a\b\f\n\r\t\v";
    static const char hex[] = "0123456789abcdef";
    char *quoted = arena_alloc_raw(arena, text.len * 4 + 3), *to = quoted;

    *to++ = '"';
    for (size_t i = 0; i < text.len; i++) {
        const char *escape = memchr(values, text.data[i], sizeof(values) - 1);

        if (escape != NULL) {
            *to++ = '\\';
            *to++ = names[escape - values];
        } else if (text.data[i] < 0x20 || text.data[i] == 0x7f) {
            *to++ = '\\';
            *to++ = 'x';
            *to++ = hex[text.data[i] >> 4];
            *to++ = hex[text.data[i] & 15];
        } else {
            *to++ = (char)text.data[i];
        }
    }
    *to++ = '"';
    *to = '\0';
    return quoted;
}

static const char *literal_shown(struct arena *arena, const struct literal *literal)
{
    switch (literal->kind) {
    case LITERAL_TEXT:
        return arena_printf(arena, "%s (type: string)", text_quoted(arena, literal->value.text));
    case LITERAL_INTEGER:
        return arena_printf(arena, "%lld (type: int64)", (long long)literal->value.integer);
    case LITERAL_REAL:
        return arena_printf(arena, "%s (type: float64)", number_shown(arena, literal->value.real));
    case LITERAL_BOOL:
        return literal->value.integer != 0 ? "true (type: bool)" : "false (type: bool)";
    }
    return "";
}

/* A number: an integer, or where it does not fit, or has a fraction, a real. False: it is of a notation that has no
 * value. */
static bool read_number(const char *text, struct literal *ret_literal)
{
    const char *digits = text + (*text == '-');
    char *end;

    *ret_literal = (struct literal){.kind = LITERAL_INTEGER};
    errno = 0;
    ret_literal->value.integer = strtoll(text, &end, 10);
    if (*end == '\0' && errno == 0 && isdigit((unsigned char)*digits))
        return true;
    if (strspn(digits, "0123456789.eE+-") != strlen(digits) || *digits == '\0')
        return false;
    *ret_literal = (struct literal){.kind = LITERAL_REAL, .value.is_real = true};
    ret_literal->value.real = strtod(text, &end);
    return *end == '\0' && end != text && isfinite(ret_literal->value.real);
}

static status convert_literal(struct converter *converter, const struct expression *expression,
                              struct literal *ret_literal)
{
    const char *text = arena_strndup(converter->arena, (const char *)expression->text.data, expression->text.len);

    if (expression->kind == EXPRESSION_STRING) {
        *ret_literal = (struct literal){.kind = LITERAL_TEXT, .text = text, .value.text = expression->text};
        return status_ok();
    }
    if (!read_number(text, ret_literal))
        FAIL(converter, INVALID "unable to parse value \"%.*s\"", (int)expression->source.len,
             (const char *)expression->source.data);
    return status_ok();
}

static status convert_status(struct converter *converter, const struct literal *literal, struct filter_value *ret_value)
{
    static const char *const names[] = {"Unspecified", "Running",        "Completed", "Failed", "Canceled",
                                        "Terminated",  "ContinuedAsNew", "TimedOut",  "Paused"};
    const ProtobufCEnumDescriptor *statuses = &PbWorkflowExecutionStatus_descriptor;
    const ProtobufCEnumValue *known;

    if (literal->kind == LITERAL_INTEGER) {
        *ret_value = literal->value;
        if (literal->value.integer >= 0 && literal->value.integer < (int64_t)(sizeof(names) / sizeof(names[0])))
            return status_ok();
        FAIL(converter, INVALID "invalid ExecutionStatus value %lld", (long long)literal->value.integer);
    }
    if (literal->kind != LITERAL_TEXT)
        FAIL(converter, INVALID "unexpected value type float64 for search attribute ExecutionStatus");
    *ret_value = (struct filter_value){0};
    known = protobuf_c_enum_descriptor_get_value_by_name(statuses, literal->text);
    if (known != NULL) {
        ret_value->integer = known->value;
        return status_ok();
    }
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(names[i], literal->text) == 0) {
            ret_value->integer = (int64_t)i;
            return status_ok();
        }
    FAIL(converter, INVALID "invalid ExecutionStatus value '%s'", literal->text);
}

/* "1:02:03.5" as a span. */
static bool read_clock_text(const char *text, nanos *ret_span)
{
    unsigned hours, minutes, seconds;
    int used = 0;
    char *end;
    double fraction = 0;

    if (sscanf(text, "%9u:%2u:%2u%n", &hours, &minutes, &seconds, &used) != 3 || used == 0 ||
        !isdigit((unsigned char)*text))
        return false;
    if (text[used] == '.') {
        fraction = strtod(text + used, &end);
        if (*end != '\0')
            return false;
    } else if (text[used] != '\0') {
        return false;
    }
    if (minutes > 59 || seconds > 59)
        return false;
    *ret_span = nanos_add(nanos_scale(NANOS_PER_SECOND, (int64_t)hours * 3600 + minutes * 60 + seconds),
                          (nanos)(fraction * (double)NANOS_PER_SECOND));
    return true;
}

static status convert_duration(struct converter *converter, const struct literal *literal,
                               struct filter_value *ret_value)
{
    struct literal number;
    nanos span;

    *ret_value = literal->value;
    if (literal->kind == LITERAL_INTEGER)
        return status_ok();
    if (literal->kind != LITERAL_TEXT)
        FAIL(converter, INVALID "unexpected value type float64 for search attribute ExecutionDuration");
    if (read_number(literal->text, &number) && number.kind == LITERAL_INTEGER)
        span = number.value.integer;
    else if (!duration_text_read(literal->text, &span) && !read_clock_text(literal->text, &span))
        FAIL(converter, INVALID "invalid duration value for search attribute ExecutionDuration: %s", literal->text);
    *ret_value = (struct filter_value){.integer = span};
    return status_ok();
}

static status convert_instant(struct converter *converter, const struct literal *literal,
                              struct filter_value *ret_value)
{
    const char *end;

    *ret_value = (struct filter_value){0};
    if (literal->kind == LITERAL_INTEGER) { /* nanoseconds; floor, also before 1970 */
        int64_t instant = literal->value.integer;

        ret_value->integer = instant / 1000 - (instant % 1000 < 0);
        return status_ok();
    }
    end = instant_scan(literal->text, &ret_value->integer);
    if (end == NULL || *end != '\0')
        FAIL(converter, INVALID "unable to parse datetime '%s'", literal->text);
    return status_ok();
}

static bool literal_fits(const struct literal *literal, PbIndexedValueType type)
{
    switch (type) {
    case INDEXED_VALUE_TYPE_INT:
    case INDEXED_VALUE_TYPE_DOUBLE:
        return literal->kind == LITERAL_INTEGER || literal->kind == LITERAL_REAL;
    case INDEXED_VALUE_TYPE_BOOL:
        return literal->kind == LITERAL_BOOL;
    case INDEXED_VALUE_TYPE_DATETIME:
        return literal->kind == LITERAL_INTEGER || literal->kind == LITERAL_TEXT;
    default:
        return literal->kind == LITERAL_TEXT;
    }
}

static bool is_blank(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!isspace(text.data[i]))
            return false;
    return true;
}

static status convert_for_column(struct converter *converter, const struct literal *literal, const struct named *named,
                                 struct filter_value *ret_value)
{
    if (literal->kind != LITERAL_BOOL && named->column == COLUMN_STATUS)
        return convert_status(converter, literal, ret_value);
    if (literal->kind != LITERAL_BOOL && named->column == COLUMN_EXECUTION_DURATION)
        return convert_duration(converter, literal, ret_value);
    if (!literal_fits(literal, named->type))
        FAIL(converter, INVALID "invalid value type for search attribute %s of type %s: %s", named->name,
             search_attribute_type_name((int)named->type), literal_shown(converter->arena, literal));
    if (named->type == INDEXED_VALUE_TYPE_DATETIME)
        return convert_instant(converter, literal, ret_value);
    if (named->type == INDEXED_VALUE_TYPE_TEXT && is_blank(literal->value.text))
        FAIL(converter, INVALID "no tokens found filtering on Text type search attribute %s", named->name);
    *ret_value = literal->value;
    return status_ok();
}

/* A sign before what is not an integer. */
static status convert_signed(struct converter *converter, const struct expression *unary, const struct named *named,
                             struct filter_value *ret_value)
{
    const struct expression *operand = unary->parts[0];
    struct literal literal;

    if (*unary->operator!= '-' && * unary->operator!= '+')
        FAIL(converter, NOT_SUPPORTED "unary operator \"%s\"", unary->operator);
    if (operand->kind != EXPRESSION_NUMBER)
        FAIL(converter, INVALID "unary operator not supported in %s", text_quoted(converter->arena, unary->source));
    TRY(convert_literal(converter, operand, &literal));
    TRY(convert_for_column(converter, &literal, named, ret_value));
    if (*unary->operator== '-') {
        ret_value->integer = ret_value->integer == INT64_MIN ? INT64_MAX : -ret_value->integer;
        ret_value->real = -ret_value->real;
    }
    return status_ok();
}

static status convert_value(struct converter *converter, const struct expression *expression, const struct named *named,
                            struct filter_value *ret_value)
{
    struct literal literal;

    switch (expression->kind) {
    case EXPRESSION_STRING:
    case EXPRESSION_NUMBER:
        TRY(convert_literal(converter, expression, &literal));
        return convert_for_column(converter, &literal, named, ret_value);
    case EXPRESSION_BOOL:
        literal = (struct literal){.kind = LITERAL_BOOL, .value.integer = expression->is_true};
        return convert_for_column(converter, &literal, named, ret_value);
    case EXPRESSION_UNARY:
        return convert_signed(converter, expression, named, ret_value);
    case EXPRESSION_FUNCTION:
        FAIL(converter, NOT_SUPPORTED "nested func");
    case EXPRESSION_COLUMN:
        FAIL(converter,
             NOT_SUPPORTED "column name on the right side of comparison expression (did you forget to quote %s?)",
             text_quoted(converter->arena, bytes_of(expression_column_shown(converter->arena, expression))));
    default:
        FAIL(converter, INVALID "unexpected value type %s", expression_type_name(expression));
    }
}

int filter_value_compare_numbers(const struct filter_value *a, const struct filter_value *b)
{
    double whole;

    if (!a->is_real && !b->is_real)
        return (a->integer > b->integer) - (a->integer < b->integer);
    if (a->is_real && b->is_real)
        return (a->real > b->real) - (a->real < b->real);
    if (a->is_real)
        return -filter_value_compare_numbers(b, a);
    if (b->real >= 9223372036854775808.0)
        return -1;
    if (b->real < -9223372036854775808.0)
        return 1;
    whole = trunc(b->real); /* fits into an integer now, exactly */
    if (a->integer != (int64_t)whole)
        return a->integer < (int64_t)whole ? -1 : 1;
    return (whole > b->real) - (whole < b->real);
}

int filter_value_compare_texts(struct bytes a, struct bytes b)
{
    size_t common = a.len < b.len ? a.len : b.len;
    int difference = common == 0 ? 0 : memcmp(a.data, b.data, common);

    return difference != 0 ? difference : (a.len > b.len) - (a.len < b.len);
}

bool filter_is_textual(const struct filter *filter)
{
    return filter->column != COLUMN_STATUS &&
           (filter->type == INDEXED_VALUE_TYPE_KEYWORD || filter->type == INDEXED_VALUE_TYPE_KEYWORD_LIST ||
            filter->type == INDEXED_VALUE_TYPE_TEXT);
}

static int compare_numbers(const void *a, const void *b)
{
    return filter_value_compare_numbers(a, b);
}

static int compare_texts(const void *a, const void *b)
{
    return filter_value_compare_texts(((const struct filter_value *)a)->text, ((const struct filter_value *)b)->text);
}

static status convert_values(struct converter *converter, const struct expression *right, const struct named *named,
                             struct filter_value **ret_values, size_t *ret_count)
{
    size_t count = right->kind == EXPRESSION_TUPLE ? right->parts_count : 1;

    *ret_values = ARENA_NEW_ARRAY(converter->arena, struct filter_value, count);
    *ret_count = count;
    if (right->kind != EXPRESSION_TUPLE)
        return convert_value(converter, right, named, &(*ret_values)[0]);
    for (size_t i = 0; i < count; i++)
        TRY(convert_value(converter, right->parts[i], named, &(*ret_values)[i]));
    return status_ok();
}

/* ---- conditions ---- */

static struct filter *new_filter(struct converter *converter, enum filter_kind kind, const struct named *named)
{
    struct filter *filter = ARENA_NEW(converter->arena, struct filter);

    filter->kind = kind;
    if (named != NULL) {
        filter->column = named->column;
        filter->attribute = named->field;
        filter->type = named->type;
        converter->conditions_count++;
    }
    return filter;
}

static struct filter *with_parts(struct converter *converter, enum filter_kind kind, size_t count)
{
    struct filter *filter = new_filter(converter, kind, NULL);

    filter->parts = ARENA_NEW_ARRAY(converter->arena, struct filter *, count);
    return filter;
}

static struct filter *negated(struct converter *converter, struct filter *filter)
{
    struct filter *negation = with_parts(converter, FILTER_NOT, 1);

    negation->parts[negation->parts_count++] = filter;
    return negation;
}

/* An operator, and which types take it. */
static const struct operator
{
    const char *name;
    enum filter_kind kind;
    bool is_negated;
    bool takes_keyword, takes_list, takes_text, takes_others;
}
operators[] = {
    {"=", FILTER_EQUAL, false, true, true, true, true},
    {"!=", FILTER_EQUAL, true, true, true, true, true},
    {"<", FILTER_LESS, false, true, false, false, true},
    {">", FILTER_GREATER, false, true, false, false, true},
    {"<=", FILTER_LESS_OR_EQUAL, false, true, false, false, true},
    {">=", FILTER_GREATER_OR_EQUAL, false, true, false, false, true},
    {"IN", FILTER_EQUAL, false, true, true, false, true},
    {"NOT IN", FILTER_EQUAL, true, true, true, false, true},
    {"STARTS_WITH", FILTER_STARTS_WITH, false, true, false, false, false},
    {"NOT STARTS_WITH", FILTER_STARTS_WITH, true, true, false, false, false},
};

static const struct operator* find_operator(const char *name, PbIndexedValueType type)
{
    for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++) {
        const struct operator* operator= & operators[i];
        bool is_taken = operator->takes_others;

        if (type == INDEXED_VALUE_TYPE_KEYWORD)
            is_taken = operator->takes_keyword;
        else if (type == INDEXED_VALUE_TYPE_KEYWORD_LIST)
            is_taken = operator->takes_list;
        else if (type == INDEXED_VALUE_TYPE_TEXT)
            is_taken = operator->takes_text;
        if (strcmp(operator->name, name) == 0)
            return is_taken ? operator: NULL;
    }
    return NULL;
}

static status convert_comparison(struct converter *converter, const struct expression *expression,
                                 struct filter **ret_filter)
{
    const struct expression *right = expression->parts[1];
    bool is_set = strstr(expression->operator, "IN") != NULL;
    const struct operator* operator;
    struct filter_value *values;
    struct filter *filter;
    struct named named;
    size_t count;

    TRY(convert_column(converter, expression->parts[0], &named));
    if (right->kind == EXPRESSION_TUPLE && !is_set) /* the real server lets SQLite find that out */
        FAIL(converter, INVALID "unexpected value type %s", expression_type_name(right));
    TRY(convert_values(converter, right, &named, &values, &count));
    operator= find_operator(expression->operator, named.type);
    if (operator== NULL)
        FAIL(converter, NOT_SUPPORTED "operator '%s' not supported for %s type search attribute '%s'",
             expression->operator, search_attribute_type_name((int)named.type), named.name);
    if (operator->kind == FILTER_STARTS_WITH && named.column == COLUMN_STATUS)
        FAIL(converter, INVALID "right-hand side of \"starts_with\" operator must be a literal string (got: %.*s)",
             (int)right->text.len, (const char *)right->text.data);
    filter = new_filter(converter, operator->kind, &named);
    filter->values = values;
    filter->values_count = count;
    if (named.type != INDEXED_VALUE_TYPE_TEXT && named.type != INDEXED_VALUE_TYPE_KEYWORD_LIST)
        qsort(values, count, sizeof(values[0]), filter_is_textual(filter) ? compare_texts : compare_numbers);
    *ret_filter = operator->is_negated ? negated(converter, filter) : filter;
    return status_ok();
}

static status convert_range(struct converter *converter, const struct expression *expression,
                            struct filter **ret_filter)
{
    static const enum filter_kind kinds[] = {FILTER_GREATER_OR_EQUAL, FILTER_LESS_OR_EQUAL};
    struct filter *both = with_parts(converter, FILTER_AND, 2);
    struct named named;

    TRY(convert_column(converter, expression->parts[0], &named));
    if (named.type == INDEXED_VALUE_TYPE_BOOL || named.type == INDEXED_VALUE_TYPE_TEXT ||
        named.type == INDEXED_VALUE_TYPE_KEYWORD_LIST)
        FAIL(converter, INVALID "cannot do range condition on search attribute '%s' of type %s", named.name,
             search_attribute_type_name((int)named.type));
    for (size_t i = 0; i < 2; i++) {
        struct filter *end = new_filter(converter, kinds[i], &named);
        struct filter_value *value = ARENA_NEW(converter->arena, struct filter_value);

        TRY(convert_value(converter, expression->parts[i + 1], &named, value));
        end->values = value;
        end->values_count = 1;
        both->parts[both->parts_count++] = end;
    }
    *ret_filter = expression->is_negated ? negated(converter, both) : both;
    return status_ok();
}

static status convert_is(struct converter *converter, const struct expression *expression, struct filter **ret_filter)
{
    struct filter *filter;
    struct named named;

    TRY(convert_column(converter, expression->parts[0], &named));
    if (!expression->is_null_test)
        FAIL(converter, INVALID "'IS' operator can only be used as 'IS NULL' or 'IS NOT NULL'");
    filter = new_filter(converter, FILTER_IS_NULL, &named);
    *ret_filter = expression->is_negated ? negated(converter, filter) : filter;
    return status_ok();
}

/* Recursion is as deep as the syntax nests (VS1), and one level for each kind of node in between. */
static status convert(struct converter *converter, const struct expression *expression, struct filter **ret_filter)
{
    struct filter *filter;

    switch (expression->kind) {
    case EXPRESSION_PARENTHESES:
        return convert(converter, expression->parts[0], ret_filter);
    case EXPRESSION_NOT:
        TRY(convert(converter, expression->parts[0], ret_filter));
        *ret_filter = negated(converter, *ret_filter);
        return status_ok();
    case EXPRESSION_AND:
    case EXPRESSION_OR:
        filter =
            with_parts(converter, expression->kind == EXPRESSION_AND ? FILTER_AND : FILTER_OR, expression->parts_count);
        for (size_t i = 0; i < expression->parts_count; i++)
            TRY(convert(converter, expression->parts[i], &filter->parts[filter->parts_count++]));
        *ret_filter = filter;
        return status_ok();
    case EXPRESSION_COMPARISON:
        return convert_comparison(converter, expression, ret_filter);
    case EXPRESSION_RANGE:
        return convert_range(converter, expression, ret_filter);
    case EXPRESSION_IS:
        return convert_is(converter, expression, ret_filter);
    case EXPRESSION_FUNCTION:
        FAIL(converter, NOT_SUPPORTED "function expression");
    case EXPRESSION_COLUMN:
        FAIL(converter, INVALID "incomplete expression");
    default:
        FAIL(converter, NOT_SUPPORTED "expression of type %s", expression_type_name(expression));
    }
}

/* ---- clauses ---- */

static status convert_group(struct converter *converter, const struct filter_syntax *syntax,
                            enum visibility_group *ret_group)
{
    struct named named;

    *ret_group = GROUP_BY_NOTHING;
    if (syntax->group_by_count > 1)
        FAIL(converter, NOT_SUPPORTED "'GROUP BY' clause supports only a single field");
    if (syntax->group_by_count == 0)
        return status_ok();
    TRY(convert_column(converter, syntax->group_by[0], &named));
    if (named.column == COLUMN_STATUS)
        *ret_group = GROUP_BY_STATUS;
    else if (strcmp(named.field, DIVISION) == 0)
        *ret_group = GROUP_BY_DIVISION;
    else
        FAIL(converter, NOT_SUPPORTED "'GROUP BY' clause is not supported for search attribute %s", named.name);
    return status_ok();
}

static status refuse_order(struct converter *converter, const struct filter_syntax *syntax)
{
    for (size_t i = 0; i < syntax->order_by_count; i++) {
        struct named named;

        TRY(convert_column(converter, syntax->order_by[i], &named));
        if (named.type == INDEXED_VALUE_TYPE_TEXT)
            FAIL(converter, NOT_SUPPORTED "unable to sort by search attribute type Text");
    }
    if (syntax->order_by_count > 0)
        FAIL(converter, NOT_SUPPORTED "'ORDER BY' clause");
    return status_ok();
}

status visibility_query_read(struct arena *arena, const PbNamespaceRecord *ns, const char *text,
                             struct visibility_query *ret_query)
{
    struct converter converter = {.arena = arena, .ns = ns};
    struct filter_syntax syntax;

    *ret_query = (struct visibility_query){0};
    TRY(filter_syntax_read(arena, text, &syntax));
    if (syntax.has_limit)
        FAIL(&converter, NOT_SUPPORTED "'LIMIT' clause");
    if (syntax.where != NULL)
        TRY(convert(&converter, syntax.where, &ret_query->filter));
    TRY(convert_group(&converter, &syntax, &ret_query->group));
    TRY(refuse_order(&converter, &syntax));
    ret_query->mentions_division = converter.mentions_division;
    ret_query->conditions_count = converter.conditions_count;
    return status_ok();
}

void visibility_query_only_open(struct arena *arena, struct visibility_query *query)
{
    static const int64_t statuses[] = {WORKFLOW_EXECUTION_STATUS_RUNNING, WORKFLOW_EXECUTION_STATUS_PAUSED};
    struct filter *both = ARENA_NEW(arena, struct filter), *is_open = ARENA_NEW(arena, struct filter);

    is_open->kind = FILTER_EQUAL;
    is_open->column = COLUMN_STATUS;
    is_open->type = INDEXED_VALUE_TYPE_KEYWORD;
    is_open->values = ARENA_NEW_ARRAY(arena, struct filter_value, 2);
    for (size_t i = 0; i < 2; i++)
        is_open->values[is_open->values_count++].integer = statuses[i];
    query->conditions_count++;
    if (query->filter == NULL) {
        query->filter = is_open;
        return;
    }
    both->kind = FILTER_AND;
    both->parts = ARENA_NEW_ARRAY(arena, struct filter *, 2);
    both->parts[both->parts_count++] = query->filter;
    both->parts[both->parts_count++] = is_open;
    query->filter = both;
}
