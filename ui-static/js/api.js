/* The JSON API under the UI's own address, as functions. GETs are revalidated (`no-cache`), so that an answer with an ETag that
 * has not changed costs 304 and no body. */
import { settings } from './settings.js';

const base = new URL('api/v1/', document.baseURI);

export class ApiError extends Error {
  constructor(status, code, message, details) {
    super(message);
    Object.assign(this, { status, code, details });
  }
}

/* gRPC codes that pages tell apart. */
export const NOT_FOUND = 5;
export const UNIMPLEMENTED = 12;

function csrf() { /* for addresses that are no secure context, where browsers send no Sec-Fetch-Site */
  const match = /(?:^|; )_csrf=([^;]*)/.exec(document.cookie);
  return match ? { 'X-CSRF-Token': match[1] } : {};
}

async function call(method, path, { query, body, signal } = {}) {
  const url = new URL(path.map(encodeURIComponent).join('/'), base);
  for (const [name, value] of Object.entries(query ?? {})) {
    for (const one of [value].flat()) if (one !== undefined && one !== null && one !== '') url.searchParams.append(name, one);
  }
  const options = { method, signal, cache: 'no-cache', headers: { 'Caller-Type': 'operator' } };
  if (method !== 'GET') Object.assign(options.headers, csrf());
  if (body !== undefined) {
    options.headers['Content-Type'] = 'application/json';
    options.body = JSON.stringify(body);
  }
  let response;
  try {
    response = await fetch(url, options);
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new ApiError(0, -1, 'The server does not answer. Is it still running?');
  }
  const text = await response.text();
  let answer;
  try {
    answer = text === '' ? {} : JSON.parse(text);
  } catch {
    throw new ApiError(response.status, -1, `The server answered something that is not JSON (HTTP ${response.status}).`);
  }
  if (!response.ok) throw new ApiError(response.status, answer.code ?? -1, answer.message ?? response.statusText, answer.details);
  return answer;
}

const get = (path, query, signal) => call('GET', path, { query, signal });
const post = (path, body = {}) => call('POST', path, { body });
const remove = (path, query) => call('DELETE', path, { query });

/* Who is said to have done what is done here; deployments and events show it. */
export const IDENTITY = 'fermata-ui';

export const api = {
  settings: (signal) => get(['settings'], {}, signal),
  systemInfo: (signal) => get(['system-info'], {}, signal),
  clusterInfo: (signal) => get(['cluster-info'], {}, signal),

  namespaces: (signal) => get(['namespaces'], { pageSize: 200 }, signal),
  namespace: (ns, signal) => get(['namespaces', ns], {}, signal),
  registerNamespace: (body) => post(['namespaces'], body),
  searchAttributes: (ns, signal) => get(['namespaces', ns, 'search-attributes'], {}, signal),
  addAttribute: (ns, name, type) => post(['namespaces', ns, 'search-attributes'], { searchAttributes: { [name]: type } }),
  removeAttribute: (ns, name) => post(['namespaces', ns, 'search-attributes', 'remove'], { searchAttributes: [name] }),

  deployments: (ns, signal) => get(['namespaces', ns, 'worker-deployments'], { pageSize: 100 }, signal),
  deployment: (ns, name, signal) => get(['namespaces', ns, 'worker-deployments', name], {}, signal),
  version: (ns, name, build, signal) =>
    get(['namespaces', ns, 'worker-deployment-versions', name, build], { reportTaskQueueStats: true }, signal),
  setCurrent: (ns, name, buildId, options) =>
    post(['namespaces', ns, 'worker-deployments', name, 'set-current-version'], { buildId, identity: IDENTITY, ...options }),
  setRamping: (ns, name, buildId, percentage, options) =>
    post(['namespaces', ns, 'worker-deployments', name, 'set-ramping-version'],
      { buildId, percentage, identity: IDENTITY, ...options }),
  deleteVersion: (ns, name, build, options) =>
    remove(['namespaces', ns, 'worker-deployment-versions', name, build], { identity: IDENTITY, ...options }),
  deleteDeployment: (ns, name) => remove(['namespaces', ns, 'worker-deployments', name], { identity: IDENTITY }),

  workflows: (ns, query, nextPageToken, pageSize, signal) =>
    get(['namespaces', ns, 'workflows'], { query, nextPageToken, pageSize }, signal),
  count: (ns, query, signal) => get(['namespaces', ns, 'workflow-count'], { query }, signal),
  workflow: (ns, id, runId, signal) => get(['namespaces', ns, 'workflows', id], { 'execution.runId': runId }, signal),
  history: (ns, id, runId, query, signal) =>
    get(['namespaces', ns, 'workflows', id, 'history'], { 'execution.runId': runId, ...query }, signal),
  historyReverse: (ns, id, runId, query, signal) =>
    get(['namespaces', ns, 'workflows', id, 'history-reverse'], { 'execution.runId': runId, ...query }, signal),
  start: (ns, id, body) =>
    post(['namespaces', ns, 'workflows', id], { identity: IDENTITY, requestId: requestId(), ...body }),
  signalWithStart: (ns, id, name, body) =>
    post(['namespaces', ns, 'workflows', id, 'signal-with-start', name], { identity: IDENTITY, requestId: requestId(), ...body }),
  signal: (ns, id, runId, name, input) =>
    post(['namespaces', ns, 'workflows', id, 'signal', name],
      { workflowExecution: { runId }, input, identity: IDENTITY, requestId: requestId() }),
  update: (ns, id, runId, name, args) =>
    post(['namespaces', ns, 'workflows', id, 'update', name], {
      workflowExecution: { runId },
      waitPolicy: { lifecycleStage: 'UPDATE_WORKFLOW_EXECUTION_LIFECYCLE_STAGE_COMPLETED' },
      request: { meta: { identity: IDENTITY, updateId: requestId() }, input: { args } },
    }),
  query: (ns, id, runId, name, queryArgs) =>
    post(['namespaces', ns, 'workflows', id, 'query', name], { execution: { runId }, query: { queryArgs } }),
  cancel: (ns, id, runId, reason) =>
    post(['namespaces', ns, 'workflows', id, 'cancel'],
      { workflowExecution: { runId }, identity: IDENTITY, reason, requestId: requestId() }),
  terminate: (ns, id, runId, reason) =>
    post(['namespaces', ns, 'workflows', id, 'terminate'], { workflowExecution: { runId }, identity: IDENTITY, reason }),
  reset: (ns, id, runId, eventId, reason, options) =>
    post(['namespaces', ns, 'workflows', id, 'reset'], {
      workflowExecution: { runId }, workflowTaskFinishEventId: String(eventId), reason, identity: IDENTITY,
      requestId: requestId(), ...options,
    }),

  updateOptions: (ns, id, runId, versioningOverride) =>
    post(['namespaces', ns, 'workflows', id, 'update-options'], {
      workflowExecution: { runId }, workflowExecutionOptions: versioningOverride ? { versioningOverride } : {},
      updateMask: 'versioningOverride', identity: IDENTITY,
    }),

  batches: (ns, nextPageToken, signal) => get(['namespaces', ns, 'batch-operations'], { pageSize: 50, nextPageToken }, signal),
  startBatch: (ns, jobId, body) => post(['namespaces', ns, 'batch-operations', jobId], body),
  batch: (ns, jobId, signal) => get(['namespaces', ns, 'batch-operations', jobId], {}, signal),
  stopBatch: (ns, jobId, reason) => post(['namespaces', ns, 'batch-operations', jobId, 'stop'], { reason, identity: IDENTITY }),

  taskQueue: (ns, name, type, signal) =>
    get(['namespaces', ns, 'task-queues', name],
      { taskQueueType: `TASK_QUEUE_TYPE_${type}`, reportStats: true, reportConfig: true }, signal),
  workers: (ns, query, signal) => get(['namespaces', ns, 'workers'], { query }, signal),
};

/* Random; crypto.randomUUID is missing where the page is no secure context. */
export function requestId() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/* Asks the codec server, if one is set, to decode payloads: the protocol of the official UI. */
export async function decodeWithCodec(ns, payloads, endpoint = settings().codec) {
  const response = await fetch(endpoint.replace(/\/+$/, '') + '/decode', {
    method: 'POST',
    credentials: settings().codecCredentials ? 'include' : 'omit',
    headers: { 'Content-Type': 'application/json', 'X-Namespace': ns },
    body: JSON.stringify({ payloads }),
  });
  if (!response.ok) throw new Error(`the codec server answered HTTP ${response.status}`);
  const answer = await response.json();
  if (!Array.isArray(answer.payloads) || answer.payloads.length !== payloads.length) {
    throw new Error('the codec server answered something else than as many payloads');
  }
  return answer.payloads;
}
