import assert from 'node:assert/strict';
import { WorkflowNotFoundError } from '@temporalio/client';
import { TypedSearchAttributes, defineSearchAttributeKey } from '@temporalio/common';
import { env, events, eventually, queue, start, story, unique } from './story';
import * as workflows from './workflows';

const namespace = 'default';
const KEYWORD = 2; // of temporal.api.enums.v1.IndexedValueType

story('a search attribute is added, used and removed', async () => {
  const name = 'TypeScriptStoryColour';
  const operator = env.connection.operatorService;
  await operator.addSearchAttributes({ namespace, searchAttributes: { [name]: KEYWORD } });
  assert.equal((await operator.listSearchAttributes({ namespace })).customAttributes![name], KEYWORD);

  const colour = { key: defineSearchAttributeKey(name, 'KEYWORD'), value: 'blue' };
  const options = { taskQueue: unique('nobody'), typedSearchAttributes: new TypedSearchAttributes([colour]) };
  const handle = await start(workflows.waiting, [], options);
  await eventually(async () => (await env.client.workflow.count(`${name} = 'blue'`).catch(() => ({ count: 0 }))).count === 1);
  await handle.terminate();

  await operator.removeSearchAttributes({ namespace, searchAttributes: [name] });
  await eventually(async () => await start(workflows.waiting, [], options).then((h) => h.terminate().then(() => false), () => true));
});

story('a workflow is deleted', async () => {
  const handle = await start(workflows.waiting, [], { taskQueue: unique('nobody') });
  await env.client.workflowService.deleteWorkflowExecution({
    namespace,
    workflowExecution: { workflowId: handle.workflowId },
  });

  await eventually(async () => await handle.describe().then(() => false, (error) => error instanceof WorkflowNotFoundError));
});

story('a queue knows its pollers', async () => {
  await eventually(async () => {
    const { pollers } = await env.client.workflowService.describeTaskQueue({
      namespace,
      taskQueue: { name: queue },
      taskQueueType: 1,
    });
    return pollers!.some((poller) => poller.identity!.includes(`${process.pid}@`));
  });
});

story('a history is read backwards', async () => {
  const handle = await start(workflows.race, []);
  await handle.result();

  const ids: number[] = [];
  let nextPageToken: Uint8Array | null | undefined;
  do {
    const page = await env.client.workflowService.getWorkflowExecutionHistoryReverse({
      namespace,
      execution: { workflowId: handle.workflowId },
      maximumPageSize: 3,
      nextPageToken,
    });
    ids.push(...page.history!.events!.map((event) => Number(event.eventId)));
    nextPageToken = page.nextPageToken;
  } while (nextPageToken?.length);
  assert.deepEqual(ids.reverse(), (await events(handle)).map((event) => Number(event.eventId)));
});

story('a forgotten sticky queue', async () => {
  const handle = await start(workflows.collecting, [1]);
  await eventually(async () => (await events(handle)).length === 4);
  await env.client.workflowService.resetStickyTaskQueue({ namespace, execution: { workflowId: handle.workflowId } });
  await handle.signal(workflows.item, 7);

  assert.deepEqual(await handle.result(), [7]);
  const scheduled = (await events(handle)).filter((event) => event.workflowTaskScheduledEventAttributes);
  assert.equal(scheduled[1].workflowTaskScheduledEventAttributes!.taskQueue!.name, queue, 'not a sticky one');
});
