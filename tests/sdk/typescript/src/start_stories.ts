import assert from 'node:assert/strict';
import { WorkflowExecutionAlreadyStartedError, WorkflowNotFoundError } from '@temporalio/client';
import { TerminatedFailure, TimeoutFailure, TypedSearchAttributes } from '@temporalio/common';
import { amount, customer, env, eventually, failure, names, start, status, story, unique } from './story';
import * as workflows from './workflows';

story('an id that is in use', async () => {
  const workflowId = unique();
  const first = await start(workflows.waiting, [], { workflowId });

  await assert.rejects(start(workflows.waiting, [], { workflowId }), WorkflowExecutionAlreadyStartedError);
  const same = await start(workflows.waiting, [], { workflowId, workflowIdConflictPolicy: 'USE_EXISTING' });
  assert.equal(same.firstExecutionRunId, first.firstExecutionRunId);
  const second = await start(workflows.waiting, [], { workflowId, workflowIdConflictPolicy: 'TERMINATE_EXISTING' });
  assert.notEqual(second.firstExecutionRunId, first.firstExecutionRunId);
  assert((await failure(first)) instanceof TerminatedFailure);
  await second.terminate();
});

story('an id that was in use', async () => {
  const workflowId = unique();
  await failure(await start(workflows.succeedsAt, [2], { workflowId }));
  const again = { workflowId, workflowIdReusePolicy: 'ALLOW_DUPLICATE_FAILED_ONLY' } as const;

  assert.equal(await (await start(workflows.succeedsAt, [1], again)).result(), 1);
  await assert.rejects(start(workflows.succeedsAt, [1], again), WorkflowExecutionAlreadyStartedError);
});

story('executions that last too long', async () => {
  const handle = await start(workflows.waiting, [], { workflowExecutionTimeout: '1s' });

  assert((await failure(handle)) instanceof TimeoutFailure);
  assert.equal(await status(handle), 'TIMED_OUT');
});

story('what does not exist', async () => {
  const nobody = env.client.workflow.getHandle('nobody');

  await assert.rejects(nobody.signal(workflows.item, 1), WorkflowNotFoundError);
  await assert.rejects(nobody.describe(), WorkflowNotFoundError);
  await assert.rejects(nobody.cancel(), WorkflowNotFoundError);
});

story('a description for people', async () => {
  const handle = await start(workflows.waiting, [], {
    memo: { note: 'fragile' },
    staticSummary: 'an **order**',
    staticDetails: 'of _tea_',
    priority: { priorityKey: 2, fairnessKey: 'tea', fairnessWeight: 2.5 },
  });

  const described = await handle.describe();
  assert.deepEqual(described.memo, { note: 'fragile' });
  assert.equal(await described.staticSummary(), 'an **order**');
  assert.equal(await described.staticDetails(), 'of _tea_');
  assert.deepEqual(described.priority, { priorityKey: 2, fairnessKey: 'tea', fairnessWeight: 2.5 });
  await handle.terminate();
});

story('a workflow describes itself', async () => {
  const handle = await start(workflows.selling, ['Grace'], {
    typedSearchAttributes: new TypedSearchAttributes([
      { key: customer, value: 'nobody' },
      { key: amount, value: 7 },
    ]),
  });
  await handle.result();

  const described = await handle.describe();
  assert.equal(described.typedSearchAttributes.get(customer), 'Grace');
  assert.equal(described.typedSearchAttributes.get(amount), undefined);
  assert.deepEqual(described.memo, { sold: true });
  assert((await names(handle)).includes('WorkflowPropertiesModified'));
});

story('lists and counts', async () => {
  const who = unique('customer');
  const handles = await Promise.all([1, 2, 3].map(() => start(workflows.selling, [who])));
  await Promise.all(handles.map((handle) => handle.result()));
  const query = `Customer = '${who}' AND ExecutionStatus = 'Completed'`;

  await eventually(async () => (await env.client.workflow.count(query)).count === 3);
  const ids = [];
  for await (const { workflowId } of env.client.workflow.list({ query, pageSize: 2 })) ids.push(workflowId);
  assert.deepEqual(ids.sort(), handles.map((handle) => handle.workflowId).sort());
  const { groups } = await env.client.workflow.count(`Customer = '${who}' GROUP BY ExecutionStatus`);
  assert.deepEqual(groups, [{ count: 3, groupValues: [['Completed']] }]);
});
