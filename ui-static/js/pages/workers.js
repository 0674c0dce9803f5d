/* Workers, as their heartbeats tell. */
import { html } from '../lib.js';
import { api, UNIMPLEMENTED } from '../api.js';
import { useLive } from '../live.js';
import { link } from '../router.js';
import { instant } from '../model/time.js';
import { enumText } from '../model/enums.js';
import { usePlace, PageHead, Failure, Loading, Notice, Time, Badge } from '../parts/basic.js';
import { StartWorker } from '../parts/start_worker.js';

const slots = (info) => (info ? `${info.currentUsedSlots ?? 0}/${Number(info.currentUsedSlots ?? 0) + Number(info.currentAvailableSlots ?? 0)}` : '–');

function Row({ heartbeat, ns }) {
  const version = heartbeat.deploymentVersion;
  const status = enumText(heartbeat.status, 'WORKER_STATUS');
  const cpu = heartbeat.hostInfo?.currentHostCpuUsage;
  return html`<tr>
    <th scope="row" class="clip mono" title=${heartbeat.workerInstanceKey}>${heartbeat.workerIdentity}</th>
    <td><${Badge} kind=${status === 'Running' ? 'good' : 'warn'}>${status || 'unknown'}<//></td>
    <td class="clip mono"><a href=${link('namespaces', ns, 'task-queues', heartbeat.taskQueue ?? '')}>${heartbeat.taskQueue}</a></td>
    <td class="mono">${version?.buildId ? html`<a href=${link('namespaces', ns, 'worker-deployments', version.deploymentName)}>${version.deploymentName}:${version.buildId}</a>` : html`<span class="mute">none</span>`}</td>
    <td class="narrow-hide">${heartbeat.sdkName} ${heartbeat.sdkVersion}</td>
    <td class="number narrow-hide" title="Workflow task slots in use">${slots(heartbeat.workflowTaskSlotsInfo)}</td>
    <td class="number narrow-hide" title="Activity slots in use">${slots(heartbeat.activityTaskSlotsInfo)}</td>
    <td class="number narrow-hide">${cpu === undefined ? '–' : `${Math.round(Number(cpu) * 100)}%`}</td>
    <td><${Time} at=${instant(heartbeat.heartbeatTime)} /></td>
  </tr>`;
}

export function Workers() {
  const { ns } = usePlace();
  const { data, error, loading } = useLive(`workers ${ns}`, (signal) => api.workers(ns, undefined, signal), 4000);
  const list = (data?.workersInfo ?? []).map((one) => one.workerHeartbeat).filter(Boolean)
    .sort((a, b) => String(a.taskQueue).localeCompare(String(b.taskQueue)) || String(a.workerIdentity).localeCompare(String(b.workerIdentity)));
  return html`<${PageHead} title="Workers" sub=${list.length ? `${list.length} told of themselves within the last five minutes` : 'Those that tell of themselves: newer SDKs send heartbeats.'} />
    ${error?.code === UNIMPLEMENTED ? html`<${Notice}>This server takes no heartbeats of workers; who polls is shown with each <a href=${link('namespaces', ns, 'task-queues')}>task queue</a>.<//>` : html`<${Failure} error=${error} />`}
    ${loading ? html`<${Loading} />` : null}
    ${data && !list.length ? html`<${StartWorker} title="No worker has sent a heartbeat" text="Workers of older SDKs poll without heartbeats: they are listed with their task queues." />` : null}
    ${list.length ? html`<div class="scroll-x"><table class="rows"><thead><tr><th scope="col">Worker</th><th scope="col">State</th><th scope="col">Task queue</th><th scope="col">Version</th><th scope="col" class="narrow-hide">SDK</th><th scope="col" class="number narrow-hide">Workflow slots</th><th scope="col" class="number narrow-hide">Activity slots</th><th scope="col" class="number narrow-hide">CPU</th><th scope="col">Heartbeat</th></tr></thead>
      <tbody>${list.map((heartbeat) => html`<${Row} key=${heartbeat.workerInstanceKey} heartbeat=${heartbeat} ns=${ns} />`)}</tbody></table></div>` : null}`;
}
