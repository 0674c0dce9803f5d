/* What the web UI can do beside looking: actions on one workflow and on many, namespaces, and what it does when the server goes
 * away. Each effect is asked of the server, not of the page. In order, on one server with a worker. */
import test, { before, after } from 'node:test';
import assert from 'node:assert/strict';
import { Stage } from './support/stage.js';
import { hands } from './support/hands.js';
import { checkPage } from './support/checks.js';

let stage;
let page;
const { see, gone, button, dialog, row, choose, more, agree } = hands(() => page);
const NS = 'namespaces/default';
const options = { skip: process.env.FERMATA_UI !== undefined }; /* it stops and starts the server */

before(async () => {
  if (options.skip) return;
  stage = await Stage.open({ keeps: true });
  page = await stage.page();
  await stage.worker({ queue: 'plain' });
});
after(async () => {
  await stage?.close();
});

const plain = (id, type = 'Order', input = { item: 'lamp' }) => stage.start(id, type, input, { queue: 'plain' });
/* A story that has come to its long timer: an event or two more than twenty. */
const waits = (id) => stage.workflow(id, (one) => Number(one.workflowExecutionInfo.historyLength) > 20 && !one.pendingChildren && !one.pendingWorkflowTask);
const historyOf = async (id, runId) => (await stage.get(`${NS}/workflows/${id}/history?execution.runId=${runId ?? ''}`)).history.events;
const statusOf = async (id) => (await stage.describe(id)).workflowExecutionInfo.status.replace('WORKFLOW_EXECUTION_STATUS_', '');
const open = async (id) => {
  await page.visit(`${NS}/workflows/${id}`);
  await page.getByRole('heading', { name: id }).waitFor();
};
const command = () => dialog().locator('.cli code').textContent();

test('handlers are picked from those that the code has', options, async () => {
  await plain('handled');
  await waits('handled');
  await open('handled');
  await button('Query …').click();
  await dialog().getByRole('button', { name: 'state', exact: true }).click();
  await dialog().getByRole('button', { name: 'Ask' }).click();
  await see(dialog().getByText('"packed for Main Street 1"'));
  await checkPage(page);
  await page.keyboard.press('Escape');
  await button('Update …').click();
  await dialog().getByRole('button', { name: 'change_address' }).click();
  await dialog().getByLabel('Input').fill('"Quay 3"');
  await dialog().getByRole('button', { name: 'Send and wait' }).click();
  await see(dialog().getByText('"Main Street 1"'));
  await page.keyboard.press('Escape');
  await button('Signal …').click();
  await dialog().getByRole('button', { name: 'ship' }).click();
  await agree('Send');
  await stage.workflow('handled', (one) => one.workflowExecutionInfo.status === 'WORKFLOW_EXECUTION_STATUS_COMPLETED');
});

test('reset by kind: the beginning, without the signals that came', options, async () => {
  await plain('again');
  await waits('again');
  const before = (await stage.describe('again')).workflowExecutionInfo.execution.runId;
  await stage.post(`${NS}/workflows/again/signal/note`, { requestId: 'n' });
  await stage.workflow('again', (one) => !one.pendingWorkflowTask);
  await open('again');
  await more('Reset …');
  await page.keyboard.press('Escape');
  await gone(dialog());
  assert.equal(await page.evaluate(() => document.activeElement.getAttribute('aria-label')), 'More actions for this workflow', 'the focus is back where it was');
  await more('Reset …');
  await dialog().getByRole('radio', { name: /^The first workflow task/ }).check();
  await dialog().getByRole('checkbox', { name: 'Signals' }).uncheck();
  assert.match(await command(), /--type FirstWorkflowTask --reapply-exclude Signal --reason /);
  await checkPage(page);
  await agree('Reset');
  await page.waitForURL((url) => !url.pathname.includes(before));
  await waits('again');
  const events = await historyOf('again');
  const reset = events.find((event) => event.workflowTaskFailedEventAttributes);
  assert.equal(reset.workflowTaskFailedEventAttributes.cause, 'WORKFLOW_TASK_FAILED_CAUSE_RESET_WORKFLOW');
  assert.equal(reset.eventId, '4', 'the first task');
  assert.ok(!events.some((event) => event.workflowExecutionSignaledEventAttributes), 'the signal was left out');
  assert.equal((await historyOf('again', before)).at(-1).eventType, 'EVENT_TYPE_WORKFLOW_EXECUTION_TERMINATED');
});

test('reset to before a build, and a versioning override', options, async () => {
  await stage.worker({ build: '1.0' });
  await stage.setCurrent('1.0');
  await stage.start('moves', 'Subscription', { item: 'tea' });
  await waits('moves');
  await stage.worker({ build: '1.1' });
  await stage.setCurrent('1.1');
  await stage.post(`${NS}/workflows/moves/signal/note`, { requestId: 'n' });
  await stage.workflow('moves', (one) => one.workflowExecutionInfo.versioningInfo.deploymentVersion.buildId === '1.1' && !one.pendingWorkflowTask);
  const { runId } = (await stage.describe('moves')).workflowExecutionInfo.execution;
  await open('moves');
  await more('Reset …');
  await dialog().getByRole('radio', { name: /^Before build 1\.1 first ran it/ }).check();
  assert.match(await command(), /--type BuildId --build-id 1\.1/);
  await agree('Reset');
  await page.waitForURL((url) => !url.pathname.includes(runId));
  await stage.workflow('moves', (one) => one.workflowExecutionInfo.execution.runId !== runId && !one.pendingWorkflowTask);
  assert.ok(Number((await historyOf('moves')).find((event) => event.workflowTaskFailedEventAttributes).eventId) > 20);

  await page.getByRole('heading', { name: 'moves' }).waitFor();
  await more('Versioning override …');
  await dialog().getByRole('combobox', { name: 'Version' }).selectOption('1.0');
  assert.match(await command(), /update-options --workflow-id moves --run-id \S+ --versioning-override-behavior pinned --versioning-override-deployment-name shop --versioning-override-build-id 1\.0/);
  await checkPage(page);
  await agree('Apply');
  await see('by override');
  const override = (one) => one.workflowExecutionInfo.versioningInfo.versioningOverride;
  assert.equal(override(await stage.describe('moves')).pinned.version.buildId, '1.0');
  await more('Versioning override …');
  await dialog().getByRole('radio', { name: /without the override/ }).check();
  await agree('Apply');
  await stage.workflow('moves', (one) => !override(one));
});

test('a signal that starts the workflow when none is open', options, async () => {
  const ask = async () => {
    await page.visit(`${NS}/workflows`);
    await button('Start a workflow …').click();
    await dialog().getByLabel('Workflow type').fill('Order');
    await dialog().getByLabel('Task queue').fill('plain');
    await dialog().getByLabel('Workflow id').fill('both');
    await dialog().getByRole('textbox', { name: /^Input JSON/ }).fill('{"item": "lamp"}');
    await dialog().getByText(/^More: signal it/).click();
    await dialog().getByLabel('Signal to send with the start').fill('note');
    await dialog().getByLabel('Input of the signal').fill('"soon"');
    assert.match(await command(), /^temporal workflow signal-with-start --workflow-id both --type Order --task-queue plain --input '\{"item": "lamp"\}' --signal-name note --signal-input '"soon"'/);
    await dialog().getByRole('button', { name: 'Start', exact: true }).click();
    await page.getByRole('heading', { name: 'both' }).waitFor();
  };
  await ask();
  await ask();
  const signals = (await historyOf('both')).filter((event) => event.workflowExecutionSignaledEventAttributes);
  assert.deepEqual(signals.map((event) => event.workflowExecutionSignaledEventAttributes.signalName), ['note', 'note'], 'the second went to the open one');
  await see(/note ×2/);
});

test('many at once: those that are ticked, and all that match', options, async () => {
  await page.visit(`${NS}/batch-operations`);
  await see('No batch yet');
  await checkPage(page);
  for (const name of ['a', 'b', 'c']) await plain(`many-${name}`, 'Order', { item: name });
  await waits('many-c');
  await page.getByRole('link', { name: 'To the workflows' }).click();
  for (const name of ['a', 'b']) await page.getByRole('checkbox', { name: `Tick many-${name}`, exact: true }).check();
  await button('Act on 2 …').click();
  await dialog().getByRole('radio', { name: 'Terminate' }).check();
  await dialog().getByLabel('Reason').fill('too many');
  await checkPage(page);
  await dialog().getByRole('button', { name: 'Terminate: 2' }).click();
  await see('2 of 2 done');
  await see(page.getByRole('link', { name: 'many-a', exact: true }));
  await checkPage(page);
  assert.deepEqual([await statusOf('many-a'), await statusOf('many-b'), await statusOf('many-c')], ['TERMINATED', 'TERMINATED', 'RUNNING']);

  await page.visit(`${NS}/workflows?query=${encodeURIComponent('WorkflowId = "many-c"')}`);
  await see(page.getByRole('link', { name: 'many-c', exact: true }));
  await button('Act on many …').click();
  await dialog().getByRole('radio', { name: 'Signal' }).check();
  await dialog().getByRole('textbox', { name: 'Signal', exact: true }).fill('ship');
  assert.match(await command(), /^temporal workflow signal --query 'ExecutionStatus = "Running" AND \(WorkflowId = "many-c"\)' --name ship/);
  await dialog().getByRole('button', { name: 'Signal: 1' }).click();
  await see('1 of 1 done');
  await stage.workflow('many-c', (one) => one.workflowExecutionInfo.status === 'WORKFLOW_EXECUTION_STATUS_COMPLETED');

  await page.visit(`${NS}/workflows?query=${encodeURIComponent('WorkflowId = "many-c"')}`);
  await button('Act on many …').click();
  await dialog().getByRole('radio', { name: 'Reset' }).check();
  await dialog().getByRole('button', { name: 'Reset: 1' }).click();
  await see('1 of 1 done');
  assert.equal(Number((await stage.get(`${NS}/workflow-count?query=${encodeURIComponent('WorkflowId = "many-c"')}`)).count), 2, 'a second run');

  await page.getByRole('link', { name: 'Batches', exact: true }).first().click();
  await see(page.getByRole('cell', { name: 'Terminate', exact: true }));
  assert.equal(await page.locator('tbody tr').count(), 3);
  await checkPage(page);
});

test('a batch is stopped', options, async () => {
  await stage.post(`${NS}/batch-operations/slow`, {
    reason: 'slowly', visibilityQuery: 'WorkflowId IS NOT NULL', maxOperationsPerSecond: 0.1, cancellationOperation: { identity: 'test' },
  });
  await page.visit(`${NS}/batch-operations/slow`);
  await button('Stop …').click();
  await dialog().getByLabel('Reason').fill('enough');
  await agree('Stop it');
  await gone(page.getByRole('button', { name: 'Stop …' }));
  assert.notEqual((await stage.get(`${NS}/batch-operations/slow`)).state, 'BATCH_OPERATION_STATE_RUNNING');
});

test('a namespace is made, and search attributes come and go', options, async () => {
  await page.visit('namespaces');
  await button('Make a namespace …').click();
  await dialog().getByLabel('Name').fill('second');
  await dialog().getByLabel('Keep closed').fill('3');
  assert.match(await command(), /^temporal operator namespace create --namespace second --retention 3d/);
  await agree('Make it');
  await page.getByRole('heading', { name: 'second' }).waitFor();
  assert.equal((await stage.get('namespaces/second')).config.workflowExecutionRetentionTtl, '259200s');
  await button('Add …').click();
  await dialog().getByLabel('Name').fill('Region');
  await dialog().getByLabel('Type').selectOption({ label: 'Keyword list' });
  assert.match(await command(), /search-attribute create --name Region --type KeywordList --namespace second/);
  await agree('Add');
  await see(page.getByRole('rowheader', { name: 'Region' }));
  await checkPage(page);
  assert.equal((await stage.get('namespaces/second/search-attributes')).customAttributes.Region, 'INDEXED_VALUE_TYPE_KEYWORD_LIST');
  await button('Remove Region …').click();
  await agree('Remove');
  await gone(page.getByRole('rowheader', { name: 'Region' }));
  assert.equal((await stage.get('namespaces/second/search-attributes')).customAttributes?.Region, undefined);
});

test('why it is stuck: no version is current, and a version that nobody runs', options, async () => {
  const worker = await stage.worker({ build: '9', deployment: 'fresh', queue: 'fresh' });
  await stage.start('waiting', 'Order', {}, { queue: 'fresh' });
  await open('waiting');
  await see(/Only workers of fresh:9 poll “fresh” for workflow tasks, and no version is current/);
  await stage.setCurrent('9', 'fresh');
  await waits('waiting');
  await gone(page.getByText(/no version is current/));
  await worker.stop();
});

test('a version that was current before is remembered by who saw it', options, async () => {
  await page.visit(`${NS}/worker-deployments/shop`);
  for (const [build, other] of [['1.0', '1.1'], ['1.1', '1.0']]) {
    await choose(build, 'Set current …');
    await agree('Set current');
    await see(row(build).getByText('Current'));
    await see(row(other).getByText(/Drain/));
  }
  const spans = () => page.locator('.lanes .lane').filter({ hasText: '1.1' }).locator('.span.is-current').count();
  await see(/because this browser saw/);
  assert.equal(await spans(), 2);
  await page.reload();
  await see(/because this browser saw/);
  assert.equal(await spans(), 2);
  await checkPage(page);
});

test('workers tell of themselves', options, async () => {
  await page.visit(`${NS}/workers`);
  await page.locator('button.fold').first().click();
  await see('Instance');
  await checkPage(page);
});

test('the server goes away and comes back: what was seen stays, and goes on', options, async () => {
  await plain('survivor');
  await waits('survivor');
  await open('survivor');
  await see(/Waits for timer/);
  await stage.kill();
  const alarm = page.getByRole('alert').filter({ hasText: 'The server does not answer' });
  await alarm.waitFor();
  await see('connection lost');
  await see(page.getByRole('heading', { name: 'survivor' }));
  await page.getByRole('button', { name: /^activity reserve_stock/ }).waitFor();
  await button('Signal …').click();
  await dialog().getByRole('textbox', { name: 'Signal', exact: true }).fill('ship');
  await dialog().getByRole('button', { name: 'Send' }).click();
  await see(dialog().getByText('The server does not answer. Is it still running?'));
  await page.keyboard.press('Escape');
  stage.serve();
  await stage.answers();
  await gone(alarm);
  await stage.post(`${NS}/workflows/survivor/signal/ship`, { requestId: 's' });
  await see(page.getByRole('heading', { name: /Completed/ }));
  await gone(page.locator('.notice.is-bad'));
});

test('nothing went wrong on the way', options, () => assert.deepEqual(page.wrong, []));
