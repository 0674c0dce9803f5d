/*
 * The JSON API: a route's RPC with its request made of path, query and body; its response as JSON. As the real server's
 * gateway does it, down to the words of its errors, and to its content types: "*" unless another form was asked for.
 */
#include <string.h>
#include <strings.h>

#include "proto/field_path.h"
#include "proto/json_message.h"
#include "proto/pb.h"
#include "server/grpc/framing.h"
#include "server/http/parts.h"
#include "server/http/routes.h"
#include "server/options.h"
#include "server/server.h"

/* Query parameters of one request: more than the largest message has fields. */
enum { PARAMETERS_MAX = 500 };

/* What clients are called that do not say. The UI's version is one that its real server would send. */
#define HTTP_CLIENT_NAME  "temporal-server-http"
#define PROXY_CLIENT_NAME "temporal-ui"

/* The API's two switches: how a request is read or an answer written. */
struct form {
    bool pretty, long_payloads;
    const char *type; /* the content type that asks for it and that it has */
};

static const struct form forms[] = {
    {false, false, "*"},
    {true, false, "application/json+pretty"},
    {false, true, "application/json+no-payload-shorthand"},
    {true, true, "application/json+pretty+no-payload-shorthand"},
};

static const struct form proxy_form = {true, true, "application/json"};

int api_http_status(enum status_code code)
{
    static const int statuses[] = {
        [GRPC_OK] = 200,
        [GRPC_CANCELLED] = 499,
        [GRPC_UNKNOWN] = 500,
        [GRPC_INVALID_ARGUMENT] = 400,
        [GRPC_DEADLINE_EXCEEDED] = 504,
        [GRPC_NOT_FOUND] = 404,
        [GRPC_ALREADY_EXISTS] = 409,
        [GRPC_PERMISSION_DENIED] = 403,
        [GRPC_RESOURCE_EXHAUSTED] = 429,
        [GRPC_FAILED_PRECONDITION] = 400,
        [GRPC_ABORTED] = 409,
        [GRPC_OUT_OF_RANGE] = 400,
        [GRPC_UNIMPLEMENTED] = 501,
        [GRPC_INTERNAL] = 500,
        [GRPC_UNAVAILABLE] = 503,
        [GRPC_DATA_LOSS] = 500,
        [GRPC_UNAUTHENTICATED] = 401,
    };

    return code < 0 || (size_t)code >= sizeof(statuses) / sizeof(statuses[0]) ? 500 : statuses[code];
}

/* --- forms --- */

/* The form that a content type names, NULL when it is none of them. */
static const struct form *find_form(const char *type)
{
    for (size_t i = 0; type != NULL && i < sizeof(forms) / sizeof(forms[0]); i++)
        if (strcasecmp(forms[i].type, type) == 0)
            return &forms[i];
    return NULL;
}

static const struct form *form_in(const struct exchange *exchange, const struct api_style *style)
{
    const char *type = http_head_find(&exchange->head, "content-type");
    const struct form *form;

    if (style->is_proxy)
        return &proxy_form;
    if (type != NULL)
        type = arena_strndup(exchange->arena, type, strcspn(type, "; \t"));
    form = find_form(type);
    return form == NULL ? &forms[0] : form;
}

static const struct form *form_out(const struct exchange *exchange, const struct api_style *style)
{
    bool pretty = http_query_find(exchange->arena, exchange->head.query, "pretty") != NULL;
    bool long_payloads = http_query_find(exchange->arena, exchange->head.query, "noPayloadShorthand") != NULL;
    const struct form *form;

    if (style->is_proxy)
        return &proxy_form;
    if (pretty || long_payloads)
        return &forms[(pretty ? 1 : 0) + (long_payloads ? 2 : 0)];
    form = find_form(http_head_find(&exchange->head, "accept"));
    return form == NULL ? form_in(exchange, style) : form;
}

/* --- answers --- */

/* FNV-1a, 64 bits, eight bytes at a time: it has to tell one answer from the one before, not to withstand anybody. */
static uint64_t hash_of(const struct buffer *content)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325), word;

    for (size_t i = 0; i < content->len; i += sizeof(word)) {
        word = 0;
        memcpy(&word, content->data + i, content->len - i < sizeof(word) ? content->len - i : sizeof(word));
        hash = (hash ^ word) * UINT64_C(0x100000001b3);
        hash ^= hash >> 32;
    }
    return hash ^ content->len;
}

/* Tags an answer, and says whether the client has it already: a UI that asks every second gets few bytes. */
static bool is_known(struct exchange *exchange, const struct buffer *content)
{
    const char *known = http_head_find(&exchange->head, "if-none-match");
    const char *tag = arena_printf(exchange->arena, "\"%016llx\"", (unsigned long long)hash_of(content));

    exchange_add_header(exchange, "ETag", tag);
    exchange_add_header(exchange, "Cache-Control", "no-cache");
    return known != NULL && strcmp(known, tag) == 0;
}

static void reply_message(struct exchange *exchange, int http_status, const struct form *form, const void *message)
{
    struct json_writer writer = {.pretty = form->pretty};

    json_message_write(&writer, exchange->arena, message, !form->long_payloads);
    if (form == &proxy_form && http_status == 200 && strcmp(exchange->head.method, "GET") == 0 &&
        is_known(exchange, &writer.out)) {
        buffer_free(&writer.out);
        exchange_reply(exchange, 304, NULL, (struct bytes){NULL, 0});
        return;
    }
    exchange_reply_buffer(exchange, http_status, form->type, &writer.out);
}

void api_reply_error(struct exchange *exchange, const struct api_style *style, int http_status, status error)
{
    PbStatus *message = ARENA_NEW_PB(exchange->arena, PbStatus);

    message->code = (int32_t)error.code;
    if (error.message != NULL)
        message->message = error.message;
    if (error.detail != NULL) {
        message->n_details = 1;
        message->details = ARENA_NEW_ARRAY(exchange->arena, PbAny *, 1);
        message->details[0] = pb_pack_any(exchange->arena, error.detail);
    }
    reply_message(exchange, http_status, form_out(exchange, style), message);
}

static void refuse(struct exchange *exchange, enum status_code code, const char *why)
{
    api_reply_error(exchange, exchange->context, api_http_status(code), status_error(code, why));
}

/* "x-history" as "Grpc-Metadata-X-History". */
static const char *metadata_header(struct arena *arena, const char *name)
{
    char *header = arena_printf(arena, "Grpc-Metadata-%s", name);

    for (char *c = header; *c != '\0'; c++)
        if (c > header && c[-1] == '-' && *c >= 'a' && *c <= 'z')
            *c = (char)(*c - 'a' + 'A');
    return header;
}

static void on_answer(struct exchange *exchange)
{
    const struct api_style *style = exchange->context;
    const struct call *call = &exchange->call;

    for (const struct call_header *header = call->answer_headers; header != NULL; header = header->next)
        exchange_add_header(exchange, metadata_header(exchange->arena, header->name), header->value);
    if (!status_is_ok(call->answer)) {
        api_reply_error(exchange, style, api_http_status(call->answer.code), call->answer);
        return;
    }
    if (style->is_proxy)
        exchange_add_header(exchange, "Grpc-Metadata-Content-Type", "application/grpc");
    reply_message(exchange, 200, form_out(exchange, style), exchange_response(exchange));
}

/* --- requests --- */

/* A header of the call: as it is, or with the prefix that marks metadata. */
static const char *metadata_of(const struct exchange *exchange, const char *name, const char *otherwise)
{
    const char *prefixed = arena_printf(exchange->arena, "grpc-metadata-%s", name);
    const char *value = http_head_find(&exchange->head, prefixed);

    return value == NULL ? otherwise : value;
}

static void set_call_headers(struct exchange *exchange, const struct api_style *style)
{
    const struct http_head *head = &exchange->head;
    struct call_headers *headers = &exchange->call.headers;

    if (style->is_proxy) {
        headers->client_name = PROXY_CLIENT_NAME;
        return;
    }
    headers->client_name = metadata_of(exchange, "client-name", http_head_find(head, "client-name"));
    headers->client_version = metadata_of(exchange, "client-version", http_head_find(head, "client-version"));
    headers->supported_server_versions = metadata_of(exchange, "supported-server-versions", NULL);
    headers->supported_features = metadata_of(exchange, "supported-features", NULL);
    if (headers->client_name == NULL)
        headers->client_name = HTTP_CLIENT_NAME;
    if (headers->client_version == NULL)
        headers->client_version = SERVER_VERSION;
}

/* Grpc-Timeout. NULL when it is good or not there, else what is wrong with it. */
static const char *set_deadline(struct exchange *exchange)
{
    const char *text = http_head_find(&exchange->head, "grpc-timeout"), *wrong;
    nanos timeout;

    if (text == NULL)
        return NULL;
    wrong = timeout_parse(exchange->arena, text, strlen(text), &timeout);
    if (wrong != NULL)
        return arena_printf(exchange->arena, "invalid grpc-timeout: %.100s", text);
    exchange->call.deadline = nanos_add(loop_now(exchange->http->server->loop), timeout);
    return NULL;
}

static const char *set_path_fields(struct exchange *exchange, const struct route_match *match, bool is_encoded,
                                   void *request)
{
    struct arena *arena = exchange->arena;

    for (size_t i = 0; i < match->parameters_count; i++) {
        const char *field = arena_strndup(arena, match->parameters[i].field, match->parameters[i].field_len);
        const char *value =
            is_encoded ? percent_decode(arena, match->parameters[i].value, match->parameters[i].value_len, false)
                       : arena_strndup(arena, match->parameters[i].value, match->parameters[i].value_len);
        const char *wrong;

        if (value == NULL)
            return arena_printf(arena, "malformed path parameter \"%s\"", field);
        wrong = field_path_set(arena, request, field, &value, 1);
        if (wrong != NULL)
            return arena_printf(arena, "type mismatch, parameter: %s, error: %s", field, wrong);
    }
    return NULL;
}

struct parameter {
    const char *key, *value;
    bool is_done;
};

/* Takes the query apart. NULL when all is well, else what is wrong with it. */
static const char *parse_query(struct arena *arena, const char *query, struct parameter *parameters, size_t *ret_count)
{
    *ret_count = 0;
    while (query != NULL && *query != '\0') {
        size_t len = strcspn(query, "&"), key_len = strcspn(query, "=&");
        struct parameter parameter;

        if (len > 0) {
            if (*ret_count == PARAMETERS_MAX)
                return "too many query parameters";
            parameter = (struct parameter){
                .key = percent_decode(arena, query, key_len, true),
                .value = key_len == len ? "" : percent_decode(arena, query + key_len + 1, len - key_len - 1, true),
            };
            if (parameter.key == NULL || parameter.value == NULL)
                return arena_printf(arena, "invalid URL escape, or no UTF-8, in \"%.*s\"", len > 100 ? 100 : (int)len,
                                    query);
            parameters[(*ret_count)++] = parameter;
        }
        query += len + (query[len] == '&');
    }
    return NULL;
}

/* Whether a key names the same field as a path variable: "execution.workflowId" and "execution.workflow_id". */
static bool is_same_field(const char *key, const char *field, size_t field_len)
{
    const char *end = field + field_len;

    for (;; key++, field++) {
        while (*key == '_')
            key++;
        while (field < end && *field == '_')
            field++;
        if (*key == '\0' || field == end)
            return *key == '\0' && field == end;
        if ((*key | 0x20) != (*field | 0x20))
            return false;
    }
}

static bool is_in_path(const struct route_match *match, const char *key)
{
    for (size_t i = 0; i < match->parameters_count; i++)
        if (is_same_field(key, match->parameters[i].field, match->parameters[i].field_len))
            return true;
    return false;
}

/* The query's parameters as fields, but for those that the path has said; what names no field is skipped. */
static const char *set_query_fields(struct exchange *exchange, const struct route_match *match, void *request)
{
    struct arena *arena = exchange->arena;
    struct parameter *parameters;
    const char *wrong, **values;
    size_t count;

    if (exchange->head.query == NULL)
        return NULL;
    parameters = ARENA_NEW_ARRAY(arena, struct parameter, PARAMETERS_MAX);
    values = ARENA_NEW_ARRAY(arena, const char *, PARAMETERS_MAX);
    wrong = parse_query(arena, exchange->head.query, parameters, &count);
    for (size_t i = 0; i < count && wrong == NULL; i++) {
        size_t values_count = 0;

        if (parameters[i].is_done || is_in_path(match, parameters[i].key))
            continue;
        for (size_t j = i; j < count; j++)
            if (strcmp(parameters[i].key, parameters[j].key) == 0) {
                parameters[j].is_done = true;
                values[values_count++] = parameters[j].value;
            }
        wrong = field_path_set(arena, request, parameters[i].key, values, values_count);
    }
    return wrong;
}

/* The request message. NULL when all is well, else what is wrong with it. */
static const char *make_request(struct exchange *exchange, const struct route_match *match, const struct rpc *rpc,
                                void **ret_request)
{
    const struct api_style *style = exchange->context;
    const char *wrong;

    if (match->route->has_body) {
        struct bytes body = {exchange->body.data, exchange->body.len};

        wrong = json_message_read(exchange->arena, rpc->request, body, !form_in(exchange, style)->long_payloads,
                                  ret_request);
        buffer_free(&exchange->body);
        if (wrong != NULL)
            return wrong;
        return set_path_fields(exchange, match, style->is_proxy, *ret_request);
    }
    *ret_request = pb_new(exchange->arena, rpc->request);
    wrong = set_path_fields(exchange, match, style->is_proxy, *ret_request);
    return wrong != NULL ? wrong : set_query_fields(exchange, match, *ret_request);
}

/* The path in which routes are looked for. The API's own port decodes it before it is taken apart, so what has a slash
 * in it cannot be named there; the UI's takes it apart first. NULL when it is no good. */
static const char *route_path(struct exchange *exchange, const struct api_style *style)
{
    const char *path = exchange->head.path;

    return style->is_proxy ? path : percent_decode(exchange->arena, path, strlen(path), false);
}

void api_serve(struct exchange *exchange, const struct api_style *style)
{
    const char *path = route_path(exchange, style), *wrong;
    struct route_match match;
    const struct rpc *rpc;
    void *request = NULL;

    exchange->context = (void *)(uintptr_t)style; /* given back as it was */
    if (path == NULL) {
        refuse(exchange, GRPC_INVALID_ARGUMENT, "the path is malformed");
        return;
    }
    match = route_find(exchange->head.method, path, style->is_proxy);
    if (match.route == NULL) {
        if (match.path_exists)
            refuse(exchange, GRPC_UNIMPLEMENTED, "Method Not Allowed");
        else
            refuse(exchange, GRPC_NOT_FOUND, "Not Found");
        return;
    }
    rpc = rpc_find(match.route->rpc, strlen(match.route->rpc));
    set_call_headers(exchange, style);
    wrong = set_deadline(exchange);
    if (wrong == NULL)
        wrong = make_request(exchange, &match, rpc, &request);
    if (wrong != NULL)
        refuse(exchange, GRPC_INVALID_ARGUMENT, wrong);
    else if (!rpc_is_implemented(rpc))
        refuse(exchange, GRPC_UNIMPLEMENTED,
               arena_printf(exchange->arena, "method %s of service %s is not implemented", rpc->method, rpc->service));
    else
        exchange_call(exchange, rpc, request, on_answer);
}

/* Whether a browser brings this on behalf of another site's page, and not just to read, which it would not let the page
 * do. Other clients do not send that header. */
static bool is_of_another_site(const struct http_head *head)
{
    const char *site = http_head_find(head, "sec-fetch-site");

    return site != NULL && strcmp(site, "same-origin") != 0 && strcmp(site, "none") != 0 &&
           strcmp(head->method, "GET") != 0 && strcmp(head->method, "HEAD") != 0;
}

/* Whether the whole text is like the pattern, in which "*" stands for anything. After a mismatch the last "*" takes one
 * character more; what those before it have taken need not be tried again. */
static bool is_like(const char *text, const char *pattern)
{
    const char *star = NULL, *rest = NULL;

    while (*text != '\0') {
        if (*pattern == '*') {
            star = pattern++;
            rest = text;
        } else if (*pattern == *text) {
            pattern++;
            text++;
        } else if (star != NULL) {
            pattern = star + 1;
            text = ++rest;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}

/* Whether the host that the request names is one of those that the operator allows: a page whose own name was made to
 * resolve to this machine is not. */
static bool host_is_allowed(const struct exchange *exchange)
{
    const struct json_texts *allowed = &exchange->http->server->options->config.http_hosts;
    const char *host = http_head_find(&exchange->head, "host");

    for (size_t i = 0; i < allowed->count; i++)
        if (is_like(host == NULL ? "" : host, allowed->texts[i]))
            return true;
    return allowed->texts == NULL;
}

void api_site_serve(struct exchange *exchange)
{
    static const struct api_style style = {.is_proxy = false};

    if (!host_is_allowed(exchange))
        api_reply_error(exchange, &style, 403, status_error(GRPC_PERMISSION_DENIED, "Host not allowed"));
    else if (is_of_another_site(&exchange->head))
        api_reply_error(exchange, &style, 403, status_error(GRPC_PERMISSION_DENIED, "cross-site request refused"));
    else if (!openapi_serve(exchange))
        api_serve(exchange, &style);
}
