/* Each page and action of the web UI, in a browser, against a live server with real SDK workers. The tests share a server and go
 * from an empty one to a rollout and back, in order. */
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import http from 'node:http';
import { readFile } from 'node:fs/promises';
import { Stage } from './support/stage.js';
import { hands } from './support/hands.js';
import { checkPage } from './support/checks.js';

let stage;
let page;
const workers = {};
/* Ids may hold slashes, but not those that go through the real server's own HTTP port, as they do when it is compared with. */
const SLASH = process.env.FERMATA_UI ? '-' : '/';
const LAMP = `lamp 1${SLASH}2`;

before(async () => {
  stage = await Stage.open();
  page = await stage.page({ expected: (url, status) => (status === 404 && /\/worker-deployment-versions\/spare\/|\/worker-deployments\/taught$/.test(url)) /* deleted while it is looked at; not there yet */
    || (status === 501 && /\/workers$/.test(url)) }); /* a server without heartbeats: the page falls back to pollers */
});
after(async () => {
  await stage?.close();
});

const { see, gone, button, dialog, row, choose, more, agree } = hands(() => page);
const deployment = async (name = 'shop') => (await stage.get(`namespaces/default/worker-deployments/${name}`)).workerDeploymentInfo.routingConfig;

test('an empty server teaches how to start a worker against it', async () => {
  await page.visit();
  await see('No worker deployment yet');
  assert.match(page.url(), /\/namespaces\/default\/worker-deployments$/);
  for (const language of ['Python', 'TypeScript', 'Java', 'Go']) {
    await page.getByRole('tab', { name: language }).click();
    const code = await page.locator('.teach .code pre').textContent();
    assert.match(code, /my-app/, language);
  }
  await page.keyboard.press('ArrowRight');
  assert.equal(await page.getByRole('tab', { selected: true }).textContent(), 'Python');
  await page.getByRole('button', { name: 'Copy the command' }).first().click();
  assert.equal(await page.evaluate(() => navigator.clipboard.readText()), 'python worker.py');
  await checkPage(page);
  await page.getByRole('link', { name: 'Workflows' }).click();
  await see('No workflow yet');
  await checkPage(page);
  await page.getByRole('link', { name: 'Task queues' }).click();
  await see('No task queue yet');
  await page.getByRole('link', { name: 'Workers' }).click();
  await see('No worker yet');
  await checkPage(page);
});

test('a deployment appears by itself when its first worker polls, and is set current', async () => {
  await page.visit('namespaces/default/worker-deployments');
  await see('No worker deployment yet');
  workers['1.0'] = await stage.worker({ build: '1.0' });
  await page.getByRole('link', { name: 'shop' }).click();
  await choose('1.0', 'Set current …');
  assert.match(await dialog().locator('.cli code').textContent(), /^temporal worker deployment set-current-version --deployment-name shop --build-id 1\.0 --yes/);
  await agree('Set current');
  await see(row('1.0').getByText('Current'));
  assert.equal((await deployment()).currentDeploymentVersion.buildId, '1.0');
  await checkPage(page);
});

test('a ramp: begun in a dialog, dragged by keyboard, followed live, stopped', async () => {
  for (let index = 0; index < 3; index++) await stage.start(`first-${index}`, 'Order', { item: 'lamp' });
  await see(row('1.0').getByRole('link', { name: '3', exact: true }));
  workers['1.1'] = await stage.worker({ build: '1.1' });
  await button('Ramp 1.1 …').click();
  await dialog().getByRole('spinbutton').fill('20');
  await agree('Ramp to 20%');
  await see(row('1.1').getByText('Ramping 20%'));

  const slider = page.getByRole('slider', { name: 'Share of new work for 1.1' });
  await slider.focus();
  for (let step = 0; step < 5; step++) await page.keyboard.press('ArrowLeft');
  assert.equal(await slider.getAttribute('aria-valuetext'), '25 % to 1.1');
  assert.match(await page.locator('.panel .cli code').first().textContent(), /--percentage 25 --yes/);
  assert.equal((await deployment()).rampingVersionPercentage, 20, 'nothing changes before it is applied');
  await button('Apply 25%').click();
  await see(row('1.1').getByText('Ramping 25%'));
  await page.getByRole('spinbutton', { name: 'Ramp percentage' }).fill('50');
  await button('Apply 50%').click();
  await see(row('1.1').getByText('Ramping 50%'));

  await stage.setRamping('1.1', 75); /* somebody else */
  await see(row('1.1').getByText('Ramping 75%'));
  await button('Applied').waitFor();
  await checkPage(page);
  await page.visit('namespaces/default/worker-deployments');
  await page.getByRole('img', { name: 'New work: 1.0 25 %, 1.1 75 %' }).waitFor();
  const [current, all] = await page.evaluate(() => ['.traffic .is-current', '.traffic'].map((one) => document.querySelector(one).getBoundingClientRect().width));
  assert.equal(Math.round((current / all) * 100), 25, 'a width is a share');
  await checkPage(page);
  await page.getByRole('link', { name: 'shop' }).click();
  await button('Stop the ramp …').click();
  await agree('Stop the ramp');
  await see(row('1.1').getByText(/Drain/));
  assert.equal((await deployment()).rampingDeploymentVersion, undefined);
});

test('a promotion lets the version before drain, and tells how far it is', async () => {
  await choose('1.1', 'Ramp …');
  await agree('Ramp to 5%');
  await button('Promote 1.1 …').click();
  await agree('Set current');
  await see(row('1.1').getByText('Current'));
  await see(row('1.0').getByText('Draining'));
  await see(row('1.0').getByText('3 to go'));
  await see('got no more new work and began to drain');
  await page.getByRole('img', { name: /^Routing of each version over time/ }).waitFor();
});

test('pinned workflows are moved by a batch, with the same command beside it', async () => {
  await choose('1.0', 'Move workflows …');
  await see(dialog().getByText('3 open workflows'));
  assert.match(await dialog().locator('.cli code').textContent(), /workflow update-options --query '.*"shop:1\.0".*' --versioning-override-behavior pinned --versioning-override-deployment-name shop --versioning-override-build-id 1\.1/);
  await dialog().getByRole('button', { name: 'Move 3' }).click();
  await see(dialog().getByText(/3 of 3 moved/));
  await dialog().getByRole('button', { name: 'Close', exact: true }).last().click();
  await stage.workflow('first-0', (one) => one.workflowExecutionInfo.versioningInfo?.versioningOverride?.pinned?.version?.buildId === '1.1');
  await see(row('1.1').getByRole('link', { name: '3', exact: true }));
  await see(row('1.0').getByText('Drained'));
  await page.visit('namespaces/default/workflows/first-0');
  await see('by override');
});

test('a naive, breaking deploy cannot be missed', async () => {
  workers.old = await stage.worker({ build: '2.0', deployment: 'club', queue: 'club' });
  await stage.setCurrent('2.0', 'club');
  for (let index = 0; index < 2; index++) {
    await stage.start(`member-${index}`, 'Subscription', { item: 'card' }, { queue: 'club' });
    await stage.workflow(`member-${index}`, (one) => Number(one.workflowExecutionInfo.historyLength) > 20 && !one.pendingChildren && !one.pendingWorkflowTask);
  }
  workers.broken = await stage.worker({ build: '2.1-broken', deployment: 'club', queue: 'club' });
  await stage.setCurrent('2.1-broken', 'club');
  for (let index = 0; index < 2; index++) await stage.post(`namespaces/default/workflows/member-${index}/signal/ship`, { requestId: `s${index}` });
  await page.visit('namespaces/default/worker-deployments/club');
  const alarm = page.getByRole('alert').filter({ hasText: 'Breaking deploy' });
  await alarm.filter({ hasText: '2 running workflows' }).waitFor();
  const text = await alarm.textContent();
  assert.match(text, /Non-determinism on version 2\.1-broken, since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d/);
  assert.match(text, /member-0/);
  await checkPage(page);
  await page.visit('namespaces/default/worker-deployments');
  await alarm.waitFor();
  await alarm.getByRole('link', { name: 'member-1' }).click();
  await see('Why it is stuck');
  await see(/does not match its history \(non-determinism\), since .* attempts so far, on version 2\.1-broken|does not match its history \(non-determinism\), since/);
  await checkPage(page);
  await page.visit('namespaces/default/worker-deployments/club');
  await choose('2.0', 'Set current …'); /* rolled back, all is well again */
  await agree('Set current');
  for (let index = 0; index < 2; index++) await stage.workflow(`member-${index}`, (one) => one.workflowExecutionInfo.status === 'WORKFLOW_EXECUTION_STATUS_COMPLETED');
  await gone(alarm);
});

test('a breaking deploy of workers without versions is told, too', async () => {
  const good = await stage.worker({ queue: 'plain' });
  await stage.start('plain-1', 'Order', {}, { queue: 'plain' });
  await stage.workflow('plain-1', (one) => Number(one.workflowExecutionInfo.historyLength) > 20 && !one.pendingChildren && !one.pendingWorkflowTask);
  await good.stop();
  const bad = await stage.worker({ queue: 'plain', broken: true });
  await stage.post('namespaces/default/workflows/plain-1/signal/ship', { requestId: 'p' });
  await page.visit('namespaces/default/workflows');
  const alarm = page.getByRole('alert').filter({ hasText: 'Breaking deploy' });
  await alarm.filter({ hasText: 'plain-1' }).waitFor();
  await bad.stop();
  await stage.worker({ queue: 'plain' });
  await stage.workflow('plain-1', (one) => one.workflowExecutionInfo.status === 'WORKFLOW_EXECUTION_STATUS_COMPLETED');
  await gone(alarm);
});

test('current is unset, versions and deployments are deleted, and a refusal is told', async () => {
  await stage.post('namespaces/default/worker-deployments/spare', { requestId: 'c', identity: 'test' });
  await stage.post('namespaces/default/worker-deployment-versions/spare', { deploymentVersion: { deploymentName: 'spare', buildId: '9' }, requestId: 'v', identity: 'test' });
  await page.visit('namespaces/default/worker-deployments/spare');
  await row('9').waitFor();
  await page.locator('.page-head summary').click();
  page.wrong.length = 0;
  await button('Delete the deployment …').click();
  await dialog().getByRole('button', { name: 'Delete', exact: true }).click();
  await see(dialog().getByText("deployment has versions, can't be deleted"));
  page.wrong.length = 0; /* the refusal was wanted */
  await page.keyboard.press('Escape');
  await gone(dialog());
  await choose('9', 'Delete …');
  await agree('Delete');
  await gone(row('9'));
  await page.locator('.page-head summary').click();
  await button('Delete the deployment …').click();
  await dialog().getByRole('button', { name: 'Delete', exact: true }).click();
  await see(page.getByRole('heading', { name: 'Deployments' }));
  await page.getByRole('link', { name: 'shop' }).click();
  await choose('1.1', 'Unset current …');
  await agree('Unset current');
  await see('No version is current');
  await choose('1.1', 'Set current …');
  await agree('Set current');
  await see(row('1.1').getByText('Current'));
});

test('a workflow is started, signalled, updated, queried and completes, all seen live', async () => {
  await page.visit('namespaces/default/workflows');
  await button('Start a workflow …').click();
  await dialog().getByLabel('Workflow type').fill('Order');
  await dialog().getByLabel('Task queue').fill('orders');
  await dialog().getByLabel('Workflow id').fill(LAMP);
  await dialog().getByLabel('Input').fill('{"item": ');
  await dialog().getByRole('button', { name: 'Start', exact: true }).click();
  await see(dialog().getByText(/The input is not JSON/));
  await dialog().getByLabel('Input').fill('{"item": "lamp"}');
  assert.match(await dialog().locator('.cli code').textContent(), /--workflow-id 'lamp 1.2' --type Order --task-queue orders --input '\{"item": "lamp"\}'/);
  await dialog().getByRole('button', { name: 'Start', exact: true }).click();
  await see(page.getByRole('heading', { name: LAMP }));
  await see(/Waits for timer .* or for a signal or update/);
  await page.getByRole('button', { name: /^activity reserve_stock: completed/ }).waitFor();
  await page.getByRole('button', { name: /^child Parcel: completed/ }).waitFor();
  await page.getByRole('button', { name: /^timer .*: open/ }).waitFor();
  await checkPage(page);

  await button('Query …').click();
  await dialog().getByLabel('Query').fill('state');
  await dialog().getByRole('button', { name: 'Ask' }).click();
  await see(dialog().getByText('"packed for Main Street 1"'));
  await page.keyboard.press('Escape');
  await button('Update …').click();
  await dialog().getByLabel('Update').fill('change_address');
  await dialog().getByLabel('Input').fill('"Side Street 2"');
  await dialog().getByRole('button', { name: 'Send and wait' }).click();
  await see(dialog().getByText('"Main Street 1"'));
  await page.keyboard.press('Escape');
  await button('Signal …').click();
  await dialog().getByLabel('Signal').fill('ship');
  await dialog().getByLabel('Input').fill('"by bike"');
  await agree('Send');
  await see(page.getByRole('heading', { name: /Completed/ }));
  await see(/"address": "Side Street 2"/);
  await checkPage(page);
});

test('the history: compact, whole, opened, downloaded', async () => {
  await page.getByRole('link', { name: /^History/ }).click();
  await page.getByRole('button', { name: /charge_card/ }).click();
  await see('ActivityTaskCompleted');
  await see('"paid"');
  await checkPage(page);
  await page.getByRole('link', { name: 'All events' }).click();
  await see('WorkflowTaskScheduled');
  await page.getByRole('link', { name: 'Oldest first' }).click();
  assert.match(await page.locator('.event').first().textContent(), /WorkflowExecutionCompleted/);
  const [download] = await Promise.all([page.waitForEvent('download'), button('Download JSON').click()]);
  const history = JSON.parse(await readFile(await download.path(), 'utf8'));
  assert.equal(history.events[0].eventType, 'EVENT_TYPE_WORKFLOW_EXECUTION_STARTED');
  assert.equal(history.events.at(-1).eventType, 'EVENT_TYPE_WORKFLOW_EXECUTION_COMPLETED');
  await stage.replay(await download.path(), LAMP);
  await page.getByRole('link', { name: 'Relationships' }).click();
  await page.getByRole('link', { name: `${LAMP}-parcel` }).click();
  await see(page.getByRole('heading', { name: `${LAMP}-parcel` }));
  await page.getByRole('link', { name: 'Relationships' }).click();
  await see(page.getByRole('link', { name: LAMP, exact: true }));
  await checkPage(page);
});

test('a long history is drawn in parts, and followed while it grows', async () => {
  await stage.start('chatty', 'Order', {}, { queue: 'nobody at all' });
  const talk = (from, to) => Promise.all(Array.from({ length: to - from }, (_, index) => stage.post('namespaces/default/workflows/chatty/signal/tick', { requestId: `t${from + index}` })));
  await talk(0, 420);
  await page.visit('namespaces/default/workflows/chatty');
  await page.getByRole('link', { name: /^History/ }).click();
  await page.getByRole('button', { name: /^Show more of the 21 / }).click();
  await see('422');
  await talk(420, 422);
  await see('424');
  await checkPage(page);
});

test('cancel, terminate and reset', async () => {
  await stage.start('stop-1', 'Order', {});
  await page.visit('namespaces/default/workflows/stop-1');
  await see(/Waits for timer/);
  await page.getByRole('link', { name: 'Call stack' }).click();
  await see(/Stack for/);
  await checkPage(page);
  await more('Reset …');
  await agree('Reset');
  await page.getByRole('link', { name: 'Relationships' }).click();
  await page.getByRole('cell', { name: 'Terminated' }).waitFor();
  await more('Request cancellation …');
  await dialog().getByLabel('Reason').fill('changed my mind');
  await agree('Request cancellation');
  await see(page.getByRole('heading', { name: /Canceled/ }));
  await stage.start('stop-2', 'Order', {});
  await page.visit('namespaces/default/workflows/stop-2');
  await more('Terminate …');
  await dialog().getByLabel('Reason').fill('enough of it');
  await agree('Terminate');
  await see(page.getByRole('heading', { name: /Terminated/ }));
  await see('enough of it');
});

test('why it is stuck: an activity that fails, nobody for the queue', async () => {
  await stage.start('declined', 'Order', { card: 'declined', customer: 'Ada' });
  await page.visit('namespaces/default/workflows/declined');
  await see(/Activity charge_card \(id 2\) has failed \d+ times?: CardDeclined: card of Ada was declined/);
  await see(page.getByRole('cell', { name: 'CardDeclined: card of Ada was declined' }));
  await checkPage(page);
  await stage.start('alone', 'Order', {}, { queue: 'nobody here' });
  await page.visit('namespaces/default/workflows/alone');
  await see('No worker polls task queue “nobody here” for workflow tasks.');
  await page.getByRole('link', { name: 'nobody here' }).click();
  await see('Nobody polls this task queue');
  await checkPage(page);
});

test('the list: suggestions by keyboard, counts that narrow, errors in words, followed live', async () => {
  await page.visit('namespaces/default/workflows');
  const filter = page.getByRole('combobox', { name: 'Filter' });
  await filter.fill('');
  await filter.pressSequentially('WorkflowTy');
  await page.getByRole('option', { name: 'WorkflowType' }).waitFor();
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  await page.keyboard.press('ArrowDown');
  await page.keyboard.press('Enter');
  assert.equal(await filter.inputValue(), 'WorkflowType = ');
  await page.getByRole('option', { name: '"Order"' }).click();
  await page.keyboard.press('Escape');
  await page.keyboard.press('Enter');
  await page.waitForURL(/query=WorkflowType/);
  await gone(page.getByRole('cell', { name: 'Parcel' }));
  await page.getByRole('button', { name: /^canceled 1$/ }).click();
  await page.waitForURL(/Canceled/);
  await see(page.getByRole('link', { name: 'stop-1' }));
  await checkPage(page);
  await page.visit('namespaces/default/workflows?query=Customer+%3D+%22nobody%22');
  await see('No workflow matches this filter.');
  await page.visit('namespaces/default/workflows?query=NoSuchThing+%3D+1');
  await see(/NoSuchThing/, { exact: false });
  await page.locator('.notice.is-bad').waitFor();
  page.wrong.length = 0; /* calls that were meant to fail */
  await page.visit('namespaces/default/workflows');
  await see(page.getByRole('link', { name: 'declined' }));
  await stage.start('appeared', 'Order', {}, { queue: 'nobody here' });
  await see(page.getByRole('link', { name: 'appeared' }));
});

test('task queues, workers, namespaces', async () => {
  await page.visit('namespaces/default/task-queues');
  await page.getByRole('link', { name: 'orders' }).click();
  await see(/shop:1\.1/);
  await see(page.getByRole('heading', { name: 'Activities' }));
  await checkPage(page);
  await page.visit('namespaces/default/task-queues');
  await see(page.getByRole('link', { name: 'nobody here' }));
  await checkPage(page);
  await page.visit('namespaces/default/settings');
  await see(page.getByRole('rowheader', { name: 'Customer' }));
  await checkPage(page);
  await page.getByRole('link', { name: 'Namespaces' }).click();
  await see(page.getByRole('link', { name: 'default' }));
  await checkPage(page);
  await page.visit('namespaces/default/workers');
  await see(page.getByRole('link', { name: 'shop:1.1' }));
  await checkPage(page);
});

const HOSTILE = `<img src=x onerror=alert(1)>"'&lt;${SLASH}script>`;

test('what clients sent is text, whatever it looks like', async () => {
  await stage.start(HOSTILE, HOSTILE, { [HOSTILE]: HOSTILE }, { queue: HOSTILE });
  await stage.post(`namespaces/default/workflows/${encodeURIComponent(HOSTILE)}/signal/${encodeURIComponent(HOSTILE)}`, { requestId: 'h' });
  await page.visit('namespaces/default/workflows');
  await see(page.getByRole('link', { name: HOSTILE }));
  for (const where of ['', '/history', '/relationships']) {
    const { runId } = (await stage.describe(HOSTILE)).workflowExecutionInfo.execution;
    await page.visit(`namespaces/default/workflows/${encodeURIComponent(HOSTILE)}/${runId}${where}`);
    await see(page.getByRole('heading', { name: HOSTILE }));
    await see(HOSTILE);
  }
  await page.visit(`namespaces/default/task-queues/${encodeURIComponent(HOSTILE)}`);
  await see('Nobody polls this task queue');
  await stage.post('namespaces/default/batch-operations/hostile', { reason: HOSTILE, visibilityQuery: `WorkflowId = ${JSON.stringify(HOSTILE)}`, cancellationOperation: { identity: HOSTILE } });
  await page.visit('namespaces/default/batch-operations/hostile');
  await see(page.getByRole('definition').filter({ hasText: 'onerror' }));
  await page.visit('namespaces/default/workers/<script>alert(1)</script>');
  await page.visit('<script>alert(1)</script>');
  await see('No such page');
  assert.equal(await page.locator('main img, main script').count(), 0);
  assert.deepEqual(page.wrong, []);
});

test('a codec server decodes what only its owner can read', async () => {
  const asked = [];
  const codec = http.createServer((request, response) => {
    response.setHeader('Access-Control-Allow-Origin', '*');
    response.setHeader('Access-Control-Allow-Headers', '*');
    if (request.method === 'OPTIONS') return response.end();
    let text = '';
    request.on('data', (part) => (text += part));
    return request.on('end', () => {
      asked.push(request.headers['x-namespace']);
      const { payloads } = JSON.parse(text);
      response.end(JSON.stringify({ payloads: payloads.map((one) => (atob(one.metadata.encoding) === 'binary/encrypted'
        ? { metadata: { encoding: btoa('json/plain') }, data: btoa(JSON.stringify('told: ' + atob(one.data))) } : one)) }));
    });
  });
  await new Promise((resolve) => codec.listen(0, '127.0.0.1', resolve));
  try {
    await stage.post('namespaces/default/workflows/sealed', { workflowType: { name: 'Order' }, taskQueue: { name: 'nobody here' }, requestId: 'sealed',
      input: { payloads: [{ metadata: { encoding: btoa('binary/encrypted') }, data: btoa('secret') }] } });
    await page.visit('namespaces/default/workflows/sealed');
    await see(/6 bytes, encoded as binary\/encrypted/);
    await button('Settings').click();
    await dialog().getByRole('textbox', { name: 'Codec server' }).fill(`http://127.0.0.1:${codec.address().port}/`);
    await agree('Keep');
    await see('"told: secret"');
    assert.equal(asked[0], 'default');
  } finally {
    codec.close();
  }
});

test('the lines that an empty page teaches do run', async () => {
  await page.visit('namespaces/default/worker-deployments/taught');
  await see('No such deployment');
  await page.getByRole('tab', { name: 'Python' }).click();
  await stage.python(await page.locator('.teach .code pre').textContent());
  await row('1.0').waitFor();
  await stage.setCurrent('1.0', 'taught');
  await stage.start('hello', 'Hello', 'world', { queue: 'my-queue' });
  await page.visit('namespaces/default/workflows/hello');
  await see('"Hello world"');
});

test('nothing is asked while the page is hidden, and all again when it is seen', async () => {
  await page.visit('namespaces/default/worker-deployments/shop');
  await row('1.1').waitFor();
  const hide = (state) => page.evaluate((value) => {
    Object.defineProperty(document, 'visibilityState', { value, configurable: true });
    document.dispatchEvent(new Event('visibilitychange'));
  }, state);
  await hide('hidden');
  await page.waitForTimeout(3500); /* whatever was due when it was hidden has been asked */
  const before = page.calls.length;
  await page.waitForTimeout(6000);
  assert.equal(page.calls.length, before);
  await hide('visible');
  await page.waitForResponse(/worker-deployments\/shop/);
});

test('themes', async () => {
  const paper = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  await page.emulateMedia({ colorScheme: 'light' });
  const light = await paper();
  await page.getByRole('button', { name: /^Theme/ }).click();
  await page.waitForFunction((before) => getComputedStyle(document.body).backgroundColor !== before, light);
  await page.getByRole('button', { name: /^Theme/ }).click();
  await page.waitForFunction((before) => getComputedStyle(document.body).backgroundColor === before, light);
  await page.getByRole('button', { name: /^Theme/ }).click();
});

test('the whole UI is under 150 KB on the wire, from this server alone, and no inline script would run', { skip: process.env.FERMATA_UI !== undefined }, async () => {
  const fresh = await stage.page();
  const sizes = [];
  fresh.on('requestfinished', async (request) => {
    if (!request.url().includes('/api/')) sizes.push(request.sizes().then((size) => [new URL(request.url()).pathname, size.responseBodySize + size.responseHeadersSize]));
  });
  await fresh.visit('namespaces/default/workers');
  await fresh.getByRole('heading', { name: 'Workers', exact: true }).waitFor();
  const all = await Promise.all(sizes);
  const total = all.reduce((sum, [, size]) => sum + size, 0);
  console.log(`on the wire: ${total} bytes in ${all.length} files`);
  assert.ok(total < 150 * 1024, JSON.stringify(all));
  assert.ok(fresh.calls.every((url) => url.startsWith(stage.url)), 'nothing from elsewhere');
  assert.equal(await fresh.evaluate(() => {
    const script = document.createElement('script');
    try {
      script.textContent = 'window.ran = true';
    } catch { /* trusted types */ }
    document.head.append(script);
    return window.ran ?? false;
  }), false);
  await fresh.leave();
});

test('the frame is painted before any script has come, and the page before any answer of the API', { skip: process.env.FERMATA_UI !== undefined }, async () => {
  const fresh = await stage.page();
  const held = { script: [], api: [] };
  let holding = true;
  const hold = (kind) => (route) => (holding ? held[kind].push(route) : route.continue());
  await fresh.route('**/js/*', hold('script'));
  await fresh.route('**/api/**', hold('api'));
  await fresh.goto(`${stage.url}/namespaces/default/workflows`, { waitUntil: 'commit' });
  await fresh.waitForFunction(() => performance.getEntriesByName('first-contentful-paint').length === 1);
  await fresh.locator('#shell').getByText('Deployments').waitFor();
  assert.equal(held.script.length, 1, 'one script, and it is still on its way');
  assert.equal(held.api.length, 0);
  assert.deepEqual(fresh.calls.map((url) => new URL(url).pathname), ['/namespaces/default/workflows'], 'one answer was enough to paint');
  await held.script.shift().continue();
  await fresh.getByRole('heading', { name: 'Workflows', exact: true }).waitFor();
  assert.ok(held.api.length > 0 && !fresh.calls.some((url) => url.includes('/api/')), 'drawn while no answer has come');
  holding = false;
  await Promise.all(held.api.map((route) => route.continue()));
  await fresh.locator('main .rows, main .teach').first().waitFor();
  assert.deepEqual(fresh.wrong, []);
  await fresh.leave();
});

test('nothing went wrong on the way', () => assert.deepEqual(page.wrong, []));
