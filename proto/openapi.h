/* The HTTP API's descriptions of itself, embedded: every route with its parameters and types, made from the API's
 * descriptors by proto/openapi.py. */
#ifndef FERMATA_PROTO_OPENAPI_H
#define FERMATA_PROTO_OPENAPI_H

#include <stddef.h>

#include "base/bytes.h"

/* A document. */
struct openapi_document {
    struct bytes gzipped;
    size_t len; /* unpacked */
};

/* Swagger 2.0, in JSON. */
extern const struct openapi_document openapi_swagger_json;

/* OpenAPI 3.0, in YAML. */
extern const struct openapi_document openapi_yaml;

#endif
