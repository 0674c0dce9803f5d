import assert from 'node:assert/strict';
import { env, eventually, failure, names, start, status, story } from './story';
import * as workflows from './workflows';

story('a loop continues as new and loses no signal', async () => {
  const handle = await start(workflows.collecting, [10], { memo: { plan: 'gold' } });
  const sent = Array.from({ length: 10 }, (_, i) => i);
  for (const value of sent) await env.client.workflow.getHandle(handle.workflowId).signal(workflows.item, value);

  assert.deepEqual(await handle.result(), sent);
  const last = await env.client.workflow.getHandle(handle.workflowId).describe();
  assert.deepEqual(last.memo, { plan: 'gold' });
  const first = env.client.workflow.getHandle(handle.workflowId, handle.firstExecutionRunId);
  assert((await status(first)) === 'CONTINUED_AS_NEW' || last.runId === handle.firstExecutionRunId);
});

story('a failing workflow is tried again', async () => {
  const retry = { initialInterval: 20, maximumAttempts: 2 };

  assert.equal(await (await start(workflows.succeedsAt, [2], { retry })).result(), 2);
  assert.equal((await failure(await start(workflows.succeedsAt, [3], { retry }))).message, 'attempt 2');
});

story('a cron report knows the last one', async () => {
  const handle = await start(workflows.report, [], { cronSchedule: '@every 1s' });
  const current = env.client.workflow.getHandle(handle.workflowId);
  const seen = new Set<string>();
  await eventually(async () => seen.add((await current.describe()).runId).size === 3);
  await current.terminate('enough of them');

  const [, second] = [...seen];
  const end = (await env.client.workflow.getHandle(handle.workflowId, second).fetchHistory()).events!.at(-1)!;
  const result = end.workflowExecutionCompletedEventAttributes!.result!.payloads![0].data!;
  assert.equal(Buffer.from(result).toString(), '2');
});

story('a race of timers', async () => {
  const handle = await start(workflows.race, []);

  assert.equal(await handle.result(), 'hare');
  const timers = (await names(handle)).filter((name) => name.startsWith('Timer'));
  assert.deepEqual(timers, ['TimerStarted', 'TimerStarted', 'TimerFired', 'TimerCanceled']);
});

story('a start that waits', async () => {
  const began = Date.now();
  await (await start(workflows.report, [], { startDelay: 300 })).result();

  assert(Date.now() - began >= 300);
});
