/* Names of proto-JSON enums, for people. */

/* WORKFLOW_EXECUTION_STATUS_TIMED_OUT after WORKFLOW_EXECUTION_STATUS is "Timed out". */
export function enumText(value, prefix) {
  if (value === undefined || value === null) return '';
  const bare = String(value).replace(prefix + '_', '').toLowerCase().replaceAll('_', ' ');
  return bare === 'unspecified' ? '' : bare.charAt(0).toUpperCase() + bare.slice(1);
}

/* EVENT_TYPE_WORKFLOW_TASK_FAILED after EVENT_TYPE is "WorkflowTaskFailed"; a name that is camel case already stays. */
export function enumCamel(value, prefix) {
  if (!value) return '';
  const bare = String(value).replace(prefix + '_', '');
  if (!/^[A-Z0-9_]+$/.test(bare)) return bare;
  return bare.toLowerCase().replace(/(^|_)([a-z0-9])/g, (_, __, letter) => letter.toUpperCase());
}

export const workflowStatus = (value) => enumText(value, 'WORKFLOW_EXECUTION_STATUS');
export const versionStatus = (value) => enumText(value, 'WORKER_DEPLOYMENT_VERSION_STATUS');
export const behaviorText = (value) => enumCamel(value, 'VERSIONING_BEHAVIOR').replace('Unspecified', '');
export const isRunning = (value) => value === 'WORKFLOW_EXECUTION_STATUS_RUNNING' || value === 'WORKFLOW_EXECUTION_STATUS_PAUSED';

/* Every status of a workflow that a list can be narrowed to, in the order that they are looked for. */
export const WORKFLOW_STATUSES = [
  'Running', 'Completed', 'Failed', 'Canceled', 'Terminated', 'ContinuedAsNew', 'TimedOut',
];
