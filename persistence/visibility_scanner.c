/* Words are read as MySQL's grammar knows them in the real server's parser: which ones cannot be names is part of the
 * language, and which are read in lower case of what its errors say. */
#include "persistence/visibility_scanner.h"

#include <ctype.h>
#include <string.h>

/* ---- words ---- */

/* Words that cannot be names. */
static const char reserved_words[] =
    " _binary add all alter analyze and as asc auto_increment between binary by case cast collate column "
    "constraint convert create cross current_date current_time current_timestamp database databases default "
    "delete desc describe distinct div drop else end escape exists explain extended false for force from full "
    "group group_concat having if ignore in index inner insert interval into is join key left like limit "
    "localtime localtimestamp lock match maxvalue mod natural next not null on or order outer processlist regexp "
    "rename replace right rlike schema select separator set show sql_cache sql_no_cache starts_with straight_join "
    "stream substr substring table tables then to true union unique update use using utc_date utc_time "
    "utc_timestamp values when where ";

/* Words that are names, but read in lower case. */
static const char plain_words[] =
    " accessible against asensitive before begin bigint bit blob bool boolean both call cascade change char "
    "character charset check comment commit committed condition continue current_user cursor date datetime "
    "day_hour day_microsecond day_minute day_second dec decimal declare delayed deterministic distinctrow double "
    "dual duplicate each elseif enclosed enum escaped exit expansion fetch float float4 float8 foreign fulltext "
    "generated geometry geometrycollection get global grant high_priority hour_microsecond hour_minute hour_second "
    "infile inout insensitive int int1 int2 int3 int4 int8 integer io_after_gtids isolation iterate json "
    "key_block_size keys kill language last_insert_id leading leave less level linear lines linestring load long "
    "longblob longtext loop low_priority master_bind mediumblob mediumint mediumtext middleint minute_microsecond "
    "minute_second mode modifies multilinestring multipoint multipolygon names nchar no_write_to_binlog numeric "
    "offset only optimize optimizer_costs option optionally out outfile partition point polygon precision primary "
    "procedure query range read read_write reads real references release reorganize repair repeat repeatable "
    "require resignal restrict return revoke rollback schemas second_microsecond sensitive serializable session "
    "share signal signed smallint spatial specific sql sql_big_result sql_calc_found_rows sql_small_result "
    "sqlexception sqlstate sqlwarning ssl start starting status stored terminated text than time timestamp "
    "tinyblob tinyint tinytext trailing transaction trigger truncate uncommitted undo unlock unsigned usage "
    "varbinary varchar varcharacter variables varying view vindex vindexes virtual vitess_keyspaces vitess_shards "
    "vitess_tablets vschema_tables while with write xor year year_month zerofill ";

bool filter_word_is_in(const char *words, const char *word)
{
    size_t length = strlen(word);

    for (const char *at = strstr(words, word); at != NULL; at = strstr(at + 1, word))
        if (at > words && at[-1] == ' ' && at[length] == ' ')
            return true;
    return false;
}

/* ---- the scanner ---- */

static int peek_at(const struct filter_scanner *scanner, size_t offset)
{
    return scanner->at + offset < scanner->length ? (unsigned char)scanner->text[scanner->at + offset] : -1;
}

static bool is_letter(int c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '@';
}

static bool is_digit(int c)
{
    return c >= '0' && c <= '9';
}

static void finish(struct filter_scanner *scanner, enum token_kind kind, struct bytes text)
{
    scanner->token.kind = kind;
    scanner->token.text = text;
    scanner->token.end = scanner->at;
}

/* The part of the filter from the token's start on. */
static struct bytes from_start(const struct filter_scanner *scanner)
{
    return (struct bytes){(const uint8_t *)scanner->text + scanner->token.start, scanner->at - scanner->token.start};
}

static void scan_word(struct filter_scanner *scanner)
{
    char *lower;
    struct bytes text;

    while (is_letter(peek_at(scanner, 0)) || is_digit(peek_at(scanner, 0)))
        scanner->at++;
    text = from_start(scanner);
    lower = arena_strndup(scanner->arena, (const char *)text.data, text.len);
    for (size_t i = 0; i < text.len; i++)
        lower[i] = (char)tolower((unsigned char)lower[i]);
    if (filter_word_is_in(reserved_words, lower))
        finish(scanner, TOKEN_WORD, bytes_of(lower));
    else
        finish(scanner, TOKEN_NAME, filter_word_is_in(plain_words, lower) ? bytes_of(lower) : text);
}

static void scan_digits(struct filter_scanner *scanner)
{
    while (is_digit(peek_at(scanner, 0)))
        scanner->at++;
}

static void scan_number(struct filter_scanner *scanner)
{
    bool is_integer = true;

    if (peek_at(scanner, 0) == '0' && (peek_at(scanner, 1) | 0x20) == 'x') {
        is_integer = false;
        for (scanner->at += 2; isxdigit(peek_at(scanner, 0));)
            scanner->at++;
    } else {
        scan_digits(scanner);
        if (peek_at(scanner, 0) == '.') {
            is_integer = false;
            scanner->at++;
            scan_digits(scanner);
        }
        if ((peek_at(scanner, 0) | 0x20) == 'e') {
            is_integer = false;
            scanner->at++;
            if (peek_at(scanner, 0) == '+' || peek_at(scanner, 0) == '-')
                scanner->at++;
            scan_digits(scanner);
        }
    }
    scanner->token.is_integer = is_integer;
    finish(scanner, is_letter(peek_at(scanner, 0)) ? TOKEN_BAD : TOKEN_NUMBER,
           from_start(scanner)); /* "1a" is neither */
}

/* X'0f' or B'01': their digits are read as a decimal number there, and so here. */
static void scan_digits_in_quotes(struct filter_scanner *scanner)
{
    bool is_hex = (peek_at(scanner, 0) | 0x20) == 'x', is_bad;
    size_t first;
    struct bytes digits;

    scanner->at += 2;
    first = scanner->at;
    while (is_hex ? isxdigit(peek_at(scanner, 0)) : peek_at(scanner, 0) == '0' || peek_at(scanner, 0) == '1')
        scanner->at++;
    digits = (struct bytes){(const uint8_t *)scanner->text + first, scanner->at - first};
    is_bad = peek_at(scanner, 0) != '\'';
    if (!is_bad) {
        scanner->at++;
        is_bad = is_hex && digits.len % 2 != 0;
    }
    scanner->token.is_integer = false;
    finish(scanner, is_bad ? TOKEN_BAD : TOKEN_NUMBER, digits);
}

/* What MySQL's escapes stand for; any other character stands for itself. */
static char unescaped(int c)
{
    static const char names[] = "0bnrtZ", values[] = "\0\b\n\r\t\x1a";
    const char *name = memchr(names, c, sizeof(names) - 1);

    return name == NULL ? (char)c : values[name - names];
}

static void scan_string(struct filter_scanner *scanner, int quote)
{
    char *text = arena_alloc_raw(scanner->arena, scanner->length - scanner->at + 1), *to = text;

    for (scanner->at++;; scanner->at++) {
        int c = peek_at(scanner, 0);

        if (c == '\\' && peek_at(scanner, 1) >= 0) {
            *to++ = unescaped(peek_at(scanner, 1));
            scanner->at++;
        } else if (c == quote && peek_at(scanner, 1) == quote) {
            *to++ = (char)c;
            scanner->at++;
        } else if (c == quote || c == -1 || c == '\\') {
            enum token_kind kind = c == quote ? TOKEN_STRING : TOKEN_BAD;

            scanner->at += c != -1;
            finish(scanner, kind, (struct bytes){(const uint8_t *)text, (size_t)(to - text)});
            return;
        } else {
            *to++ = (char)c;
        }
    }
}

static void scan_quoted_name(struct filter_scanner *scanner)
{
    char *text = arena_alloc_raw(scanner->arena, scanner->length - scanner->at + 1), *to = text;
    bool is_bad;

    for (scanner->at++; peek_at(scanner, 0) != -1; scanner->at++) {
        if (peek_at(scanner, 0) == '`' && peek_at(scanner, 1) != '`')
            break;
        scanner->at += peek_at(scanner, 0) == '`';
        *to++ = (char)peek_at(scanner, 0);
    }
    is_bad = peek_at(scanner, 0) == -1 || to == text;
    scanner->at += peek_at(scanner, 0) != -1;
    scanner->token.is_quoted = true;
    finish(scanner, is_bad ? TOKEN_BAD : TOKEN_NAME, (struct bytes){(const uint8_t *)text, (size_t)(to - text)});
}

/* Placeholders of prepared statements are read, and have no value. */
static void scan_argument(struct filter_scanner *scanner)
{
    bool is_list;

    if (peek_at(scanner, 0) == '?') {
        scanner->at++;
        scanner->token.is_integer = false;
        finish(scanner, TOKEN_NUMBER, bytes_of(":v1"));
        return;
    }
    scanner->at++;
    is_list = peek_at(scanner, 0) == ':';
    scanner->at += is_list;
    if (!is_letter(peek_at(scanner, 0))) {
        finish(scanner, TOKEN_BAD, from_start(scanner));
        return;
    }
    while (is_letter(peek_at(scanner, 0)) || is_digit(peek_at(scanner, 0)) || peek_at(scanner, 0) == '.')
        scanner->at++;
    scanner->token.is_integer = false;
    finish(scanner, is_list ? TOKEN_LIST_ARGUMENT : TOKEN_NUMBER, from_start(scanner));
}

static void scan_operator(struct filter_scanner *scanner)
{
    static const char *const operators[] = {"<=>", "->>", "->", "<>", "<<", "<=", ">=", ">>", "!=", "&&", "||"};
    static const char singles[] = "=,;()+*%^~&|.-/<>!";
    const char *rest = scanner->text + scanner->at;
    int c = peek_at(scanner, 0);

    for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++) {
        if (strncmp(rest, operators[i], strlen(operators[i])) != 0)
            continue;
        scanner->at += strlen(operators[i]);
        finish(scanner, TOKEN_OPERATOR, bytes_of(operators[i]));
        return;
    }
    scanner->at++;
    if (memchr(singles, c, sizeof(singles) - 1) != NULL)
        finish(scanner, TOKEN_OPERATOR, from_start(scanner));
    else
        finish(scanner, TOKEN_BAD, c < 0x80 ? from_start(scanner) : bytes_of("\xef\xbf\xbd")); /* half a character */
}

/* Skips blanks and comments; false: a comment does not end, and that is the token. */
static bool skip_blanks(struct filter_scanner *scanner)
{
    for (;;) {
        int c = peek_at(scanner, 0), next = peek_at(scanner, 1);

        if (c == ' ' || c == '\n' || c == '\r' || c == '\t') {
            scanner->at++;
        } else if (c == '#' || (c == '-' && next == '-') || (c == '/' && next == '/')) {
            while (peek_at(scanner, 0) != -1 && peek_at(scanner, 0) != '\n')
                scanner->at++;
        } else if (c == '/' && next == '*') {
            const char *end;

            scanner->token.start = scanner->at;
            end = strstr(scanner->text + scanner->at + 2, "*/");
            if (peek_at(scanner, 2) == '!') { /* MySQL would execute what is in it: better refused than passed over */
                scanner->at += 3;
                finish(scanner, TOKEN_BAD, (struct bytes){NULL, 0});
                return false;
            }
            if (end == NULL) {
                scanner->at = scanner->length;
                finish(scanner, TOKEN_BAD, from_start(scanner));
                return false;
            }
            scanner->at = (size_t)(end + 2 - scanner->text);
        } else {
            return true;
        }
    }
}

void filter_scanner_next(struct filter_scanner *scanner)
{
    int c, following;

    scanner->previous_end = scanner->token.end;
    scanner->token.is_quoted = false;
    if (!skip_blanks(scanner))
        return;
    scanner->token.start = scanner->at;
    c = peek_at(scanner, 0);
    following = peek_at(scanner, 1);
    if (c == -1)
        finish(scanner, TOKEN_END, (struct bytes){NULL, 0});
    else if (((c | 0x20) == 'x' || (c | 0x20) == 'b') && following == '\'')
        scan_digits_in_quotes(scanner);
    else if (is_letter(c))
        scan_word(scanner);
    else if (is_digit(c) || (c == '.' && is_digit(following)))
        scan_number(scanner);
    else if (c == '\'' || c == '"')
        scan_string(scanner, c);
    else if (c == '`')
        scan_quoted_name(scanner);
    else if (c == '?' || c == ':')
        scan_argument(scanner);
    else
        scan_operator(scanner);
}

bool filter_name_is_plain(const char *name)
{
    bool is_plain = is_letter((unsigned char)name[0]);

    for (const char *at = name; *at != '\0'; at++)
        is_plain = is_plain && (is_letter((unsigned char)*at) || is_digit((unsigned char)*at) || *at == '.');
    return is_plain && !filter_word_is_in(reserved_words, name) && !filter_word_is_in(plain_words, name);
}
