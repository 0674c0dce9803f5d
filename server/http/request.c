#include "server/http/request.h"

#include <string.h>
#include <strings.h>

#include "base/utf8.h"

enum { BAD_REQUEST = 400, EXPECTATION_FAILED = 417, TOO_MANY_HEADERS = 431, NOT_IMPLEMENTED = 501, BAD_VERSION = 505 };

/* --- the head --- */

size_t http_head_length(struct bytes in, size_t looked_at)
{
    /* An empty line, ended by LF or CRLF: it may have begun three bytes before. */
    for (size_t i = looked_at < 3 ? 0 : looked_at - 3; i < in.len; i++) {
        if (in.data[i] != '\n')
            continue;
        if (i + 1 < in.len && in.data[i + 1] == '\n')
            return i + 2;
        if (i + 2 < in.len && in.data[i + 1] == '\r' && in.data[i + 2] == '\n')
            return i + 3;
    }
    return 0;
}

static bool is_token_char(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
           (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

/* Takes the next line without its end. */
static struct bytes take_line(struct bytes *in)
{
    const uint8_t *end = memchr(in->data, '\n', in->len);
    struct bytes line = {in->data, end == NULL ? in->len : (size_t)(end - in->data)};
    size_t taken = line.len + (end != NULL);

    in->data += taken;
    in->len -= taken;
    if (line.len > 0 && line.data[line.len - 1] == '\r')
        line.len--;
    return line;
}

/* The part of "http://host/path" from the path on; the target itself when it has no such beginning. */
static struct bytes origin_form(struct bytes target)
{
    static const char scheme[] = "http://";
    const size_t len = sizeof(scheme) - 1;
    const uint8_t *slash;

    if (target.len < len || strncasecmp((const char *)target.data, scheme, len) != 0)
        return target;
    slash = memchr(target.data + len, '/', target.len - len);
    return slash == NULL ? bytes_of("/") : (struct bytes){slash, target.len - (size_t)(slash - target.data)};
}

/* METHOD SP target SP HTTP/1.1 */
static int read_request_line(struct arena *arena, struct bytes line, struct http_head *head, bool *ret_is_1_0)
{
    size_t method_len = 0, target_len = 0;
    struct bytes target, version;
    const uint8_t *mark;

    while (method_len < line.len && is_token_char(line.data[method_len]))
        method_len++;
    if (method_len == 0 || method_len == line.len || line.data[method_len] != ' ')
        return BAD_REQUEST;
    head->method = arena_strndup(arena, (const char *)line.data, method_len);
    target = (struct bytes){line.data + method_len + 1, line.len - method_len - 1};
    while (target_len < target.len && target.data[target_len] > ' ' && target.data[target_len] < 0x7f)
        target_len++;
    if (target_len == target.len || target.data[target_len] != ' ')
        return BAD_REQUEST;
    version = (struct bytes){target.data + target_len + 1, target.len - target_len - 1};
    *ret_is_1_0 = bytes_equal(version, bytes_of("HTTP/1.0"));
    if (!*ret_is_1_0 && !bytes_equal(version, bytes_of("HTTP/1.1")))
        return version.len >= 5 && memcmp(version.data, "HTTP/", 5) == 0 ? BAD_VERSION : BAD_REQUEST;
    target.len = target_len;
    target = origin_form(target);
    if (target.len == 0 || target.data[0] != '/')
        return BAD_REQUEST;
    mark = memchr(target.data, '?', target.len);
    if (mark != NULL) {
        head->query = arena_strndup(arena, (const char *)mark + 1, target.len - (size_t)(mark - target.data) - 1);
        target.len = (size_t)(mark - target.data);
    }
    head->path = arena_strndup(arena, (const char *)target.data, target.len);
    return 0;
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

static int read_header(struct arena *arena, struct bytes line, struct http_head *head)
{
    size_t name_len = 0;
    struct bytes value;
    char *name;

    while (name_len < line.len && is_token_char(line.data[name_len]))
        name_len++;
    if (name_len == 0 || name_len == line.len || line.data[name_len] != ':')
        return BAD_REQUEST;
    if (head->headers_count == HTTP_HEADERS_MAX)
        return TOO_MANY_HEADERS;
    value = (struct bytes){line.data + name_len + 1, line.len - name_len - 1};
    for (; value.len > 0 && is_blank(value.data[0]); value.len--)
        value.data++;
    while (value.len > 0 && is_blank(value.data[value.len - 1]))
        value.len--;
    for (size_t i = 0; i < value.len; i++)
        if ((value.data[i] < ' ' && value.data[i] != '\t') || value.data[i] == 0x7f)
            return BAD_REQUEST;
    name = arena_strndup(arena, (const char *)line.data, name_len);
    for (char *c = name; *c != '\0'; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
    head->headers[head->headers_count++] =
        (struct http_header){name, arena_strndup(arena, (const char *)value.data, value.len)};
    return 0;
}

/* Whether a comma-separated list has this word. */
static bool has_word(const char *list, const char *word)
{
    size_t len = strlen(word);

    while (list != NULL && *list != '\0') {
        size_t item;

        list += strspn(list, " \t,");
        item = strcspn(list, " \t,");
        if (item == len && strncasecmp(list, word, len) == 0)
            return true;
        list += item;
    }
    return false;
}

static int read_body_length(const char *text, struct http_head *head)
{
    enum { DIGITS_MAX = 18 };
    size_t len = strlen(text);

    if (len == 0 || len > DIGITS_MAX || strspn(text, "0123456789") != len)
        return BAD_REQUEST;
    for (; *text != '\0'; text++)
        head->body_bytes = head->body_bytes * 10 + (uint64_t)(*text - '0');
    return 0;
}

/* What the headers say of the connection and of the body. */
static int apply_headers(struct http_head *head, bool is_1_0)
{
    int lengths = 0, encodings = 0, hosts = 0, wrong = 0;

    head->keep_alive = !is_1_0; /* what 1.0 calls keep-alive is not worth its lines */
    for (size_t i = 0; i < head->headers_count && wrong == 0; i++) {
        const char *name = head->headers[i].name, *value = head->headers[i].value;

        if (strcmp(name, "content-length") == 0) {
            lengths++;
            wrong = read_body_length(value, head);
        } else if (strcmp(name, "transfer-encoding") == 0) {
            encodings++;
            head->chunked = strcasecmp(value, "chunked") == 0;
            wrong = head->chunked ? 0 : NOT_IMPLEMENTED;
        } else if (strcmp(name, "host") == 0) {
            hosts++;
        } else if (strcmp(name, "connection") == 0) {
            head->keep_alive = head->keep_alive && !has_word(value, "close");
        } else if (strcmp(name, "expect") == 0) {
            head->wants_continue = strcasecmp(value, "100-continue") == 0;
            wrong = head->wants_continue ? 0 : EXPECTATION_FAILED;
        }
    }
    if (wrong != 0)
        return wrong;
    if (lengths + encodings > 1 || hosts > 1 || (hosts == 0 && !is_1_0) || (encodings > 0 && is_1_0))
        return BAD_REQUEST;
    return 0;
}

int http_head_read(struct arena *arena, struct bytes in, struct http_head *ret_head)
{
    bool is_1_0 = false;
    int wrong;

    *ret_head = (struct http_head){.headers_count = 0};
    if (in.len > HTTP_HEAD_BYTES_MAX)
        return TOO_MANY_HEADERS;
    wrong = read_request_line(arena, take_line(&in), ret_head, &is_1_0);
    while (wrong == 0) {
        struct bytes line = take_line(&in);

        if (line.len == 0)
            break;
        wrong = read_header(arena, line, ret_head);
    }
    return wrong != 0 ? wrong : apply_headers(ret_head, is_1_0);
}

const char *http_head_find(const struct http_head *head, const char *name)
{
    for (size_t i = 0; i < head->headers_count; i++)
        if (strcmp(head->headers[i].name, name) == 0)
            return head->headers[i].value;
    return NULL;
}

const char *http_query_find(struct arena *arena, const char *query, const char *name)
{
    size_t name_len = strlen(name);

    while (query != NULL && *query != '\0') {
        size_t len = strcspn(query, "&"), key_len = strcspn(query, "=&");

        if (key_len == name_len && strncmp(query, name, name_len) == 0)
            return key_len == len ? "" : percent_decode(arena, query + key_len + 1, len - key_len - 1, true);
        query += len + (query[len] == '&');
    }
    return NULL;
}

/* --- chunks --- */

/* Of one line, and of all trailers together. */
enum { LINE_BYTES_MAX = 256, TRAILER_BYTES_MAX = 8192, SIZE_DIGITS_MAX = 8 };

/* SIZE: in the hexadecimal size. REST: behind it, to the line's end. DATA: in the chunk; END: in the line end after it.
 * TRAILER: at the beginning of a line behind the last chunk; TRAILER_REST: in such a line. */
enum { SIZE, REST, DATA, END, TRAILER, TRAILER_REST };

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool take_size(struct chunk_reader *reader, uint8_t c)
{
    int digit = hex_digit(c);

    if (digit < 0) {
        reader->state = REST;
        return reader->line_length > 0 && (c == ';' || c == '\r' || c == '\n' || is_blank(c));
    }
    reader->left = reader->left * 16 + (uint64_t)digit;
    return ++reader->line_length <= SIZE_DIGITS_MAX;
}

/* Takes one byte that is not a chunk's content. False when it does not belong there. */
static bool take_byte(struct chunk_reader *reader, uint8_t c)
{
    switch (reader->state) {
    case SIZE:
        if (!take_size(reader, c))
            return false;
        if (reader->state == SIZE)
            return true;
        __attribute__((fallthrough)); /* the byte belongs to the rest of the line */
    case REST:
        if (c == '\n') {
            reader->state = reader->left > 0 ? DATA : TRAILER;
            reader->line_length = 0;
        }
        return ++reader->line_length <= LINE_BYTES_MAX;
    case END:
        if (c == '\n') {
            reader->state = SIZE;
            reader->line_length = 0;
        }
        return c == '\n' || (c == '\r' && ++reader->line_length == 1);
    case TRAILER:
        if (c == '\n')
            reader->is_done = true;
        else if (c != '\r')
            reader->state = TRAILER_REST;
        return ++reader->line_length <= TRAILER_BYTES_MAX;
    default: /* TRAILER_REST */
        if (c == '\n')
            reader->state = TRAILER;
        return ++reader->line_length <= TRAILER_BYTES_MAX;
    }
}

ptrdiff_t chunk_reader_take(struct chunk_reader *reader, struct bytes in, size_t body_max, struct buffer *body)
{
    size_t at = 0;

    while (at < in.len && !reader->is_done) {
        size_t piece;

        if (reader->state != DATA) {
            if (!take_byte(reader, in.data[at++]))
                return -1;
            if (reader->state == DATA && reader->left > body_max - body->len)
                return -2;
            continue;
        }
        piece = in.len - at < reader->left ? in.len - at : (size_t)reader->left;
        buffer_append(body, in.data + at, piece);
        at += piece;
        reader->left -= piece;
        if (reader->left == 0) {
            reader->state = END;
            reader->line_length = 0;
        }
    }
    return (ptrdiff_t)at;
}

/* --- texts --- */

const char *percent_decode(struct arena *arena, const char *text, size_t len, bool plus_is_blank)
{
    char *decoded = arena_alloc_raw(arena, len + 1), *to = decoded;

    for (size_t i = 0; i < len; i++) {
        char c = text[i];

        if (c == '+' && plus_is_blank) {
            c = ' ';
        } else if (c == '%') {
            int high = i + 2 < len ? hex_digit((uint8_t)text[i + 1]) : -1;
            int low = i + 2 < len ? hex_digit((uint8_t)text[i + 2]) : -1;

            if (high < 0 || low < 0)
                return NULL;
            c = (char)(high << 4 | low);
            i += 2;
        }
        if (c == '\0')
            return NULL;
        *to++ = c;
    }
    *to = '\0';
    return utf8_is_valid((struct bytes){(const uint8_t *)decoded, (size_t)(to - decoded)}) ? decoded : NULL;
}
