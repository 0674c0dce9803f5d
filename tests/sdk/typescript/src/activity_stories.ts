import assert from 'node:assert/strict';
import { ActivityFailure, ApplicationFailure } from '@temporalio/common';
import { env, events, eventually, failure, names, start, story } from './story';
import * as workflows from './workflows';

story('a failing activity is tried again', async () => {
  const handle = await start(workflows.charging, [3]);

  assert.equal(await handle.result(), 3);
  const started = (await events(handle)).filter((event) => event.activityTaskStartedEventAttributes);
  assert.equal(started.length, 1, 'attempts that failed leave no events');
  assert.equal(started[0].activityTaskStartedEventAttributes!.lastFailure!.message, 'the bank is not answering');
});

story('a non-retryable failure comes through with its details', async () => {
  const cause = await failure(await start(workflows.declining, []));

  assert(cause instanceof ActivityFailure);
  assert.equal(cause.retryState, 'NON_RETRYABLE_FAILURE');
  assert(cause.cause instanceof ApplicationFailure);
  assert.deepEqual([cause.cause.message, cause.cause.type, cause.cause.details], ['card declined', 'Declined', [402, 'no funds']]);
});

story("an attempt goes on where the last one's heartbeat was", async () => {
  assert.equal(await (await start(workflows.copying, [])).result(), 3);
});

story('a cancelled workflow reaches its activity by heartbeat', async () => {
  const handle = await start(workflows.polling, []);
  await eventually(async () => {
    const { raw } = await handle.describe();
    return raw.pendingActivities?.[0]?.heartbeatDetails != null;
  });
  await handle.cancel();

  assert.equal(await handle.result(), 'polled in vain');
  assert((await names(handle)).includes('ActivityTaskCanceled'));
});

story('an activity is completed by its id', async () => {
  const handle = await start(workflows.asking, []);
  await eventually(async () => (await handle.describe()).raw.pendingActivities?.[0]?.attempt === 1);
  const { pendingActivities } = (await handle.describe()).raw;
  const activity = { workflowId: handle.workflowId, activityId: pendingActivities![0].activityId! };
  await env.client.activity.heartbeat(activity, 'on my way');
  await env.client.activity.complete(activity, 'granted');

  assert.equal(await handle.result(), 'granted');
});

story('an activity is completed by its token', async () => {
  const handle = await start(workflows.askingByToken, []);
  let token = '';
  await eventually(async () => {
    const [pending] = (await handle.describe()).raw.pendingActivities ?? [];
    const details = pending?.heartbeatDetails?.payloads?.[0]?.data;
    token = details ? JSON.parse(Buffer.from(details).toString()) : '';
    return token !== '';
  });
  await env.client.activity.complete(Buffer.from(token, 'base64'), 'granted');

  assert.equal(await handle.result(), 'granted');
});

story('a local activity leaves a marker', async () => {
  const handle = await start(workflows.converting, ['crowns']);

  assert.equal(await handle.result(), 1.5);
  assert.deepEqual((await names(handle)).slice(3), ['WorkflowTaskCompleted', 'MarkerRecorded', 'WorkflowExecutionCompleted']);
  assert.equal((await failure(await start(workflows.converting, ['dreams']))).message, 'no such currency');
});

story('a local activity that outlasts its workflow task', async () => {
  const handle = await start(workflows.convertingSlowly, [], { workflowTaskTimeout: '4s' });

  assert.equal(await handle.result(), 'at last');
  assert((await names(handle)).filter((name) => name === 'WorkflowTaskCompleted').length > 1);
});
