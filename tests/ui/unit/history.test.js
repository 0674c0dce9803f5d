import test from 'node:test';
import assert from 'node:assert/strict';
import { groupEvents, summaryOf, isRoutine, resetPoints, resetKinds, failureText, eventName } from '../../../ui-static/js/model/events.js';
import { scale, bars, rows } from '../../../ui-static/js/model/timeline.js';
import { lastTaskFailure, groupProblems, problemOf } from '../../../ui-static/js/model/problems.js';
import { reasons } from '../../../ui-static/js/model/stuck.js';

const START = Date.UTC(2026, 0, 1);
const time = (seconds) => new Date(START + seconds * 1000).toISOString();
const json = (value) => ({ payloads: [{ metadata: { encoding: btoa('json/plain') }, data: btoa(JSON.stringify(value)) }] });
function event(id, second, type, attributes = {}) {
  const name = type.toLowerCase().replace(/_(.)/g, (_, letter) => letter.toUpperCase()) + 'EventAttributes';
  return { eventId: String(id), eventTime: time(second), eventType: 'EVENT_TYPE_' + type, [name]: attributes };
}

const EVENTS = [
  event(1, 0, 'WORKFLOW_EXECUTION_STARTED', { workflowType: { name: 'Order' }, input: json({ a: 1 }) }),
  event(2, 0, 'WORKFLOW_TASK_SCHEDULED', { attempt: 1 }),
  event(3, 1, 'WORKFLOW_TASK_STARTED', { scheduledEventId: '2', identity: 'w' }),
  event(4, 1, 'WORKFLOW_TASK_COMPLETED', { scheduledEventId: '2', startedEventId: '3' }),
  event(5, 1, 'ACTIVITY_TASK_SCHEDULED', { activityId: '1', activityType: { name: 'charge' }, taskQueue: { name: 'q2' } }),
  event(6, 1, 'TIMER_STARTED', { timerId: '7', startToFireTimeout: '60s' }),
  event(7, 2, 'WORKFLOW_EXECUTION_SIGNALED', { signalName: 'ship', input: json('now') }),
  event(8, 3, 'START_CHILD_WORKFLOW_EXECUTION_INITIATED', { workflowId: 'kid', workflowType: { name: 'Parcel' } }),
  event(9, 4, 'CHILD_WORKFLOW_EXECUTION_STARTED', { initiatedEventId: '8', workflowExecution: { workflowId: 'kid', runId: 'r' } }),
  event(10, 9, 'CHILD_WORKFLOW_EXECUTION_COMPLETED', { initiatedEventId: '8', startedEventId: '9', result: json('done') }),
];

test('events that belong together are one group', () => {
  const groups = groupEvents(EVENTS);
  assert.deepEqual(groups.map((one) => [one.id, one.category, one.title, one.outcome]), [
    ['1', 'workflow', 'WorkflowExecutionStarted', ''], ['2', 'task', 'workflow task', 'completed'], ['5', 'activity', 'charge', ''],
    ['6', 'timer', 'timer 7', ''], ['7', 'signal', 'ship', 'received'], ['8', 'child', 'Parcel', 'completed']]);
  assert.deepEqual(groups.filter(isRoutine).map((one) => one.id), ['2']);
  const child = groups[5];
  assert.deepEqual([child.from, child.started, child.to], [START + 3000, START + 4000, START + 9000]);
  assert.equal(summaryOf(EVENTS[0]), 'Order({"a":1})');
  assert.equal(summaryOf(EVENTS[6]), 'ship(now)');
});

test('a pending activity tells its attempts before any event does', () => {
  const groups = groupEvents(EVENTS, [{ activityId: '1', attempt: 4, lastStartedTime: time(8), lastFailure: { message: 'no' } }]);
  const charge = groups.find((one) => one.title === 'charge');
  assert.deepEqual([charge.attempt, charge.started, charge.to], [4, START + 8000, null]);
});

test('bars and ticks stay within the picture', () => {
  const groups = groupEvents(EVENTS);
  for (const bar of bars(groups, START, START + 10000)) assert.ok(bar.x >= 0 && bar.x + bar.width <= 1 + 1e-9 && bar.waitWidth <= bar.width + 1e-9, JSON.stringify(bar));
  for (const width of [0, 1, 999, 60000, 86400000 * 400]) {
    const { ticks } = scale(START, START + width, 7);
    assert.ok(ticks.length >= 1 && ticks.length <= 9, String(width));
  }
  const [timer] = bars(groups.filter((one) => one.category === 'timer'), START, START + 11000);
  assert.ok(timer.open && timer.x + timer.width === 1);
});

test('unknown events and attributes do no harm', () => {
  const odd = [{ eventId: '1', eventType: 'EVENT_TYPE_FROM_THE_FUTURE', futureEventAttributes: null }, { eventId: '2' }, event(3, 1, 'ACTIVITY_TASK_COMPLETED', { scheduledEventId: '99' })];
  assert.equal(groupEvents(odd).length, 3);
  assert.equal(eventName(odd[0]), 'FromTheFuture');
  odd.slice(1).forEach(summaryOf);
});

test('the cause of a failure is the innermost', () => {
  const failure = { message: 'activity failed', cause: { message: 'declined', applicationFailureInfo: { type: 'Card' } } };
  assert.equal(failureText(failure), 'Card: declined');
  const circle = { message: 'round' };
  circle.cause = circle;
  assert.equal(failureText(circle), 'round');
});

test('reset points are the closed workflow tasks, newest first', () => assert.deepEqual(resetPoints(EVENTS).map((one) => one.eventId), ['4']));

const FAILED = [...EVENTS,
  event(11, 20, 'WORKFLOW_TASK_SCHEDULED'), event(12, 21, 'WORKFLOW_TASK_STARTED', { scheduledEventId: '11', workerVersion: { buildId: 'v2' } }),
  event(13, 22, 'WORKFLOW_TASK_FAILED', { scheduledEventId: '11', cause: 'WORKFLOW_TASK_FAILED_CAUSE_NON_DETERMINISTIC_ERROR', failure: { message: 'mismatch' } })];

test('since when and on which version a task fails', () => {
  const failure = lastTaskFailure([...FAILED].reverse());
  assert.deepEqual([failure.since, failure.cause, failure.message, failure.build], [START + 22000, 'NonDeterministicError', 'mismatch', 'v2']);
  assert.equal(lastTaskFailure([...FAILED, event(14, 23, 'WORKFLOW_TASK_COMPLETED', {})]), null);
  assert.equal(lastTaskFailure([]), null);
});

test('problems are grouped by version and cause, non-determinism first', () => {
  const attribute = (values) => ({ execution: { workflowId: 'w' }, searchAttributes: { indexedFields: { TemporalReportedProblems: json(values).payloads[0] } } });
  const broken = attribute(['category=WorkflowTaskFailed', 'cause=WorkflowTaskFailedCauseNonDeterministicError']);
  assert.deepEqual(problemOf(broken), { category: 'WorkflowTaskFailed', cause: 'NonDeterministicError', nondeterminism: true });
  assert.equal(problemOf({}), null);
  const late = { category: 'WorkflowTaskTimedOut', cause: 'StartToClose', nondeterminism: false };
  const groups = groupProblems([
    { execution: {}, problem: late, failure: null }, { execution: {}, problem: late, failure: null },
    { execution: broken, problem: problemOf(broken), failure: { build: 'v2', since: 5, message: 'm' } }]);
  assert.deepEqual(groups.map((one) => [one.build, one.cause, one.workflows.length, one.since]), [['v2', 'NonDeterministicError', 1, 5], ['', 'StartToClose', 2, null]]);
});

/* Why is it stuck: a description, and what is said of it. */
const described = (more) => ({ workflowExecutionInfo: { status: 'WORKFLOW_EXECUTION_STATUS_RUNNING', taskQueue: 'q', ...more?.info }, executionConfig: { taskQueue: { name: 'q' } }, ...more });
const pinned = { info: { versioningInfo: { behavior: 'VERSIONING_BEHAVIOR_PINNED', deploymentVersion: { deploymentName: 'd', buildId: '1' } } } };
const poller = { identity: 'w', deploymentOptions: { deploymentName: 'd', buildId: '2' } };
const whys = [
  ['a closed workflow is not stuck', { description: { workflowExecutionInfo: { status: 'WORKFLOW_EXECUTION_STATUS_COMPLETED' } } }, []],
  ['no worker', { description: described({ pendingWorkflowTask: { state: 'PENDING_WORKFLOW_TASK_STATE_SCHEDULED', attempt: 1 } }), pollers: () => [] }, ['bad no-poller']],
  ['no worker of its version', { description: described({ ...pinned, pendingWorkflowTask: { state: 'PENDING_WORKFLOW_TASK_STATE_SCHEDULED', attempt: 1 } }), pollers: () => [poller] }, ['bad no-poller'], /version d:1, to which it is pinned/],
  ['unknown pollers are no accusation', { description: described({ pendingWorkflowTask: { state: 'PENDING_WORKFLOW_TASK_STATE_SCHEDULED', attempt: 1 } }) }, [], null],
  ['non-determinism', { description: described({ pendingWorkflowTask: { attempt: 6 } }), events: FAILED, pollers: () => [poller] }, ['bad nondeterminism', 'wait timer'], /6 attempts so far, on version v2: mismatch/],
  ['a failing activity', { description: described({ pendingActivities: [{ activityId: '1', activityType: { name: 'charge' }, attempt: 3, state: 'PENDING_ACTIVITY_STATE_SCHEDULED', nextAttemptScheduleTime: time(130), lastFailure: { message: 'declined' } }] }), events: EVENTS, pollers: () => [poller] }, ['warn activity-fails', 'wait timer'], /has failed 2 times: declined. Next attempt in 30s/],
  ['nobody for the queue of the activity', { description: described({ pendingActivities: [{ activityId: '1', activityType: { name: 'charge' }, attempt: 1, state: 'PENDING_ACTIVITY_STATE_SCHEDULED', scheduledTime: time(1) }] }), events: EVENTS, pollers: (queue) => (queue === 'q2' ? [] : [poller]) }, ['bad no-poller', 'wait timer'], /“q2” for activities such as charge/],
  ['a timer', { description: described(), events: EVENTS.slice(0, 6) }, ['wait timer'], /or for a signal or update/],
  ['a child', { description: described({ pendingChildren: [{ workflowId: 'kid', workflowTypeName: 'Parcel' }] }), events: [] }, ['wait child'], /Parcel “kid”/],
  ['nothing pending', { description: described(), events: EVENTS.slice(0, 4) }, ['wait signal'], /waits for a signal or update, since 1m 39s/],
];
for (const [name, facts, wanted, pattern] of whys) {
  test(`why is it stuck: ${name}`, () => {
    const found = reasons({ now: START + 100000, ...facts });
    if (pattern === null) return assert.ok(found.every((one) => one.level !== 'bad'), JSON.stringify(found));
    assert.deepEqual(found.map((one) => `${one.level} ${one.what}`), wanted, JSON.stringify(found));
    if (pattern) assert.match(found.map((one) => one.text).join('\n'), pattern);
    return undefined;
  });
}

test('signals of one name share a row, whatever lies between', () => {
  const signal = (title) => ({ category: 'signal', outcome: 'received', title });
  const list = [signal('tick'), { category: 'activity', title: 'tick' }, signal('tick'), signal('tock'), { category: 'signal', outcome: '', title: 'tick' }];
  assert.deepEqual(rows(list).map((row) => row.length), [2, 1, 1, 1]);
});

test('a reset by kind leads to the first and last finished task, and to where a build first ran', () => {
  const done = (id) => ({ eventId: String(id), eventType: 'EVENT_TYPE_WORKFLOW_TASK_COMPLETED', eventTime: '2026-01-01T00:00:00Z', workflowTaskCompletedEventAttributes: {} });
  const failed = { eventId: '7', eventType: 'EVENT_TYPE_WORKFLOW_TASK_FAILED', workflowTaskFailedEventAttributes: {} };
  const point = (buildId, id, more) => ({ buildId, firstWorkflowTaskCompletedId: String(id), resettable: true, runId: 'r', ...more });
  const kinds = resetKinds([done(4), failed, done(10)], [point('1', 4), point('2', 10), point('3', 12, { runId: 'before' }), point('4', 13, { resettable: false })], 'r');
  assert.deepEqual(kinds.map(({ key, eventId }) => [key, eventId]), [['last', '10'], ['first', '4'], ['build 2', '10']]);
  assert.deepEqual(resetKinds([failed], [], 'r'), []);
});

test('why it is stuck: workers poll, but none that may take it', () => {
  const description = {
    workflowExecutionInfo: { status: 'WORKFLOW_EXECUTION_STATUS_RUNNING', taskQueue: 'q' },
    pendingWorkflowTask: { state: 'PENDING_WORKFLOW_TASK_STATE_SCHEDULED', scheduledTime: '2026-01-01T00:00:00Z' },
  };
  const of = (buildId) => ({ deploymentOptions: { deploymentName: 'd', buildId, workerVersioningMode: 'WORKER_VERSIONING_MODE_VERSIONED' } });
  const told = (pollers, current, ramp = null) => reasons({ description, events: [], pollers: () => pollers, route: () => ({ current, ramp }), now: Date.parse('2026-01-01T00:01:00Z') })[0];
  const target = (build) => ({ deployment: 'd', build });
  assert.match(told([of('1'), of('2')], null).text, /^Only workers of d:1, d:2 poll “q” for workflow tasks, and no version is current/);
  assert.match(told([of('1')], target('2')).text, /goes to version d:2, and none of its workers poll for workflow tasks; those that do are of d:1/);
  assert.match(told([{}], target('2')).text, /those that do have no version/);
  assert.match(told([], target('2')).text, /^No worker polls task queue “q”/);
  for (const [pollers, current, ramp] of [[[of('2')], target('2')], [[of('3')], target('2'), target('3')], [[{}], null]]) assert.equal(told(pollers, current, ramp).what, 'untaken');
});

test('why it is stuck: a cancellation that is not heeded, a signal on its way', () => {
  const now = Date.parse('2026-01-01T00:01:00Z');
  const description = { workflowExecutionInfo: { status: 'WORKFLOW_EXECUTION_STATUS_RUNNING' } };
  const at = '2026-01-01T00:00:00Z';
  const events = [
    { eventId: '5', eventTime: at, eventType: 'EVENT_TYPE_WORKFLOW_EXECUTION_CANCEL_REQUESTED', workflowExecutionCancelRequestedEventAttributes: {} },
    { eventId: '6', eventTime: at, eventType: 'EVENT_TYPE_SIGNAL_EXTERNAL_WORKFLOW_EXECUTION_INITIATED', signalExternalWorkflowExecutionInitiatedEventAttributes: { signalName: 'go' } },
  ];
  assert.deepEqual(reasons({ description, events, now }).map(({ what }) => what), ['cancel', 'signal-external']);
});
