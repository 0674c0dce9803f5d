/*
 * The error texts that clients see, and that SDKs, users' tests and scripts match on: together here, so that they can
 * be compared with the real server's (release 1.32.0) letter by letter, capitals and full stops included. What is
 * formatted says so by its % directives. Code is INVALID_ARGUMENT where nothing else is said.
 */
#ifndef FERMATA_SERVER_FRONTEND_MESSAGES_H
#define FERMATA_SERVER_FRONTEND_MESSAGES_H

/* --- any request --- */
#define MSG_NAMESPACE_NOT_SET    "Namespace is empty."
#define MSG_NAMESPACE_NOT_FOUND  "Namespace %s is not found." /* NOT_FOUND, NamespaceNotFoundFailure */
#define MSG_NAMESPACE_TOO_LONG   "Namespace length exceeds limit."
#define MSG_IDENTITY_TOO_LONG    "Identity length exceeds limit."
#define MSG_REQUEST_ID_NOT_SET   "RequestId is not set on request."
#define MSG_REQUEST_ID_TOO_LONG  "RequestId length exceeds limit."
#define MSG_BLOB_TOO_LARGE       "Blob data size exceeds limit."
#define MSG_MEMO_TOO_LARGE       "Memo size exceeds limit."
#define MSG_EXECUTION_NOT_SET    "Execution is not set on request."
#define MSG_WORKFLOW_ID_NOT_SET  "WorkflowId is not set on request."
#define MSG_WORKFLOW_ID_TOO_LONG "WorkflowId exceeds maximum allowed length (%zu/%lld)"
#define MSG_INVALID_RUN_ID       "Invalid RunId."
#define MSG_NOT_SUPPORTED_YET    "%s are not supported yet" /* UNIMPLEMENTED; ours alone */

/* --- namespaces --- */
#define MSG_NAMESPACE_NAME_NOT_SET    "Namespace not set on request."
#define MSG_NAMESPACE_NAME_AND_ID     "GetNamespace operation failed.  Both ID and Name specified in request."
#define MSG_NAMESPACE_EXISTS          "Namespace %s already exists" /* quoted; ALREADY_EXISTS */
#define MSG_NAMESPACE_GLOBAL          "Cannot register global namespace when not enabled"
#define MSG_NAMESPACE_RETENTION       "A valid retention period is not set on request."
#define MSG_NAMESPACE_UNKNOWN_CLUSTER "Invalid cluster name: %s"
#define MSG_NAMESPACE_CLUSTERS        "Invalid local namespace clusters"
#define MSG_NAMESPACE_PAGE_SIZE       "PageSize must not be negative." /* ours: the real server answers UNAVAILABLE */
/* FAILED_PRECONDITION, NamespaceInvalidStateFailure */
#define MSG_NAMESPACE_STATE "Namespace has invalid state: %s. Must be Registered."

/* --- client versions --- */
#define MSG_CLIENT_VERSION_UNPARSABLE  "Unable to parse client version: %s"
#define MSG_SERVER_VERSIONS_UNPARSABLE "Unable to parse supported server versions: %s"
/* FAILED_PRECONDITION, ClientVersionNotSupportedFailure and ServerVersionNotSupportedFailure */
#define MSG_CLIENT_VERSION_NOT_SUPPORTED "Client version %s is not supported. Server supports %s versions: %s"
#define MSG_SERVER_VERSION_NOT_SUPPORTED "Server version %s is not supported. Client supports server versions: %s"

/* --- task queues and polls --- */
#define MSG_TASK_QUEUE_NOT_SET          "taskQueue is not set"
#define MSG_TASK_QUEUE_NAME_MISSING     "missing task queue name"
#define MSG_TASK_QUEUE_TOO_LONG         "taskQueue length exceeds limit"
#define MSG_TASK_QUEUE_RESERVED         "task queue name cannot start with reserved prefix /_sys/"
#define MSG_TASK_QUEUE_INTERNAL         "cannot use internal per-namespace task queue:%s"
#define MSG_PARTITION_STATS             "DescribeTaskQueue stats are only supported for the root partition"
#define MSG_PARTITION_NAME_INVALID      "invalid task queue partition name %s"
#define MSG_TASK_QUEUE_FAMILY_RESERVED  "task queue family name cannot have prefix /_sys/ %s"
#define MSG_RATE_LIMIT_OF_WORKFLOWS     "Setting rate limit on workflow task queues is not allowed."
#define MSG_KEY_RATE_LIMIT_OF_WORKFLOWS "Setting fairness key rate limit on workflow task queues is not allowed."
#define MSG_RATE_LIMIT_NEGATIVE         "RequestsPerSecond for %s rate limit must be non-negative."
#define MSG_FIELD_TOO_LONG              "%s field too long (max %lld characters)."
#define MSG_FAIRNESS_KEY_EMPTY          "fairness weight override key must not be empty"
#define MSG_FAIRNESS_WEIGHT_INVALID     "invalid fairness weight weight for key %s: must be greater than zero"
#define MSG_FAIRNESS_WEIGHT_TWICE       "fairness weight override key %s present in both set and unset lists"
#define MSG_FAIRNESS_WEIGHTS_TOO_MANY   "too many fairness weight overrides in request: got %zu, maximum %d"
#define MSG_FAIRNESS_WEIGHTS_REJECTED   "fairness weight overrides update rejected: exceeding maximum key size"
#define MSG_DESCRIBE_STICKY \
    "Enhanced DescribeTaskQueue is not valid for a sticky queue, use api_mode=UNSPECIFIED or a normal queue."
#define MSG_REACHABILITY_BUILD_IDS "Too many build ids queried at once with ReportTaskReachability==true, limit: %d"
#define MSG_DESCRIBE_BUILD_IDS     "Too many build ids queried at once, limit: %d" /* ours alone */
#define MSG_POLL_TIMEOUT_NOT_SET   "Context timeout is not set."
#define MSG_POLL_TIMEOUT_TOO_SHORT "Context timeout is too short." /* FAILED_PRECONDITION */
#define MSG_VERSIONING_NO_NORMAL_NAME \
    "NormalName must be set on sticky queue when UseVersioning is true or DeploymentOptions are set."
#define MSG_VERSIONING_NO_BUILD_ID      "WorkerVersionStamp must be present if UseVersioning is true."
#define MSG_BUILD_ID_TOO_LONG           "Build ID exceeds configured limit.workerBuildIdSize, use a shorter build ID."
#define MSG_DEPLOYMENT_OPTIONS_PARTIAL  "Deployment name and build id must be set together."
#define MSG_DEPLOYMENT_FIELD_TOO_LONG   "size of %s larger than the maximum allowed"
#define MSG_DEPLOYMENT_NAME_CONTAINS    "worker deployment name cannot contain '%s'"
#define MSG_DEPLOYMENT_FIELD_UNDERSCORE "%s cannot start with '__'"
#define MSG_VERSIONING_BEHAVIOR_WITHOUT_OPTIONS \
    "versioning behavior cannot be specified without deployment options being set with versioned mode"

/* --- worker deployments; more in matching/deployment_texts.h --- */
#define MSG_DEPLOYMENT_FIELD_EMPTY      "%s cannot be empty"
#define MSG_DEPLOYMENT_NAME_NOT_SET     "deployment name cannot be empty"
#define MSG_BUILD_ID_NOT_SET            "build ID cannot be empty"
#define MSG_VERSION_NOT_SET             "deployment version cannot be empty"
#define MSG_VERSION_INVALID             "invalid version string %s, expected format is \"<deployment_name>.<build_id>\""
#define MSG_VERSION_UNREADABLE          "invalid version string: %s"
#define MSG_VERSION_OF_OTHER_DEPLOYMENT "invalid version string '%s' does not match deployment name '%s'"
#define MSG_RAMP_PERCENTAGE             "Percentage must be between 0 and 100 (inclusive)"
#define MSG_MANAGER_IDENTITY_NOT_SET    "Identity is required"
#define MSG_METADATA_NOT_SET            "At least one of remove_entries or upsert_entries must be provided"
/* NOT_FOUND, NotFoundFailure; the second shows the id of the workflow that a version is there */
#define MSG_VERSION_NOT_FOUND          "Worker Deployment Version not found"
#define MSG_VERSION_WORKFLOW_NOT_FOUND "workflow not found for ID: temporal-sys-worker-deployment-version:%s:%s"
/* compute configs */
#define MSG_COMPUTE_EMPTY          "spec must have at least one entry"
#define MSG_COMPUTE_NO_ID          "scaling groups without an ID are not supported"
#define MSG_COMPUTE_CATCH_ALL      "entry %s: only one scaling group can have no task types defined"
#define MSG_COMPUTE_TYPE_TWICE     "entry %s: task type %s appears in more than one entry"
#define MSG_COMPUTE_TYPE_UNDEFINED "entry %s: task type undefined not allowed in compute spec"
#define MSG_COMPUTE_PROVIDER       "entry %s: invalid compute provider type '%s'"
#define MSG_COMPUTE_SCALER         "entry %s: invalid scaling algorithm type '%s'"
#define MSG_COMPUTE_MASK           "unsupported field mask path: \"%s\""
#define MSG_COMPUTE_MASK_ALONE     "Scaling group '%s' has an update mask but nothing to compare with"
#define MSG_COMPUTE_TOO_MANY       "at most %d scaling groups can be changed at once" /* ours alone */
#define MSG_COMPUTE_NONE_BEFORE \
    "No prior compute config found, which means nothing can be removed and something needs to be added to be valid"
/* what came before: PERMISSION_DENIED with PermissionDeniedFailure; UNIMPLEMENTED */
#define MSG_VERSION_SETS_DISABLED \
    "Worker versioning v0.1 (Version Set-based, deprecated) is disabled on this namespace."
#define MSG_VERSION_RULES_DISABLED "Worker versioning v0.2 (Rules-based, deprecated) is disabled on this namespace."
#define MSG_DEPLOYMENT_SERIES_GONE "Deployments are deprecated and no longer supported, use Worker Deployments instead"
#define MSG_DEPLOYMENTS_DISABLED                                                       \
    "Worker Deployment Versions are disabled on this namespace." /* PERMISSION_DENIED, \
                                                                    PermissionDeniedFailure */
#define MSG_DEPLOYMENT_READS                                                                \
    "Worker Deployment Read API rate limit exceeded for namespace %s" /* RESOURCE_EXHAUSTED \
                                                                       */

/* --- starting --- */
#define MSG_WORKFLOW_TYPE_NOT_SET     "WorkflowType is not set on request."
#define MSG_WORKFLOW_TYPE_TOO_LONG    "WorkflowType length exceeds limit."
#define MSG_CRON_AND_DELAY            "CronSchedule and WorkflowStartDelay may not be used together."
#define MSG_EXECUTION_TIMEOUT_INVALID "An invalid WorkflowExecutionTimeoutSeconds is set on request. cause: %s"
#define MSG_RUN_TIMEOUT_INVALID       "An invalid WorkflowRunTimeoutSeconds is set on request. cause: %s"
#define MSG_TASK_TIMEOUT_INVALID      "An invalid WorkflowTaskTimeoutSeconds is set on request. cause: %s"
#define MSG_START_DELAY_INVALID       "An invalid WorkflowStartDelaySeconds is set on request. cause: %s"
#define MSG_DURATION_NEGATIVE         "negative duration"
#define MSG_DURATION_MISMATCHED_SIGNS "duration has seconds and nanos with different signs"
#define MSG_REUSE_POLICY_TERMINATE                                                                                 \
    "Invalid WorkflowIDReusePolicy: WORKFLOW_ID_REUSE_POLICY_TERMINATE_IF_RUNNING cannot be used together with a " \
    "WorkflowIDConflictPolicy"
#define MSG_REUSE_POLICY_REJECT                                                                              \
    "Invalid WorkflowIDReusePolicy: WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE cannot be used together with " \
    "WorkflowIdConflictPolicy WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING"
#define MSG_ATTACH_WITHOUT_REQUEST_ID "attaching request ID is required for attaching completion callbacks"
#define MSG_PRIORITY_KEY_NEGATIVE     "priority key can't be negative"
#define MSG_FAIRNESS_KEY_TOO_LONG     "fairness key length exceeds limit"
#define MSG_FAIRNESS_WEIGHT_NEGATIVE  "must be greater than zero"
#define MSG_TIME_SKIPPING_DISABLED    "The Time-Skipping feature is not enabled for namespace." /* UNIMPLEMENTED */

/* starting with a signal */
#define MSG_SIGNAL_NOT_SET             "signal not set"
#define MSG_SIGNAL_TOO_LONG            "signal name exceeds maximum allowed length (%zu/%lld)"
#define MSG_SIGNAL_TYPE_NOT_SET        "workflow type not set"
#define MSG_SIGNAL_TYPE_TOO_LONG       "workflow type name exceeds maximum allowed length (%zu/%lld)"
#define MSG_SIGNAL_REQUEST_ID_TOO_LONG "Request ID exceeds maximum allowed length (%zu/%lld)"
#define MSG_SIGNAL_POLICY_FAIL \
    "Invalid WorkflowIDConflictPolicy: WORKFLOW_ID_CONFLICT_POLICY_FAIL is not supported for this operation."

/* completion callbacks */
#define MSG_CALLBACKS_TOO_MANY        "cannot attach more than %d callbacks to an execution"
#define MSG_CALLBACK_URL_TOO_LONG     "invalid url: url length longer than max length allowed of %d"
#define MSG_CALLBACK_URL_NO_SCHEME    "invalid url: unknown scheme: %s"
#define MSG_CALLBACK_URL_NO_HOST      "invalid url: missing host"
#define MSG_CALLBACK_URL_NOT_ALLOWED  "invalid url: url does not match any configured callback address: %s"
#define MSG_CALLBACK_HEADER_TOO_LARGE "invalid header: header size longer than max allowed size of %d"
#define MSG_CALLBACK_INTERNAL         "unsupported callback variant: *common.Callback_Internal_"
#define MSG_CALLBACK_UNKNOWN          "unknown callback variant: <nil>" /* UNIMPLEMENTED */

/* search attributes */
#define MSG_SEARCH_ATTRIBUTE_UNKNOWN    "Namespace %s has no mapping defined for search attribute %s"
#define MSG_SEARCH_ATTRIBUTE_RESERVED   "%s attribute can't be set in SearchAttributes"
#define MSG_SEARCH_ATTRIBUTE_BAD_VALUE  "invalid value for search attribute %s of type %s: %s"
#define MSG_SEARCH_ATTRIBUTE_TOO_LARGE  "search attribute %s value size %zu exceeds size limit %d"
#define MSG_SEARCH_ATTRIBUTES_TOO_MANY  "number of search attributes %zu exceeds limit %d"
#define MSG_SEARCH_ATTRIBUTES_TOO_LARGE "total size of search attributes %zu exceeds size limit %d"

/* search attributes of a namespace */
#define MSG_OPERATOR_NAMESPACE_NOT_SET   "Namespace is not set on request."
#define MSG_SEARCH_ATTRIBUTES_NOT_SET    "SearchAttributes are not set on request."
#define MSG_SEARCH_ATTRIBUTE_IS_RESERVED "Search attribute %s is reserved by system."
#define MSG_SEARCH_ATTRIBUTE_TYPE        "Unknown search attribute type: %d."
#define MSG_SEARCH_ATTRIBUTES_FULL \
    "Unable to create search attributes: cannot have more than %d search attribute of type %s."
#define MSG_SEARCH_ATTRIBUTE_NOT_CUSTOM "Unable to remove non-custom search attributes: %s."

/* links */
#define MSG_LINKS_TOO_MANY   "cannot attach more than %d links per request, got %zu"
#define MSG_LINK_TOO_LARGE   "link exceeds allowed size of %d, got %zu"
#define MSG_LINK_VARIANT     "unsupported link variant"
#define MSG_LINK_FIELD_EMPTY "%s link must not have an empty %s"
#define MSG_LINK_EVENT_TYPE  "workflow event link ref cannot have an unspecified event type and a non-zero event ID"

/* ALREADY_EXISTS, WorkflowExecutionAlreadyStartedFailure */
#define MSG_ALREADY_RUNNING "Workflow execution is already running. WorkflowId: %s, RunId: %s."
#define MSG_ALREADY_COMPLETED_OK                                                                                    \
    "Workflow execution already finished successfully. WorkflowId: %s, RunId: %s. Workflow Id reuse policy: allow " \
    "duplicate workflow Id if last run failed."
#define MSG_ALREADY_FINISHED                                                                                      \
    "Workflow execution already finished. WorkflowId: %s, RunId: %s. Workflow Id reuse policy: reject duplicate " \
    "workflow Id."

/* --- runs; all NOT_FOUND with NotFoundFailure --- */
#define MSG_WORKFLOW_NOT_FOUND "workflow not found for ID: %s"
#define MSG_RUN_NOT_FOUND      "workflow execution not found for workflow ID \"%s\" and run ID \"%s\""
#define MSG_CHAIN_NOT_FOUND    "workflow execution not found"
#define MSG_WORKFLOW_COMPLETED "workflow execution already completed"

/* --- reset --- */
#define MSG_RESET_OUT_OF_RANGE "Workflow task finish ID must be > 1 && <= workflow last event ID."
#define MSG_RESET_NOT_AT_BOUNDARY \
    "StateRebuilder unable to Rebuild mutable state to event ID: %lld, version: 0, this event must be at the boundary"
#define MSG_RESET_NO_TASK \
    "Can only reset workflow to event ID in range [WorkflowTaskScheduled +1, WorkflowTaskStarted + 1]: %lld"
#define MSG_RESET_OPERATION    "unsupported post reset operation: %s"
#define MSG_RESET_REAPPLY_TYPE "unknown reset reapply type: %d" /* INTERNAL */

/* looking for where to reset; a batch counts them and logs their texts */
#define MSG_RESET_NO_TASKS             "unable to find any scheduled or completed task"
#define MSG_RESET_POINT_NOT_FOUND      "Can't find reset point for %s"
#define MSG_RESET_POINT_NOT_RESETTABLE "Reset point for %s is not resettable"
#define MSG_RESET_POINT_EXPIRED        "Reset point for %s is expired"
#define MSG_RESET_POINT_OTHER_RUN      "Reset point for %s points to previous run and CurrentRunOnly is set"

/* --- batches --- */
#define MSG_BATCH_PARAMETERS                                                                            \
    "must provide required parameters: BatchType,Reason,Namespace, AND one of (Query OR Executions OR " \
    "TargetExecutions)"
#define MSG_BATCH_JOB_ID_NOT_SET "JobId is not set on request."
#define MSG_BATCH_REASON_NOT_SET "Reason is not set on request."
#define MSG_BATCH_TARGETS        "visibility query, executions, and target executions are mutually exclusive"
#define MSG_BATCH_TARGET_TYPE \
    "target_executions[%zu] has type %s, but operation *workflowservice.StartBatchOperationRequest_%s requires %s"
#define MSG_BATCH_NO_SIGNAL       "must provide signal name"
#define MSG_BATCH_NO_OPTIONS      "must provide UpdateOptions"
#define MSG_BATCH_NO_MASK         "must provide UpdateMask"
#define MSG_BATCH_NO_TARGET       "batch reset missing target"
#define MSG_BATCH_RESET_TYPE      "unknown batch reset type %s"
#define MSG_BATCH_NO_FILTER       "activity filter must be set"
#define MSG_BATCH_NO_ACTIVITY     "Either activity type must be set, or match all should be set to true"
#define MSG_BATCH_TYPE_OR_ALL     "must provide ActivityType or MatchAll"
#define MSG_BATCH_BOTH_OPTIONS    "cannot set both activity options and restore original"
#define MSG_BATCH_NO_CHANGE       "Either activity type must be set, or restore original should be set to true"
#define MSG_BATCH_TOO_MANY        "Max concurrent batch operations is reached" /* RESOURCE_EXHAUSTED */
#define MSG_BATCH_JOB_ID_TOO_LONG "WorkflowId exceeds length limit."

/* --- signalling, terminating --- */
#define MSG_SIGNAL_NAME_NOT_SET  "SignalName is not set on request."
#define MSG_SIGNAL_NAME_TOO_LONG "SignalName length exceeds limit."
#define MSG_SIGNALS_TOO_MANY     "exceeded workflow execution limit for signal events"
#define MSG_WORKFLOW_CLOSING \
    "workflow operation can not be applied because workflow is closing" /* RESOURCE_EXHAUSTED */
#define MSG_TRANSACTION_TOO_LARGE "transaction size of %lld bytes exceeds limit of %lld bytes"
#define TEXT_TERMINATE_REASON     "terminated by user via frontend"
#define TEXT_TERMINATE_IDENTITY   "frontend-service"

/* --- workers --- */
#define MSG_WORKER_NOT_FOUND     "Worker %s not found" /* NOT_FOUND */
#define MSG_WORKERS_PAGE_TOKEN   "invalid next_page_token"
#define MSG_WORKERS_QUERY_PREFIX "invalid filter: %s"
#define MSG_WORKERS_QUERY_BLANK  "malformed query: syntax error at position 1"
#define MSG_WORKERS_QUERY_LIMIT  "operation is not supported: 'limit' clause"

/* --- lists --- */
#define MSG_LIST_TIMES_REVERSED    "EarliestTime in StartTimeFilter should not be larger than LatestTime."
#define MSG_LIST_STATUS_NOT_CLOSED "StatusFilter must be specified and must be not Running."
#define MSG_LIST_NOT_ARCHIVED      "Cluster is not configured for visibility archival."

/* --- history --- */
#define MSG_PAGE_TOKEN_INVALID   "Invalid NextPageToken."
#define MSG_PAGE_TOKEN_OTHER_RUN "RunId in the request does not match the NextPageToken."

/* --- tasks --- */
#define MSG_TASK_TOKEN_NOT_SET      "Task token not set on request."
#define MSG_TASK_TOKEN_UNDECODABLE  "Error deserializing task token."
#define MSG_TASK_TOKEN_INVALID      "Invalid TaskToken."
#define MSG_TASK_TOKEN_NAMESPACE    "Operation requested with a token from a different namespace."
#define MSG_WORKFLOW_TASK_NOT_FOUND "Workflow task not found."        /* NOT_FOUND */
#define MSG_HEARTBEAT_TIMEOUT       "workflow task heartbeat timeout" /* NOT_FOUND */
#define MSG_COMPLETION_PAGES \
    "workflow task completion pagination is disabled for this namespace %s" /* FAILED_PRECONDITION */
#define MSG_ACTIVITY_NOT_FOUND \
    "invalid activityID or activity already timed out or invoking workflow is completed" /* NOT_FOUND */
#define MSG_ACTIVITY_ID_NOT_FOUND                                                                                     \
    "cannot find pending activity with ActivityID %s, check workflow execution history for more details" /* NOT_FOUND \
                                                                                                          */
#define MSG_STANDALONE_ACTIVITY_NOT_FOUND "activity not found for ID: %s"                                /* NOT_FOUND */
#define MSG_ACTIVITY_ID_NOT_SET           "ActivityId is not set on request."
#define MSG_ACTIVITY_RUN_ID_INVALID       "RunId is not valid UUID."
#define MSG_ACTIVITY_NOT_CANCELED         "unable to mark activity as canceled without activity being request canceled first"
#define MSG_FAILURE_WITHOUT_INFO          "Failure must have ApplicationFailureInfo."

/* In place of what a worker reported, when that is over the limit; texts of failures. */
#define TEXT_RESULT_TOO_LARGE         "Complete result exceeds size limit."
#define TEXT_FAILURE_TOO_LARGE        "Failure exceeds size limit."
#define TEXT_CANCEL_DETAILS_TOO_LARGE "Cancel details exceed size limit."
#define TEXT_HEARTBEAT_TOO_LARGE      "Heartbeat details exceed size limit."

/* --- queries --- */
#define MSG_QUERY_NOT_SET        "WorkflowQuery is not set on request."
#define MSG_QUERY_TYPE_NOT_SET   "QueryType is not set on request."
#define MSG_QUERY_TASK_NOT_FOUND "query task not found, or already expired"         /* NOT_FOUND */
#define MSG_QUERY_TIMED_OUT      "query timed out before a worker could process it" /* DEADLINE_EXCEEDED */
/* FAILED_PRECONDITION, WorkflowNotReadyFailure */
#define MSG_QUERY_CLOSED_BEFORE_TASK "Workflow execution closed before WorkflowTaskStarted event"
#define MSG_QUERY_NO_TASK            "Workflow task is not scheduled yet."
#define MSG_QUERY_NO_POLLER \
    "no poller seen for task queue recently, worker may be down" /* FAILED_PRECONDITION, no detail */
#define MSG_QUERY_DRAINED                                                                                           \
    "You are trying to query a closed Workflow that is PINNED to Worker Deployment Version %s, but %s is drained "  \
    "and has no pollers to answer the query. Immediately: You can re-deploy Workers in this Deployment Version to " \
    "take those queries, or you can workflow update-options to change your workflow to AUTO_UPGRADE. For the "      \
    "future: In your infrastructure, consider waiting longer after the last queried timestamp as reported in "      \
    "Describe Deployment before you sunset Workers. Or mark this workflow as AUTO_UPGRADE."
#define MSG_QUERY_TASK_FAILING "Unable to query workflow due to Workflow Task in failed state."
/* RESOURCE_EXHAUSTED */
#define MSG_QUERY_BUFFER_FULL                                                                                         \
    "consistent query buffer is full, this may be caused by too many queries and workflow not able to process query " \
    "fast enough"

/* --- updates --- */
#define MSG_UPDATE_META_NOT_SET  "Update meta is not set on request."
#define MSG_UPDATE_ID_TOO_LONG   "UpdateId length exceeds limit."
#define MSG_UPDATE_INPUT_NOT_SET "Update input is not set on request."
#define MSG_UPDATE_NAME_NOT_SET  "Update name is not set on request."
#define MSG_UPDATE_REF_NOT_SET   "UpdateRef is not set on request."
/* of a poll */
#define MSG_UPDATE_WORKFLOW_ID_NOT_SET "Can't load workflow execution.  WorkflowId not set."
#define MSG_UPDATE_RUN_ID_INVALID      "RunId is not valid UUID."
#define MSG_UPDATE_ADMITTED_STAGE                                                                                         \
    "UpdateWorkflowExecution issued asynchronously and waiting on update admitted is not supported." /* PERMISSION_DENIED \
                                                                                                      */
#define MSG_UPDATE_NOT_FOUND "update \"%s\" not found"                                               /* NOT_FOUND */
#define MSG_UPDATE_ABORTED   "workflow update was aborted by closing workflow"                       /* NOT_FOUND */
/* FAILED_PRECONDITION, WorkflowNotReadyFailure */
#define MSG_UPDATE_TASK_FAILING "Unable to perform workflow execution update due to Workflow Task in failed state."
#define MSG_UPDATE_TASK_REFUSED "Unable to perform workflow execution update due to unexpected workflow task failure."
#define MSG_UPDATES_IN_FLIGHT \
    "limit on number of concurrent in-flight updates has been reached (%d)" /* RESOURCE_EXHAUSTED */
#define MSG_UPDATES_TOO_LARGE \
    "limit on total payload size of in-flight updates has been reached (%lld bytes)" /* RESOURCE_EXHAUSTED */
#define MSG_UPDATES_TOO_MANY                                                                                          \
    "The limit on the total number of distinct updates in this workflow has been reached (%d). Make sure any "        \
    "duplicate "                                                                                                      \
    "updates share an Update ID so the server can deduplicate them, and consider rejecting updates that you aren't "  \
    "going to process. You can also Continue-as-New to avoid this; we recommend you check Continue-as-New Suggested " \
    "in your Workflow." /* FAILED_PRECONDITION */

/* --- update-with-start --- */
#define MSG_MULTI_NOT_START_UPDATE "Operations have to be exactly [Start, Update]."
#define MSG_MULTI_FAILED           "Update-with-Start could not be executed."
#define MSG_MULTI_ABORTED          "Operation was aborted." /* ABORTED */
#define MSG_MULTI_WORKFLOW_ID      "WorkflowId is not consistent with previous operation(s)."
#define MSG_MULTI_CRON             "CronSchedule is not allowed."
#define MSG_MULTI_EAGER            "RequestEagerExecution is not supported."
#define MSG_MULTI_DELAY            "WorkflowStartDelay is not supported."
#define MSG_MULTI_RUN_ID           "RunId is not allowed."
#define MSG_MULTI_FIRST_RUN_ID     "FirstExecutionRunId is not allowed."
#define MSG_MULTI_NAMESPACE        "Operation namespace did not match request's namespace."

/* ---- options of workflows ---- */

#define MSG_OPTIONS_MASK_NOT_SET      "UpdateMask is required"
#define MSG_OPTIONS_NOT_SET           "WorkflowExecutionOptions is required"
#define MSG_OPTIONS_MASK_UNREADABLE   "error parsing UpdateMask: %s"
#define MSG_OPTIONS_PATH              "proto: invalid path \"%s\" for message \"temporal.api.workflow.v1.WorkflowExecutionOptions\""
#define MSG_OPTIONS_CANNOT_BE_APPLIED "error applying update_options: %s"
#define MSG_OPTIONS_OVERRIDE_HALF     "versioning_override fields must be updated together"
#define MSG_OPTIONS_OVERRIDE_PARTIAL  "versioning_override doesn't support partial updates"
#define MSG_OPTIONS_SKIPPING_PARTIAL  "time_skipping_config doesn't support partial update"
#define MSG_OVERRIDE_NOT_IN_QUEUE \
    "Pinned version '%s:%s' is not present in task queue '%s' of type 'Workflow'" /* FAILED_PRECONDITION */
#define MSG_OVERRIDE_NOT_PINNED                                                                                   \
    "must specify a specific pinned override version because workflow with id %s has behavior %s and is not yet " \
    "pinned to any version" /* FAILED_PRECONDITION */

#endif
