/* Opens each page of the official web UI and notes every call of the API that fails and every error that a page throws. What
 * Fermata does not have yet answers 501, and the UI is expected to live with that. */
import { call, fail, finish, open as openTab, ui, until, worker, PATIENCE_MS } from './stage.js';

/* Something for each page to show: runs that are open, completed and terminated, a version that is current. */
async function setTheStage() {
  await until('the server answers', () => call('/workflows'));
  await worker();
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

const runs = await setTheStage().catch(async (error) => {
  fail('stage', error.stack);
  await finish();
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

async function look(page, words) {
  const tab = await openTab(page);
  await tab.goto(ui + page, { waitUntil: 'load' });
  const shown = await tab.getByText(words, { exact: false }).first().waitFor({ state: 'attached', timeout: PATIENCE_MS }).then(() => true, () => false);
  if (!shown) fail(page, `does not show "${words}", but: ${(await tab.locator('body').innerText()).slice(0, 500)}`);
  await tab.waitForTimeout(300); /* for calls that follow what it has shown */
  console.log(`${page}${tab.absent.size ? ` (not there yet: ${[...tab.absent].join(', ')})` : ''}`);
  if (process.env.SHOTS) await tab.screenshot({ path: `${process.env.SHOTS}/${page.replaceAll(/\W+/g, '-')}.png` });
  await tab.close();
}

for (const [page, words] of PAGES) await look(page, words);
await finish(`${PAGES.length} pages of the official web UI, and no call failed`);
