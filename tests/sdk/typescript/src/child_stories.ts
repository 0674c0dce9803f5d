import assert from 'node:assert/strict';
import { ApplicationFailure, ChildWorkflowFailure } from '@temporalio/common';
import { env, eventually, failure, names, start, status, story } from './story';
import * as workflows from './workflows';

story('a parent with many children', async () => {
  const handle = await start(workflows.van, [30]);

  assert.equal(await handle.result(), 9455);
  const completed = (await names(handle)).filter((name) => name === 'ChildWorkflowExecutionCompleted');
  assert.equal(completed.length, 30);
});

story("a child's failure reaches its parent", async () => {
  const cause = await failure(await start(workflows.lostParcel, []));

  assert(cause instanceof ChildWorkflowFailure && cause.retryState === 'MAXIMUM_ATTEMPTS_REACHED');
  const why = cause.cause as ApplicationFailure;
  assert.deepEqual([why.message, why.type, why.details], ['no such address', 'Address', [-7]]);
});

story('cancelling a parent cancels its children', async () => {
  const handle = await start(workflows.fleet, [10]);
  await eventually(async () => (await names(handle)).filter((name) => name === 'ChildWorkflowExecutionStarted').length === 10);
  await handle.cancel();

  assert.equal(await handle.result(), 10);
  for (let number = 0; number < 10; number++) {
    assert.equal(await status(env.client.workflow.getHandle(`${handle.workflowId}-${number}`)), 'CANCELLED');
  }
});

story('parent close policies', async () => {
  const handle = await start(workflows.leaving, []);
  await handle.result();

  const child = (policy: string) => env.client.workflow.getHandle(`${handle.workflowId}-${policy}`);
  await eventually(async () => (await status(child('TERMINATE'))) === 'TERMINATED');
  await eventually(async () => (await status(child('REQUEST_CANCEL'))) === 'CANCELLED');
  assert.equal(await status(child('ABANDON')), 'RUNNING');
  await child('ABANDON').terminate('the story is over');
});

story('one workflow signals and cancels another', async () => {
  const other = await start(workflows.called, []);
  const handle = await start(workflows.caller, [other.workflowId]);

  assert.deepEqual(await other.result(), [1]);
  const said = await handle.result();
  assert.deepEqual([said[0], said[2]], ['done', 'done']);
  assert.match(said[1], /not found/);
  assert.match(said[3], /not found/);
  assert((await names(handle)).includes('RequestCancelExternalWorkflowExecutionFailed'));
});
