/* What the deployment pages show, out of DescribeWorkerDeployment's answer. Pure. */
import { instant } from './time.js';
import { versionStatus } from './enums.js';
import { textOf, payloadsOf } from './payload.js';

export const UNVERSIONED = '__unversioned__';

/* The build id that a summary or routing field means. */
export const buildOf = (version) => version?.buildId ?? '';

/* The literal of a list filter. */
export const literal = (text) => `"${String(text).replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;

/* Where new work of a deployment goes: {current, ramp}, each {build, percent, since}. A build of '' is the workers without a
 * version; ramp is null when nothing ramps. In answers a ramp to unversioned is visible only in the deprecated string. */
export function routing(config = {}) {
  const percent = Number(config.rampingVersionPercentage ?? 0);
  const ramping = config.rampingDeploymentVersion
    ? buildOf(config.rampingDeploymentVersion)
    : config.rampingVersion === UNVERSIONED ? '' : null;
  return {
    current: {
      build: buildOf(config.currentDeploymentVersion),
      percent: ramping === null ? 100 : 100 - percent,
      since: instant(config.currentVersionChangedTime),
    },
    ramp: ramping === null ? null : {
      build: ramping,
      percent,
      since: instant(config.rampingVersionChangedTime),
      changed: instant(config.rampingVersionPercentageChangedTime),
    },
  };
}

/* The versions, newest first: {build, status, share, created, …}. share is the percentage of new work. */
export function versions(info) {
  const { current, ramp } = routing(info?.routingConfig);
  return (info?.versionSummaries ?? []).map((summary) => {
    const build = buildOf(summary.deploymentVersion);
    const share = build === current.build ? current.percent : ramp && build === ramp.build ? ramp.percent : 0;
    const status = build === current.build ? 'Current' : ramp && build === ramp.build ? 'Ramping' : versionStatus(summary.status);
    return {
      build,
      status,
      share,
      created: instant(summary.createTime),
      activated: instant(summary.firstActivationTime),
      currentSince: instant(summary.currentSinceTime),
      rampingSince: instant(summary.rampingSinceTime),
      lastCurrent: instant(summary.lastCurrentTime),
      deactivated: instant(summary.lastDeactivationTime),
      routed: instant(summary.routingUpdateTime),
      drainage: status === 'Draining' || status === 'Drained' ? {
        changed: instant(summary.drainageInfo?.lastChangedTime),
        checked: instant(summary.drainageInfo?.lastCheckedTime),
      } : null,
    };
  });
}

/* What a version's rows in the routing timeline are: spans {kind, from, to}, kinds ramping, current, draining, and points. The
 * server keeps the latest instant of each kind, not a log; so this is what can be said for certain. to is null for "until now". */
export function lane(version) {
  const spans = [];
  const end = version.deactivated;
  if (version.currentSince !== null) {
    const rampedFrom = version.activated !== null && version.activated < version.currentSince && end === null ? version.activated : null;
    if (rampedFrom !== null) spans.push({ kind: 'ramping', from: rampedFrom, to: version.currentSince });
    spans.push({ kind: 'current', from: version.currentSince, to: null });
  } else if (version.rampingSince !== null) {
    if (version.lastCurrent !== null && version.lastCurrent < version.rampingSince) {
      spans.push({ kind: 'current', from: version.lastCurrent, to: version.rampingSince });
    }
    spans.push({ kind: 'ramping', from: version.rampingSince, to: null });
  } else if (end !== null) {
    if (version.lastCurrent !== null && version.lastCurrent <= end) {
      if (version.activated !== null && version.activated < version.lastCurrent) {
        spans.push({ kind: 'ramping', from: version.activated, to: version.lastCurrent });
      }
      spans.push({ kind: 'current', from: version.lastCurrent, to: end });
    } else if (version.activated !== null) {
      spans.push({ kind: 'ramping', from: version.activated, to: end });
    }
    const drained = version.status === 'Drained';
    spans.push({ kind: 'draining', from: end, to: drained ? (version.drainage?.changed ?? end) : null });
  }
  return { build: version.build, created: version.created, spans };
}

/* The same instants as a list of sentences, newest first: [{at, build, text}]. */
export function changes(list) {
  const found = [];
  for (const version of list) {
    const add = (at, text) => at !== null && found.push({ at, build: version.build, text });
    add(version.created, 'was first seen');
    if (version.activated !== version.lastCurrent && version.activated !== version.rampingSince) add(version.activated, 'began to take traffic');
    add(version.rampingSince, 'began to ramp');
    if (version.lastCurrent !== version.currentSince) add(version.lastCurrent, 'became current');
    add(version.currentSince, 'became current');
    add(version.deactivated, 'got no more new work and began to drain');
    if (version.status === 'Drained') add(version.drainage?.changed ?? null, 'was drained');
    if (version.status === 'Ramping' && version.routed !== version.rampingSince) add(version.routed, `now takes ${version.share} %`);
  }
  return found.sort((a, b) => b.at - a.at || a.text.localeCompare(b.text));
}

/* A filter for the workflows of a version. */
export const versionQuery = (deployment, build, more = '') =>
  `TemporalWorkerDeploymentVersion = ${literal(`${deployment}:${build}`)}${more}`;

/* {Running: 3, Completed: 10} of CountWorkflowExecutions … GROUP BY ExecutionStatus. */
export function countsByStatus(answer) {
  const counts = {};
  for (const group of answer?.groups ?? []) {
    const payload = payloadsOf(group.groupValues)[0];
    let name;
    try {
      name = typeof payload === 'string' ? payload : JSON.parse(textOf(payload?.data));
    } catch {
      name = '?';
    }
    counts[name] = (counts[name] ?? 0) + Number(group.count);
  }
  return counts;
}

export function openAndAll(answer) {
  const counts = countsByStatus(answer);
  const all = Object.values(counts).reduce((sum, count) => sum + count, 0);
  return { open: (counts.Running ?? 0) + (counts.Paused ?? 0), all };
}

/* Backlog, age and rates of a version's task queues: [{name, type, backlog, ageMs, add, dispatch}], by name then type. */
export function queuesOf(answer) {
  return (answer?.versionTaskQueues ?? [])
    .map((queue) => ({
      name: queue.name,
      type: String(queue.type ?? '').replace('TASK_QUEUE_TYPE_', ''),
      backlog: Number(queue.stats?.approximateBacklogCount ?? 0),
      age: queue.stats?.approximateBacklogAge,
      add: Number(queue.stats?.tasksAddRate ?? 0),
      dispatch: Number(queue.stats?.tasksDispatchRate ?? 0),
    }))
    .sort((a, b) => a.name.localeCompare(b.name) || b.type.localeCompare(a.type));
}

/* A task queue's pollers of late: the server remembers them for five minutes, and a worker that is gone looks alive that long;
 * but a poll is parked for one, so that whoever has not come back since is gone. */
export const POLLER_FRESH_MS = 75000;
export const freshPollers = (answer, now) => (answer?.pollers ?? []).filter((poller) => now - (instant(poller.lastAccessTime) ?? now) < POLLER_FRESH_MS);

/* The pollers of late by build of a deployment, {build: [pollers]}; '' are those without a version. */
export function pollersByBuild(answer, deployment, now) {
  const found = {};
  for (const poller of freshPollers(answer, now)) {
    const options = poller.deploymentOptions;
    const versioned = options?.workerVersioningMode === 'WORKER_VERSIONING_MODE_VERSIONED';
    if (versioned && options.deploymentName !== deployment) continue;
    (found[versioned ? options.buildId : ''] ??= []).push(poller);
  }
  return found;
}
