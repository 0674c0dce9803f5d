#include "matching/names.h"

#include <stddef.h>
#include <string.h>

static const char *text_or_empty(const char *text)
{
    return text != NULL ? text : "";
}

bool queue_version_is_set(const struct queue_version *version)
{
    return text_or_empty(version->deployment)[0] != '\0' || text_or_empty(version->build_id)[0] != '\0';
}

bool queue_version_equal(const struct queue_version *a, const struct queue_version *b)
{
    return strcmp(text_or_empty(a->build_id), text_or_empty(b->build_id)) == 0 &&
           strcmp(text_or_empty(a->deployment), text_or_empty(b->deployment)) == 0;
}
