#include "matching/names.h"

#include <string.h>

bool queue_version_is_set(const struct queue_version *version)
{
    return version->deployment != NULL && version->deployment[0] != '\0';
}

bool queue_version_equal(const struct queue_version *a, const struct queue_version *b)
{
    if (!queue_version_is_set(a) || !queue_version_is_set(b))
        return queue_version_is_set(a) == queue_version_is_set(b);
    return strcmp(a->build_id, b->build_id) == 0 && strcmp(a->deployment, b->deployment) == 0;
}
