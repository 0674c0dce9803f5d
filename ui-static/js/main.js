/* The frame around the pages, and which page an address is. */
import { html, render, useEffect, useErrorBoundary, useMemo, useState } from './lib.js';
import { api } from './api.js';
import { useLive, useReachable } from './live.js';
import { useRoute, go, link } from './router.js';
import { clock } from './model/time.js';
import { FAILING } from './model/problems.js';
import { useSettings, choose } from './settings.js';
import { Place, PageHead, Notice, Icon } from './parts/basic.js';
import { Deployments } from './pages/deployments.js';
import { Deployment } from './pages/deployment.js';
import { Workflows } from './pages/workflows.js';
import { Workflow, LatestRun } from './pages/workflow.js';
import { TaskQueues, TaskQueue } from './pages/task_queues.js';
import { Workers } from './pages/workers.js';
import { Batches, BatchPage } from './pages/batches.js';
import { Namespaces, Namespace } from './pages/namespaces.js';
import { Settings } from './parts/settings.js';

/* The gRPC address that clients connect to: told by the server, else by convention 1000 below the UI's port. */
function frontendAddress(settings) {
  if (settings?.FrontendAddress) return settings.FrontendAddress;
  const port = Number(location.port) - 1000;
  return `${location.hostname}:${port > 0 ? port : 7233}`;
}

const SECTIONS = [
  ['Deployments', 'worker-deployments'],
  ['Workflows', 'workflows'],
  ['Batches', 'batch-operations'],
  ['Task queues', 'task-queues'],
  ['Workers', 'workers'],
  ['Namespace', 'settings'],
];

/* The page for an address below a namespace: a component and its arguments; undefined for none. */
function pageOf([section, name, ...rest]) {
  const [run, tab] = rest;
  switch (section) {
    case 'worker-deployments': return name === undefined ? [Deployments, {}] : [Deployment, { name }];
    case 'workflows':
      if (name === undefined) return [Workflows, {}];
      return run === undefined ? [LatestRun, { id: name }] : [Workflow, { id: name, runId: run, tab }];
    case 'task-queues': return name === undefined ? [TaskQueues, {}] : [TaskQueue, { name }];
    case 'workers': return [Workers, {}];
    case 'batch-operations': return name === undefined ? [Batches, {}] : [BatchPage, { id: name }];
    case 'settings': return [Namespace, {}];
    default: return undefined;
  }
}

/* Over all of the page while no call gets through: what is shown may be old by now. */
function Lost() {
  const { reachable, since } = useReachable();
  if (reachable) return null;
  return html`<div class="away" role="alert"><b>The server does not answer</b> since ${clock(since, { date: false })}. What you see is how it was then; the page goes on by itself as soon as it is back.</div>`;
}

/* How many open workflows cannot go on, on every page: the server tells it after a few failures in a row. */
function useFailing(ns) {
  const { data } = useLive(ns === null ? null : `failing ${ns}`, (signal) => api.count(ns, `${FAILING} AND ExecutionStatus = "Running"`, signal), 5000);
  return Number(data?.count ?? 0);
}

function Guard({ children, route }) {
  const [error, reset] = useErrorBoundary();
  useEffect(() => reset(), [route]);
  if (error) return html`<${Notice} kind="bad"><b>This page broke.</b> ${String(error?.message ?? error)} <button type="button" onClick=${reset}>Try again</button><//>`;
  return children;
}

function App() {
  const route = useRoute();
  const { reachable } = useReachable();
  const { theme } = useSettings();
  const [choosing, setChoosing] = useState(false);
  const { data: settings } = useLive('settings', (signal) => api.settings(signal), 0);
  const { data: listed } = useLive('namespaces', (signal) => api.namespaces(signal), 15000);
  const [first, ns, ...rest] = route.parts;
  const within = first === 'namespaces' && ns !== undefined;
  const namespace = within ? ns : 'default';
  const failing = useFailing(within ? ns : null);

  useEffect(() => {
    if (!route.parts.length) go(link('namespaces', settings?.DefaultNamespace || 'default', 'worker-deployments'), { replace: true });
    else if (within && !rest.length) go(link('namespaces', ns, 'settings'), { replace: true });
  }, [route.href]);

  const place = useMemo(() => {
    const address = frontendAddress(settings);
    return { ns: namespace, where: { namespace, address }, codec: settings?.Codec?.Endpoint, settings, route };
  }, [namespace, settings, route]);

  const page = within ? pageOf(rest) : first === 'namespaces' ? [Namespaces, {}] : undefined;
  const names = (listed?.namespaces ?? []).map((one) => one.namespaceInfo?.name).filter((name) => name && name !== 'temporal-system');
  if (!names.includes(namespace)) names.unshift(namespace);
  const cycle = { undefined: 'dark', dark: 'light', light: undefined };

  return html`<${Place.Provider} value=${place}>
    <${Lost} />
    <a class="skip" href="#main">To the content</a>
    <div class="bar"><div class="bar-inner">
      <a class="brand" href=${link('namespaces', namespace, 'worker-deployments')}><svg viewBox="0 0 32 32" aria-hidden="true"><path d="M4 22a12 12 0 0 1 24 0h-2.4a9.6 9 0 0 0-19.2 0z" /><circle cx="16" cy="20.5" r="3" /></svg>Fermata</a>
      <nav aria-label="Sections" class="sections">${SECTIONS.map(([name, section]) => html`<a href=${link('namespaces', namespace, section)} aria-current=${within && rest[0] === section ? 'page' : undefined}>${name}${section === 'workflows' && failing ? html` <span class="count is-bad" title=${`${failing} open ${failing === 1 ? 'workflow' : 'workflows'} whose tasks fail`}>${failing}</span>` : null}</a>`)}</nav>
      <span class="bar-end">
        <span class=${reachable ? 'pulse' : 'pulse lost'} role="status">${reachable ? 'live' : 'connection lost'}</span>
        <select aria-label="Namespace" value=${namespace} onChange=${(event) => go(link('namespaces', event.currentTarget.value, rest[0] ?? 'worker-deployments'))}>${names.map((name) => html`<option value=${name}>${name}</option>`)}</select>
        <button type="button" class="plain" title=${`Theme: ${theme ?? 'as the system'}`} aria-label=${`Theme: ${theme ?? 'as the system'}. Change`} onClick=${() => choose({ theme: cycle[theme] })}><${Icon} name=${theme ?? 'auto'} /></button>
        <button type="button" class="plain" aria-label="Settings" title="Settings" onClick=${() => setChoosing(true)}><${Icon} name="gear" /></button>
      </span>
    </div></div>
    <main id="main" tabindex="-1"><${Guard} route=${route.href}>${page
      ? html`<${page[0]} key=${JSON.stringify([rest[0], namespace, page[1].name, page[1].id, page[1].runId])} ...${page[1]} />`
      : route.parts.length ? html`<${PageHead} title="No such page" sub=${route.href} />` : null}<//></main>
    ${choosing ? html`<${Settings} offered=${settings?.Codec?.Endpoint} close=${() => setChoosing(false)} />` : null}
  <//>`;
}

function draw() {
  document.getElementById('shell').remove();
  render(html`<${App} />`, document.getElementById('app'));
}

/* The shell is painted first: drawing the page takes longer than the frame that it would delay. A hidden page has no frames. */
if (document.visibilityState === 'visible') requestAnimationFrame(() => setTimeout(draw));
else draw();
