/* Histories, for people: names, one-line summaries, and events that belong together. Pure. */
import { instant, spanText, span } from './time.js';
import { enumCamel } from './enums.js';
import { payloadLine, payloadsOf } from './payload.js';

export const eventName = (event) => enumCamel(event.eventType, 'EVENT_TYPE');

/* The attributes of an event, whatever its type. */
export function attributesOf(event) {
  const key = Object.keys(event).find((name) => name.endsWith('EventAttributes'));
  return key ? event[key] : {};
}

/* What an event is about, for its colour: workflow, task, activity, timer, child, signal, update, nexus or other. */
export function categoryOf(name) {
  if (name.startsWith('WorkflowTask')) return 'task';
  if (name.startsWith('ActivityTask')) return 'activity';
  if (name.startsWith('Timer')) return 'timer';
  if (name.includes('ChildWorkflow')) return 'child';
  if (name.includes('Signal')) return 'signal';
  if (name.startsWith('WorkflowExecutionUpdate')) return 'update';
  if (name.startsWith('Nexus')) return 'nexus';
  if (name.startsWith('WorkflowExecution')) return 'workflow';
  return 'other';
}

const short = (text, most = 120) => (text.length > most ? text.slice(0, most - 1) + '…' : text);
const line = (field) => short(payloadsOf(field).map(payloadLine).join(', '));

/* The innermost cause says what happened; the outer ones only that an activity or child failed. */
export function failureText(failure) {
  if (!failure) return '';
  let deepest = failure;
  for (let depth = 0; deepest.cause && depth < 30; depth++) deepest = deepest.cause;
  const type = deepest.applicationFailureInfo?.type;
  return (type ? type + ': ' : '') + (deepest.message ?? '');
}

/* The one thing of an event that a reader looks for. */
export function summaryOf(event) {
  const name = eventName(event);
  const has = attributesOf(event);
  switch (name) {
    case 'WorkflowExecutionStarted': return `${has.workflowType?.name ?? ''}(${line(has.input)})`;
    case 'WorkflowExecutionCompleted': return line(has.result);
    case 'WorkflowExecutionFailed': return short(failureText(has.failure));
    case 'WorkflowExecutionSignaled': return `${has.signalName ?? ''}(${line(has.input)})`;
    case 'WorkflowExecutionTerminated':
    case 'WorkflowExecutionCancelRequested': return has.reason ?? has.cause ?? '';
    case 'WorkflowExecutionUpdateAccepted': return has.acceptedRequest?.input?.name ?? '';
    case 'WorkflowExecutionUpdateCompleted': return has.outcome?.failure ? failureText(has.outcome.failure) : line(has.outcome?.success);
    case 'WorkflowExecutionContinuedAsNew': return `continues as ${has.newExecutionRunId ?? ''}`;
    case 'WorkflowExecutionOptionsUpdated': return optionsText(has);
    case 'WorkflowTaskScheduled': return has.attempt > 1 ? `attempt ${has.attempt}` : '';
    case 'WorkflowTaskStarted': return has.identity ?? '';
    case 'WorkflowTaskCompleted': return completedBy(has);
    case 'WorkflowTaskFailed': return `${enumCamel(has.cause, 'WORKFLOW_TASK_FAILED_CAUSE')}: ${short(failureText(has.failure))}`;
    case 'WorkflowTaskTimedOut': return enumCamel(has.timeoutType, 'TIMEOUT_TYPE');
    case 'ActivityTaskScheduled': return `${has.activityType?.name ?? ''}(${line(has.input)})`;
    case 'ActivityTaskStarted': return has.attempt > 1 ? `attempt ${has.attempt}` : '';
    case 'ActivityTaskCompleted': return line(has.result);
    case 'ActivityTaskFailed': return short(failureText(has.failure));
    case 'ActivityTaskTimedOut': return enumCamel(has.failure?.timeoutFailureInfo?.timeoutType, 'TIMEOUT_TYPE');
    case 'TimerStarted': return spanText(span(has.startToFireTimeout));
    case 'MarkerRecorded': return has.markerName ?? '';
    case 'StartChildWorkflowExecutionInitiated': return `${has.workflowType?.name ?? ''} ${has.workflowId ?? ''}`;
    case 'ChildWorkflowExecutionStarted':
    case 'ChildWorkflowExecutionCanceled':
    case 'ChildWorkflowExecutionTerminated':
    case 'ChildWorkflowExecutionTimedOut': return has.workflowExecution?.workflowId ?? '';
    case 'ChildWorkflowExecutionCompleted': return line(has.result);
    case 'ChildWorkflowExecutionFailed': return short(failureText(has.failure));
    case 'SignalExternalWorkflowExecutionInitiated': return `${has.signalName ?? ''} to ${has.workflowExecution?.workflowId ?? ''}`;
    case 'UpsertWorkflowSearchAttributes': return Object.keys(has.searchAttributes?.indexedFields ?? {}).join(', ');
    default: return '';
  }
}

function completedBy(has) {
  const version = has.deploymentVersion ?? has.workerDeploymentVersion;
  const build = typeof version === 'object' ? version?.buildId : undefined;
  return [build && `${version.deploymentName}:${build}`, has.identity].filter(Boolean).join(' · ');
}

function optionsText(has) {
  const override = has.versioningOverride;
  if (has.unsetVersioningOverride) return 'versioning override removed';
  if (override?.pinned) return `pinned to ${override.pinned.version?.deploymentName}:${override.pinned.version?.buildId}`;
  if (override?.autoUpgrade) return 'follows its deployment (auto-upgrade)';
  return '';
}

/* Which earlier event an event continues, as its id; null for one that begins something. */
function beginsAt(event) {
  const has = attributesOf(event);
  const name = eventName(event);
  if (name === 'TimerFired' || name === 'TimerCanceled') return has.startedEventId;
  if (name === 'WorkflowExecutionUpdateCompleted') return has.acceptedEventId;
  if (name.startsWith('WorkflowTask')) return name === 'WorkflowTaskScheduled' ? null : has.scheduledEventId;
  if (name.startsWith('ActivityTask')) return name === 'ActivityTaskScheduled' ? null : has.scheduledEventId;
  if (name.startsWith('ChildWorkflow') || name === 'StartChildWorkflowExecutionFailed') return has.initiatedEventId;
  if (name.startsWith('SignalExternal') || name.startsWith('ExternalWorkflow') || name.startsWith('RequestCancelExternal')) {
    return has.initiatedEventId ?? null;
  }
  if (name.startsWith('NexusOperation') && name !== 'NexusOperationScheduled') return has.scheduledEventId;
  return null;
}

const ENDS = {
  Completed: 'completed', Failed: 'failed', TimedOut: 'timed out', Canceled: 'canceled', Fired: 'fired', Terminated: 'terminated',
  Signaled: 'delivered',
};

/* The outcome that an event is for its group: completed, failed, … or ''. */
function outcomeOf(name) {
  if (name === 'WorkflowExecutionSignaled' || name === 'WorkflowExecutionCancelRequested') return 'received';
  const end = Object.keys(ENDS).find((suffix) => name.endsWith(suffix));
  return end ? ENDS[end] : '';
}

/* A summary tells apart what has the same type; its author wrote it for readers of this page. */
const withSummary = (name, event) => (event.userMetadata?.summary ? `${name}: ${payloadLine(event.userMetadata.summary)}` : name);

function titleOf(event) {
  const has = attributesOf(event);
  const name = eventName(event);
  switch (name) {
    case 'ActivityTaskScheduled': return withSummary(has.activityType?.name ?? 'activity', event);
    case 'TimerStarted': return event.userMetadata?.summary ? payloadLine(event.userMetadata.summary) : `timer ${has.timerId ?? ''}`;
    case 'StartChildWorkflowExecutionInitiated': return withSummary(has.workflowType?.name ?? 'child', event);
    case 'WorkflowExecutionSignaled': return has.signalName ?? 'signal';
    case 'WorkflowExecutionUpdateAccepted': return has.acceptedRequest?.input?.name ?? 'update';
    case 'NexusOperationScheduled': return `${has.service ?? ''}.${has.operation ?? ''}`;
    case 'SignalExternalWorkflowExecutionInitiated': return `signal ${has.signalName ?? ''}`;
    case 'RequestCancelExternalWorkflowExecutionInitiated': return `cancel request to ${has.workflowExecution?.workflowId ?? ''}`;
    case 'WorkflowTaskScheduled': return 'workflow task';
    case 'MarkerRecorded': return has.markerName ?? 'marker';
    default: return name;
  }
}

/* Events in order -> groups in the order of their first events: {id, category, title, events, from, started, to, outcome,
 * attempt}. to is null while open. pendingActivities (of the description) tell what no event says yet: attempt and start. */
export function groupEvents(events, pendingActivities = []) {
  const groups = [];
  const byId = new Map();
  for (const event of events) {
    const name = eventName(event);
    const first = beginsAt(event);
    let group = first === null || first === undefined ? undefined : byId.get(String(first));
    if (!group) {
      group = {
        id: String(event.eventId), category: categoryOf(name), title: titleOf(event), events: [], from: instant(event.eventTime),
        started: null, to: null, outcome: '', attempt: 1,
      };
      groups.push(group);
      byId.set(group.id, group);
    }
    group.events.push(event);
    if (name.endsWith('Started') && group.events.length > 1) {
      group.started = instant(event.eventTime);
      group.attempt = Number(attributesOf(event).attempt ?? 1);
      if (name === 'ActivityTaskStarted' && attributesOf(event).lastFailure) group.lastFailure = attributesOf(event).lastFailure;
    }
    const outcome = outcomeOf(name);
    const begins = ['WorkflowTaskScheduled', 'ActivityTaskScheduled', 'TimerStarted'].includes(name) || name.endsWith('Initiated')
      || name.endsWith('Accepted') || name === 'NexusOperationScheduled' || (name.endsWith('Started') && name !== 'WorkflowExecutionStarted');
    if (outcome || !begins) {
      group.to = instant(event.eventTime);
      group.outcome = outcome || group.outcome;
    }
  }
  for (const pending of pendingActivities) {
    const group = groups.find((one) => one.category === 'activity' && one.to === null
      && String(attributesOf(one.events[0]).activityId) === String(pending.activityId));
    if (!group) continue;
    group.pending = pending;
    group.attempt = Number(pending.attempt ?? 1);
    group.started = instant(pending.lastStartedTime) ?? group.started;
    group.lastFailure = pending.lastFailure;
  }
  return groups;
}

/* What a compact history leaves out: the workflow tasks that went well, which are how the rest came about. */
export const isRoutine = (group) => group.category === 'task' && !['failed', 'timed out'].includes(group.outcome);

/* The workflow tasks that a reset can go back to: the id of each closed one, newest first, with what it was. */
export const resetPoints = (events) => events
  .filter((event) => ['WorkflowTaskCompleted', 'WorkflowTaskFailed', 'WorkflowTaskTimedOut'].includes(eventName(event)))
  .map((event) => ({ eventId: String(event.eventId), name: eventName(event), at: instant(event.eventTime) }))
  .reverse();

/* Where a reset by kind leads, as a batch or the command would find it: [{key, label, eventId, at, cli}]. points are the run's
 * autoResetPoints, which tell where each build first ran. */
export function resetKinds(events, points, runId) {
  const finished = resetPoints(events).filter((point) => point.name === 'WorkflowTaskCompleted').reverse();
  if (!finished.length) return [];
  const [first, last] = [finished[0], finished[finished.length - 1]];
  const kinds = [
    { key: 'last', label: 'The last workflow task', ...last, cli: { type: 'LastWorkflowTask' } },
    { key: 'first', label: 'The first workflow task, which is the beginning', ...first, cli: { type: 'FirstWorkflowTask' } },
  ];
  for (const point of points ?? []) {
    const eventId = String(point.firstWorkflowTaskCompletedId ?? '');
    if (!point.buildId || !point.resettable || point.runId !== runId || eventId === first.eventId) continue;
    kinds.push({
      key: `build ${point.buildId}`, label: `Before build ${point.buildId} first ran it`, eventId, at: instant(point.createTime),
      cli: { type: 'BuildId', buildId: point.buildId },
    });
  }
  return kinds;
}
