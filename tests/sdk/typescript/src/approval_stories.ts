import assert from 'node:assert/strict';
import { QueryNotRegisteredError, WithStartWorkflowOperation, WorkflowUpdateFailedError } from '@temporalio/client';
import { env, events, names, queue, start, story, unique } from './story';
import * as workflows from './workflows';

const hour = 3_600_000;

story('approval by signal', async () => {
  const handle = await start(workflows.approval, [hour]);
  assert.equal(await handle.query(workflows.state), 'open');
  await handle.signal(workflows.decide, { by: 'Ada', approved: true });

  assert.equal(await handle.result(), 'approved by Ada');
  assert.equal(await handle.query(workflows.state), 'approved by Ada', 'also of a closed workflow');
  assert((await names(handle)).includes('TimerCanceled'));
});

story('approval that nobody gives', async () => {
  assert.equal(await (await start(workflows.approval, [50])).result(), 'nobody decided');
});

story('a query that the workflow does not know', async () => {
  const handle = await start(workflows.approval, [1]);

  await assert.rejects(handle.query('minus'), QueryNotRegisteredError);
});

story('approval by update', async () => {
  const handle = await start(workflows.approval, [hour]);

  await assert.rejects(
    handle.executeUpdate(workflows.decideNow, { args: [{ by: '', approved: true }] }),
    (error: WorkflowUpdateFailedError) => error.cause!.message === 'who are you?',
  );
  const update = await handle.startUpdate(workflows.decideNow, {
    args: [{ by: 'Ada', approved: true }],
    waitForStage: 'ACCEPTED',
  });

  assert.equal(await update.result(), 'approved by Ada');
  assert.equal(await handle.result(), 'approved by Ada');
  const accepted = (await names(handle)).filter((name) => name === 'WorkflowExecutionUpdateAccepted');
  assert.equal(accepted.length, 1, 'a rejected one leaves none');
});

story('an update is done once per id', async () => {
  const handle = await start(workflows.approval, [hour]);
  const args: [workflows.Verdict] = [{ by: 'Ada', approved: true }];
  const answers = await Promise.all(
    [1, 2, 3].map(() => handle.executeUpdate(workflows.decideNow, { args, updateId: 'the-only' })),
  );

  assert.deepEqual(answers, Array(3).fill('approved by Ada'));
  assert.equal((await events(handle)).filter((event) => event.workflowExecutionUpdateAcceptedEventAttributes).length, 1);
});

story('an update starts its workflow', async () => {
  const operation = new WithStartWorkflowOperation(workflows.approval, {
    workflowId: unique(),
    taskQueue: queue,
    args: [hour],
    workflowIdConflictPolicy: 'USE_EXISTING',
  });
  const answer = await env.client.workflow.executeUpdateWithStart(workflows.decideNow, {
    args: [{ by: 'Ada', approved: false }],
    startWorkflowOperation: operation,
  });

  assert.equal(answer, 'rejected by Ada');
  assert.equal(await (await operation.workflowHandle()).result(), 'rejected by Ada');
});

story('a signal starts its workflow', async () => {
  const workflowId = unique();
  const runs = [];
  for (const value of [1, 2, 3]) {
    const handle = await env.client.workflow.signalWithStart(workflows.collecting, {
      workflowId,
      taskQueue: queue,
      args: [3],
      signal: workflows.item,
      signalArgs: [value],
    });
    runs.push(handle.signaledRunId);
  }

  assert.deepEqual(await env.client.workflow.getHandle(workflowId).result(), [1, 2, 3]);
  assert.equal(new Set(runs).size, 1);
});
