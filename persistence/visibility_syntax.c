/*
 * Recursive descent with one token of look-ahead. Where a syntax error is reported, and what it is said
 * to be near to, follows the real server: the position of the end of the first token that cannot be, counted in the
 * statement that the filter is made part of there.
 */
#include "persistence/visibility_syntax.h"

#include <string.h>
#include <strings.h>

#include "persistence/visibility_scanner.h"

enum { NESTING_MAX = 200 };

/* "select * from table1 where " and one, or without "where ". */
enum { POSITION_AFTER_WHERE = 28, POSITION_WITHOUT_WHERE = 22, POSITION_OF_BATCH = 27, POSITION_OF_WORKERS = 28 };

/* What comes before its errors. */
#define OF_LIST    "invalid query: malformed SQL query"
#define OF_BATCH   "invalid visibility query"
#define OF_WORKERS "malformed query"

struct parser {
    struct arena *arena;
    struct filter_scanner scanner;
    const char *of; /* OF_... */
    size_t position_base;
    int nesting;
    int expressions_count;
    status failure;
};

/* ---- errors ---- */

static void fail_at_token(struct parser *parser, const char *what)
{
    const struct token *token = &parser->scanner.token;
    size_t position = parser->position_base + token->end;
    bool has_text = token->text.len > 0 && token->kind != TOKEN_OPERATOR && token->kind != TOKEN_END;

    if (!status_is_ok(parser->failure))
        return;
    parser->failure =
        has_text
            ? status_errorf(parser->arena, GRPC_INVALID_ARGUMENT, "%s: %s at position %zu near '%.*s'", parser->of,
                            what, position, (int)token->text.len, (const char *)token->text.data)
            : status_errorf(parser->arena, GRPC_INVALID_ARGUMENT, "%s: %s at position %zu", parser->of, what, position);
}

static void *syntax_error(struct parser *parser)
{
    fail_at_token(parser, "syntax error");
    return NULL;
}

/* The token, which nests what follows, is taken. False: too deep. */
static bool nest(struct parser *parser)
{
    if (++parser->nesting >= NESTING_MAX) {
        fail_at_token(parser, "max nesting level reached");
        return false;
    }
    filter_scanner_next(&parser->scanner);
    return true;
}

/* ---- tokens ---- */

static bool token_is(const struct parser *parser, enum token_kind kind, const char *text)
{
    return parser->scanner.token.kind == kind && parser->scanner.token.text.len == strlen(text) &&
           memcmp(parser->scanner.token.text.data, text, parser->scanner.token.text.len) == 0;
}

static bool at_word(const struct parser *parser, const char *word)
{
    return token_is(parser, TOKEN_WORD, word);
}

static bool at_operator(const struct parser *parser, const char *operator)
{
    return token_is(parser, TOKEN_OPERATOR, operator);
}

static bool take_word(struct parser *parser, const char *word)
{
    if (!at_word(parser, word))
        return false;
    filter_scanner_next(&parser->scanner);
    return true;
}

static bool take_operator(struct parser *parser, const char *operator)
{
    if (!at_operator(parser, operator))
        return false;
    filter_scanner_next(&parser->scanner);
    return true;
}

/* ---- trees ---- */

static struct expression *new_expression(struct parser *parser, enum expression_kind kind, size_t start)
{
    struct expression *expression = ARENA_NEW(parser->arena, struct expression);

    if (++parser->expressions_count > FILTER_EXPRESSIONS_MAX) { /* VS2 */
        if (status_is_ok(parser->failure))
            parser->failure =
                status_errorf(parser->arena, GRPC_INVALID_ARGUMENT, "%s: max ast depth reached", parser->of);
        return NULL;
    }
    expression->kind = kind;
    expression->source = (struct bytes){(const uint8_t *)parser->scanner.text + start, 0};
    return expression;
}

static struct expression *ends_here(struct parser *parser, struct expression *expression)
{
    if (expression != NULL)
        expression->source.len =
            (size_t)(parser->scanner.text + parser->scanner.previous_end - (const char *)expression->source.data);
    return expression;
}

/* Parts are added one by one to an array that doubles: its capacity is the next power of two. */
static void add_part(struct arena *arena, struct expression ***parts, size_t *count, struct expression *part)
{
    if ((*count & (*count - 1)) == 0) { /* 0 or a power of two: full */
        struct expression **larger = ARENA_NEW_ARRAY(arena, struct expression *, *count == 0 ? 1 : *count * 2);

        if (*count > 0)
            memcpy(larger, *parts, *count * sizeof(larger[0]));
        *parts = larger;
    }
    (*parts)[(*count)++] = part;
}

static struct expression *with_parts(struct parser *parser, enum expression_kind kind, const char *operator,
                                     struct expression * a, struct expression *b, struct expression *c)
{
    struct expression *expression =
        new_expression(parser, kind, (size_t)((const char *)a->source.data - parser->scanner.text));

    if (expression == NULL)
        return NULL;
    expression->operator= operator;
    add_part(parser->arena, &expression->parts, &expression->parts_count, a);
    if (b != NULL)
        add_part(parser->arena, &expression->parts, &expression->parts_count, b);
    if (c != NULL)
        add_part(parser->arena, &expression->parts, &expression->parts_count, c);
    return ends_here(parser, expression);
}

/* ---- grammar ---- */

static struct expression *read_expression(struct parser *parser);
static struct expression *read_value(struct parser *parser, int least_precedence);

/* expression {, expression}; what it returns is only told by the parser's failure. */
static void read_list(struct parser *parser, struct expression ***parts, size_t *count)
{
    do {
        struct expression *part = read_expression(parser);

        if (part == NULL)
            return;
        add_part(parser->arena, parts, count, part);
    } while (take_operator(parser, ","));
}

/* ( list ): one in parentheses, or a tuple. */
static struct expression *read_parentheses(struct parser *parser, bool is_tuple)
{
    struct expression *expression = new_expression(parser, EXPRESSION_TUPLE, parser->scanner.token.start);

    if (expression == NULL || !nest(parser))
        return NULL;
    read_list(parser, &expression->parts, &expression->parts_count);
    if (!status_is_ok(parser->failure))
        return NULL;
    if (!take_operator(parser, ")"))
        return syntax_error(parser);
    parser->nesting--;
    if (expression->parts_count == 1 && !is_tuple)
        expression->kind = EXPRESSION_PARENTHESES;
    return ends_here(parser, expression);
}

/* [DISTINCT] [argument [[AS] alias] {, ...}] ), after the opening one. */
static bool read_arguments(struct parser *parser)
{
    if (!nest(parser))
        return false;
    take_word(parser, "distinct");
    while (!at_operator(parser, ")")) {
        if (!take_operator(parser, "*") && read_expression(parser) == NULL)
            return false;
        if (take_word(parser, "as") || parser->scanner.token.kind == TOKEN_NAME ||
            parser->scanner.token.kind == TOKEN_STRING) {
            if (parser->scanner.token.kind != TOKEN_NAME && parser->scanner.token.kind != TOKEN_STRING)
                return syntax_error(parser) != NULL;
            filter_scanner_next(&parser->scanner);
        }
        if (!take_operator(parser, ","))
            break;
        if (at_operator(parser, ")"))
            return syntax_error(parser) != NULL;
    }
    if (!take_operator(parser, ")"))
        return syntax_error(parser) != NULL;
    parser->nesting--;
    return true;
}

static struct expression *read_function(struct parser *parser, size_t start)
{
    struct expression *expression = new_expression(parser, EXPRESSION_FUNCTION, start);

    if (expression == NULL || !read_arguments(parser))
        return NULL;
    return ends_here(parser, expression);
}

/* A name of one to three parts, or a call. */
static struct expression *read_name(struct parser *parser)
{
    size_t start = parser->scanner.token.start;
    struct expression *column = new_expression(parser, EXPRESSION_COLUMN, start);

    if (column == NULL)
        return NULL;
    column->text = parser->scanner.token.text;
    filter_scanner_next(&parser->scanner);
    for (int parts = 1; parts < 3 && take_operator(parser, "."); parts++) {
        struct bytes before = column->text, part = parser->scanner.token.text;

        if (parser->scanner.token.kind != TOKEN_NAME && parser->scanner.token.kind != TOKEN_WORD)
            return syntax_error(parser);
        column->text = bytes_of(arena_printf(parser->arena, "%.*s.%.*s", (int)before.len, (const char *)before.data,
                                             (int)part.len, (const char *)part.data));
        filter_scanner_next(&parser->scanner);
    }
    if (at_operator(parser, "("))
        return read_function(parser, start);
    return ends_here(parser, column);
}

/* Words that call a function: with arguments, or alone. */
static struct expression *read_function_word(struct parser *parser)
{
    static const char with_arguments[] = " database if left mod replace right ";
    static const char alone[] = " current_date current_time current_timestamp localtime localtimestamp utc_date "
                                "utc_time utc_timestamp ";
    const char *word = (const char *)parser->scanner.token.text.data; /* a word of the scanner's is terminated */
    size_t start = parser->scanner.token.start;
    bool is_alone = filter_word_is_in(alone, word);

    if (!is_alone && !filter_word_is_in(with_arguments, word))
        return syntax_error(parser);
    filter_scanner_next(&parser->scanner);
    if (at_operator(parser, "("))
        return read_function(parser, start);
    return is_alone ? ends_here(parser, new_expression(parser, EXPRESSION_FUNCTION, start)) : syntax_error(parser);
}

static struct expression *read_word(struct parser *parser)
{
    bool is_true = at_word(parser, "true");
    struct expression *expression;

    if (!is_true && !at_word(parser, "false") && !at_word(parser, "null"))
        return read_function_word(parser);
    expression = new_expression(parser, at_word(parser, "null") ? EXPRESSION_NULL : EXPRESSION_BOOL,
                                parser->scanner.token.start);
    if (expression == NULL)
        return NULL;
    expression->is_true = is_true;
    filter_scanner_next(&parser->scanner);
    return ends_here(parser, expression);
}

static struct expression *read_literal(struct parser *parser, enum expression_kind kind)
{
    struct expression *expression = new_expression(parser, kind, parser->scanner.token.start);

    if (expression == NULL)
        return NULL;
    expression->text = parser->scanner.token.text;
    expression->is_true = kind == EXPRESSION_NUMBER && parser->scanner.token.is_integer; /* a sign becomes part of it */
    filter_scanner_next(&parser->scanner);
    return ends_here(parser, expression);
}

/* What binds tighter than any operator between values. */
enum { PRECEDENCE_OF_SIGN = 6 };

/* A sign before an integer is part of it; before anything else it is an operator. */
static struct expression *read_sign(struct parser *parser, const char *operator)
{
    size_t start = parser->scanner.token.start;
    struct expression *operand, *unary;

    if (!nest(parser))
        return NULL;
    operand = read_value(parser, PRECEDENCE_OF_SIGN);
    if (operand == NULL)
        return NULL;
    parser->nesting--;
    if (operand->kind == EXPRESSION_NUMBER && operand->is_true && (*operator== '+' || * operator== '-')) {
        struct bytes digits = operand->text;

        if (*operator== '-' && digits.data[0] == '-')
            operand->text = (struct bytes){digits.data + 1, digits.len - 1};
        else if (*operator== '-')
            operand->text = bytes_of(arena_printf(parser->arena, "-%.*s", (int)digits.len, (const char *)digits.data));
        operand->source = (struct bytes){(const uint8_t *)parser->scanner.text + start, 0};
        return ends_here(parser, operand);
    }
    unary = new_expression(parser, EXPRESSION_UNARY, start);
    if (unary == NULL)
        return NULL;
    unary->operator= operator;
    add_part(parser->arena, &unary->parts, &unary->parts_count, operand);
    return ends_here(parser, unary);
}

static struct expression *read_operand(struct parser *parser)
{
    static const char *const signs[] = {"+", "-", "~", "!"};

    for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++)
        if (at_operator(parser, signs[i]))
            return read_sign(parser, signs[i]);
    if (at_word(parser, "binary"))
        return read_sign(parser, "binary ");
    switch (parser->scanner.token.kind) {
    case TOKEN_NAME:
        return read_name(parser);
    case TOKEN_WORD:
        return read_word(parser);
    case TOKEN_STRING:
        return read_literal(parser, EXPRESSION_STRING);
    case TOKEN_NUMBER:
        return read_literal(parser, EXPRESSION_NUMBER);
    case TOKEN_OPERATOR:
        return at_operator(parser, "(") ? read_parentheses(parser, false) : syntax_error(parser);
    case TOKEN_LIST_ARGUMENT:
    case TOKEN_BAD:
    case TOKEN_END:
        break;
    }
    return syntax_error(parser);
}

/* How tightly the token, as an operator between values, binds; 0: it is none. */
static int precedence(const struct parser *parser)
{
    static const struct {
        const char *name;
        int precedence;
    } operators[] = {
        {"|", 1}, {"&", 2}, {"<<", 3},  {">>", 3},  {"+", 4}, {"-", 4},  {"*", 5},
        {"/", 5}, {"%", 5}, {"div", 5}, {"mod", 5}, {"^", 6}, {"->", 7}, {"->>", 7},
    };

    for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++)
        if (at_operator(parser, operators[i].name) || at_word(parser, operators[i].name))
            return operators[i].precedence;
    return 0;
}

/* Values with operators between them that bind at least so tightly. */
static struct expression *read_value(struct parser *parser, int least_precedence)
{
    struct expression *left = read_operand(parser);

    for (int found; left != NULL && (found = precedence(parser)) >= least_precedence && found > 0;) {
        struct expression *right;

        filter_scanner_next(&parser->scanner);
        right = read_value(parser, found + 1);
        left = right == NULL ? NULL : with_parts(parser, EXPRESSION_BINARY, "", left, right, NULL);
    }
    return left;
}

static struct expression *read_range(struct parser *parser, struct expression *left, bool is_negated)
{
    struct expression *from = read_value(parser, 1), *to, *range;

    if (from == NULL)
        return NULL;
    if (!take_word(parser, "and"))
        return syntax_error(parser);
    to = read_value(parser, 1);
    if (to == NULL)
        return NULL;
    range = with_parts(parser, EXPRESSION_RANGE, "BETWEEN", left, from, to);
    if (range != NULL)
        range->is_negated = is_negated;
    return range;
}

/* The right side of LIKE, REGEXP, STARTS_WITH. */
static struct expression *read_match(struct parser *parser, struct expression *left, const char *operator)
{
    struct expression *right = read_value(parser, 1);

    if (right == NULL)
        return NULL;
    if (strstr(operator, "LIKE") != NULL && take_word(parser, "escape") && read_value(parser, 1) == NULL)
        return NULL;
    return with_parts(parser, EXPRESSION_COMPARISON, operator, left, right, NULL);
}

static struct expression *read_in(struct parser *parser, struct expression *left, const char *operator)
{
    struct expression *tuple;

    if (!at_operator(parser, "("))
        return syntax_error(parser);
    tuple = read_parentheses(parser, true);
    return tuple == NULL ? NULL : with_parts(parser, EXPRESSION_COMPARISON, operator, left, tuple, NULL);
}

/* What may follow a value to make a condition of it; the value itself when nothing does. */
static struct expression *read_condition(struct parser *parser, struct expression *left)
{
    static const char *const comparisons[] = {"=", "<", ">", "<=", ">=", "!=", "<>", "<=>"};
    static const struct {
        const char *word, *plain, *negated;
    } words[] = {
        {"like", "LIKE", "NOT LIKE"},
        {"regexp", "REGEXP", "NOT REGEXP"},
        {"rlike", "REGEXP", "NOT REGEXP"},
        {"starts_with", "STARTS_WITH", "NOT STARTS_WITH"},
    };
    bool is_negated;

    for (size_t i = 0; i < sizeof(comparisons) / sizeof(comparisons[0]); i++) {
        struct expression *right;

        if (!take_operator(parser, comparisons[i]))
            continue;
        right = read_value(parser, 1);
        return right == NULL ? NULL
                             : with_parts(parser, EXPRESSION_COMPARISON,
                                          strcmp(comparisons[i], "<>") == 0 ? "!=" : comparisons[i], left, right, NULL);
    }
    is_negated = take_word(parser, "not");
    if (take_word(parser, "in"))
        return read_in(parser, left, is_negated ? "NOT IN" : "IN");
    if (take_word(parser, "between"))
        return read_range(parser, left, is_negated);
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (take_word(parser, words[i].word))
            return read_match(parser, left, is_negated ? words[i].negated : words[i].plain);
    return is_negated ? syntax_error(parser) : left;
}

/* IS [NOT] NULL, TRUE or FALSE, any number of times. */
static struct expression *read_is(struct parser *parser, struct expression *expression)
{
    while (expression != NULL && take_word(parser, "is")) {
        bool is_negated = take_word(parser, "not"), is_null_test = at_word(parser, "null");

        if (!is_null_test && !at_word(parser, "true") && !at_word(parser, "false"))
            return syntax_error(parser);
        filter_scanner_next(&parser->scanner);
        expression = with_parts(parser, EXPRESSION_IS, "IS", expression, NULL, NULL);
        if (expression == NULL)
            return NULL;
        expression->is_negated = is_negated;
        expression->is_null_test = is_null_test;
    }
    return expression;
}

static struct expression *read_term(struct parser *parser)
{
    struct expression *left;

    if (at_word(parser, "default")) {
        left = new_expression(parser, EXPRESSION_DEFAULT, parser->scanner.token.start);
        filter_scanner_next(&parser->scanner);
        return read_is(parser, ends_here(parser, left));
    }
    left = read_value(parser, 1);
    if (left != NULL)
        left = read_condition(parser, left);
    return read_is(parser, left);
}

static struct expression *read_not(struct parser *parser)
{
    size_t start = parser->scanner.token.start;
    struct expression *expression, *part;

    if (!at_word(parser, "not"))
        return read_term(parser);
    expression = new_expression(parser, EXPRESSION_NOT, start);
    if (expression == NULL || !nest(parser))
        return NULL;
    part = read_not(parser);
    if (part == NULL)
        return NULL;
    parser->nesting--;
    add_part(parser->arena, &expression->parts, &expression->parts_count, part);
    return ends_here(parser, expression);
}

/* One or more of what `read` reads, with `word` or `operator` between them. */
static struct expression *read_chain(struct parser *parser, enum expression_kind kind, const char *word,
                                     const char *operator, struct expression * (*read)(struct parser *))
{
    struct expression *first = read(parser), *chain = NULL;

    while (first != NULL && (take_word(parser, word) || take_operator(parser, operator))) {
        struct expression *part = read(parser);

        if (part == NULL)
            return NULL;
        if (chain == NULL)
            chain = with_parts(parser, kind, word, first, NULL, NULL);
        if (chain == NULL)
            return NULL;
        add_part(parser->arena, &chain->parts, &chain->parts_count, part);
        ends_here(parser, chain);
    }
    return chain == NULL ? first : chain;
}

static struct expression *read_and(struct parser *parser)
{
    return read_chain(parser, EXPRESSION_AND, "and", "&&", read_not);
}

static struct expression *read_expression(struct parser *parser)
{
    return read_chain(parser, EXPRESSION_OR, "or", "||", read_and);
}

/* ---- clauses ---- */

static bool take_name(struct parser *parser, const char *name)
{
    if (!token_is(parser, TOKEN_NAME, name))
        return false;
    filter_scanner_next(&parser->scanner);
    return true;
}

static void read_group_by(struct parser *parser, struct filter_syntax *syntax)
{
    if (!take_word(parser, "group"))
        return;
    if (!take_word(parser, "by"))
        syntax_error(parser);
    else
        read_list(parser, &syntax->group_by, &syntax->group_by_count);
}

static void read_order_by(struct parser *parser, struct filter_syntax *syntax)
{
    if (!take_word(parser, "order"))
        return;
    if (!take_word(parser, "by")) {
        syntax_error(parser);
        return;
    }
    do {
        struct expression *expression = read_expression(parser);

        if (expression == NULL)
            return;
        add_part(parser->arena, &syntax->order_by, &syntax->order_by_count, expression);
        if (!take_word(parser, "asc"))
            take_word(parser, "desc");
    } while (take_operator(parser, ","));
}

static void read_limit(struct parser *parser, struct filter_syntax *syntax)
{
    syntax->has_limit = take_word(parser, "limit");
    if (syntax->has_limit && read_expression(parser) != NULL &&
        (take_operator(parser, ",") || take_name(parser, "offset")))
        read_expression(parser);
}

/* FOR UPDATE, LOCK IN SHARE MODE: read, and without a meaning. */
static void read_lock(struct parser *parser)
{
    bool is_read = true;

    if (take_word(parser, "for"))
        is_read = take_word(parser, "update");
    else if (take_word(parser, "lock"))
        is_read = take_word(parser, "in") && take_name(parser, "share") && take_name(parser, "mode");
    if (!is_read)
        syntax_error(parser);
}

static void read_having(struct parser *parser)
{
    if (take_word(parser, "having"))
        read_expression(parser);
}

static void read_clauses(struct parser *parser, struct filter_syntax *syntax)
{
    read_group_by(parser, syntax);
    if (status_is_ok(parser->failure))
        read_having(parser);
    if (status_is_ok(parser->failure))
        read_order_by(parser, syntax);
    if (status_is_ok(parser->failure))
        read_limit(parser, syntax);
    if (status_is_ok(parser->failure))
        read_lock(parser);
    if (!status_is_ok(parser->failure))
        return;
    take_operator(parser, ";");
    if (parser->scanner.token.kind != TOKEN_END)
        syntax_error(parser);
}

status filter_syntax_read(struct arena *arena, const char *text, struct filter_syntax *ret_syntax)
{
    static const char blanks[] = " \t\r\n\v\f";
    size_t length;
    bool has_where;
    struct parser parser;

    *ret_syntax = (struct filter_syntax){0};
    text += strspn(text, blanks);
    for (length = strlen(text); length > 0 && strchr(blanks, text[length - 1]) != NULL;)
        length--;
    if (length == 0)
        return status_ok();
    text = arena_strndup(arena, text, length);
    has_where = strncasecmp(text, "order by", 8) != 0 && strncasecmp(text, "group by", 8) != 0;
    parser = (struct parser){.arena = arena,
                             .scanner = {.arena = arena, .text = text, .length = length},
                             .of = OF_LIST,
                             .position_base = has_where ? POSITION_AFTER_WHERE : POSITION_WITHOUT_WHERE,
                             .failure = status_ok()};
    filter_scanner_next(&parser.scanner);
    if (has_where)
        ret_syntax->where = read_expression(&parser);
    if (status_is_ok(parser.failure))
        read_clauses(&parser, ret_syntax);
    return parser.failure;
}

status filter_syntax_check(struct arena *arena, const char *text)
{
    struct filter_syntax syntax = {0};
    struct parser parser = {.arena = arena,
                            .scanner = {.arena = arena, .text = text, .length = strlen(text)},
                            .of = OF_BATCH,
                            .position_base = POSITION_OF_BATCH,
                            .failure = status_ok()};

    filter_scanner_next(&parser.scanner);
    syntax.where = read_expression(&parser);
    if (status_is_ok(parser.failure))
        read_clauses(&parser, &syntax);
    return parser.failure;
}

/* ---- names for errors ---- */

const char *expression_type_name(const struct expression *expression)
{
    switch (expression->kind) {
    case EXPRESSION_AND:
        return "*sqlparser.AndExpr";
    case EXPRESSION_OR:
        return "*sqlparser.OrExpr";
    case EXPRESSION_NOT:
        return "*sqlparser.NotExpr";
    case EXPRESSION_COMPARISON:
        return "*sqlparser.ComparisonExpr";
    case EXPRESSION_RANGE:
        return "*sqlparser.RangeCond";
    case EXPRESSION_IS:
        return "*sqlparser.IsExpr";
    case EXPRESSION_PARENTHESES:
        return "*sqlparser.ParenExpr";
    case EXPRESSION_TUPLE:
        return "sqlparser.ValTuple";
    case EXPRESSION_COLUMN:
        return "*sqlparser.ColName";
    case EXPRESSION_STRING:
    case EXPRESSION_NUMBER:
        return "*sqlparser.SQLVal";
    case EXPRESSION_BOOL:
        return "sqlparser.BoolVal";
    case EXPRESSION_NULL:
        return "*sqlparser.NullVal";
    case EXPRESSION_FUNCTION:
        return "*sqlparser.FuncExpr";
    case EXPRESSION_BINARY:
        return "*sqlparser.BinaryExpr";
    case EXPRESSION_UNARY:
        return "*sqlparser.UnaryExpr";
    case EXPRESSION_DEFAULT:
        return "*sqlparser.Default";
    }
    return "";
}

const char *expression_column_shown(struct arena *arena, const struct expression *column)
{
    const char *name = arena_strndup(arena, (const char *)column->text.data, column->text.len);

    return filter_name_is_plain(name) ? name : arena_printf(arena, "`%s`", name);
}

status filter_syntax_read_of_workers(struct arena *arena, const char *text, struct filter_syntax *ret_syntax)
{
    struct parser parser = {.arena = arena,
                            .scanner = {.arena = arena, .text = text, .length = strlen(text)},
                            .of = OF_WORKERS,
                            .position_base = POSITION_OF_WORKERS,
                            .failure = status_ok()};

    *ret_syntax = (struct filter_syntax){0};
    filter_scanner_next(&parser.scanner);
    ret_syntax->where = read_expression(&parser);
    if (status_is_ok(parser.failure))
        read_clauses(&parser, ret_syntax);
    return parser.failure;
}
