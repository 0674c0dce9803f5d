/* Task queues: which there are, who polls them, what waits in them. */
import { html } from '../lib.js';
import { api } from '../api.js';
import { useLive } from '../live.js';
import { link, linkWith } from '../router.js';
import { instant, span, spanText } from '../model/time.js';
import { routing, literal, freshPollers, POLLER_FRESH_MS } from '../model/deployments.js';
import { usePlace, PageHead, Failure, Loading, Notice, Section, Time, Facts, Badge } from '../parts/basic.js';
import { TrafficBar } from '../parts/traffic.js';
import { StartWorker } from '../parts/start_worker.js';

export const TYPES = ['WORKFLOW', 'ACTIVITY', 'NEXUS'];
const ASKED = 40;

/* No call lists task queues. They are known from the versions of deployments, from workers' heartbeats, and from recent
 * workflows; a queue that is in none of them is not found here, but can be opened by its name. */
export async function findQueues(ns, signal) {
  const names = new Set();
  const [deployments, workers, workflows] = await Promise.all([
    api.deployments(ns, signal).catch(() => ({})), api.workers(ns, undefined, signal).catch(() => ({})), api.workflows(ns, '', undefined, 200, signal),
  ]);
  for (const one of workflows.executions ?? []) if (one.taskQueue) names.add(one.taskQueue);
  for (const one of workers.workersInfo ?? []) if (one.workerHeartbeat?.taskQueue) names.add(one.workerHeartbeat.taskQueue);
  await Promise.all((deployments.workerDeployments ?? []).slice(0, 10).flatMap((one) => [one.currentVersionSummary, one.rampingVersionSummary, one.latestVersionSummary])
    .filter(Boolean).map(async ({ deploymentVersion: version }) => {
      const answer = await api.version(ns, version.deploymentName, version.buildId, signal).catch(() => ({}));
      for (const queue of answer.versionTaskQueues ?? []) names.add(queue.name);
    }));
  const sorted = [...names].sort().slice(0, ASKED);
  return Promise.all(sorted.map(async (name) => ({ name, types: await Promise.all(TYPES.map((type) => api.taskQueue(ns, name, type, signal).catch(() => ({})))) })));
}

const backlog = (answer) => Number(answer.stats?.approximateBacklogCount ?? 0);

export function TaskQueues() {
  const { ns } = usePlace();
  const { data, error, loading } = useLive(`task queues ${ns}`, (signal) => findQueues(ns, signal), 5000);
  const now = Date.now();
  const cells = (answer) => {
    const pollers = freshPollers(answer, now).length;
    const waiting = backlog(answer);
    return html`<td class="number">${pollers ? pollers : html`<span class=${waiting ? 'bad-text' : 'mute'}>${waiting ? 'none' : '–'}</span>`}</td><td class="number">${waiting || html`<span class="mute">${pollers ? '0' : '–'}</span>`}</td>`;
  };
  return html`<${PageHead} title="Task queues" sub="As seen with deployments, workers and recent workflows." />
    <${Failure} error=${error} />${loading ? html`<${Loading} />` : null}
    ${data && !data.length ? html`<${StartWorker} title="No task queue yet" text="A task queue appears with the first worker that polls it, or the first workflow that is started on it." />` : null}
    ${data?.length ? html`<div class="scroll-x sheet"><table class="rows"><thead>
      <tr><th scope="col" rowspan="2">Task queue</th><th scope="colgroup" colspan="2" class="number">Workflow tasks</th><th scope="colgroup" colspan="2" class="number">Activities</th><th scope="colgroup" colspan="2" class="number narrow-hide">Nexus</th></tr>
      <tr>${['', '', ' narrow-hide'].map((hide) => html`<th scope="col" class=${'number' + hide}>Pollers</th><th scope="col" class=${'number' + hide}>Backlog</th>`)}</tr></thead>
      <tbody>${data.map((queue) => html`<tr key=${queue.name}><th scope="row" class="clip"><a class="mono" title=${queue.name} href=${link('namespaces', ns, 'task-queues', queue.name)}>${queue.name}</a></th>${cells(queue.types[0])}${cells(queue.types[1])}
        <td class="number narrow-hide">${freshPollers(queue.types[2], now).length || html`<span class="mute">–</span>`}</td><td class="number narrow-hide">${backlog(queue.types[2]) || html`<span class="mute">–</span>`}</td></tr>`)}</tbody></table></div>` : null}`;
}

function Pollers({ list }) {
  const now = Date.now();
  if (!list.length) return html`<${Notice} kind="warn">Nobody polls it.<//>`;
  return html`<div class="scroll-x sheet"><table class="rows"><thead><tr><th scope="col">Worker</th><th scope="col">Version</th><th scope="col">Last poll</th><th scope="col" class="number narrow-hide">Limit/s</th></tr></thead><tbody>
    ${list.map((poller) => {
      const seen = instant(poller.lastAccessTime);
      const options = poller.deploymentOptions;
      return html`<tr><th scope="row" class="mono">${poller.identity}</th><td class="mono">${options?.buildId ? `${options.deploymentName}:${options.buildId}` : html`<span class="mute">none</span>`}</td>
        <td><${Time} at=${seen} />${seen !== null && now - seen > POLLER_FRESH_MS ? html` <${Badge}>gone<//>` : null}</td><td class="number narrow-hide">${poller.ratePerSecond ?? '–'}</td></tr>`;
    })}</tbody></table></div>`;
}

export function TaskQueue({ name }) {
  const { ns } = usePlace();
  const { data, error, loading } = useLive(`task queue ${ns} ${name}`, (signal) => Promise.all(TYPES.map((type) => api.taskQueue(ns, name, type, signal))), 2000);
  const [workflow, activity, nexus] = data ?? [];
  const used = data && [['Workflow tasks', workflow], ['Activities', activity], ['Nexus tasks', nexus]].filter(([title, answer]) => title !== 'Nexus tasks' || (answer.pollers ?? []).length);
  return html`<${PageHead} crumbs=${[['Task queues', link('namespaces', ns, 'task-queues')]]} title=${name}>
      <a class="button" href=${linkWith(['namespaces', ns, 'workflows'], { query: `TaskQueue = ${literal(name)}` })}>Its workflows</a><//>
    <${Failure} error=${error} />${loading ? html`<${Loading} />` : null}
    ${data && data.every((answer) => !(answer.pollers ?? []).length) ? html`<${StartWorker} queue=${name} title="Nobody polls this task queue" text="Tasks on it wait until a worker does. This starts one:" />` : null}
    ${used?.map(([title, answer]) => {
      const info = answer.versioningInfo ?? {};
      const route = routing({ currentDeploymentVersion: info.currentDeploymentVersion, rampingDeploymentVersion: info.rampingDeploymentVersion, rampingVersion: info.rampingVersion, rampingVersionPercentage: info.rampingVersionPercentage });
      const stats = answer.stats ?? {};
      return html`<${Section} title=${title} id=${title.replace(/ /g, '-')}>
        <div class="panel">
          ${info.currentDeploymentVersion || info.rampingDeploymentVersion ? html`<${TrafficBar} routing=${route} />` : null}
          <${Facts} list=${[
            ['Backlog', String(backlog(answer))],
            ['Oldest waits', backlog(answer) ? spanText(span(stats.approximateBacklogAge)) : null],
            ['Added/s', Number(stats.tasksAddRate ?? 0).toFixed(1)], ['Taken/s', Number(stats.tasksDispatchRate ?? 0).toFixed(1)],
            ['New work goes to', info.currentDeploymentVersion ? html`<a class="mono" href=${link('namespaces', ns, 'worker-deployments', info.currentDeploymentVersion.deploymentName)}>${info.currentDeploymentVersion.deploymentName}:${info.currentDeploymentVersion.buildId}</a>` : 'workers without a version'],
            ['Rate limit', answer.effectiveRateLimit ? `${answer.effectiveRateLimit.requestsPerSecond}/s` : null],
          ]} />
        </div>
        <div class="gap"></div><${Pollers} list=${answer.pollers ?? []} />
      <//>`;
    })}`;
}
