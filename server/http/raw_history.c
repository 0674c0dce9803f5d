/*
 * /api/v1/namespaces/N/workflows/W/run/R/history.json of the real UI's server: a history in the form of
 * proto/json_raw.h, as one array, whose last element says what went wrong when something did. Read page by page, each
 * in a turn of its own.
 */
#include <string.h>

#include "proto/json_raw.h"
#include "proto/pb.h"
#include "server/http/parts.h"
#include "server/server.h"

/* More than a history may have; what it is made of is held until the answer is complete. */
enum { RAW_BYTES_MAX = 128 << 20 };

struct raw_history {
    PbGetWorkflowExecutionHistoryRequest *request;
    struct json_writer writer; /* its buffer is the exchange's out_body in between */
};

static void next_page(struct work *work);

static void finish(struct exchange *exchange, const char *error)
{
    struct raw_history *raw = exchange->context;

    if (error != NULL) {
        json_put_object_begin(&raw->writer);
        json_put_name(&raw->writer, "error");
        json_put_string(&raw->writer, error);
        json_put_object_end(&raw->writer);
    }
    json_put_array_end(&raw->writer);
    exchange->out_body = (struct buffer){0};
    exchange_reply_buffer(exchange, 200, "application/json", &raw->writer.out);
}

static void on_page(struct exchange *exchange)
{
    struct raw_history *raw = exchange->context;
    const PbGetWorkflowExecutionHistoryResponse *page;

    if (!status_is_ok(exchange->call.answer)) {
        finish(exchange, exchange->call.answer.message);
        return;
    }
    page = exchange_response(exchange);
    for (size_t i = 0; page->history != NULL && i < page->history->n_events; i++)
        json_raw_write(&raw->writer, exchange->arena, page->history->events[i]);
    exchange->out_body = raw->writer.out; /* freed with the exchange, should the client go now */
    exchange_charge(exchange);
    if (page->next_page_token.len == 0) {
        finish(exchange, NULL);
    } else if (raw->writer.out.len > RAW_BYTES_MAX) {
        finish(exchange, "the history is too large");
    } else {
        raw->request->next_page_token = page->next_page_token;
        exchange_call_again(exchange, next_page);
    }
}

static void next_page(struct work *work)
{
    struct exchange *exchange = (struct exchange *)((char *)work - offsetof(struct exchange, work));
    struct raw_history *raw = exchange->context;
    static const char path[] = "/temporal.api.workflowservice.v1.WorkflowService/GetWorkflowExecutionHistory";

    exchange_call(exchange, rpc_find(path, sizeof(path) - 1), raw->request, on_page);
}

/* The segment behind `prefix`, decoded; *path moves behind it. NULL when it is not there. */
static const char *take_segment(struct arena *arena, const char **path, const char *prefix)
{
    size_t prefix_len = strlen(prefix), len;
    const char *segment;

    if (strncmp(*path, prefix, prefix_len) != 0)
        return NULL;
    len = strcspn(*path + prefix_len, "/");
    segment = percent_decode(arena, *path + prefix_len, len, false);
    *path += prefix_len + len;
    return segment;
}

bool raw_history_serve(struct exchange *exchange)
{
    struct arena *arena = exchange->arena;
    const char *path = exchange->head.path, *ns, *id = NULL, *run = NULL;
    struct raw_history *raw;

    ns = take_segment(arena, &path, "/api/v1/namespaces/");
    if (ns != NULL)
        id = take_segment(arena, &path, "/workflows/");
    if (id != NULL)
        run = take_segment(arena, &path, "/run/");
    if (run == NULL || strcmp(path, "/history.json") != 0)
        return false;
    raw = ARENA_NEW(arena, struct raw_history);
    raw->request = ARENA_NEW_PB(arena, PbGetWorkflowExecutionHistoryRequest);
    raw->request->namespace_ = ns;
    raw->request->execution = ARENA_NEW_PB(arena, PbWorkflowExecution);
    raw->request->execution->workflow_id = id;
    raw->request->execution->run_id = run;
    exchange->context = raw;
    exchange->call.headers.client_name = "temporal-ui";
    json_put_array_begin(&raw->writer);
    exchange->out_body = raw->writer.out;
    next_page(&exchange->work);
    return true;
}
