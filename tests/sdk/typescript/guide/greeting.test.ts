// greeting.test.ts: a workflow with its activity replaced, and one that waits until a worker comes.
import { randomUUID } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { DefaultLogger, Runtime, Worker, bundleWorkflowCode } from '@temporalio/worker';
import type { WorkflowBundle } from '@temporalio/worker';
import { afterAll, beforeAll, expect, inject, test } from 'vitest';
import { greeting } from './workflows';
import type { Activities } from './workflows';

const logger = new DefaultLogger('WARN');
const activities: Activities = { greet: async (name) => `Hello ${name}` };
let environment: TestWorkflowEnvironment, workflowBundle: WorkflowBundle;

beforeAll(async () => {
  Runtime.install({ logger });
  environment = await TestWorkflowEnvironment.createFromExistingServer({ address: inject('address') });
  const workflowsPath = fileURLToPath(new URL('./workflows.ts', import.meta.url));
  workflowBundle = await bundleWorkflowCode({ workflowsPath, logger }); // takes a moment: once for all tests
});
afterAll(() => environment.teardown());

/** A task queue of the test's own: tests share the server, and nothing else. */
const newQueue = () => `greetings-${randomUUID()}`;
const newWorker = (taskQueue: string) =>
  Worker.create({ connection: environment.nativeConnection, taskQueue, workflowBundle, activities });

test('a greeting', async () => {
  const taskQueue = newQueue();
  const worker = await newWorker(taskQueue);
  const { workflow } = environment.client;
  const answer = workflow.execute(greeting, { args: ['you'], workflowId: taskQueue, taskQueue });
  expect(await worker.runUntil(answer)).toBe('Hello you');
});

test('a worker comes later', async () => {
  const taskQueue = newQueue();
  const { workflow } = environment.client;
  const started = await workflow.start(greeting, { args: ['you'], workflowId: taskQueue, taskQueue });
  const worker = await newWorker(taskQueue);
  expect(await worker.runUntil(started.result())).toBe('Hello you');
});
