/* Workflows whose tasks fail: what makes a breaking deploy unmissable. Pure. */
import { instant } from './time.js';
import { enumCamel } from './enums.js';
import { decodePayload } from './payload.js';

/* The list filter for workflows whose tasks fail, and more narrowly with non-determinism. The server sets the attribute after a
 * few failures in a row and takes it away with the first success. */
export const FAILING = 'TemporalReportedProblems IN ("category=WorkflowTaskFailed", "category=WorkflowTaskTimedOut")';
export const NONDETERMINISM = 'cause=WorkflowTaskFailedCauseNonDeterministicError';

const attribute = (execution, name) => {
  const payload = execution?.searchAttributes?.indexedFields?.[name];
  return payload === undefined ? undefined : decodePayload(payload).value;
};

/* {category, cause} of an execution's TemporalReportedProblems; null without problems. */
export function problemOf(execution) {
  const values = [attribute(execution, 'TemporalReportedProblems') ?? []].flat().map(String);
  if (!values.length) return null;
  const after = (start) => values.find((value) => value.startsWith(start))?.slice(start.length) ?? '';
  const cause = after('cause=').replace('WorkflowTaskFailedCause', '').replace('WorkflowTaskTimedOutCause', '');
  return { category: after('category='), cause, nondeterminism: cause === 'NonDeterministicError' };
}

export const versionOf = (execution) => attribute(execution, 'TemporalWorkerDeploymentVersion');
export const attributeOf = attribute;

/* The failure that keeps a workflow's task failing, from its newest events (any order): {since, cause, message, build, eventId};
 * null when the newest task did not fail. Only the first failure in a row becomes an event, so its time is "since when". */
export function lastTaskFailure(events) {
  const sorted = [...events].sort((a, b) => Number(a.eventId) - Number(b.eventId));
  let failure = null;
  let build;
  for (const event of sorted) {
    const started = event.workflowTaskStartedEventAttributes;
    const failed = event.workflowTaskFailedEventAttributes;
    const timedOut = event.workflowTaskTimedOutEventAttributes;
    if (started) build = started.workerVersion?.buildId || build;
    if (event.workflowTaskCompletedEventAttributes) failure = null;
    if (failed || timedOut) {
      const cause = failed ? enumCamel(failed.cause, 'WORKFLOW_TASK_FAILED_CAUSE') : 'TimedOut';
      if (cause === 'ResetWorkflow' || cause === 'ForceCloseCommand') continue;
      failure = {
        since: instant(event.eventTime),
        cause,
        message: failed?.failure?.message ?? (timedOut ? enumCamel(timedOut.timeoutType, 'TIMEOUT_TYPE') : ''),
        build: failed?.workerVersion?.buildId || build || '',
        identity: failed?.identity ?? '',
        eventId: event.eventId,
      };
    }
  }
  return failure;
}

/* Problems, grouped for the banner: [{build, deployment, cause, nondeterminism, workflows, since, message}], non-determinism first, then by
 * number. Each problem: {execution, problem, failure}. */
export function groupProblems(problems) {
  const groups = new Map();
  for (const { execution, problem, failure } of problems) {
    const cause = problem.cause || failure?.cause || problem.category;
    const build = failure?.build ?? '';
    const key = JSON.stringify([failure?.deployment, build, cause]);
    if (!groups.has(key)) {
      groups.set(key, { build, deployment: failure?.deployment ?? '', cause, nondeterminism: problem.nondeterminism, workflows: [], since: null, message: '' });
    }
    const group = groups.get(key);
    group.workflows.push({ execution, failure });
    if (failure?.since && (group.since === null || failure.since < group.since)) group.since = failure.since;
    if (failure?.message && !group.message) group.message = failure.message;
  }
  return [...groups.values()].sort((a, b) => b.nondeterminism - a.nondeterminism || b.workflows.length - a.workflows.length);
}
