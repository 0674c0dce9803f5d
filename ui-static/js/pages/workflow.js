/* One run: what it is, why it does not go on, its timeline and history, and what can be done with it. */
import { html, useState, useEffect, useMemo, useRef } from '../lib.js';
import { api, NOT_FOUND } from '../api.js';
import { useLive, useNow, useTold } from '../live.js';
import { link, linkWith, go } from '../router.js';
import { instant, spanText, span } from '../model/time.js';
import { workflowStatus, behaviorText, enumText, isRunning } from '../model/enums.js';
import { groupEvents, attributesOf, failureText } from '../model/events.js';
import { reasons, effectiveVersion } from '../model/stuck.js';
import { literal, freshPollers } from '../model/deployments.js';
import { payloadLine, decodePayload } from '../model/payload.js';
import { cli } from '../model/cli.js';
import { usePlace, PageHead, Failure, Loading, Notice, Section, Time, StatusBadge, Badge, Menu, Tabs, Facts, Copy, Cli } from '../parts/basic.js';
import { Payloads, FailureTree } from '../parts/payloads.js';
import { Timeline } from '../parts/timeline.js';
import { History } from '../parts/history.js';
import { Start } from '../parts/start.js';
import { Signal, Update, Query, Cancel, Terminate } from '../parts/actions.js';
import { Reset } from '../parts/reset.js';
import { Override } from '../parts/override.js';

const PAGE = 500;
/* A history is at most some fifty thousand events; so many are held here, and the rest is for the download. */
const EVENTS_MOST = 20000;

/* The events of a run, followed with long polls: {events, error, whole}. A poll is parked at the server until something happens,
 * so an idle page costs a call in twenty seconds. */
function useHistory(ns, id, runId) {
  const [state, set] = useState({ events: [] });
  useEffect(() => {
    if (!runId) return undefined;
    const life = new AbortController();
    const seen = () => new Promise((resolve) => {
      if (document.visibilityState === 'visible') return resolve();
      const changed = () => document.visibilityState === 'visible' && (document.removeEventListener('visibilitychange', changed), resolve());
      return document.addEventListener('visibilitychange', changed);
    });
    (async () => {
      let events = [];
      let token;
      let failures = 0;
      set({ events, loading: true });
      while (!life.signal.aborted) {
        await seen();
        try {
          const first = token === undefined;
          const answer = await api.history(ns, id, runId, { maximumPageSize: PAGE, nextPageToken: token, waitNewEvent: true }, life.signal);
          const more = answer.history?.events ?? [];
          if (life.signal.aborted) return;
          if (more.length) events = [...events, ...more.filter((event) => !events.length || Number(event.eventId) > Number(events[events.length - 1].eventId))];
          token = answer.nextPageToken;
          if (more.length || first) set({ events });
          if (!token || events.length >= EVENTS_MOST) return set({ events, whole: !token });
          failures = 0;
        } catch (error) {
          if (life.signal.aborted) return;
          set({ events, error });
          if (error.code === NOT_FOUND) return;
          failures++;
          await new Promise((resolve) => setTimeout(resolve, Math.min(1000 * 2 ** failures, 15000)));
        }
      }
    })();
    return () => life.abort();
  }, [ns, id, runId]);
  return state;
}

/* The pollers of the queues that its pending tasks wait on, and where those lead: {pollers, route} as reasons() takes them. */
function usePollers(ns, description, events) {
  const queue = description?.executionConfig?.taskQueue?.name ?? description?.workflowExecutionInfo?.taskQueue;
  const wanted = useMemo(() => {
    if (!queue || !isRunning(description.workflowExecutionInfo.status)) return [];
    const found = new Set();
    if (description.pendingWorkflowTask) found.add(`WORKFLOW ${queue}`);
    for (const activity of description.pendingActivities ?? []) {
      const scheduled = events.map(attributesOf).find((has) => has.activityType && String(has.activityId) === String(activity.activityId));
      found.add(`ACTIVITY ${scheduled?.taskQueue?.name ?? queue}`);
    }
    return [...found].sort();
  }, [description, events.length]);
  const key = wanted.length ? `pollers ${ns} ${wanted.join('\n')}` : null;
  const { data } = useLive(key, async (signal) => Object.fromEntries(await Promise.all(wanted.map(async (one) => {
    const [type, ...name] = one.split(' ');
    return [one, await api.taskQueue(ns, name.join(' '), type, signal)];
  }))), 5000);
  const of = (name, type) => data?.[`${type} ${name}`];
  const target = (version) => (version?.buildId ? { deployment: version.deploymentName, build: version.buildId } : null);
  return {
    pollers: (name, type) => of(name, type) && freshPollers(of(name, type), Date.now()),
    route: (name, type) => {
      const answer = of(name, type);
      return answer && { current: target(answer.versioningInfo?.currentDeploymentVersion), ramp: target(answer.versioningInfo?.rampingDeploymentVersion) };
    },
  };
}

const Since = ({ at }) => useTold((now) => spanText(Math.max(now - at, 0)));

/* version: where its next task goes, and queue: where it waits; for the ways to what helps. */
function Why({ facts, version, queue }) {
  const { ns } = usePlace();
  const now = useNow();
  const list = reasons({ ...facts, now });
  if (!list.length) return null;
  const stuck = list.some((one) => one.level === 'bad');
  return html`<section class=${stuck ? 'why bad' : 'why'} aria-label="Why it does not go on" role=${stuck ? 'alert' : undefined}>
    <h2>${stuck ? 'Why it is stuck' : list.some((one) => one.level === 'warn') ? 'What holds it up' : 'What it waits for'}</h2>
    <ul>${list.map((one) => html`<li class=${'is-' + one.level} data-what=${one.what}>${one.text}</li>`)}</ul>
    ${version && list.some((one) => one.what === 'nondeterminism' || one.what === 'task-fails')
    ? html`<p><a class="button" href=${link('namespaces', ns, 'worker-deployments', version.deployment)}>To the deployment ${version.deployment}, to roll it back</a></p>` : null}
    ${queue && list.some((one) => one.what === 'no-poller') ? html`<p><a class="button" href=${link('namespaces', ns, 'task-queues', queue)}>To the task queue, and how to start a worker</a></p>` : null}
  </section>`;
}

function Pending({ description }) {
  const list = description?.pendingActivities ?? [];
  if (!list.length) return null;
  return html`<${Section} title="Pending activities" id="pending" note=${`${list.length}`}><div class="scroll-x sheet"><table class="rows">
    <thead><tr><th scope="col">Activity</th><th scope="col">State</th><th scope="col" class="number">Attempt</th><th scope="col">Next attempt</th><th scope="col">Last heartbeat</th><th scope="col">Last failure</th></tr></thead>
    <tbody>${list.map((activity) => html`<tr><th scope="row">${activity.activityType?.name} <span class="mute mono">${activity.activityId}</span></th>
      <td>${enumText(activity.state, 'PENDING_ACTIVITY_STATE')}</td>
      <td class="number">${activity.attempt ?? 1}${Number(activity.maximumAttempts) ? ` of ${activity.maximumAttempts}` : ''}</td>
      <td><${Time} at=${instant(activity.nextAttemptScheduleTime)} /></td><td><${Time} at=${instant(activity.lastHeartbeatTime)} /></td>
      <td>${activity.lastFailure ? html`<span class="bad-text">${failureText(activity.lastFailure)}</span>` : html`<span class="mute">none</span>`}</td></tr>`)}</tbody>
  </table></div><//>`;
}

function Relations({ ns, info, description, events, id, runId }) {
  const children = useMemo(() => groupEvents(events).filter((group) => group.category === 'child'), [events]);
  const { data } = useLive(`runs ${ns} ${id}`, (signal) => api.workflows(ns, `WorkflowId = ${literal(id)}`, undefined, 50, signal), 5000);
  /* The list tells how children fare now, whatever this run has been told; it forgets those that were deleted. */
  const { data: listed } = useLive(`children ${ns} ${runId} ${children.length}`, (signal) => api.workflows(ns, `ParentRunId = ${literal(runId)}`, undefined, 200, signal), children.length ? 4000 : 0);
  const byId = new Map((listed?.executions ?? []).map((one) => [one.execution.workflowId, one]));
  const parent = info.parentExecution;
  const root = info.rootExecution;
  const to = (execution) => html`<a class="mono" href=${link('namespaces', ns, 'workflows', execution.workflowId, execution.runId)}>${execution.workflowId}</a>`;
  const continued = events.map(attributesOf).find((has) => has.newExecutionRunId);
  const begun = attributesOf(events[0] ?? {});
  return html`<div class="panel"><${Facts} list=${[
      ['Parent', parent?.workflowId ? to(parent) : html`<span class="mute">none</span>`],
      ['Root', root?.workflowId && root.workflowId !== id ? to(root) : null],
      ['Run before it', begun.continuedExecutionRunId ? html`<a class="mono" href=${link('namespaces', ns, 'workflows', id, begun.continuedExecutionRunId)}>${begun.continuedExecutionRunId}</a>` : null],
      ['Run after it', continued ? html`<a class="mono" href=${link('namespaces', ns, 'workflows', id, continued.newExecutionRunId)}>${continued.newExecutionRunId}</a>` : null],
      ['Chain of runs began with', info.firstRunId && info.firstRunId !== runId ? html`<a class="mono" href=${link('namespaces', ns, 'workflows', id, info.firstRunId)}>${info.firstRunId}</a>` : null],
    ]} /></div>
    <${Section} title="Children" id="children" note=${`${children.length}`}>${children.length ? html`<div class="scroll-x sheet"><table class="rows"><thead><tr><th scope="col">Workflow id</th><th scope="col">Type</th><th scope="col">Status</th><th scope="col">Started</th></tr></thead><tbody>
      ${children.map((group) => {
        const has = attributesOf(group.events[0]);
        const run = group.events.map(attributesOf).map((one) => one.workflowExecution?.runId).find(Boolean);
        return html`<tr><th scope="row">${to({ workflowId: has.workflowId, runId: run })}</th><td>${has.workflowType?.name}</td><td>${byId.has(has.workflowId) ? html`<${StatusBadge} status=${workflowStatus(byId.get(has.workflowId).status)} />` : group.outcome || 'open'}</td><td><${Time} at=${group.started ?? group.from} full /></td></tr>`;
      })}</tbody></table></div>` : html`<p class="mute">It has started no child workflow.</p>`}<//>
    <${Section} title="Runs of this workflow id" id="runs"><div class="scroll-x sheet"><table class="rows"><thead><tr><th scope="col">Run</th><th scope="col">Status</th><th scope="col">Started</th></tr></thead><tbody>
      ${(data?.executions ?? []).map((one) => html`<tr><th scope="row"><a class="mono" href=${link('namespaces', ns, 'workflows', id, one.execution.runId)}>${one.execution.runId}</a>${one.execution.runId === runId ? html` <span class="mute">this one</span>` : null}</th>
        <td><${StatusBadge} status=${workflowStatus(one.status)} /></td><td><${Time} at=${instant(one.startTime)} full /></td></tr>`)}</tbody></table></div><//>`;
}

function CallStack({ ns, id, runId }) {
  const [state, set] = useState({});
  const ask = async () => {
    set({ busy: true });
    try {
      set({ answer: await api.query(ns, id, runId, '__stack_trace') });
    } catch (error) {
      set({ error });
    }
  };
  useEffect(() => void ask(), [runId]);
  const stack = state.answer?.queryResult?.payloads?.map(payloadLine).join('\n');
  return html`<p class="mute">Where the code of the workflow waits at present, as a worker tells it. <button type="button" class="chip" disabled=${state.busy} onClick=${ask}>Ask again</button></p>
    <${Failure} error=${state.error} what="No worker could tell:" always />
    ${state.busy ? html`<${Loading} />` : null}
    ${state.answer ? html`<div class="code"><pre>${stack || 'Nothing: it waits nowhere.'}</pre><${Copy} text=${stack ?? ''} /></div>` : null}`;
}

function download(name, value) {
  const url = URL.createObjectURL(new Blob([JSON.stringify(value, null, 2)], { type: 'application/json' }));
  const anchor = Object.assign(document.createElement('a'), { href: url, download: name });
  anchor.click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}

/* The whole history as replayers of all SDKs read it. */
async function wholeHistory(ns, id, runId) {
  const events = [];
  let token;
  do {
    const answer = await api.history(ns, id, runId, { maximumPageSize: 1000, nextPageToken: token });
    events.push(...(answer.history?.events ?? []));
    token = answer.nextPageToken;
  } while (token);
  return { events };
}

const TABS = [['timeline', 'Timeline'], ['history', 'History'], ['call-stack', 'Call stack'], ['relationships', 'Relationships']];
const DIALOGS = { signal: Signal, update: Update, query: Query, cancel: Cancel, terminate: Terminate, reset: Reset, override: Override };

/* /workflows/{id} without a run leads to the latest one. */
export function LatestRun({ id }) {
  const { ns } = usePlace();
  const { data, error } = useLive(`latest ${ns} ${id}`, (signal) => api.workflow(ns, id, undefined, signal), 0);
  const runId = data?.workflowExecutionInfo?.execution?.runId;
  useEffect(() => {
    if (runId) go(link('namespaces', ns, 'workflows', id, runId), { replace: true });
  }, [runId]);
  return error ? html`<${PageHead} title=${id} /><${Failure} error=${error} />` : html`<${Loading} />`;
}

export function Workflow({ id, runId, tab = 'timeline' }) {
  const { ns, where, route } = usePlace();
  const { data: description, error, loading, again } = useLive(`workflow ${ns} ${id} ${runId}`, (signal) => api.workflow(ns, id, runId, signal), 2000);
  const { events, error: historyError } = useHistory(ns, id, runId);
  const queues = usePollers(ns, description, events);
  const [dialog, open] = useState(null);
  const [picked, pick] = useState(null);
  const [unsaved, tell] = useState(null);
  const save = () => wholeHistory(ns, id, runId).then((history) => tell(null) ?? download(`${id}.json`, history), tell);
  const compact = route.query.view !== 'full';
  const newestFirst = route.query.order === 'newest';
  const groups = useMemo(() => groupEvents(events, description?.pendingActivities), [events, description?.pendingActivities]);
  const count = useRef(0);
  useEffect(() => { /* something happened: the description has changed too */
    if (count.current && events.length !== count.current) again();
    count.current = events.length;
  }, [events.length]);

  const crumbs = [['Workflows', link('namespaces', ns, 'workflows')]];
  const info = description?.workflowExecutionInfo;
  if (!info) return html`<${PageHead} crumbs=${crumbs} title=${id} />${loading ? html`<${Loading} />` : html`<${Failure} error=${error} />`}`;

  const running = isRunning(info.status);
  const begun = attributesOf(events[0] ?? {});
  const ending = events.length && !running ? attributesOf(events[events.length - 1]) : {};
  const from = instant(info.startTime);
  const to = instant(info.closeTime);
  const version = effectiveVersion(info.versioningInfo);
  const override = info.versioningInfo?.versioningOverride;
  const Acting = dialog && DIALOGS[dialog];
  const at = (name) => link('namespaces', ns, 'workflows', id, runId, name);
  const view = (changes) => linkWith(['namespaces', ns, 'workflows', id, runId, 'history'], { view: compact ? undefined : 'full', order: newestFirst ? 'newest' : undefined, ...changes });
  const pickGroup = (group) => {
    pick(group.id);
    go(linkWith(['namespaces', ns, 'workflows', id, runId, 'history'], { event: group.id }));
  };
  const chosen = picked ?? route.query.event ?? null;
  return html`
    <${PageHead} crumbs=${crumbs} title=${id} badge=${html`<${StatusBadge} status=${workflowStatus(info.status)} />`} sub=${info.type?.name}>
      ${running ? html`<button type="button" onClick=${() => open('signal')}>Signal …</button><button type="button" onClick=${() => open('update')}>Update …</button>` : null}
      <button type="button" onClick=${() => open('query')}>Query …</button>
      <${Menu} label="More" name="More actions for this workflow">
        ${running ? html`<button type="button" onClick=${() => open('cancel')}>Request cancellation …</button><button type="button" class="bad-text" onClick=${() => open('terminate')}>Terminate …</button>` : null}
        <button type="button" onClick=${() => open('reset')}>Reset …</button>
        ${running ? html`<button type="button" onClick=${() => open('override')}>Versioning override …</button>` : null}
        <button type="button" onClick=${() => open('start')}>Start one like it …</button>
        <button type="button" onClick=${save}>Download the history</button>
      <//>
    <//>
    <${Failure} error=${error ?? historyError} /><${Failure} error=${unsaved} what="The history could not be downloaded:" always />
    <div class="panel"><${Facts} list=${[
      ['Run', html`<span class="mono">${runId}</span><${Copy} text=${runId} />`],
      ['Started', html`<${Time} at=${from} full />`],
      [running ? 'Open for' : 'Closed', running ? html`<${Since} at=${from} />` : html`<${Time} at=${to} full /> <span class="mute">after ${spanText(to - from)}</span>`],
      ['Task queue', html`<a class="mono" href=${link('namespaces', ns, 'task-queues', info.taskQueue ?? description.executionConfig?.taskQueue?.name ?? '')}>${info.taskQueue ?? description.executionConfig?.taskQueue?.name}</a>`],
      ['Version', version ? html`<a class="mono" href=${link('namespaces', ns, 'worker-deployments', version.deployment)}>${version.deployment}:${version.build}</a> <span class="mute">${override ? 'by override' : behaviorText(info.versioningInfo?.behavior).replace('AutoUpgrade', 'auto-upgrade').toLowerCase()}${info.versioningInfo?.versionTransition ? ', on its way there' : ''}</span>` : null],
      ['History', `${info.historyLength ?? events.length} events, ${Math.ceil(Number(info.historySizeBytes ?? 0) / 1024)} KiB`],
      ['Times out after', span(description.executionConfig?.workflowExecutionTimeout) ? spanText(span(description.executionConfig.workflowExecutionTimeout)) : null],
    ]} /></div>
    <${Why} facts=${{ description, events, ...queues }} version=${version} queue=${info.taskQueue} />
    <${Tabs} label="Parts of this workflow" tabs=${TABS.map(([key, name]) => ({ name, href: at(key), now: tab === key, count: key === 'history' ? info.historyLength : undefined }))} />
    ${tab === 'timeline' ? html`
      <div class="in-out"><div class="panel"><h2>Input</h2>${events.length ? html`<${Payloads} field=${begun.input} none="no input" />` : html`<${Loading} />`}</div>
        <div class="panel"><h2>Result</h2>${running ? html`<p class="mute">It is still open.</p>` : ending.failure ? html`<${FailureTree} failure=${ending.failure} />`
          : ending.newExecutionRunId ? html`<a class="mono" href=${link('namespaces', ns, 'workflows', id, ending.newExecutionRunId)}>Continued as ${ending.newExecutionRunId}</a>` : ending.reason ? html`<p>${ending.reason}</p>` : html`<${Payloads} field=${ending.result ?? ending.details} none="no result" />`}</div></div>
      <${Pending} description=${description} />
      <${Section} title="Timeline" id="timeline"><div class="panel">${from === null ? null : html`<${Timeline} groups=${groups} from=${from} to=${to} onPick=${pickGroup} />`}</div><//>
      <${Attributes} info=${info} />` : null}
    ${tab === 'history' ? html`
      <div class="toolbar">
        <span class="tablist" role="group" aria-label="View"><a class="button" aria-current=${compact ? 'true' : undefined} href=${view({ view: undefined })}>Compact</a><a class="button" aria-current=${compact ? undefined : 'true'} href=${view({ view: 'full' })}>All events</a></span>
        <a class="button" href=${view({ order: newestFirst ? undefined : 'newest' })}>${newestFirst ? 'Newest first' : 'Oldest first'}</a>
        <button type="button" onClick=${save}>Download JSON</button>
      </div>
      <${History} events=${events} groups=${groups} compact=${compact} newestFirst=${newestFirst} picked=${chosen} />
      <${Cli} label="For a replayer, from the command line" text=${cli.show(id, runId, where)} />` : null}
    ${tab === 'call-stack' ? html`<${CallStack} ns=${ns} id=${id} runId=${runId} />` : null}
    ${tab === 'relationships' ? html`<${Relations} ns=${ns} info=${info} description=${description} events=${events} id=${id} runId=${runId} />` : null}
    ${TABS.some(([key]) => key === tab) ? null : html`<${Notice}>There is no such part.<//>`}
    ${Acting ? html`<${Acting} id=${id} runId=${runId} events=${events} info=${info} deployment=${info.workerDeploymentName ?? version?.deployment} override=${override} close=${() => open(null)} done=${again} />` : null}
    ${dialog === 'start' ? html`<${Start} close=${() => open(null)} given=${{ type: info.type?.name, queue: info.taskQueue, input: oneInput(begun.input) }} />` : null}`;
}

/* The one argument of a run, as a person would type it to start another. */
function oneInput(field) {
  const seen = field?.payloads?.length === 1 ? decodePayload(field.payloads[0]) : {};
  return seen.kind === 'json' ? JSON.stringify(seen.value) : '';
}

function attributeLine(payload) {
  const { value } = decodePayload(payload);
  return Array.isArray(value) ? value.join(', ') : payloadLine(payload);
}

function Attributes({ info }) {
  const attributes = Object.entries(info.searchAttributes?.indexedFields ?? {});
  const memo = Object.entries(info.memo?.fields ?? {});
  if (!attributes.length && !memo.length) return null;
  return html`<div class=${attributes.length && memo.length ? 'in-out' : ''}>${attributes.length ? html`<${Section} title="Search attributes" id="attributes"><div class="panel"><${Facts} list=${attributes.map(([name, payload]) => [name, html`<span class="mono">${attributeLine(payload)}</span>`])} /></div><//>` : null}
    ${memo.length ? html`<${Section} title="Memo" id="memo"><div class="panel"><${Facts} list=${memo.map(([name, payload]) => [name, html`<${Payloads} field=${[payload]} />`])} /></div><//>` : null}</div>`;
}
