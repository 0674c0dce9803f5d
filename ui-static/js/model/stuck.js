/* Why is it stuck? In words, out of what the server tells about a run. Pure: reasons(facts) -> [{level, text, what}], the most
 * urgent first. level: bad (it will not go on by itself), warn (it may), wait (it waits as it was told to). */
import { instant, span, spanText, relative, clock } from './time.js';
import { enumCamel, enumText, isRunning } from './enums.js';
import { attributesOf, eventName, failureText, groupEvents } from './events.js';
import { lastTaskFailure } from './problems.js';

/* A task that nobody has taken for this long is worth a word; a poll takes milliseconds. */
const UNTAKEN_MS = 3000;

/* A timeout of the run that is nearer than this is told. */
const EXPIRES_SOON_MS = 60000;

/* facts: {description, events, pollers, route, now}. pollers(queue, type) -> pollers seen of late, each with deploymentOptions;
 * route(queue, type) -> {current, ramp}, each {deployment, build} or null, where work without a version of its own goes. Both are
 * undefined while unknown. */
export function reasons({ description, events = [], pollers = () => undefined, route = () => undefined, now }) {
  const info = description?.workflowExecutionInfo;
  if (!info || !isRunning(info.status)) return [];
  const found = [];
  const say = (level, what, text) => found.push({ level, what, text });
  const queue = description.executionConfig?.taskQueue?.name ?? info.taskQueue ?? '';
  const version = effectiveVersion(info.versioningInfo);

  if (info.status === 'WORKFLOW_EXECUTION_STATUS_PAUSED') say('warn', 'paused', 'It is paused: nothing runs until somebody unpauses it.');
  const task = description.pendingWorkflowTask;
  if (task) aboutTask(task, { events, queue, version, pollers, route, now, say });
  for (const activity of description.pendingActivities ?? []) aboutActivity(activity, { events, queue, version, pollers, route, now, say });
  for (const nexus of description.pendingNexusOperations ?? []) {
    say(nexus.lastAttemptFailure ? 'warn' : 'wait', 'nexus',
      `Waits for Nexus operation ${nexus.service}.${nexus.operation} (${enumText(nexus.state, 'PENDING_NEXUS_OPERATION_STATE')})`
      + (nexus.lastAttemptFailure ? `; last failure: ${failureText(nexus.lastAttemptFailure)}` : '') + '.');
  }
  for (const child of description.pendingChildren ?? []) {
    say('wait', 'child', `Waits for child ${child.workflowTypeName ?? ''} “${child.workflowId}” to close.`);
  }
  const timers = groupEvents(events).filter((group) => group.category === 'timer' && group.to === null);
  for (const timer of timers) {
    const ends = timer.from + (span(attributesOf(timer.events[0]).startToFireTimeout) ?? 0);
    say('wait', 'timer', `Waits for ${timer.title} until ${clock(ends)} (${relative(ends, now)})${
      found.some((one) => one.level !== 'wait') || (description.pendingActivities ?? []).length ? '' : ', or for a signal or update'}.`);
  }
  const asked = events.find((event) => eventName(event) === 'WorkflowExecutionCancelRequested');
  if (asked) {
    say('warn', 'cancel', `Its cancellation was requested ${relative(instant(asked.eventTime), now)}, and it is still open: its code cleans up, or does not heed it. Terminate it if it must end.`);
  }
  const ended = instant(description.workflowExtendedInfo?.runExpirationTime);
  if (ended !== null && ended > now && ended - now < EXPIRES_SOON_MS) say('warn', 'expires', `This run times out ${relative(ended, now)}.`);
  for (const signal of openSignals(events)) say('wait', 'signal-external', `Waits until its ${signal} is delivered.`);
  const delayed = instant(info.executionTime);
  if (!events.some((event) => eventName(event) === 'WorkflowTaskScheduled') && delayed !== null && delayed > now) {
    say('wait', 'delay', `Begins at ${clock(delayed)} (${relative(delayed, now)}): it was started with a delay or is a cron's next run.`);
  }
  if (!found.length) {
    const waited = lastEventTime(events);
    say('wait', 'signal', `Nothing is pending: it waits for a signal or update${
      waited === null ? '' : `, since ${relative(waited, now).replace(' ago', '')}`}. If it should go on by itself, look at its call stack.`);
  }
  const order = { bad: 0, warn: 1, wait: 2 };
  return found.map((one, index) => ({ ...one, index })).sort((a, b) => order[a.level] - order[b.level] || a.index - b.index)
    .map(({ level, what, text }) => ({ level, what, text }));
}

/* Signals and cancel requests to other workflows that have not been answered yet, as titles. */
const openSignals = (events) => groupEvents(events).filter((group) => group.to === null && /^(SignalExternal|RequestCancelExternal)/.test(eventName(group.events[0]))).map((group) => group.title);

const lastEventTime = (events) => (events.length ? instant(events[events.length - 1].eventTime) : null);

/* Where the next task goes: {deployment, build, bound}; null for workers without a version. bound: 'pinned' or 'moves' when only
 * that version's workers can take it, else false. */
export function effectiveVersion(versioning) {
  if (!versioning) return null;
  const transition = versioning.versionTransition;
  if (transition) return named(transition.deploymentVersion, 'moves');
  const override = versioning.versioningOverride;
  const pinned = override?.pinned?.version ?? override?.oneTime?.targetDeploymentVersion;
  if (pinned) return named(pinned, 'pinned');
  const behavior = override?.autoUpgrade ? 'AUTO_UPGRADE' : String(versioning.behavior ?? '').replace('VERSIONING_BEHAVIOR_', '');
  if (!behavior || behavior === 'UNSPECIFIED') return null;
  return named(versioning.deploymentVersion, behavior === 'PINNED' && 'pinned');
}
const named = (version, bound) => (version?.buildId ? { deployment: version.deploymentName, build: version.buildId, bound } : null);

const isOf = (poller, { deployment, build }) => poller.deploymentOptions?.deploymentName === deployment && poller.deploymentOptions?.buildId === build;
const isVersioned = (poller) => poller.deploymentOptions?.workerVersioningMode === 'WORKER_VERSIONING_MODE_VERSIONED';

/* Of the pollers, those that can take a task: of the version that it is bound to, else of where new work goes. */
function able(list, version, routed) {
  if (list === undefined) return list;
  if (version?.bound) return list.filter((one) => isOf(one, version));
  if (routed === undefined) return list;
  const targets = [routed.current, routed.ramp].filter(Boolean);
  return list.filter((one) => targets.some((target) => isOf(one, target)) || (!routed.current && !isVersioned(one)));
}

/* Why those who poll cannot take it: the step that is forgotten most often has words of its own. */
function unable(kind, queue, version, list, routed) {
  if (version?.bound || !list?.length || routed === undefined) return nobody(kind, queue, version);
  const versions = [...new Set(list.filter(isVersioned).map((one) => `${one.deploymentOptions.deploymentName}:${one.deploymentOptions.buildId}`))].sort();
  if (!routed.current && versions.length) {
    return `Only workers of ${versions.join(', ')} poll “${queue}” for ${kind}, and no version is current: new work goes to workers without a version. Set the version current, or ramp it.`;
  }
  if (routed.current) {
    return `Work of “${queue}” goes to version ${routed.current.deployment}:${routed.current.build}, and none of its workers poll for ${kind}; ${
      versions.length ? `those that do are of ${versions.join(', ')}` : 'those that do have no version'}.`;
  }
  return nobody(kind, queue, version);
}

const nobody = (kind, queue, version) =>
  `No worker polls task queue “${queue}” for ${kind}${
    version?.bound ? ` of version ${version.deployment}:${version.build}, to which it ${version.bound === 'pinned' ? 'is pinned' : 'moves'}` : ''}.`;

function aboutTask(task, { events, queue, version, pollers, route, now, say }) {
  const attempt = Number(task.attempt ?? 1);
  const failure = lastTaskFailure(events);
  const waiting = instant(task.scheduledTime);
  const list = pollers(queue, 'WORKFLOW');
  const routed = route(queue, 'WORKFLOW');
  const able_ = able(list, version, routed);
  if (attempt > 1 && failure) {
    const build = failure.build || (version?.bound === 'moves' ? version.build : '');
    const told = failure.cause === 'NonDeterministicError'
      ? 'The code that runs now does not match its history (non-determinism)' : `Its workflow task fails (${failure.cause})`;
    say('bad', failure.cause === 'NonDeterministicError' ? 'nondeterminism' : 'task-fails',
      `${told}, since ${clock(failure.since)} (${relative(failure.since, now)}), ${attempt} attempts so far${
        build ? `, on version ${build}` : ''}: ${failure.message || 'no message'}`);
  }
  if (able_ !== undefined && !able_.length) {
    say('bad', 'no-poller', unable('workflow tasks', queue, version, list, routed));
  } else if (task.state === 'PENDING_WORKFLOW_TASK_STATE_SCHEDULED' && attempt === 1 && waiting !== null && now - waiting > UNTAKEN_MS) {
    say('warn', 'untaken', `Its workflow task waits on “${queue}” since ${spanText(now - waiting)}: ${
      able_ === undefined ? 'no worker has taken it' : `${able_.length} poll that queue, but none has taken it`}${
      version && !version.bound ? `; it goes to whichever version is current or ramping, last ${version.deployment}:${version.build}` : ''}.`);
  }
  const started = instant(task.startedTime);
  if (attempt === 1 && task.state === 'PENDING_WORKFLOW_TASK_STATE_STARTED' && started !== null && now - started > UNTAKEN_MS) {
    say('warn', 'slow-task', `A worker has had its workflow task for ${spanText(now - started)} without answering.`);
  }
}

function aboutActivity(activity, { events, queue, version, pollers, route, now, say }) {
  const attempt = Number(activity.attempt ?? 1);
  const name = `Activity ${activity.activityType?.name ?? ''} (id ${activity.activityId})`;
  const scheduled = events.map(attributesOf).find((has) => has.activityType && String(has.activityId) === String(activity.activityId));
  const its = scheduled?.taskQueue?.name ?? queue;
  const state = enumCamel(activity.state, 'PENDING_ACTIVITY_STATE');
  const failed = attempt > 1 && activity.lastFailure;
  const next = instant(activity.nextAttemptScheduleTime);
  const most = Number(activity.maximumAttempts ?? 0);
  if (activity.paused || state.startsWith('Pause')) {
    say('warn', 'paused-activity', `${name} is paused.`);
  } else if (failed) {
    say('warn', 'activity-fails', `${name} has failed ${attempt - 1} ${attempt === 2 ? 'time' : 'times'}${most ? ` of at most ${most}` : ''}: ${
      failureText(activity.lastFailure) || 'no message'}. ${
      next !== null && next > now ? `Next attempt ${relative(next, now)}.` : state === 'Started' ? 'It is being tried again.' : 'The next attempt is due.'}`);
  }
  if (state === 'Scheduled' && !(next !== null && next > now)) {
    const list = pollers(its, 'ACTIVITY');
    const routed = route(its, 'ACTIVITY');
    const able_ = able(list, version, routed);
    const since = instant(activity.scheduledTime);
    if (able_ !== undefined && !able_.length) say('bad', 'no-poller', unable(`activities such as ${activity.activityType?.name ?? ''}`, its, version, list, routed));
    else if (!failed && since !== null && now - since > UNTAKEN_MS) {
      say('warn', 'untaken', `${name} waits on “${its}” since ${spanText(now - since)} and no worker has taken it: all may be busy.`);
    }
  }
  if (state === 'Started' && !failed) {
    const since = instant(activity.lastStartedTime);
    const beat = instant(activity.lastHeartbeatTime);
    const heartbeatTimeout = span(activity.activityOptions?.heartbeatTimeout);
    if (heartbeatTimeout && now - (beat ?? since ?? now) > heartbeatTimeout / 2) {
      say('warn', 'no-heartbeat', `${name} gave no sign for ${spanText(now - (beat ?? since))}: after ${spanText(heartbeatTimeout)} without a heartbeat it is tried again.`);
    } else say('wait', 'activity', `${name} runs${since === null ? '' : ` since ${spanText(now - since)}`} on ${
      activity.lastWorkerIdentity ?? 'a worker'}${beat === null ? '' : `, last heartbeat ${relative(beat, now)}`}.`);
  }
}
