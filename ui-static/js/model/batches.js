/* Batch operations, for people. Pure. */
import { instant } from './time.js';
import { enumText } from './enums.js';

/* What a batch may do: the word of the command line, the operation's field in the API, and words. */
export const BATCH_ACTIONS = [
  { key: 'cancel', field: 'cancellationOperation', verb: 'Request cancellation', done: 'asked to cancel' },
  { key: 'terminate', field: 'terminationOperation', verb: 'Terminate', done: 'terminated', danger: true },
  { key: 'signal', field: 'signalOperation', verb: 'Signal', done: 'signalled' },
  { key: 'reset', field: 'resetOperation', verb: 'Reset', done: 'reset' },
  { key: 'delete', field: 'deletionOperation', verb: 'Delete', done: 'deleted', danger: true },
];

/* Where a batch may reset to: the option of the command line, and the API's options for it. */
export const RESET_TARGETS = [
  { type: 'LastWorkflowTask', label: 'the last workflow task', options: () => ({ lastWorkflowTask: {} }) },
  { type: 'FirstWorkflowTask', label: 'the first workflow task, which is the beginning', options: () => ({ firstWorkflowTask: {} }) },
  { type: 'BuildId', label: 'before a build first ran it', options: (buildId) => ({ buildId }), byBuild: true },
];

const TYPES = {
  TERMINATE: 'Terminate', CANCEL: 'Request cancellation', SIGNAL: 'Signal', DELETE: 'Delete', RESET: 'Reset',
  UPDATE_EXECUTION_OPTIONS: 'Change versioning override',
};

/* What a batch does, in words. */
export function typeOf(batch) {
  const bare = String(batch?.operationType ?? '').replace('BATCH_OPERATION_TYPE_', '');
  return TYPES[bare.replace('WORKFLOW_', '').replace('_WORKFLOW', '')] ?? (enumText(batch?.operationType, 'BATCH_OPERATION_TYPE') || 'Unknown'); /* the older names have no WORKFLOW */
}

export const stateOf = (batch) => enumText(batch?.state ?? 'BATCH_OPERATION_STATE_RUNNING', 'BATCH_OPERATION_STATE') || 'Running';
export const KIND_OF_STATE = { Running: 'run', Completed: 'good', Failed: 'bad' };

/* How far it is: {total, done, failed, share, open, took}. Counts come as texts, for they are 64 bits wide. */
export function progressOf(batch) {
  const [total, done, failed] = [batch?.totalOperationCount, batch?.completeOperationCount, batch?.failureOperationCount].map((count) => Number(count ?? 0));
  const [from, to] = [instant(batch?.startTime), instant(batch?.closeTime)];
  return { total, done, failed, share: total ? (done + failed) / total : 0, open: stateOf(batch) === 'Running', took: from === null || to === null ? null : to - from };
}
