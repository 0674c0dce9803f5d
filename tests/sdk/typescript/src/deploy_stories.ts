import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { Worker } from '@temporalio/worker';
import type { WorkerOptions } from '@temporalio/worker';
import { DeterminismViolationError } from '@temporalio/workflow';
import { bundle, env, events, eventually, failure, names, newWorker, start, story, unique } from './story';
import * as workflows from './workflows';

/** A worker with this version of the workflows, until it is withdrawn or the story is over. */
async function deploy(t: TestContext, file: string, taskQueue: string, options: Partial<WorkerOptions> = {}) {
  const worker = await newWorker({ taskQueue, ...options }, file);
  const working = worker.run();
  const withdraw = async () => {
    if (worker.getState() === 'RUNNING') worker.shutdown();
    await working;
  };
  t.after(withdraw);
  return { withdraw };
}

story('open runs keep their version', async (t) => {
  const taskQueue = unique('bakery');
  const first = await deploy(t, './deploy1', taskQueue);
  const old = await start('bake', [], { taskQueue });
  await eventually(async () => (await names(old)).length === 4);
  await first.withdraw();
  await deploy(t, './deploy2', taskQueue);
  const fresh = await start('bake', [], { taskQueue });
  await old.signal('go on');
  await fresh.signal('go on');

  assert.equal(await old.result(), 'white bread');
  assert.equal(await fresh.result(), 'rye bread');
  assert((await names(fresh)).includes('MarkerRecorded'));
  const versions = (await fresh.describe()).raw.workflowExecutionInfo!.searchAttributes!.indexedFields!;
  assert.equal(Buffer.from(versions.TemporalChangeVersion.data!).toString(), '["rye"]');
});

story('a downloaded history is replayed', async (t) => {
  const taskQueue = unique('bakery');
  const worker = await deploy(t, './deploy1', taskQueue);
  const handle = await start('bake', [], { taskQueue });
  await eventually(async () => (await names(handle)).length === 4);
  await handle.signal('go on');
  await handle.result();
  await worker.withdraw();
  const history = await handle.fetchHistory();

  const replay = async (file: string) =>
    await Worker.runReplayHistory({ workflowBundle: await bundle(file), replayName: unique('replay') }, history);
  await replay('./deploy1');
  await replay('./deploy2');
  await assert.rejects(replay('./deploy3'), DeterminismViolationError);
});

story('what was random is the same in a replay', async () => {
  const handle = await start(workflows.lottery, []);

  assert.equal(new Set(await handle.result()).size, 9);
  await Worker.runReplayHistory({ workflowBundle: await bundle('./workflows') }, await handle.fetchHistory());
});

story('a worker without a cache replays at every task', async (t) => {
  const taskQueue = unique('forgetful');
  await deploy(t, './workflows', taskQueue, { maxCachedWorkflows: 0 });

  const van = await start(workflows.van, [10], { taskQueue });
  const trip = await start(workflows.trip, ['car'], { taskQueue });
  assert.equal(await van.result(), 385);
  await failure(trip);
  assert.equal((await trip.query(workflows.log)).length, 4);
  const scheduled = (await events(van)).filter((event) => event.workflowTaskScheduledEventAttributes);
  assert(scheduled.every((event) => event.workflowTaskScheduledEventAttributes!.taskQueue!.name === taskQueue), 'none is sticky');
});

story('a bug is repaired by the next deploy', async (t) => {
  const taskQueue = unique('school');
  const first = await deploy(t, './deploy1', taskQueue);
  const handle = await start('divide', [], { taskQueue, workflowTaskTimeout: '6s' });
  await eventually(async () => (await names(handle)).includes('WorkflowTaskFailed'));
  await first.withdraw();
  await deploy(t, './deploy2', taskQueue);

  assert.equal(await handle.result(), 42);
  const failed = (await events(handle)).filter((event) => event.workflowTaskFailedEventAttributes);
  assert.equal(failed.length, 1, 'further attempts leave no events');
  assert.equal(failed[0].workflowTaskFailedEventAttributes!.failure!.message, 'division by zero');
});

story('a run is reset to before a bad deploy', async (t) => {
  const taskQueue = unique('kitchen');
  const first = await deploy(t, './deploy1', taskQueue);
  const bad = await start('cook', [], { taskQueue });
  await eventually(async () => (await names(bad)).length === 4);
  await bad.signal('go on');
  assert.equal(await bad.result(), 'salted twice');
  await first.withdraw();
  await deploy(t, './deploy2', taskQueue);

  const { runId } = await env.client.workflowService.resetWorkflowExecution({
    namespace: 'default',
    workflowExecution: { workflowId: bad.workflowId, runId: bad.firstExecutionRunId },
    workflowTaskFinishEventId: 4 as never,
    reason: 'a bad deploy',
    requestId: unique(),
  });

  assert.equal(await env.client.workflow.getHandle(bad.workflowId, runId).result(), 'soup');
});
