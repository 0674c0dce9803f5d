/* OperatorService: what administrators set up. */
#include <string.h>

#include "proto/pb.h"
#include "proto/search_attributes.h"
#include "server/frontend/handlers.h"
#include "server/frontend/messages.h"
#include "server/server.h"
#include "server/services/namespaces.h"

/* Finds the namespace, after what the real server checks before it: `is_empty` says that the request has nothing to do.
 */
static status find_namespace(struct call *call, const char *name, bool is_empty, const struct namespace_info **ret_ns)
{
    if (name[0] != '\0')
        TRY(namespaces_find(call->server->namespaces, call->arena, name, ret_ns));
    if (is_empty)
        return status_error(GRPC_INVALID_ARGUMENT, MSG_SEARCH_ATTRIBUTES_NOT_SET);
    return name[0] == '\0' ? status_error(GRPC_INVALID_ARGUMENT, MSG_OPERATOR_NAMESPACE_NOT_SET) : status_ok();
}

/* OperatorService.AddSearchAttributes */
status rpc_operator_add_search_attributes(struct call *call, const PbAddSearchAttributesRequest *request,
                                          PbAddSearchAttributesResponse *response)
{
    const struct namespace_info *ns;
    const char **names = ARENA_NEW_ARRAY(call->arena, const char *, request->n_search_attributes);
    int *types = ARENA_NEW_ARRAY(call->arena, int, request->n_search_attributes);

    (void)response; /* empty */
    TRY(find_namespace(call, request->namespace_, request->n_search_attributes == 0, &ns));
    for (size_t i = 0; i < request->n_search_attributes; i++) {
        names[i] = request->search_attributes[i]->key;
        types[i] = (int)request->search_attributes[i]->value;
        if (is_search_attribute_reserved(names[i]))
            return status_errorf(call->arena, GRPC_INVALID_ARGUMENT, MSG_SEARCH_ATTRIBUTE_IS_RESERVED, names[i]);
        if (types[i] != INDEXED_VALUE_TYPE_UNSPECIFIED && search_attribute_type_find(types[i]) == NULL)
            return status_errorf(call->arena, GRPC_INVALID_ARGUMENT, MSG_SEARCH_ATTRIBUTE_TYPE, types[i]);
    }
    return namespaces_add_search_attributes(call->server->namespaces, call->arena, ns,
                                            (int)request->n_search_attributes, names, types);
}

/* OperatorService.RemoveSearchAttributes */
status rpc_operator_remove_search_attributes(struct call *call, const PbRemoveSearchAttributesRequest *request,
                                             PbRemoveSearchAttributesResponse *response)
{
    const struct namespace_info *ns;
    const char **names = ARENA_NEW_ARRAY(call->arena, const char *, request->n_search_attributes);

    (void)response; /* empty */
    TRY(find_namespace(call, request->namespace_, request->n_search_attributes == 0, &ns));
    for (size_t i = 0; i < request->n_search_attributes; i++) {
        names[i] = request->search_attributes[i];
        if (custom_search_attribute_find(ns->record, names[i]) != NULL)
            continue;
        if (predefined_search_attribute_find(names[i]) != NULL || is_search_attribute_column(names[i]))
            return status_errorf(call->arena, GRPC_INVALID_ARGUMENT, MSG_SEARCH_ATTRIBUTE_NOT_CUSTOM, names[i]);
    }
    namespaces_remove_search_attributes(call->server->namespaces, call->arena, ns, request->n_search_attributes, names);
    return status_ok();
}

/* OperatorService.ListSearchAttributes */
status rpc_operator_list_search_attributes(struct call *call, const PbListSearchAttributesRequest *request,
                                           PbListSearchAttributesResponse *response)
{
    const struct namespace_info *ns;

    TRY(find_namespace(call, request->namespace_, false, &ns));
    response->custom_attributes = ARENA_NEW_ARRAY(call->arena, PbListSearchAttributesResponseCustomAttributesEntry *,
                                                  ns->record->n_search_attributes);
    for (size_t i = 0; i < ns->record->n_search_attributes; i++) {
        PbListSearchAttributesResponseCustomAttributesEntry *entry =
            ARENA_NEW_PB(call->arena, PbListSearchAttributesResponseCustomAttributesEntry);

        entry->key = arena_strdup(call->arena, ns->record->search_attributes[i]->name);
        entry->value = (PbIndexedValueType)ns->record->search_attributes[i]->type;
        response->custom_attributes[response->n_custom_attributes++] = entry;
    }
    response->system_attributes = ARENA_NEW_ARRAY(call->arena, PbListSearchAttributesResponseSystemAttributesEntry *,
                                                  predefined_search_attributes_count);
    for (size_t i = 0; i < predefined_search_attributes_count; i++) {
        PbListSearchAttributesResponseSystemAttributesEntry *entry =
            ARENA_NEW_PB(call->arena, PbListSearchAttributesResponseSystemAttributesEntry);

        entry->key = predefined_search_attributes[i].name;
        entry->value = predefined_search_attributes[i].type;
        response->system_attributes[response->n_system_attributes++] = entry;
    }
    return status_ok();
}
