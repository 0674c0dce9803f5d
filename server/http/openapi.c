/*
 * /swagger.json and /openapi.yaml of the API's port. As on the real server, what comes behind these names does not
 * matter, the type is that of any text, and other methods than GET know nothing here. They are embedded gzipped and
 * unpacked per request: nobody asks for them often, and plain they would be a tenth of the executable.
 */
#include <string.h>

#include "base/invariant.h"
#include "proto/openapi.h"
#include "server/grpc/gzip.h"
#include "server/http/parts.h"

static const struct {
    const char *path;
    const struct openapi_document *document;
} documents[] = {
    {"/swagger.json", &openapi_swagger_json},
    {"/openapi.yaml", &openapi_yaml},
};

static void reply_document(struct exchange *exchange, const struct openapi_document *document)
{
    struct gzip *gzip = gzip_new(exchange->arena);
    struct buffer text = {0};
    enum gunzip_result result = gunzip(gzip, document->gzipped, document->len, &text);

    gzip_free(gzip);
    invariant(result == GUNZIPPED && text.len == document->len, "an embedded document does not unpack: %d", result);
    exchange_reply_buffer(exchange, 200, "text/plain; charset=utf-8", &text);
}

bool openapi_serve(struct exchange *exchange)
{
    if (strcmp(exchange->head.method, "GET") != 0)
        return false;
    for (size_t i = 0; i < sizeof(documents) / sizeof(documents[0]); i++)
        if (strncmp(exchange->head.path, documents[i].path, strlen(documents[i].path)) == 0) {
            reply_document(exchange, documents[i].document);
            return true;
        }
    return false;
}
