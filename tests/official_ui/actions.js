/* The official web UI's buttons, clicked against Fermata: no call fails, and what they do is then asked of the server by gRPC. What
 * calls for RPCs that Fermata does not have yet is left out: pausing, and what is done to single activities. */
import assert from 'node:assert/strict';
import http from 'node:http';
import { readFile } from 'node:fs/promises';
import { call, fail, finish, grpc, open, ui, until, worker } from './stage.js';

const ORDER = { workflowType: { name: 'Order' }, taskQueue: { name: 'orders' }, input: ['bread'] };
const describe = async (workflowId, runId) => (await grpc('DescribeWorkflowExecution', { execution: { workflowId, runId } })).workflowExecutionInfo;
const events = async (workflowId) => (await grpc('GetWorkflowExecutionHistory', { execution: { workflowId } })).history.events;
const text = (payload) => Buffer.from(payload.data, 'base64').toString();
const status = (id, wanted) => until(`${id} is ${wanted}`, async () => (await describe(id)).status === `WORKFLOW_EXECUTION_STATUS_${wanted}`);
const routing = async () => (await grpc('DescribeWorkerDeployment', { deploymentName: 'shop' })).workerDeploymentInfo.routingConfig;

/* A run to act on, whose first workflow task has been completed. */
async function order(id) {
  const { runId } = await call(`/workflows/${id}`, ORDER);
  await until(`${id} has begun`, async () => (await events(id)).length >= 5);
  return runId;
}

const visit = (tab, path) => tab.goto(`${ui}/namespaces/default${path}`);
async function visitRun(tab, id, part = 'history') {
  await visit(tab, `/workflows/${id}/${(await describe(id)).execution.runId}/${part}`);
  await tab.getByTestId('workflow-id-heading').waitFor();
}
/* What is laid out for wide and for narrow windows is there twice. */
const shown = (tab, selector) => tab.locator(`${selector}:visible`).first();
async function more(tab, testId) {
  await shown(tab, 'button:has-text("More Actions")').click();
  await shown(tab, `[data-testid=${testId}]`).click();
}
const confirm = (tab) => shown(tab, '[data-testid=confirm-modal-button]:not([disabled])').click();
async function write(editor, words) {
  await editor.click();
  await editor.page().keyboard.type(words);
}
async function choose(tab, select, option) {
  await shown(tab, `button[aria-controls=${select}-select]`).click();
  await shown(tab, `[role=option]:has-text("${option}")`).click();
}
async function tick(tab, ...ids) {
  await visit(tab, '/workflows');
  for (const id of ids) await shown(tab, `label:has-text("Select Workflow ${id}")`).click();
}

const ACTIONS = {
  'start a workflow, with a search attribute': async (tab) => {
    await visit(tab, '/workflows/start-workflow');
    await tab.locator('#workflowId').fill('clicked');
    await tab.locator('#taskQueue').fill('orders');
    await tab.locator('#workflowType').fill('Order');
    await write(tab.locator('[contenteditable=true]').first(), '"cake');
    await shown(tab, 'button:has-text("More options")').click();
    await tab.getByTestId('add-search-attribute-button').click();
    await choose(tab, 'search-attribute-0', 'Customer');
    await tab.locator('#attribute-value-0').fill('Ada');
    await tab.getByTestId('start-workflow-button').click();
    const [started] = await until('it is there', () => events('clicked'));
    assert.equal(text(started.workflowExecutionStartedEventAttributes.input.payloads[0]), '"cake"');
    assert.equal(text((await describe('clicked')).searchAttributes.indexedFields.Customer), '"Ada"');
  },
  'send a signal': async (tab) => {
    await order('signalled');
    await visitRun(tab, 'signalled');
    await more(tab, 'signal-button');
    await choose(tab, 'signal-select', 'finish');
    await confirm(tab);
    await status('signalled', 'COMPLETED');
  },
  'send an update': async (tab) => {
    await order('updated');
    await visitRun(tab, 'updated');
    await more(tab, 'update-button');
    await choose(tab, 'update-select', 'rename');
    await write(tab.locator('[contenteditable=true]:visible').first(), '"roll');
    await confirm(tab);
    const done = await until('it is done', async () => (await events('updated')).find((one) => one.workflowExecutionUpdateCompletedEventAttributes));
    assert.equal(text(done.workflowExecutionUpdateCompletedEventAttributes.outcome.success.payloads[0]), '"now roll"');
  },
  'run a query': async (tab) => {
    await order('queried');
    await visitRun(tab, 'queried', 'query');
    await choose(tab, 'query-select', 'state');
    await tab.getByRole('button', { name: 'Run Query' }).click();
    await tab.getByText('open', { exact: true }).last().waitFor();
  },
  'ask for the call stack': async (tab) => {
    await order('asked');
    await visitRun(tab, 'asked', 'call-stack');
    await tab.getByText('Stack for').first().waitFor();
  },
  'request cancellation': async (tab) => {
    await order('cancelled');
    await visitRun(tab, 'cancelled');
    await shown(tab, 'button:has-text("Request Cancellation")').click();
    await confirm(tab);
    await status('cancelled', 'CANCELED');
  },
  terminate: async (tab) => {
    await order('terminated');
    await visitRun(tab, 'terminated');
    await more(tab, 'terminate-button');
    await shown(tab, '#workflow-termination-reason').fill('no more flour');
    await confirm(tab);
    await status('terminated', 'TERMINATED');
    assert.match((await events('terminated')).at(-1).workflowExecutionTerminatedEventAttributes.reason, /no more flour/);
  },
  reset: async (tab) => {
    const runId = await order('reset');
    await visitRun(tab, 'reset');
    await more(tab, 'reset-button');
    await choose(tab, 'reset-event-id', '4');
    await shown(tab, '#reset-reason').fill('once more');
    await confirm(tab);
    const next = await until('another run', async () => (await describe('reset')).execution.runId !== runId && describe('reset'));
    assert.equal(next.status, 'WORKFLOW_EXECUTION_STATUS_RUNNING');
    assert.equal((await describe('reset', runId)).status, 'WORKFLOW_EXECUTION_STATUS_TERMINATED');
  },
  'cancel those that are ticked': async (tab) => {
    await order('tick-1');
    await order('tick-2');
    await tick(tab, 'tick-1', 'tick-2');
    await tab.getByTestId('bulk-cancel-button').click();
    await confirm(tab);
    for (const id of ['tick-1', 'tick-2']) await status(id, 'CANCELED');
  },
  'reset those that are ticked': async (tab) => {
    const runId = await order('tick-3');
    await tick(tab, 'tick-3');
    await tab.getByTestId('bulk-reset-button').click();
    await shown(tab, 'label:has-text("Last Workflow task")').click();
    await confirm(tab);
    await until('another run', async () => (await describe('tick-3')).execution.runId !== runId);
    await visit(tab, '/batch-operations');
    await tab.locator('main a[href*="/batch-operations/"]').first().click();
    await tab.getByText('Operation Detail').or(tab.getByText('Operation Type')).first().waitFor();
  },
  'terminate those that are ticked': async (tab) => {
    await order('tick-4');
    await tick(tab, 'tick-4');
    await tab.getByTestId('bulk-terminate-button').click();
    await confirm(tab);
    await status('tick-4', 'TERMINATED');
  },
  'ramp, set and unset a version': async (tab) => {
    await worker('v2');
    const act = async (build, what) => {
      await visit(tab, '/worker-deployments/shop');
      await tab.getByRole('row').filter({ hasText: build }).getByRole('button', { name: 'Actions' }).click();
      await shown(tab, `[role=menuitem]:has-text("${what}")`).click();
    };
    await act('v2', 'Set Ramping Version');
    await tab.locator('input[type=number]:visible, input[inputmode=numeric]:visible').first().fill('30');
    await confirm(tab);
    await until('it ramps', async () => (await routing()).rampingDeploymentVersion?.buildId === 'v2' && (await routing()).rampingVersionPercentage === 30);
    await act('v2', 'Set Current Version');
    await confirm(tab);
    await until('it is current', async () => (await routing()).currentDeploymentVersion?.buildId === 'v2');
    await act('v2', 'Unset Current');
    await confirm(tab);
    await until('none is current', async () => !(await routing()).currentDeploymentVersion);
    await act('v2', 'Set Current Version');
    await confirm(tab);
    await until('it is current again', async () => (await routing()).currentDeploymentVersion?.buildId === 'v2');
  },
  'the views of a history, and its download': async (tab) => {
    await order('viewed');
    await visitRun(tab, 'viewed');
    await tab.getByText('Workflow Execution Started').first().waitFor();
    await tab.getByTestId('compact').click();
    await tab.getByText('fails').first().waitFor();
    await tab.getByTestId('json').click();
    await tab.getByText('EVENT_TYPE_WORKFLOW_EXECUTION_STARTED').or(tab.getByText('WorkflowExecutionStarted')).first().waitFor();
    await tab.getByTestId('feed').click();
    await tab.getByTestId('zoom-in').click();
    await tab.getByTestId('download').click();
    const [file] = await Promise.all([tab.waitForEvent('download'), confirm(tab)]);
    const history = JSON.parse(await readFile(await file.path(), 'utf8'));
    assert.equal((history.events ?? history).length, (await events('viewed')).length);
  },
  'a filter that is typed': async (tab) => {
    await order('found');
    await visit(tab, '/workflows');
    await tab.getByTestId('toggle-manual-query').click();
    const box = tab.locator('#manual-search, [data-testid=manual-search], input[placeholder*="query" i]').first();
    await box.fill('WorkflowId = "found"');
    await box.press('Enter');
    await tab.waitForURL(/query=/);
    await tab.getByRole('link', { name: 'found', exact: true }).waitFor();
    await tab.getByRole('link', { name: 'tick-1', exact: true }).first().waitFor({ state: 'detached' });
  },
  'a codec server of the browser, which keeps it': async (tab) => {
    const asked = [];
    const codec = http.createServer((request, response) => {
      response.setHeader('Access-Control-Allow-Origin', request.headers.origin ?? '*');
      response.setHeader('Access-Control-Allow-Headers', request.headers['access-control-request-headers'] ?? '*');
      let body = '';
      request.on('data', (part) => (body += part));
      request.on('end', () => {
        if (request.method === 'OPTIONS') return response.end();
        asked.push(request.url);
        const payloads = JSON.parse(body).payloads.map(() => ({ metadata: { encoding: btoa('json/plain') }, data: btoa('"told by the codec"') }));
        response.setHeader('Content-Type', 'application/json');
        return response.end(JSON.stringify({ payloads }));
      });
    });
    await new Promise((resolve) => codec.listen(0, '127.0.0.1', resolve));
    try {
      await order('coded');
      await visitRun(tab, 'coded');
      await tab.getByTestId('data-encoder-status').first().click();
      await tab.locator('label[for=use-local-endpoint-radio], label:has(#use-local-endpoint-radio)').first().click();
      await tab.locator('#data-encoder-endpoint-input').fill(`http://127.0.0.1:${codec.address().port}`);
      await confirm(tab);
      await visitRun(tab, 'coded');
      await tab.getByText('told by the codec').first().waitFor();
      assert.ok(asked.every((url) => url.startsWith('/decode')));
    } finally {
      codec.close();
    }
  },
};

await until('the server answers', () => call('/workflows'));
await worker('v1');
await call('/worker-deployments/shop/set-current-version', { buildId: 'v1' });
const only = process.env.ONLY;
let done = 0;
for (const [name, act] of Object.entries(ACTIONS)) {
  if (only && !name.includes(only)) continue;
  const tab = await open(name);
  try {
    await act(tab);
  } catch (error) {
    fail(name, `${error.stack}\n${(await tab.locator('body').innerText().catch(() => '')).slice(0, 300)}`);
    if (process.env.SHOTS) await tab.screenshot({ path: `${process.env.SHOTS}/${name.replaceAll(/\W+/g, '-')}.png` });
  }
  console.log(`${name}${tab.absent.size ? ` (not there yet: ${[...tab.absent].join(', ')})` : ''}`);
  done += 1;
  await tab.close();
}
await finish(`${done} actions of the official web UI did what they say, and no call failed`);
