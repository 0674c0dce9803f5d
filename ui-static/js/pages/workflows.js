/* The list of workflows, by filter. */
import { html, useState, useMemo } from '../lib.js';
import { api } from '../api.js';
import { useLive } from '../live.js';
import { go, link, linkWith } from '../router.js';
import { instant, spanText } from '../model/time.js';
import { workflowStatus, isRunning, WORKFLOW_STATUSES } from '../model/enums.js';
import { countsByStatus } from '../model/deployments.js';
import { SYSTEM_ATTRIBUTES, withStatus, statusOf } from '../model/query.js';
import { problemOf, attributeOf } from '../model/problems.js';
import { usePlace, PageHead, Failure, Loading, Notice, Time, StatusBadge, Badge } from '../parts/basic.js';
import { QueryBox } from '../parts/query_box.js';
import { ProblemBanner, useProblems, troubledRuns } from '../parts/problems.js';
import { StartWorker } from '../parts/start_worker.js';
import { Start } from '../parts/start.js';
import { Batch } from '../parts/batch.js';

const PAGE = 50;

/* trouble: the group of problems that it is in, which is known before the attribute tells. */
function Row({ execution, ns, trouble, ticked, tick }) {
  const { workflowId, runId } = execution.execution;
  const started = instant(execution.startTime);
  const closed = instant(execution.closeTime);
  const problem = problemOf(execution) ?? trouble;
  const version = attributeOf(execution, 'TemporalWorkerDeploymentVersion');
  const behavior = attributeOf(execution, 'TemporalWorkflowVersioningBehavior');
  return html`<tr class=${problem ? 'troubled' : undefined}>
    <td class="tick"><input type="checkbox" checked=${ticked} onChange=${(event) => tick(event.currentTarget.checked)} aria-label=${`Tick ${workflowId}`} /></td>
    <td><${StatusBadge} status=${workflowStatus(execution.status)} />${problem ? html` <${Badge} kind="bad" title=${[problem.cause, problem.build && `on ${problem.build}`].filter(Boolean).join(' ')}>${problem.nondeterminism ? 'non-determinism' : 'task fails'}<//>` : null}</td>
    <th scope="row" class="clip"><a class="mono" href=${link('namespaces', ns, 'workflows', workflowId, runId)} title=${workflowId}>${workflowId}</a></th>
    <td class="clip" title=${execution.type?.name}>${execution.type?.name}</td>
    <td class="narrow-hide clip mono" title=${version}>${version ? html`${version}${behavior === 'AutoUpgrade' ? html` <span class="mute" title="follows the deployment">↑</span>` : null}` : html`<span class="mute">–</span>`}</td>
    <td class="narrow-hide clip mono" title=${execution.taskQueue}>${execution.taskQueue}</td>
    <td><${Time} at=${started} /></td>
    <td class="number narrow-hide">${closed === null || started === null ? html`<span class="mute">${isRunning(execution.status) ? 'open' : '–'}</span>` : spanText(closed - started)}</td>
  </tr>`;
}

function Counts({ counts, query, onQuery }) {
  const now = statusOf(query);
  return html`<div class="counts" role="group" aria-label="Narrow by status">${WORKFLOW_STATUSES.filter((status) => counts[status] || status === now).map((status) => html`<button type="button" class="chip" aria-pressed=${status === now}
    onClick=${() => onQuery(withStatus(query, status))}>${status.replace(/([a-z])([A-Z])/g, '$1 $2').toLowerCase()} <b>${counts[status] ?? 0}</b></button>`)}</div>`;
}

export function Workflows() {
  const { ns, route } = usePlace();
  const query = route.query.query ?? '';
  const [tokens, setTokens] = useState([]); /* of the pages before this one */
  const token = tokens[tokens.length - 1];
  const [starting, start] = useState(false);
  const [acting, act] = useState(false);
  const [ticked, tick] = useState({}); /* run id -> {workflowId, runId} */
  const { data, error, loading, again } = useLive(`workflows ${ns} ${query} ${token ?? ''}`, (signal) => api.workflows(ns, query, token, PAGE, signal));
  const { data: counted } = useLive(`counts ${ns} ${query}`, (signal) => api.count(ns, `${query} GROUP BY ExecutionStatus`.trim(), signal), 3000);
  const { data: custom } = useLive(`attributes ${ns}`, (signal) => api.searchAttributes(ns, signal).catch(() => ({})), 60000);
  const { data: problems } = useProblems(ns);
  const list = data?.executions ?? [];
  const attributes = useMemo(() => ({ ...SYSTEM_ATTRIBUTES, ...namedTypes(custom) }), [custom]);
  const known = useMemo(() => ({
    WorkflowType: distinct(list, (one) => one.type?.name),
    TaskQueue: distinct(list, (one) => one.taskQueue),
    WorkflowId: distinct(list, (one) => one.execution.workflowId),
    TemporalWorkerDeploymentVersion: distinct(list, (one) => attributeOf(one, 'TemporalWorkerDeploymentVersion')),
    TemporalWorkerDeployment: distinct(list, (one) => attributeOf(one, 'TemporalWorkerDeployment')),
  }), [data]);
  const troubled = useMemo(() => troubledRuns(problems), [problems]);
  const picked = Object.values(ticked);
  const tickOne = ({ workflowId, runId }) => (on) => tick(({ [runId]: _, ...others }) => (on ? { ...others, [runId]: { workflowId, runId } } : others));
  const tickAll = (event) => tick(event.currentTarget.checked ? { ...ticked, ...Object.fromEntries(list.map(({ execution }) => [execution.runId, { workflowId: execution.workflowId, runId: execution.runId }])) } : {});
  const ask = (text) => {
    setTokens([]);
    tick({});
    go(linkWith(['namespaces', ns, 'workflows'], { query: text }));
    if (text === query) again();
  };
  const counts = countsByStatus(counted);
  const empty = data && !list.length && !query;
  return html`<${PageHead} title="Workflows" sub=${counted ? `${Number(counted.count ?? 0)} ${query ? 'match' : 'in this namespace'}` : ' '}>
      ${list.length ? html`<button type="button" onClick=${() => act(true)}>${picked.length ? `Act on ${picked.length} …` : 'Act on many …'}</button>` : null}
      <button type="button" class="primary" onClick=${() => start(true)}>Start a workflow …</button><//>
    <${ProblemBanner} problems=${problems} />
    <${QueryBox} query=${query} onQuery=${ask} attributes=${attributes} known=${known} error=${error} />
    <${Counts} counts=${counts} query=${query} onQuery=${ask} />
    <${Failure} error=${error} />
    ${loading ? html`<${Loading} />` : null}
    ${empty ? html`<${StartWorker} title="No workflow yet" text="Start a worker, then give it work: from the command line, from your code, or with the button above." />` : null}
    ${data && !list.length && query ? html`<${Notice}>No workflow matches this filter. <button type="button" class="chip" onClick=${() => ask('')}>Show all</button><//>` : null}
    ${list.length ? html`<div class="scroll-x sheet"><table class="rows">
      <thead><tr><th scope="col" class="tick"><input type="checkbox" checked=${list.every((one) => ticked[one.execution.runId])} onChange=${tickAll} aria-label="Tick all that are shown" /></th><th scope="col">Status</th><th scope="col">Workflow id</th><th scope="col">Type</th><th scope="col" class="narrow-hide">Version</th><th scope="col" class="narrow-hide">Task queue</th><th scope="col">Started</th><th scope="col" class="number narrow-hide">Took</th></tr></thead>
      <tbody>${list.map((execution) => html`<${Row} key=${execution.execution.runId} execution=${execution} ns=${ns} trouble=${troubled.get(execution.execution.runId)} ticked=${Boolean(ticked[execution.execution.runId])} tick=${tickOne(execution.execution)} />`)}</tbody>
    </table></div>` : null}
    ${tokens.length || data?.nextPageToken ? html`<nav class="pager" aria-label="Pages">
      <button type="button" disabled=${!tokens.length} onClick=${() => setTokens(tokens.slice(0, -1))}>Newer</button>
      <button type="button" disabled=${!data?.nextPageToken} onClick=${() => setTokens([...tokens, data.nextPageToken])}>Older</button></nav>` : null}
    ${starting ? html`<${Start} close=${() => start(false)} given=${{ type: list[0]?.type?.name, queue: list[0]?.taskQueue }} types=${known.WorkflowType} queues=${known.TaskQueue} />` : null}
    ${acting ? html`<${Batch} query=${query} picked=${picked} close=${() => act(false)} started=${() => tick({})} />` : null}`;
}

const distinct = (list, of) => [...new Set(list.map(of).filter(Boolean))].slice(0, 30);

function namedTypes(answer) {
  const found = {};
  for (const [name, type] of Object.entries({ ...answer?.systemAttributes, ...answer?.customAttributes })) {
    found[name] = String(type).replace('INDEXED_VALUE_TYPE_', '').toLowerCase().replace(/(^|_)(.)/g, (_, __, letter) => letter.toUpperCase());
  }
  return found;
}
