#include "proto/json_writer.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

static void put_line(struct json_writer *writer)
{
    uint8_t *to = buffer_reserve(&writer->out, 1 + 2 * (size_t)writer->depth);

    to[0] = '\n';
    memset(to + 1, ' ', 2 * (size_t)writer->depth);
    writer->out.len += 1 + 2 * (size_t)writer->depth;
}

/* What stands between the last thing and a value or name. */
static void put_before(struct json_writer *writer)
{
    if (writer->follows_name) {
        writer->follows_name = false;
        return;
    }
    if (writer->follows_value)
        buffer_append_byte(&writer->out, ',');
    if (writer->pretty && writer->depth > 0)
        put_line(writer);
}

static void put_value(struct json_writer *writer, const void *text, size_t len)
{
    put_before(writer);
    buffer_append(&writer->out, text, len);
    writer->follows_value = true;
}

static void begin(struct json_writer *writer, char bracket)
{
    put_value(writer, &bracket, 1);
    writer->follows_value = false;
    writer->depth++;
}

static void end(struct json_writer *writer, char bracket)
{
    writer->depth--;
    if (writer->pretty && writer->follows_value)
        put_line(writer);
    buffer_append_byte(&writer->out, (uint8_t)bracket);
    writer->follows_value = true;
}

void json_put_array_begin(struct json_writer *writer)
{
    begin(writer, '[');
}

void json_put_array_end(struct json_writer *writer)
{
    end(writer, ']');
}

void json_put_object_begin(struct json_writer *writer)
{
    begin(writer, '{');
}

void json_put_object_end(struct json_writer *writer)
{
    end(writer, '}');
}

/* How many bytes from here on are ASCII that can be copied as it is. */
static size_t plain_length(const uint8_t *text, size_t len)
{
    size_t plain = 0;

    while (plain < len && text[plain] >= ' ' && text[plain] != '"' && text[plain] != '\\' && text[plain] < 0x80)
        plain++;
    return plain;
}

static void put_escape(struct buffer *out, uint8_t c)
{
    static const char letters[] = "\b\f\n\r\t\"\\", escapes[] = "bfnrt\"\\";
    const char *letter = c == '\0' ? NULL : strchr(letters, c);
    char text[8];

    if (letter != NULL)
        snprintf(text, sizeof(text), "\\%c", escapes[letter - letters]);
    else
        snprintf(text, sizeof(text), "\\u%04x", (unsigned)c);
    buffer_append(out, text, strlen(text));
}

static void put_quoted(struct buffer *out, struct bytes text)
{
    buffer_append_byte(out, '"');
    for (size_t at = 0; at < text.len;) {
        size_t plain = plain_length(text.data + at, text.len - at);

        if (plain == 0 && text.data[at] >= 0x80)
            plain = utf8_character(text.data + at, text.data + text.len);
        if (plain > 0) {
            buffer_append(out, text.data + at, plain);
            at += plain;
        } else {
            if (text.data[at] >= 0x80)
                buffer_append(out, "\xef\xbf\xbd", 3);
            else
                put_escape(out, text.data[at]);
            at++;
        }
    }
    buffer_append_byte(out, '"');
}

void json_put_name_bytes(struct json_writer *writer, struct bytes name)
{
    put_before(writer);
    put_quoted(&writer->out, name);
    buffer_append(&writer->out, ": ", writer->pretty ? 2 : 1);
    writer->follows_name = true;
}

void json_put_name(struct json_writer *writer, const char *name)
{
    json_put_name_bytes(writer, bytes_of(name));
}

void json_put_string_bytes(struct json_writer *writer, struct bytes text)
{
    put_before(writer);
    put_quoted(&writer->out, text);
    writer->follows_value = true;
}

void json_put_string(struct json_writer *writer, const char *text)
{
    json_put_string_bytes(writer, bytes_of(text));
}

void json_put_base64(struct json_writer *writer, struct bytes data)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    size_t len = (data.len + 2) / 3 * 4 + 2;
    uint8_t *to;

    put_before(writer);
    to = buffer_reserve(&writer->out, len);
    writer->out.len += len;
    *to++ = '"';
    for (size_t i = 0; i < data.len; i += 3, to += 4) {
        size_t left = data.len - i;
        uint32_t bits = (uint32_t)data.data[i] << 16 | (left > 1 ? (uint32_t)data.data[i + 1] << 8 : 0) |
                        (left > 2 ? data.data[i + 2] : 0);

        to[0] = (uint8_t)digits[bits >> 18];
        to[1] = (uint8_t)digits[bits >> 12 & 63];
        to[2] = left > 1 ? (uint8_t)digits[bits >> 6 & 63] : '=';
        to[3] = left > 2 ? (uint8_t)digits[bits & 63] : '=';
    }
    *to = '"';
    writer->follows_value = true;
}

void json_put_integer(struct json_writer *writer, int64_t value)
{
    char text[24];

    put_value(writer, text, (size_t)snprintf(text, sizeof(text), "%" PRId64, value));
}

void json_put_unsigned(struct json_writer *writer, uint64_t value)
{
    char text[24];

    put_value(writer, text, (size_t)snprintf(text, sizeof(text), "%" PRIu64, value));
}

/* The shortest "d.ddde±xx" that reads back as the same number. */
static void shortest(double value, bool is_float, char *text, size_t size)
{
    for (int digits = 0; digits < 17; digits++) {
        snprintf(text, size, "%.*e", digits, value);
        if (is_float ? strtof(text, NULL) == (float)value : strtod(text, NULL) == value)
            return;
    }
}

/* As Go writes numbers: digits without an exponent from 1e-6 to 1e21, else with one of as few digits as it takes. */
static int print_number(double value, bool is_float, char *text, size_t size)
{
    char form[40], digits[24];
    const char *e;
    int exponent, count = 0, point;

    shortest(value, is_float, form, sizeof(form));
    e = strchr(form, 'e');
    exponent = (int)strtol(e + 1, NULL, 10);
    for (const char *c = form; c < e; c++)
        if (*c >= '0' && *c <= '9')
            digits[count++] = *c;
    digits[count] = '\0';
    if (exponent < -6 || exponent >= 21)
        return snprintf(text, size, "%.*se%c%02d", (int)(e - form), form, exponent < 0 ? '-' : '+', abs(exponent));
    point = exponent + 1;
    if (point <= 0)
        return snprintf(text, size, "%s0.%.*s%s", value < 0 ? "-" : "", -point, "000000", digits);
    if (point >= count)
        return snprintf(text, size, "%s%s%.*s", signbit(value) ? "-" : "", digits, point - count,
                        "000000000000000000000");
    return snprintf(text, size, "%s%.*s.%s", value < 0 ? "-" : "", point, digits, digits + point);
}

void json_put_double(struct json_writer *writer, double value, bool is_float)
{
    char text[64];
    int len;

    if (isnan(value)) {
        json_put_string(writer, "NaN");
    } else if (isinf(value)) {
        json_put_string(writer, value > 0 ? "Infinity" : "-Infinity");
    } else {
        len = print_number(value, is_float, text, sizeof(text));
        if (len >= 4 && memcmp(text + len - 4, "e-0", 3) == 0) { /* as Go: 1e-07 is 1e-7 */
            text[len - 2] = text[len - 1];
            len--;
        }
        put_value(writer, text, (size_t)len);
    }
}

void json_put_bool(struct json_writer *writer, bool value)
{
    put_value(writer, value ? "true" : "false", value ? 4 : 5);
}

void json_put_null(struct json_writer *writer)
{
    put_value(writer, "null", 4);
}

/* Recursion is bounded by JSON_DEPTH_MAX. */
void json_put_value(struct json_writer *writer, const struct json_text *json, uint32_t node)
{
    const struct json_node *it = &json->nodes[node];
    struct bytes raw = json_text_raw(json, node);
    uint32_t child = node + 1;

    if (it->kind == JSON_NODE_ARRAY) {
        json_put_array_begin(writer);
        for (; child < it->next; child = json->nodes[child].next)
            json_put_value(writer, json, child);
        json_put_array_end(writer);
    } else if (it->kind == JSON_NODE_OBJECT) {
        json_put_object_begin(writer);
        while (child < it->next) {
            struct bytes name = json_text_raw(json, child);

            put_before(writer);
            buffer_append(&writer->out, name.data, name.len);
            buffer_append(&writer->out, ": ", writer->pretty ? 2 : 1);
            writer->follows_name = true;
            json_put_value(writer, json, child + 1);
            child = json->nodes[child + 1].next;
        }
        json_put_object_end(writer);
    } else {
        put_value(writer, raw.data, raw.len);
    }
}
