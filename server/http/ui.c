#include "server/http/parts.h"

struct ui {
    struct http *http;
};

status ui_new(struct http *http, struct arena *arena, struct ui **ret_ui)
{
    (void)http;
    (void)arena;
    *ret_ui = NULL;
    return status_ok();
}

void ui_site_serve(struct exchange *exchange)
{
    static const struct api_style style = {.is_proxy = true};

    api_serve(exchange, &style);
}
