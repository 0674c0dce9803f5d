// What every story has: the server, launched by the SDK; a worker, which they share; ids; and histories as lists of names.
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import type { TestContext } from 'node:test';
import type { Workflow, WorkflowHandle, WorkflowStartOptions } from '@temporalio/client';
import { defineSearchAttributeKey } from '@temporalio/common';
import { TestWorkflowEnvironment } from '@temporalio/testing';
import { DefaultLogger, Runtime, Worker, bundleWorkflowCode } from '@temporalio/worker';
import type { WorkerOptions, WorkflowBundleWithSourceMap } from '@temporalio/worker';
import * as activities from './activities';

export const customer = defineSearchAttributeKey('Customer', 'KEYWORD');
export const amount = defineSearchAttributeKey('Amount', 'INT');

export const queue = 'stories';
export let env: TestWorkflowEnvironment;

const logger = new DefaultLogger('ERROR', () => {}); // failures are part of the stories
const bundles = new Map<string, Promise<WorkflowBundleWithSourceMap>>();

/** The workflows of one file, bundled once. */
export function bundle(file: string): Promise<WorkflowBundleWithSourceMap> {
  let made = bundles.get(file);
  if (made === undefined) bundles.set(file, (made = bundleWorkflowCode({ workflowsPath: require.resolve(file), logger })));
  return made;
}

export async function newWorker(options: Partial<WorkerOptions> & { taskQueue: string }, file = './workflows') {
  return await Worker.create({
    connection: env.nativeConnection,
    workflowBundle: await bundle(file),
    activities,
    shutdownGraceTime: '1s',
    maxHeartbeatThrottleInterval: '20ms',
    defaultHeartbeatThrottleInterval: '20ms',
    ...options,
  });
}

type Telling = (t: TestContext) => Promise<void>;
const stories = new Map<string, Telling>();
const waiting = new Map<string, string>();

export function story(name: string, tell: Telling) {
  stories.set(name, tell);
}

/** A story that has to wait for a part of the server; whoever builds it makes it a story. */
export function notBuiltYet(part: string, name: string, tell: Telling) {
  story(name, tell);
  if (!process.env.ORACLE) waiting.set(name, part);
}

/** Tells all stories at the same time, those that are named on the command line when there are such. */
export function tellAll() {
  const exe = process.env.FERMATA_EXE;
  assert(exe, 'set FERMATA_EXE to the server executable, an absolute path');
  const wanted = process.argv.slice(2);

  describe('stories', { concurrency: 16, timeout: 60_000 }, () => {
    let worker: Worker, working: Promise<void>;

    before(async () => {
      Runtime.install({ logger, telemetryOptions: { logging: { filter: 'ERROR' } } });
      env = await TestWorkflowEnvironment.createLocal({
        server: {
          executable: { type: 'existing-path', path: exe },
          log: { format: 'pretty', level: 'error' },
          searchAttributes: [customer, amount],
        },
      });
      worker = await newWorker({ taskQueue: queue });
      working = worker.run();
    });
    for (const [name, tell] of stories) {
      if (wanted.length > 0 && !wanted.some((part) => name.includes(part))) continue;
      it(name, { skip: waiting.has(name) && `not built yet: ${waiting.get(name)}` }, (t) => tell(t as TestContext));
    }
    after(async () => {
      worker.shutdown();
      await working;
      await env.teardown();
    });
  });
}

export function unique(prefix = 'wf'): string {
  return `${prefix}-${randomUUID()}`;
}

/** Starts a workflow on the shared worker, unless another queue is given. */
export async function start<T extends Workflow>(
  workflow: T | string,
  args: Parameters<T>,
  options: Partial<WorkflowStartOptions<T>> = {},
) {
  return await env.client.workflow.start<T>(workflow as T, {
    workflowId: unique(),
    taskQueue: queue,
    args,
    ...options,
  } as WorkflowStartOptions<T>);
}

/** What the workflow failed with. */
export async function failure(handle: WorkflowHandle): Promise<any> {
  try {
    await handle.result();
  } catch (error: any) {
    return error.cause;
  }
  assert.fail(`${handle.workflowId} has not failed`);
}

export async function status(handle: WorkflowHandle): Promise<string> {
  return (await handle.describe()).status.name;
}

export async function events(handle: WorkflowHandle) {
  return (await handle.fetchHistory()).events!;
}

/** The history's events by name: ["WorkflowExecutionStarted", ...]. */
export async function names(handle: WorkflowHandle): Promise<string[]> {
  return (await events(handle)).map((event) => {
    const attributes = Object.keys(event).find((key) => key.endsWith('EventAttributes'))!;
    return attributes[0].toUpperCase() + attributes.slice(1).replace('EventAttributes', '');
  });
}

/** For what the server shows only when it is asked. */
export async function eventually(is: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + 20_000;
  while (!(await is())) {
    assert(Date.now() < end, `not within 20 s: ${is}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
