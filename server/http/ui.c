/*
 * The web UI's server, as the real one's: its files (ours, or those of --ui-asset-path), its settings, and the JSON API
 * in the form that a browser's UI uses. Whatever path is neither a file nor the API is a page of the UI, which finds
 * out by itself which one.
 *
 * A browser may carry requests of other sites here. Those that change something have to say where they come from
 * (Sec-Fetch-Site), or to show a cookie's content in a header, which other sites cannot; what carries an Authorization
 * header was made on purpose.
 */
#include <string.h>
#include <strings.h>

#include "base/log.h"
#include "base/rand.h"
#include "proto/json_writer.h"
#include "server/grpc/transport.h"
#include "server/http/files.h"
#include "server/http/parts.h"
#include "server/options.h"
#include "server/server.h"

/* The release of the real UI that the real server of SERVER_VERSION comes with: what it is told that it is. */
#define UI_VERSION "2.54.1"

#define API_PREFIX "/api/v1/"

/* Of the embedded UI: nothing comes from elsewhere, but a codec server may be asked; no text becomes markup or code.
 * The two holes are for the hashes of the script and the style that stand in the page. */
#define CONTENT_POLICY                                                                               \
    "default-src 'none'; script-src 'self' %s; style-src 'self' %s; img-src 'self' data:; "          \
    "connect-src 'self' http: https:; base-uri 'self'; form-action 'none'; frame-ancestors 'self'; " \
    "require-trusted-types-for 'script'"

/* What caches may keep for a year without asking. */
#define IMMUTABLE "public, max-age=31536000, immutable"

enum { CSRF_TOKEN_CHARACTERS = 32 };

struct ui {
    struct http *http;
    const struct options *options;
    const char *public_path; /* "/foo", or "" */
    const char *policy;      /* of the embedded page */
    struct bytes index;      /* the embedded one under a public path, as it is to be served; else empty */
};

static const struct api_style proxy_style = {.is_proxy = true};

static struct ui *ui_of(const struct exchange *exchange)
{
    return exchange->http->ui;
}

/* --- the first page --- */

/* Replaces every `from`. */
static struct buffer replace(struct bytes text, const char *from, const char *to)
{
    struct buffer out = {0};
    size_t from_len = strlen(from), at = 0;

    while (at < text.len) {
        const uint8_t *found = memmem(text.data + at, text.len - at, from, from_len);
        size_t next = found == NULL ? text.len : (size_t)(found - text.data);

        buffer_append(&out, text.data + at, next - at);
        if (found != NULL)
            buffer_append(&out, to, strlen(to));
        at = found == NULL ? next : next + from_len;
    }
    return out;
}

/* Removes the page's policy, whose hash of the page's script no longer fits when that has been changed. */
static void remove_policy(struct buffer *page)
{
    static const char mark[] = "<meta http-equiv=\"content-security-policy\"";
    uint8_t *meta = page->len == 0 ? NULL : memmem(page->data, page->len, mark, sizeof(mark) - 1), *end;

    if (meta == NULL)
        return;
    end = memchr(meta, '>', page->len - (size_t)(meta - page->data));
    if (end != NULL)
        memset(meta, ' ', (size_t)(end + 1 - meta));
}

/* The first page for those who reach it under a public path: where it says what it is relative to. */
static struct buffer page_under(struct arena *arena, struct bytes page, const char *public_path)
{
    const struct {
        const char *from, *to;
    } changes[] = {
        {"base: \"\"", arena_printf(arena, "base: \"%s\"", public_path)},
        {"\"/_app/", arena_printf(arena, "\"%s/_app/", public_path)},
        {"<base href=\"/\"", arena_printf(arena, "<base href=\"%s/\"", public_path)},
    };
    struct buffer changed = {0};

    buffer_append(&changed, page.data, page.len);
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        struct buffer next = replace((struct bytes){changed.data, changed.len}, changes[i].from, changes[i].to);

        buffer_free(&changed);
        changed = next;
    }
    remove_policy(&changed);
    return changed;
}

/* --- life --- */

static status check_public_path(struct arena *arena, const char *given, const char **ret_path)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";
    size_t len = given == NULL ? 0 : strlen(given);

    while (len > 0 && given[len - 1] == '/')
        len--;
    *ret_path = "";
    if (len == 0)
        return status_ok();
    if (given[0] != '/' || strspn(given, allowed) < len || strstr(given, "//") != NULL)
        return status_errorf(arena, GRPC_INVALID_ARGUMENT, "--ui-public-path %s is not a path like /temporal", given);
    *ret_path = arena_strndup(arena, given, len);
    return status_ok();
}

status ui_new(struct http *http, struct arena *arena, struct ui **ret_ui)
{
    const struct options *options = http->server->options;
    const struct ui_file *index = ui_file_find("/index.html");
    struct ui *ui = ARENA_NEW(http->arena, struct ui);
    const char *ignored_type, *ignored_tag;
    struct buffer page = {0};

    *ui = (struct ui){.http = http, .options = options};
    TRY(check_public_path(http->arena, options->ui_public_path, &ui->public_path));
    if (options->ui_asset_path != NULL) {
        if (!ui_file_read(arena, options->ui_asset_path, "/index.html", &page, &ignored_type, &ignored_tag))
            return status_errorf(arena, GRPC_FAILED_PRECONDITION, "--ui-asset-path %s has no index.html",
                                 options->ui_asset_path);
    } else {
        ui->policy = arena_printf(http->arena, CONTENT_POLICY, ui_embedded_script_hash, ui_embedded_style_hash);
        if (ui->public_path[0] != '\0') {
            page = page_under(arena, index->content, ui->public_path);
            ui->index = (struct bytes){arena_memdup(http->arena, page.data, page.len), page.len};
        }
    }
    buffer_free(&page);
    *ret_ui = ui;
    return status_ok();
}

/* --- files --- */

/* Whether a comma-separated header has this item. */
static bool header_has(const struct exchange *exchange, const char *header, const char *item)
{
    const char *value = http_head_find(&exchange->head, header);

    return value != NULL && strcasestr(value, item) != NULL;
}

static void serve_embedded(struct exchange *exchange, const struct ui_file *file)
{
    bool gzip = file->gzipped.len > 0 && header_has(exchange, "accept-encoding", "gzip");

    exchange_add_header(exchange, "ETag", file->etag);
    exchange_add_header(exchange, "Cache-Control", file->is_immutable ? IMMUTABLE : "no-cache");
    exchange_add_header(exchange, "Vary", "Accept-Encoding");
    if (header_has(exchange, "if-none-match", file->etag)) {
        exchange_reply(exchange, 304, NULL, (struct bytes){NULL, 0});
        return;
    }
    if (gzip)
        exchange_add_header(exchange, "Content-Encoding", "gzip");
    exchange_reply(exchange, 200, file->type, gzip ? file->gzipped : file->content);
}

/* Serves a file of the folder; false when there is none. */
static bool serve_from_folder(struct exchange *exchange, const char *path)
{
    struct buffer content = {0};
    const char *type, *etag;

    if (!ui_file_read(exchange->arena, ui_of(exchange)->options->ui_asset_path, path, &content, &type, &etag))
        return false;
    exchange_add_header(exchange, "ETag", etag);
    exchange_add_header(exchange, "Cache-Control", strncmp(path, "/_app/immutable/", 16) == 0 ? IMMUTABLE : "no-cache");
    if (header_has(exchange, "if-none-match", etag)) {
        buffer_free(&content);
        exchange_reply(exchange, 304, NULL, (struct bytes){NULL, 0});
    } else {
        exchange_reply_buffer(exchange, 200, type, &content);
    }
    return true;
}

static void serve_index(struct exchange *exchange)
{
    const struct ui *ui = ui_of(exchange);
    struct buffer page = {0}, changed;
    const char *type, *etag;

    if (ui->options->ui_asset_path == NULL) {
        exchange_add_header(exchange, "Content-Security-Policy", ui->policy);
        if (ui->index.len == 0) {
            serve_embedded(exchange, ui_file_find("/index.html"));
            return;
        }
        exchange_add_header(exchange, "Cache-Control", "no-cache");
        exchange_reply(exchange, 200, "text/html; charset=utf-8", ui->index);
        return;
    }
    exchange_add_header(exchange, "Cache-Control", "no-cache");
    if (!ui_file_read(exchange->arena, ui->options->ui_asset_path, "/index.html", &page, &type, &etag)) {
        exchange_reply(exchange, 404, "text/plain; charset=utf-8", bytes_of("the folder of the web UI is gone\n"));
        return;
    }
    if (ui->public_path[0] != '\0') {
        changed = page_under(exchange->arena, (struct bytes){page.data, page.len}, ui->public_path);
        buffer_free(&page);
        page = changed;
    }
    exchange_reply_buffer(exchange, 200, "text/html; charset=utf-8", &page);
}

/* Whether a path can only be a file. */
static bool is_file_path(const char *path)
{
    static const char *const prefixes[] = {
        "/_app/",   "/css/", "/i18n/",  "/codemirror/", "/js/",       "/icons/",           "/favicon",
        "/android", "/logo", "/banner", "/apple",       "/Temporal_", "/site.webmanifest",
    };

    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
        if (strncmp(path, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    return false;
}

static void serve_file(struct exchange *exchange, const char *path)
{
    const char *decoded = percent_decode(exchange->arena, path, strlen(path), false);
    const struct ui_file *file;

    if (decoded != NULL && strcmp(decoded, "/index.html") != 0 && strcmp(decoded, "/") != 0) {
        if (ui_of(exchange)->options->ui_asset_path != NULL) {
            if (serve_from_folder(exchange, decoded))
                return;
        } else {
            file = ui_file_find(decoded);
            if (file != NULL) {
                serve_embedded(exchange, file);
                return;
            }
        }
    }
    if (is_file_path(path))
        exchange_reply(exchange, 404, "text/plain; charset=utf-8", bytes_of("404 page not found\n"));
    else
        serve_index(exchange);
}

/* --- routes of its own --- */

static void member(struct json_writer *writer, const char *name, const char *value)
{
    json_put_name(writer, name);
    json_put_string(writer, value == NULL ? "" : value);
}

static void switch_off(struct json_writer *writer, const char *name)
{
    json_put_name(writer, name);
    json_put_bool(writer, false);
}

static void write_codec(struct json_writer *writer, const struct options *options)
{
    json_put_name(writer, "Codec");
    json_put_object_begin(writer);
    member(writer, "Endpoint", options->ui_codec_endpoint);
    switch_off(writer, "PassAccessToken");
    switch_off(writer, "IncludeCredentials");
    member(writer, "DefaultErrorMessage", NULL);
    member(writer, "DefaultErrorLink", NULL);
    json_put_object_end(writer);
}

static void serve_settings(struct exchange *exchange)
{
    static const char *const off[] = {
        "DisableWriteActions",     "WorkflowTerminateDisabled",     "WorkflowCancelDisabled",
        "WorkflowSignalDisabled",  "WorkflowUpdateDisabled",        "WorkflowResetDisabled",
        "WorkflowPauseDisabled",   "BatchActionsDisabled",          "StartWorkflowDisabled",
        "HideWorkflowQueryErrors", "RefreshWorkflowCountsDisabled", "ActivityCommandsDisabled",
    };
    const struct options *options = ui_of(exchange)->options;
    struct json_writer writer = {.pretty = false};

    json_put_object_begin(&writer);
    json_put_name(&writer, "Auth");
    json_put_object_begin(&writer);
    switch_off(&writer, "Enabled");
    json_put_name(&writer, "Options");
    json_put_null(&writer);
    switch_off(&writer, "RedirectToProvider");
    json_put_object_end(&writer);
    member(&writer, "BannerText", NULL);
    member(&writer, "DefaultNamespace", NULL);
    switch_off(&writer, "ShowTemporalSystemNamespace");
    switch_off(&writer, "NavCollapsedByDefault");
    member(&writer, "FeedbackURL", NULL);
    json_put_name(&writer, "DisableNewsFetch");
    json_put_bool(&writer, options->ui_disable_news_fetch);
    write_codec(&writer, options);
    member(&writer, "Version", UI_VERSION);
    /* Ours, for the commands that our UI shows. */
    member(&writer, "FrontendAddress",
           options_address(options, exchange->arena, transport_port(exchange->http->server->transport)));
    for (size_t i = 0; i < sizeof(off) / sizeof(off[0]); i++)
        switch_off(&writer, off[i]);
    json_put_object_end(&writer);
    exchange_reply_buffer(exchange, 200, "application/json", &writer.out);
}

/* Text of a user, for the frame in which the official UI shows it: as it is, where the real server makes HTML of its
 * Markdown. Nothing in it can run or load anything. */
static void serve_text(struct exchange *exchange)
{
    static const char head[] =
        "<!DOCTYPE html><html><head><title>Text</title><meta charset=\"utf-8\"></head><body><pre>";
    static const char foot[] = "</pre></body></html>\n";
    const char *text = http_query_find(exchange->arena, exchange->head.query, "content");
    struct buffer page = {0};

    buffer_append(&page, head, sizeof(head) - 1);
    for (; text != NULL && *text != '\0'; text++) {
        const char *escaped = *text == '<' ? "&lt;" : *text == '&' ? "&amp;" : NULL;

        buffer_append(&page, escaped == NULL ? text : escaped, escaped == NULL ? 1 : strlen(escaped));
    }
    buffer_append(&page, foot, sizeof(foot) - 1);
    exchange_add_header(exchange, "Content-Security-Policy",
                        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'self'; sandbox");
    exchange_reply_buffer(exchange, 200, "text/html; charset=utf-8", &page);
}

static void reply_json(struct exchange *exchange, int http_status, const char *json)
{
    exchange_reply(exchange, http_status, "application/json", bytes_of(json));
}

/* --- requests of other sites --- */

/* The content of the cookie "_csrf"; NULL when there is none. Not zero-terminated. */
static const char *csrf_cookie(const struct exchange *exchange)
{
    static const char name[] = "_csrf=";
    const char *cookies = http_head_find(&exchange->head, "cookie");

    while (cookies != NULL) {
        cookies += strspn(cookies, "; ");
        if (strncmp(cookies, name, sizeof(name) - 1) == 0)
            return cookies + sizeof(name) - 1;
        cookies = strchr(cookies, ';');
    }
    return NULL;
}

static bool is_token(const char *text)
{
    return text != NULL && strspn(text, "0123456789abcdef") == CSRF_TOKEN_CHARACTERS;
}

static void give_token(struct exchange *exchange)
{
    struct rand *rand = exchange->http->server->rand;

    if (is_token(csrf_cookie(exchange)))
        return;
    exchange_add_header(exchange, "Set-Cookie",
                        arena_printf(exchange->arena, "_csrf=%016llx%016llx; Path=/; Max-Age=86400; SameSite=Strict",
                                     (unsigned long long)rand_bits(rand), (unsigned long long)rand_bits(rand)));
}

/* Whether this request may change something; refused when not. */
static bool may_change(struct exchange *exchange)
{
    const struct http_head *head = &exchange->head;
    const char *site = http_head_find(head, "sec-fetch-site"), *cookie = csrf_cookie(exchange);
    const char *token = http_head_find(head, "x-csrf-token");

    if (http_head_find(head, "authorization") != NULL)
        return true;
    if (site != NULL) {
        if (strcmp(site, "same-origin") == 0 || strcmp(site, "none") == 0)
            return true;
        reply_json(exchange, 403, "{\"message\":\"cross-site request blocked by CSRF\"}\n");
        return false;
    }
    if (token == NULL) {
        reply_json(exchange, 400, "{\"message\":\"missing csrf token in request header\"}\n");
        return false;
    }
    if (is_token(token) && is_token(cookie) && strncmp(token, cookie, CSRF_TOKEN_CHARACTERS) == 0)
        return true;
    reply_json(exchange, 403, "{\"message\":\"invalid csrf token\"}\n");
    return false;
}

/* --- dispatch --- */

/* The request's path without the public one. */
static const char *own_path(const struct exchange *exchange)
{
    const char *path = exchange->head.path, *public_path = ui_of(exchange)->public_path;
    size_t len = strlen(public_path);

    if (len == 0 || strncmp(path, public_path, len) != 0 || (path[len] != '/' && path[len] != '\0'))
        return path;
    return path[len] == '\0' ? "/" : path + len;
}

void ui_site_serve(struct exchange *exchange)
{
    const char *method = exchange->head.method, *public_path = ui_of(exchange)->public_path;
    bool is_read = strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0;

    exchange_add_header(exchange, "X-Content-Type-Options", "nosniff");
    exchange_add_header(exchange, "X-Frame-Options", "SAMEORIGIN");
    exchange_add_header(exchange, "X-Xss-Protection", "1; mode=block");
    if (strcmp(method, "OPTIONS") == 0) { /* no other origin is allowed anything */
        exchange_reply(exchange, 204, NULL, (struct bytes){NULL, 0});
        return;
    }
    if (!is_read && !may_change(exchange))
        return;
    if (public_path[0] != '\0' && strcmp(exchange->head.path, "/") == 0) {
        exchange_add_header(exchange, "Location", arena_printf(exchange->arena, "%s/", public_path));
        exchange_reply(exchange, 308, NULL, (struct bytes){NULL, 0});
        return;
    }
    exchange->head.path = own_path(exchange);
    give_token(exchange);
    if (strcmp(exchange->head.path, API_PREFIX "settings") == 0 && is_read)
        serve_settings(exchange);
    else if (is_read && raw_history_serve(exchange))
        return;
    else if (strncmp(exchange->head.path, API_PREFIX, sizeof(API_PREFIX) - 1) == 0)
        api_serve(exchange, &proxy_style);
    else if (strcmp(exchange->head.path, "/healthz") == 0 && is_read)
        reply_json(exchange, 200, "{\"status\":\"OK\"}\n");
    else if (strcmp(exchange->head.path, "/render") == 0 && is_read)
        serve_text(exchange);
    else if (is_read)
        serve_file(exchange, exchange->head.path);
    else
        reply_json(exchange, 405, "{\"message\":\"Method Not Allowed\"}\n");
}
