/* Takes the pictures of docs/images/ui: FERMATA_EXE=… tests/ui/run screenshots. A shop's rollout, staged with real workers. */
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { Stage } from './support/stage.js';

const folder = process.env.PICTURES ?? path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../docs/images/ui');
const all = process.env.PICTURES !== undefined; /* for looking at, more than the docs show */
await mkdir(folder, { recursive: true });
const stage = await Stage.open();
const order = (id, more) => stage.start(id, 'Order', { customer: 'Ada', item: 'lamp', ...more });

try {
  if (all) {
    const empty = await stage.page({ height: 900 });
    await empty.visit();
    await empty.getByText('No worker deployment yet').waitFor();
    await empty.screenshot({ path: `${folder}/empty.png` });
    await empty.leave();
  }

  await stage.worker({ build: '1.0.0' });
  await stage.setCurrent('1.0.0');
  for (let index = 1; index <= 9; index++) await order(`order-${1000 + index}`);
  for (let index = 1; index <= 4; index++) await stage.start(`subscription-${index}`, 'Subscription', { customer: 'Grace', item: 'coffee' });
  for (let index = 1; index <= 9; index++) await stage.workflow(`order-${1000 + index}`, (one) => !one.pendingWorkflowTask && !one.pendingChildren && !one.pendingActivities && Number(one.workflowExecutionInfo.historyLength) > 20);
  for (let index = 1; index <= 6; index++) await stage.post(`namespaces/default/workflows/order-${1000 + index}/signal/ship`, { requestId: `s${index}` });
  await stage.worker({ build: '1.1.0' });
  await stage.setRamping('1.1.0', 10);
  await new Promise((resolve) => setTimeout(resolve, 6000)); /* so that the picture of routing over time has something to show */
  await stage.setCurrent('1.1.0');
  for (let index = 1; index <= 7; index++) await order(`order-${1100 + index}`);
  await order('order-1108', { card: 'declined' });
  await new Promise((resolve) => setTimeout(resolve, 9000));
  await stage.worker({ build: '1.2.0' });
  await stage.setRamping('1.2.0', 25);
  for (let index = 1; index <= 16; index++) await order(`order-${1200 + index}`);
  await stage.worker({ build: '7', deployment: 'mailer', queue: 'mail' });
  await stage.setCurrent('7', 'mailer');
  await new Promise((resolve) => setTimeout(resolve, 7000));

  const take = async (page, name, options) => {
    await page.waitForTimeout(3200); /* numbers have come, and bars have moved */
    await page.screenshot({ path: `${folder}/${name}.png`, ...options });
  };
  for (const scheme of ['light', 'dark']) {
    const page = await stage.page({ scheme, height: 900 });
    await page.visit('namespaces/default/worker-deployments/shop');
    await page.locator('tr[data-build="1.2.0"]').waitFor();
    await take(page, scheme === 'light' ? 'deployment' : 'deployment-dark');
    if (scheme === 'light') {
      if (all) {
        await page.locator('tr[data-build="1.0.0"] summary').click();
        await page.getByRole('button', { name: 'Move workflows …' }).last().click();
        await take(page, 'move');
        await page.visit('namespaces/default/worker-deployments');
        await take(page, 'deployments', { clip: { x: 0, y: 0, width: 1280, height: 260 } });
      }
      await page.visit('namespaces/default/workflows/order-1108');
      await take(page, 'workflow');
      await page.visit('namespaces/default/workflows');
      await page.getByRole('combobox', { name: 'Filter' }).pressSequentially('ExecutionStatus = ');
      await take(page, 'workflows', { clip: { x: 0, y: 0, width: 1280, height: 640 } });
      if (all) await stage.post('namespaces/default/batch-operations/tidy', { reason: 'tidy up', visibilityQuery: 'WorkflowType = "Order" AND ExecutionStatus = "Running"', maxOperationsPerSecond: 2, cancellationOperation: { identity: 'ada' } });
      for (const where of all ? ['batch-operations/tidy', 'batch-operations', 'task-queues', 'workers', 'settings', 'task-queues/orders'] : []) {
        await page.visit(`namespaces/default/${where}`);
        await take(page, where.replace('/', '-'));
      }
    }
    await page.leave();
  }

  await stage.worker({ build: '1.3.0-broken' });
  await stage.setRamping('1.3.0-broken', 100);
  for (let index = 1; index <= 4; index++) await stage.post(`namespaces/default/workflows/subscription-${index}/signal/ship`, { requestId: `b${index}` });
  const page = await stage.page({ height: 760 });
  await page.visit('namespaces/default/worker-deployments/shop');
  await page.getByText('Breaking deploy').waitFor();
  await take(page, 'breaking');
  const phone = await stage.page({ width: 390, height: 844, scheme: 'dark' });
  await phone.visit('namespaces/default/worker-deployments/shop');
  await phone.getByText('Breaking deploy').waitFor();
  await take(phone, 'phone');
  console.log(`pictures are in ${folder}`);
} finally {
  await stage.close();
}
