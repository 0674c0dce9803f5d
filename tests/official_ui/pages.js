/* Opens each page of the official web UI and notes every call of the API that fails and every error that a page throws. What
 * Fermata does not have yet answers 501, and the UI is expected to live with that. */
import { spawn } from 'node:child_process';
import net from 'node:net';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const PATIENCE_MS = 60000;

async function freePort() {
  const server = net.createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function until(what, ask) {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    const found = await ask().catch(() => undefined);
    if (found) return found;
    if (Date.now() > end) throw new Error(`it did not come to it: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

const children = [];
function start(command, args, stdio) {
  const child = spawn(command, args, { stdio });
  children.push(child);
  return child;
}

const [port, http, uiPort] = [await freePort(), await freePort(), await freePort()];
const ui = `http://127.0.0.1:${uiPort}`;
start(process.env.FERMATA_EXE, ['server', 'start-dev', '--port', port, '--http-port', http, '--ui-port', uiPort, '--log-level', 'error', '--ui-asset-path', process.env.ASSETS].map(String), ['ignore', 'ignore', 'inherit']);

const NS = `http://127.0.0.1:${http}/api/v1/namespaces/default`;
async function call(path, body) {
  const answer = await fetch(NS + path, body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) });
  const json = await answer.json();
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${json.message}`);
  return json;
}

/* Something for each page to show: runs that are open, completed and terminated, a version that is current. */
async function setTheStage() {
  await until('the server answers', () => call('/workflows'));
  const worker = start(process.env.PYTHON, [fileURLToPath(new URL('worker.py', import.meta.url)), `127.0.0.1:${port}`], ['ignore', 'pipe', 'inherit']);
  await new Promise((resolve, reject) => {
    worker.stdout.once('data', resolve);
    worker.once('exit', () => reject(new Error('the worker ended')));
  });
  await until('the version is there', () => call('/worker-deployment-versions/shop/v1'));
  await call('/worker-deployments/shop/set-current-version', { buildId: 'v1' });
  const order = { workflowType: { name: 'Order' }, taskQueue: { name: 'orders' }, input: ['bread'], userMetadata: { summary: 'fresh' } };
  const open = await call('/workflows/open%20one', order);
  const done = await call('/workflows/done', order);
  await call('/workflows/stopped', order);
  await call('/workflows/done/signal/finish', {});
  await call('/workflows/stopped/terminate', { reason: 'enough' });
  await until('a run completes', async () => (await call('/workflows/done')).workflowExecutionInfo.closeTime);
  await until('an activity fails', async () => (await call('/workflows/open%20one')).pendingActivities?.[0]?.lastFailure);
  return { open: open.runId, done: done.runId };
}

function sweep() {
  for (const child of children.reverse()) child.kill();
}

const runs = await setTheStage().catch((error) => {
  sweep();
  throw error;
});
const open = `/namespaces/default/workflows/open%20one/${runs.open}`;
const done = `/namespaces/default/workflows/done/${runs.done}`;

/* A page, and words that it shows when it has what it asked for. */
const PAGES = [
  ['/', 'Workflows'],
  ['/namespaces', 'default'],
  ['/namespaces/default', 'Retention'],
  ['/namespaces/default/workflows', 'open one'],
  ['/namespaces/default/workflows?query=WorkflowId%3D%22done%22', 'Completed'],
  ['/namespaces/default/workflows/start-workflow', 'Start'],
  [`${open}/timeline`, 'open one'],
  [`${open}/history`, 'Workflow Execution Started'],
  [`${open}/workers`, 'orders'],
  [`${open}/relationships`, 'open one'],
  [`${open}/pending-activities`, 'no bread today'],
  [`${open}/call-stack`, 'open one'],
  [`${open}/query`, 'open one'],
  [`${open}/user-metadata`, 'open one'],
  [`${open}/search-attributes`, 'open one'],
  [`${open}/memo`, 'open one'],
  [`${done}/history`, 'Workflow Execution Completed'],
  [`${done}/timeline`, 'bread is done'],
  ['/namespaces/default/task-queues/orders', 'orders'],
  ['/namespaces/default/worker-deployments', 'shop'],
  ['/namespaces/default/worker-deployments/shop', 'v1'],
  ['/namespaces/default/batch-operations', 'Batch'],
];

let failures = 0;
function fail(page, what) {
  failures += 1;
  console.log(`  ${page}: ${what}`);
}

async function look(browser, page, words) {
  const tab = await (await browser.newContext()).newPage();
  const absent = new Set();
  tab.on('pageerror', (error) => fail(page, `threw ${error}`));
  tab.on('response', async (answer) => {
    const path = new URL(answer.url()).pathname;
    if (!answer.url().startsWith(ui) || answer.status() < 400) return;
    if (answer.status() === 501) absent.add(path);
    else fail(page, `${answer.request().method()} ${path} ${answer.url()} → ${answer.status()} ${await answer.text().catch(() => '')}`);
  });
  await tab.goto(ui + page, { waitUntil: 'load' });
  const shown = await tab.getByText(words, { exact: false }).first().waitFor({ state: 'attached', timeout: PATIENCE_MS }).then(() => true, () => false);
  if (!shown) fail(page, `does not show "${words}", but: ${(await tab.locator('body').innerText()).slice(0, 500)}`);
  await tab.waitForTimeout(300); /* for calls that follow what it has shown */
  console.log(`${page}${absent.size ? ` (not there yet: ${[...absent].join(', ')})` : ''}`);
  if (process.env.SHOTS) await tab.screenshot({ path: `${process.env.SHOTS}/${page.replaceAll(/\W+/g, '-')}.png` });
  await tab.context().close();
}

const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] });
try {
  for (const [page, words] of PAGES) await look(browser, page, words);
} finally {
  await browser.close();
  sweep();
}
console.log(failures ? `${failures} failures` : `${PAGES.length} pages of the official web UI, and no call failed`);
process.exit(failures ? 1 : 0);
