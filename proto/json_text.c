/*
 * How it works: a loop over the values. Where an array or object opens, its node's `next` says, until it closes, which
 * node it is in, so the way back needs no stack.
 */
#include "proto/json_text.h"

#include <string.h>

#include "base/invariant.h"
#include "base/utf8.h"

enum { NOWHERE = UINT32_MAX };

struct reader {
    struct arena *arena;
    const uint8_t *text;
    size_t len, at;
    struct json_node *nodes;
    uint32_t count, inside; /* inside: the innermost open array or object */
    unsigned depth;
    const char *wrong;
};

/* An upper bound of how many values a text has: each but the first follows one of these. */
static size_t count_values(struct bytes text)
{
    size_t count = 1;

    for (size_t i = 0; i < text.len; i++) {
        switch (text.data[i]) {
        case '"':
            for (i++; i < text.len && text.data[i] != '"'; i++)
                if (text.data[i] == '\\')
                    i++;
            break;
        case ',':
        case ':':
        case '[':
        case '{':
            count++;
            break;
        default:
            break;
        }
    }
    return count;
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static void skip_blanks(struct reader *reader)
{
    while (reader->at < reader->len && is_blank(reader->text[reader->at]))
        reader->at++;
}

/* Says that the byte here does not belong here. */
static bool fail_at(struct reader *reader, const char *where)
{
    static const char hex[] = "0123456789abcdef";
    char shown[8] = {0};
    uint8_t c;

    if (reader->at >= reader->len) {
        reader->wrong = "unexpected EOF";
        return false;
    }
    c = reader->text[reader->at];
    if (c == '\'')
        memcpy(shown, "\\'", 2);
    else if (c == '\n')
        memcpy(shown, "\\n", 2);
    else if (c >= ' ' && c < 0x7f)
        shown[0] = (char)c;
    else
        memcpy(shown, (const char[]){'\\', 'x', hex[c >> 4], hex[c & 15]}, 4);
    reader->wrong = arena_printf(reader->arena, "invalid character '%s' %s", shown, where);
    return false;
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Reads the four digits of \uXXXX; -1 when they are none. */
static int32_t read_unit(const uint8_t *digits, size_t len)
{
    int32_t unit = 0;

    if (len < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int digit = hex_digit(digits[i]);

        if (digit < 0)
            return -1;
        unit = unit << 4 | digit;
    }
    return unit;
}

static bool is_high_surrogate(int32_t unit)
{
    return unit >= 0xd800 && unit <= 0xdbff;
}

static bool is_low_surrogate(int32_t unit)
{
    return unit >= 0xdc00 && unit <= 0xdfff;
}

/* Takes the escape that begins here with \u, and its other half. */
static bool take_unit(struct reader *reader)
{
    const uint8_t *here = reader->text + reader->at;
    size_t left = reader->len - reader->at;
    int32_t unit = read_unit(here + 2, left - 2), low;

    if (unit < 0) {
        reader->at += 2;
        while (reader->at < reader->len && hex_digit(reader->text[reader->at]) >= 0)
            reader->at++;
        return fail_at(reader, "in \\u hexadecimal character escape");
    }
    reader->at += 6;
    if (!is_high_surrogate(unit) && !is_low_surrogate(unit))
        return true;
    low = left >= 12 && here[6] == '\\' && here[7] == 'u' ? read_unit(here + 8, 4) : -1;
    if (is_low_surrogate(unit) || !is_low_surrogate(low)) {
        reader->wrong = "syntax error: a string has half of a surrogate pair";
        return false;
    }
    reader->at += 6;
    return true;
}

/* Takes the string that begins here. */
static bool take_string(struct reader *reader)
{
    reader->at++;
    while (reader->at < reader->len) {
        uint8_t c = reader->text[reader->at];
        size_t bytes;

        if (c == '"') {
            reader->at++;
            return true;
        }
        if (c == '\\') {
            if (reader->at + 1 >= reader->len)
                break;
            if (reader->text[reader->at + 1] == 'u') {
                if (!take_unit(reader))
                    return false;
                continue;
            }
            if (strchr("\"\\/bfnrt", reader->text[reader->at + 1]) == NULL || reader->text[reader->at + 1] == '\0') {
                reader->at++;
                return fail_at(reader, "in string escape code");
            }
            reader->at += 2;
            continue;
        }
        if (c < ' ')
            return fail_at(reader, "in string literal");
        bytes = utf8_character(reader->text + reader->at, reader->text + reader->len);
        if (bytes == 0) {
            reader->wrong = "syntax error: invalid UTF-8 in string";
            return false;
        }
        reader->at += bytes;
    }
    reader->wrong = "unexpected EOF";
    return false;
}

static bool take_word(struct reader *reader, const char *word)
{
    for (; *word != '\0'; word++, reader->at++)
        if (reader->at >= reader->len || reader->text[reader->at] != (uint8_t)*word)
            return fail_at(reader, "in a literal");
    return true;
}

static bool is_digit_here(const struct reader *reader)
{
    return reader->at < reader->len && reader->text[reader->at] >= '0' && reader->text[reader->at] <= '9';
}

static bool take_digits(struct reader *reader)
{
    if (!is_digit_here(reader))
        return fail_at(reader, "in numeric literal");
    while (is_digit_here(reader))
        reader->at++;
    return true;
}

static bool take_number(struct reader *reader)
{
    if (reader->text[reader->at] == '-')
        reader->at++;
    if (reader->at < reader->len && reader->text[reader->at] == '0')
        reader->at++;
    else if (!take_digits(reader))
        return false;
    if (reader->at < reader->len && reader->text[reader->at] == '.') {
        reader->at++;
        if (!take_digits(reader))
            return false;
    }
    if (reader->at < reader->len && (reader->text[reader->at] | 0x20) == 'e') {
        reader->at++;
        if (reader->at < reader->len && (reader->text[reader->at] == '+' || reader->text[reader->at] == '-'))
            reader->at++;
        return take_digits(reader);
    }
    return true;
}

static struct json_node *add_node(struct reader *reader, enum json_node_kind kind)
{
    struct json_node *node = &reader->nodes[reader->count++];

    *node = (struct json_node){.kind = kind, .start = (uint32_t)reader->at, .next = reader->count};
    return node;
}

/* Takes the scalar that begins here. */
static bool take_scalar(struct reader *reader)
{
    uint8_t c = reader->text[reader->at];
    struct json_node *node = add_node(reader, JSON_NODE_NULL);
    bool taken;

    if (c == '"') {
        node->kind = JSON_NODE_STRING;
        taken = take_string(reader);
    } else if (c == 't') {
        node->kind = JSON_NODE_TRUE;
        taken = take_word(reader, "true");
    } else if (c == 'f') {
        node->kind = JSON_NODE_FALSE;
        taken = take_word(reader, "false");
    } else if (c == 'n') {
        taken = take_word(reader, "null");
    } else if (c == '-' || (c >= '0' && c <= '9')) {
        node->kind = JSON_NODE_NUMBER;
        taken = take_number(reader);
    } else {
        return fail_at(reader, "looking for beginning of value");
    }
    node->end = (uint32_t)reader->at;
    return taken;
}

static bool open_compound(struct reader *reader, enum json_node_kind kind)
{
    if (++reader->depth > JSON_DEPTH_MAX) {
        reader->wrong = "exceeded max depth";
        return false;
    }
    add_node(reader, kind)->next = reader->inside;
    reader->inside = reader->count - 1;
    reader->at++;
    return true;
}

static void close_compound(struct reader *reader)
{
    struct json_node *node = &reader->nodes[reader->inside];

    reader->at++;
    reader->inside = node->next;
    node->next = reader->count;
    node->end = (uint32_t)reader->at;
    reader->depth--;
}

/* Takes the name of a member and its colon. */
static bool take_name(struct reader *reader)
{
    skip_blanks(reader);
    if (reader->at >= reader->len || reader->text[reader->at] != '"')
        return fail_at(reader, "looking for beginning of object key string");
    if (!take_scalar(reader))
        return false;
    skip_blanks(reader);
    if (reader->at >= reader->len || reader->text[reader->at] != ':')
        return fail_at(reader, "after object key");
    reader->at++;
    return true;
}

static bool is_here(struct reader *reader, uint8_t c)
{
    skip_blanks(reader);
    return reader->at < reader->len && reader->text[reader->at] == c;
}

/* Takes a scalar, or the beginning of an array or object. *ret_done: the value is complete. */
static bool take_value(struct reader *reader, bool *ret_done)
{
    skip_blanks(reader);
    *ret_done = true;
    if (reader->at >= reader->len)
        return fail_at(reader, "");
    if (reader->text[reader->at] == '[') {
        if (!open_compound(reader, JSON_NODE_ARRAY))
            return false;
        *ret_done = is_here(reader, ']');
    } else if (reader->text[reader->at] == '{') {
        if (!open_compound(reader, JSON_NODE_OBJECT))
            return false;
        *ret_done = is_here(reader, '}');
        if (!*ret_done)
            return take_name(reader);
    } else {
        return take_scalar(reader);
    }
    if (*ret_done)
        close_compound(reader);
    return true;
}

/* After a value: closes what ends here, and takes what stands before the next one. */
static bool take_rest(struct reader *reader)
{
    while (reader->inside != NOWHERE) {
        bool is_object = reader->nodes[reader->inside].kind == JSON_NODE_OBJECT;

        if (is_here(reader, ',')) {
            reader->at++;
            return !is_object || take_name(reader);
        }
        if (!is_here(reader, is_object ? '}' : ']'))
            return fail_at(reader, is_object ? "after object key:value pair" : "after array element");
        close_compound(reader);
    }
    skip_blanks(reader);
    return reader->at == reader->len || fail_at(reader, "after top-level value");
}

const char *json_text_read(struct arena *arena, struct bytes text, struct json_text *ret_json)
{
    struct reader reader = {.arena = arena, .text = text.data, .len = text.len, .inside = NOWHERE};
    size_t count_max;

    if (text.len >= UINT32_MAX)
        return "too long";
    count_max = count_values(text);
    reader.nodes = arena_alloc_raw(arena, count_max * sizeof(struct json_node));
    do {
        bool done;

        /* Text that is not JSON can have more values than were counted, but not before its first mistake. */
        invariant(reader.count < count_max, "more values than places for them");
        if (!take_value(&reader, &done) || (done && !take_rest(&reader)))
            return reader.wrong;
    } while (reader.inside != NOWHERE);
    *ret_json = (struct json_text){text, reader.nodes, reader.count};
    return NULL;
}

struct bytes json_text_raw(const struct json_text *json, uint32_t node)
{
    const struct json_node *it = &json->nodes[node];

    return (struct bytes){json->text.data + it->start, it->end - it->start};
}

static char *put_character(char *to, int32_t character)
{
    if (character < 0x80) {
        *to++ = (char)character;
    } else if (character < 0x800) {
        *to++ = (char)(0xc0 | character >> 6);
        *to++ = (char)(0x80 | (character & 0x3f));
    } else if (character < 0x10000) {
        *to++ = (char)(0xe0 | character >> 12);
        *to++ = (char)(0x80 | (character >> 6 & 0x3f));
        *to++ = (char)(0x80 | (character & 0x3f));
    } else {
        *to++ = (char)(0xf0 | character >> 18);
        *to++ = (char)(0x80 | (character >> 12 & 0x3f));
        *to++ = (char)(0x80 | (character >> 6 & 0x3f));
        *to++ = (char)(0x80 | (character & 0x3f));
    }
    return to;
}

struct bytes json_text_string(struct arena *arena, const struct json_text *json, uint32_t node)
{
    static const char letters[] = "bfnrt", meanings[] = "\b\f\n\r\t";
    struct bytes raw = json_text_raw(json, node);
    const uint8_t *from = raw.data + 1, *end = raw.data + raw.len - 1;
    char *start = arena_alloc_raw(arena, raw.len), *to = start; /* never longer than with quotes and escapes */

    while (from < end) {
        if (*from != '\\') {
            *to++ = (char)*from++;
        } else if (from[1] == 'u') {
            int32_t unit = read_unit(from + 2, 4);

            from += 6;
            if (is_high_surrogate(unit)) {
                unit = 0x10000 + ((unit - 0xd800) << 10) + (read_unit(from + 2, 4) - 0xdc00);
                from += 6;
            }
            to = put_character(to, unit);
        } else {
            const char *letter = strchr(letters, from[1]);

            *to++ = letter == NULL ? (char)from[1] : meanings[letter - letters];
            from += 2;
        }
    }
    *to = '\0';
    return (struct bytes){(const uint8_t *)start, (size_t)(to - start)};
}

size_t json_text_children(const struct json_text *json, uint32_t node)
{
    size_t count = 0;

    for (uint32_t child = node + 1; child < json->nodes[node].next; child = json->nodes[child].next)
        count++;
    return json->nodes[node].kind == JSON_NODE_OBJECT ? count / 2 : count;
}

const char *json_text_place(struct arena *arena, const struct json_text *json, size_t offset)
{
    size_t line = 1, column = 1;

    for (size_t i = 0; i < offset && i < json->text.len; i++) {
        if (json->text.data[i] == '\n') {
            line++;
            column = 1;
        } else if ((json->text.data[i] & 0xc0) != 0x80) {
            column++;
        }
    }
    return arena_printf(arena, "(line %zu:%zu)", line, column);
}
