/* Workers, as their heartbeats and polls tell. */
import { html, useState } from '../lib.js';
import { api, UNIMPLEMENTED } from '../api.js';
import { useLive } from '../live.js';
import { link } from '../router.js';
import { instant } from '../model/time.js';
import { enumText } from '../model/enums.js';
import { freshPollers } from '../model/deployments.js';
import { findQueues, TYPES } from './task_queues.js';
import { usePlace, PageHead, Failure, Loading, Section, Time, Badge, Facts } from '../parts/basic.js';
import { StartWorker } from '../parts/start_worker.js';

const slots = (info) => (info ? `${info.currentUsedSlots ?? 0}/${Number(info.currentUsedSlots ?? 0) + Number(info.currentAvailableSlots ?? 0)}` : '–');

/* What a heartbeat tells beside the columns. */
function Details({ heartbeat }) {
  const host = heartbeat.hostInfo ?? {};
  const tasks = (info) => (info ? `${info.totalProcessedTasks ?? 0} done${info.totalFailedTasks ? `, ${info.totalFailedTasks} failed` : ''}` : null);
  const polls = (info) => (info?.currentPollers ? html`${info.currentPollers}${info.lastSuccessfulPollTime ? html`, last task <${Time} at=${instant(info.lastSuccessfulPollTime)} />` : ''}` : null);
  return html`<${Facts} list=${[
    ['Host', [host.hostName, host.processId && `process ${host.processId}`].filter(Boolean).join(', ')],
    ['Memory of the host', host.currentHostMemUsage === undefined ? null : `${Math.round(Number(host.currentHostMemUsage) * 100)}%`],
    ['Started', html`<${Time} at=${instant(heartbeat.startTime)} full />`],
    ['Workflow tasks', tasks(heartbeat.workflowTaskSlotsInfo)], ['Activities', tasks(heartbeat.activityTaskSlotsInfo)], ['Local activities', heartbeat.localActivitySlotsInfo?.totalProcessedTasks ? tasks(heartbeat.localActivitySlotsInfo) : null],
    ['Workflow pollers', polls(heartbeat.workflowPollerInfo)], ['Sticky pollers', polls(heartbeat.workflowStickyPollerInfo)], ['Activity pollers', polls(heartbeat.activityPollerInfo)], ['Nexus pollers', polls(heartbeat.nexusPollerInfo)],
    ['Cached workflows', heartbeat.currentStickyCacheSize === undefined ? null : `${heartbeat.currentStickyCacheSize}, ${heartbeat.totalStickyCacheHit ?? 0} hits, ${heartbeat.totalStickyCacheMiss ?? 0} misses`],
    ['Instance', html`<span class="mono">${heartbeat.workerInstanceKey}</span>`],
  ]} />`;
}

function Row({ heartbeat, ns }) {
  const [open, set] = useState(false);
  const failed = Number(heartbeat.workflowTaskSlotsInfo?.totalFailedTasks ?? 0) + Number(heartbeat.activityTaskSlotsInfo?.totalFailedTasks ?? 0);
  const version = heartbeat.deploymentVersion;
  const status = enumText(heartbeat.status, 'WORKER_STATUS');
  const cpu = heartbeat.hostInfo?.currentHostCpuUsage;
  return html`<tr>
    <th scope="row" class="clip"><button type="button" class="fold mono" aria-expanded=${open} onClick=${() => set(!open)}>${heartbeat.workerIdentity}</button></th>
    <td><${Badge} kind=${status === 'Running' ? 'good' : 'warn'}>${status || 'unknown'}<//></td>
    <td class="clip mono"><a href=${link('namespaces', ns, 'task-queues', heartbeat.taskQueue ?? '')}>${heartbeat.taskQueue}</a></td>
    <td class="clip">${versionLink(ns, version)}</td>
    <td class="narrow-hide">${heartbeat.sdkName} ${heartbeat.sdkVersion}</td>
    <td class="number narrow-hide" title="Workflow task slots in use">${slots(heartbeat.workflowTaskSlotsInfo)}</td>
    <td class="number narrow-hide" title="Activity slots in use">${slots(heartbeat.activityTaskSlotsInfo)}</td>
    <td class="number narrow-hide">${cpu === undefined ? '–' : `${Math.round(Number(cpu) * 100)}%`}</td>
    <td class="number narrow-hide">${failed ? html`<b class="bad-text">${failed}</b>` : html`<span class="mute">0</span>`}</td>
    <td><${Time} at=${instant(heartbeat.heartbeatTime)} /></td>
  </tr>${open ? html`<tr class="folded"><td colspan="10"><${Details} heartbeat=${heartbeat} /></td></tr>` : null}`;
}

/* Workers that send no heartbeats, out of who polls the task queues: [{identity, version, queues, seen}]. */
async function askPollers(ns, signal) {
  const found = new Map();
  const now = Date.now();
  for (const queue of await findQueues(ns, signal)) {
    queue.types.forEach((answer, index) => freshPollers(answer, now).forEach((poller) => {
      const version = poller.deploymentOptions?.buildId ? { deploymentName: poller.deploymentOptions.deploymentName, buildId: poller.deploymentOptions.buildId } : null;
      const key = JSON.stringify([poller.identity, version]);
      const one = found.get(key) ?? { identity: poller.identity, version, queues: new Map(), seen: 0 };
      one.seen = Math.max(one.seen, instant(poller.lastAccessTime) ?? 0);
      one.queues.set(queue.name, [...(one.queues.get(queue.name) ?? []), TYPES[index].toLowerCase()]);
      found.set(key, one);
    }));
  }
  return [...found.values()].map((one) => ({ ...one, queues: [...one.queues] })).sort((a, b) => a.identity.localeCompare(b.identity));
}

const versionLink = (ns, version) => (version?.buildId && version.deploymentName /* a build id alone is no version: SDKs make one of the code */
  ? html`<a class="mono" href=${link('namespaces', ns, 'worker-deployments', version.deploymentName)}>${version.deploymentName}:${version.buildId}</a>` : html`<span class="mute">none</span>`);

function Pollers({ ns, told }) {
  const { data, error, loading } = useLive(`pollers ${ns}`, (signal) => askPollers(ns, signal), 4000);
  const list = (data ?? []).filter((one) => !told.has(one.identity));
  if (data && !list.length && !told.size) return html`<${StartWorker} title="No worker yet" text="Workers appear here as soon as they poll a task queue that is known from a deployment or a workflow." />`;
  return html`<${Failure} error=${error} />${loading ? html`<${Loading} />` : null}
    ${list.length ? html`<${Section} title=${told.size ? 'Other workers' : 'Pollers'} id="pollers" note="within the last minute"><div class="scroll-x sheet"><table class="rows"><thead><tr><th scope="col">Worker</th><th scope="col">Version</th><th scope="col">Polls</th><th scope="col">Last poll</th></tr></thead>
      <tbody>${list.map((one) => html`<tr key=${one.identity + (one.version?.buildId ?? '')}><th scope="row" class="mono">${one.identity}</th><td>${versionLink(ns, one.version)}</td>
        <td>${one.queues.map(([name, types]) => html`<div><a class="mono" href=${link('namespaces', ns, 'task-queues', name)}>${name}</a> <span class="mute">${types.join(', ')}</span></div>`)}</td><td><${Time} at=${one.seen} /></td></tr>`)}</tbody></table></div><//>` : null}`;
}

export function Workers() {
  const { ns } = usePlace();
  const { data, error, loading } = useLive(`workers ${ns}`, (signal) => api.workers(ns, undefined, signal).catch((thrown) => {
    if (thrown.code === UNIMPLEMENTED) return {}; /* a server without heartbeats */
    throw thrown;
  }), 4000);
  const list = (data?.workersInfo ?? []).map((one) => one.workerHeartbeat).filter(Boolean)
    .sort((a, b) => String(a.taskQueue).localeCompare(String(b.taskQueue)) || String(a.workerIdentity).localeCompare(String(b.workerIdentity)));
  return html`<${PageHead} title="Workers" sub="Those that tell of themselves by heartbeats, and those that are known from their polls." />
    <${Failure} error=${error} />
    ${loading ? html`<${Loading} />` : null}
    ${list.length ? html`<div class="scroll-x sheet"><table class="rows"><thead><tr><th scope="col">Worker</th><th scope="col">State</th><th scope="col">Task queue</th><th scope="col">Version</th><th scope="col" class="narrow-hide">SDK</th><th scope="col" class="number narrow-hide">Workflow slots</th><th scope="col" class="number narrow-hide">Activity slots</th><th scope="col" class="number narrow-hide">CPU</th><th scope="col" class="number narrow-hide" title="Tasks of this worker that failed">Failed</th><th scope="col">Heartbeat</th></tr></thead>
      <tbody>${list.map((heartbeat) => html`<${Row} key=${heartbeat.workerInstanceKey} heartbeat=${heartbeat} ns=${ns} />`)}</tbody></table></div>` : null}
    ${data ? html`<${Pollers} ns=${ns} told=${new Set(list.map((one) => one.workerIdentity))} />` : null}`;
}
