#include "proto/search_attributes.h"

#include <stdio.h>
#include <string.h>

#define RESERVED_PREFIX "Temporal"

const struct predefined_search_attribute predefined_search_attributes[] = {
    {"WorkflowId", INDEXED_VALUE_TYPE_KEYWORD, SEARCH_ATTRIBUTE_OF_ROW},
    {"RunId", INDEXED_VALUE_TYPE_KEYWORD, SEARCH_ATTRIBUTE_OF_ROW},
    {"WorkflowType", INDEXED_VALUE_TYPE_KEYWORD, SEARCH_ATTRIBUTE_OF_ROW},
    {"StartTime", INDEXED_VALUE_TYPE_DATETIME, SEARCH_ATTRIBUTE_OF_ROW},
    {"ExecutionTime", INDEXED_VALUE_TYPE_DATETIME, SEARCH_ATTRIBUTE_OF_ROW},
    {"CloseTime", INDEXED_VALUE_TYPE_DATETIME, SEARCH_ATTRIBUTE_OF_ROW},
    {"ExecutionStatus", INDEXED_VALUE_TYPE_KEYWORD, SEARCH_ATTRIBUTE_OF_ROW},
    {"TaskQueue", INDEXED_VALUE_TYPE_KEYWORD, SEARCH_ATTRIBUTE_OF_ROW},
    {"HistoryLength", INDEXED_VALUE_TYPE_INT, SEARCH_ATTRIBUTE_OF_ROW},
    {"ExecutionDuration", INDEXED_VALUE_TYPE_INT, SEARCH_ATTRIBUTE_OF_ROW},
    {"StateTransitionCount", INDEXED_VALUE_TYPE_INT, SEARCH_ATTRIBUTE_OF_ROW},
    {"HistorySizeBytes", INDEXED_VALUE_TYPE_INT, SEARCH_ATTRIBUTE_OF_ROW},
    {"ParentWorkflowId", INDEXED_VALUE_TYPE_KEYWORD, SEARCH_ATTRIBUTE_OF_ROW},
    {"ParentRunId", INDEXED_VALUE_TYPE_KEYWORD, SEARCH_ATTRIBUTE_OF_ROW},
    {"RootWorkflowId", INDEXED_VALUE_TYPE_KEYWORD, SEARCH_ATTRIBUTE_OF_ROW},
    {"RootRunId", INDEXED_VALUE_TYPE_KEYWORD, SEARCH_ATTRIBUTE_OF_ROW},
    {"TemporalChangeVersion", INDEXED_VALUE_TYPE_KEYWORD_LIST, SEARCH_ATTRIBUTE_OPEN},
    {"BinaryChecksums", INDEXED_VALUE_TYPE_KEYWORD_LIST, SEARCH_ATTRIBUTE_OPEN},
    {"BuildIds", INDEXED_VALUE_TYPE_KEYWORD_LIST, SEARCH_ATTRIBUTE_OPEN},
    {"BatcherNamespace", INDEXED_VALUE_TYPE_KEYWORD, SEARCH_ATTRIBUTE_OPEN},
    {"BatcherUser", INDEXED_VALUE_TYPE_KEYWORD, SEARCH_ATTRIBUTE_OPEN},
    {"TemporalScheduledStartTime", INDEXED_VALUE_TYPE_DATETIME, SEARCH_ATTRIBUTE_OPEN},
    {"TemporalScheduledById", INDEXED_VALUE_TYPE_KEYWORD, SEARCH_ATTRIBUTE_OPEN},
    {"TemporalSchedulePaused", INDEXED_VALUE_TYPE_BOOL, SEARCH_ATTRIBUTE_OPEN},
    {"TemporalNamespaceDivision", INDEXED_VALUE_TYPE_KEYWORD, SEARCH_ATTRIBUTE_OPEN},
    {"TemporalPauseInfo", INDEXED_VALUE_TYPE_KEYWORD_LIST, SEARCH_ATTRIBUTE_OPEN},
    {"TemporalReportedProblems", INDEXED_VALUE_TYPE_KEYWORD_LIST, SEARCH_ATTRIBUTE_OPEN},
    {"TemporalWorkerDeployment", INDEXED_VALUE_TYPE_KEYWORD, SEARCH_ATTRIBUTE_SERVER},
    {"TemporalWorkerDeploymentVersion", INDEXED_VALUE_TYPE_KEYWORD, SEARCH_ATTRIBUTE_SERVER},
    {"TemporalWorkflowVersioningBehavior", INDEXED_VALUE_TYPE_KEYWORD, SEARCH_ATTRIBUTE_SERVER},
    {"TemporalUsedWorkerDeploymentVersions", INDEXED_VALUE_TYPE_KEYWORD_LIST, SEARCH_ATTRIBUTE_SERVER},
    {"TemporalExternalPayloadCount", INDEXED_VALUE_TYPE_INT, SEARCH_ATTRIBUTE_SERVER},
    {"TemporalExternalPayloadSizeBytes", INDEXED_VALUE_TYPE_INT, SEARCH_ATTRIBUTE_SERVER},
};

const size_t predefined_search_attributes_count =
    sizeof(predefined_search_attributes) / sizeof(predefined_search_attributes[0]);

const struct predefined_search_attribute *predefined_search_attribute_find(const char *name)
{
    for (size_t i = 0; i < predefined_search_attributes_count; i++)
        if (strcmp(predefined_search_attributes[i].name, name) == 0)
            return &predefined_search_attributes[i];
    return NULL;
}

const struct search_attribute_type search_attribute_types[] = {
    {INDEXED_VALUE_TYPE_TEXT, "Text", 3},
    {INDEXED_VALUE_TYPE_KEYWORD, "Keyword", 10},
    {INDEXED_VALUE_TYPE_INT, "Int", 3},
    {INDEXED_VALUE_TYPE_DOUBLE, "Double", 3},
    {INDEXED_VALUE_TYPE_BOOL, "Bool", 3},
    {INDEXED_VALUE_TYPE_DATETIME, "Datetime", 3},
    {INDEXED_VALUE_TYPE_KEYWORD_LIST, "KeywordList", 3},
};

const size_t search_attribute_types_count = sizeof(search_attribute_types) / sizeof(search_attribute_types[0]);

const struct search_attribute_type *search_attribute_type_find(int type)
{
    for (size_t i = 0; i < search_attribute_types_count; i++)
        if ((int)search_attribute_types[i].type == type)
            return &search_attribute_types[i];
    return NULL;
}

const char *search_attribute_type_name(int type)
{
    const struct search_attribute_type *found = search_attribute_type_find(type);

    return found == NULL ? "Unspecified" : found->name;
}

bool is_search_attribute_column(const char *name)
{
    char column[32];

    for (size_t i = 0; i < search_attribute_types_count; i++) {
        for (int number = 1; number <= search_attribute_types[i].columns_count; number++) {
            snprintf(column, sizeof(column), "%s%02d", search_attribute_types[i].name, number);
            if (strcmp(column, name) == 0)
                return true;
        }
    }
    return false;
}

bool is_search_attribute_reserved(const char *name)
{
    static const char *const internal[] = {"NamespaceId", "Memo", "MemoEncoding", "VisibilityTaskKey"};

    for (size_t i = 0; i < sizeof(internal) / sizeof(internal[0]); i++)
        if (strcmp(internal[i], name) == 0)
            return true;
    return strncmp(name, RESERVED_PREFIX, strlen(RESERVED_PREFIX)) == 0 ||
           predefined_search_attribute_find(name) != NULL;
}

bool is_search_attribute_looked_up(const char *name)
{
    static const char *const COMMON[] = {
        "BuildIds",
        "BinaryChecksums",
        "TemporalWorkerDeployment",
        "TemporalWorkerDeploymentVersion",
        "TemporalWorkflowVersioningBehavior",
        "TemporalUsedWorkerDeploymentVersions",
        "TemporalExternalPayloadCount",
        "TemporalExternalPayloadSizeBytes",
    };

    for (size_t i = 0; i < sizeof(COMMON) / sizeof(COMMON[0]); i++)
        if (strcmp(name, COMMON[i]) == 0)
            return false;
    return true;
}

const PbNamespaceSearchAttribute *custom_search_attribute_find(const PbNamespaceRecord *record, const char *name)
{
    for (size_t i = 0; i < record->n_search_attributes; i++)
        if (strcmp(record->search_attributes[i]->name, name) == 0)
            return record->search_attributes[i];
    return NULL;
}
