/* The site of --metrics-port: one page, for Prometheus. */
#include "server/metrics/server_metrics.h"

#include <string.h>

#include "server/http/parts.h"
#include "server/server.h"

static const char not_found_text[] = "404 page not found\n";

void metrics_site_serve(struct exchange *exchange)
{
    const struct http_head *head = &exchange->head;
    struct buffer page = {0};

    if (strcmp(head->path, "/metrics") != 0) {
        exchange_reply(exchange, 404, "text/plain; charset=utf-8",
                       (struct bytes){(const uint8_t *)not_found_text, sizeof(not_found_text) - 1});
        return;
    }
    server_metrics_write(exchange->http->server->metrics, &page);
    exchange_reply_buffer(exchange, 200, "text/plain; version=0.0.4; charset=utf-8; escaping=underscores", &page);
}
