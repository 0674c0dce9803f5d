/* Worker deployments and their versions as rows. What is known of each is a packed message that persistence does not
 * interpret. All rows are read at start and written when something changes, which is seldom. */
#ifndef FERMATA_PERSISTENCE_DEPLOYMENTS_H
#define FERMATA_PERSISTENCE_DEPLOYMENTS_H

#include <stdint.h>

#include "base/bytes.h"
#include "base/status.h"

struct store;

/* A deployment, or one of its versions. */
struct stored_deployment {
    int64_t namespace_id;
    const char *name, *build_id; /* build_id NULL: the deployment itself */
    struct bytes record;         /* fermata.v1.DeploymentRecord or DeploymentVersionRecord, packed */
};

/* Inserts the row, or replaces its record. */
void deployment_rows_put(struct store *store, const struct stored_deployment *row);

/* Deletes the row; a deployment's versions have rows of their own. Nothing when it is not there. */
void deployment_rows_delete(struct store *store, const struct stored_deployment *row);

/* Calls `each` for every deployment, then for every version; memory is valid during that call only. */
status deployment_rows_each(struct store *store, void (*each)(void *context, const struct stored_deployment *row),
                            void *context);

#endif
