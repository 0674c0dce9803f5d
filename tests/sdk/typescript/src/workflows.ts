import {
  ApplicationFailure,
  CancellationScope,
  ChildWorkflowCancellationType,
  ParentClosePolicy,
  allHandlersFinished,
  condition,
  continueAsNew,
  defineQuery,
  defineSignal,
  defineUpdate,
  executeChild,
  getExternalWorkflowHandle,
  isCancellation,
  proxyActivities,
  proxyLocalActivities,
  setHandler,
  sleep,
  startChild,
  upsertMemo,
  upsertSearchAttributes,
  uuid4,
  workflowInfo,
} from '@temporalio/workflow';
import { defineSearchAttributeKey } from '@temporalio/common';
import type * as activities from './activities';

const { charge, decline, book, takeBack, copyFile, askClerk, askClerkByToken } = proxyActivities<typeof activities>({
  startToCloseTimeout: '10s',
  retry: { initialInterval: '50ms' },
});
const { poll } = proxyActivities<typeof activities>({
  startToCloseTimeout: '1m',
  heartbeatTimeout: '2s',
  cancellationType: 'WAIT_CANCELLATION_COMPLETED',
});
const { exchange, exchangeSlowly } = proxyLocalActivities<typeof activities>({ startToCloseTimeout: '5s' });

// Activities

export async function charging(until: number): Promise<number> {
  return await charge(until);
}

export async function declining(): Promise<void> {
  await decline();
}

export async function copying(): Promise<number> {
  return await copyFile(5);
}

export async function polling(): Promise<string> {
  try {
    await poll();
  } catch (error) {
    if (!isCancellation(error)) throw error;
  }
  return 'polled in vain';
}

export async function asking(): Promise<string> {
  return await askClerk();
}

export async function askingByToken(): Promise<string> {
  return await askClerkByToken();
}

export async function converting(currency: string): Promise<number> {
  return await exchange(currency);
}

export async function convertingSlowly(): Promise<string> {
  return await exchangeSlowly();
}

// A saga: what was booked is taken back in reverse when a step fails, or the trip is cancelled.

export const log = defineQuery<string[]>('log');
export const confirm = defineSignal('confirm');

export async function trip(soldOut: string): Promise<string[]> {
  const done: string[] = [];
  let confirmed = false;
  setHandler(log, () => done);
  setHandler(confirm, () => void (confirmed = true));
  try {
    for (const what of ['flight', 'hotel', 'car']) done.push(await book(what, soldOut));
    await condition(() => confirmed);
    return done;
  } catch (error) {
    await CancellationScope.nonCancellable(async () => {
      for (const what of [...done].reverse()) done.push(await takeBack(what));
    });
    throw error;
  }
}

// An approval, by signal or by update

export type Verdict = { by: string; approved: boolean };
export const state = defineQuery<string>('state');
export const decide = defineSignal<[Verdict]>('decide');
export const decideNow = defineUpdate<string, [Verdict]>('decideNow');

export async function approval(patience: number): Promise<string> {
  let now = 'open';
  const record = ({ by, approved }: Verdict) => (now = `${approved ? 'approved' : 'rejected'} by ${by}`);
  setHandler(state, () => now);
  setHandler(decide, (verdict) => void record(verdict));
  setHandler(
    decideNow,
    async (verdict) => {
      await sleep(1); // an update may take its time
      return record(verdict);
    },
    {
      validator: ({ by }) => {
        if (by === '') throw new Error('who are you?');
      },
    },
  );
  if (!(await condition(() => now !== 'open', patience))) return 'nobody decided';
  await condition(allHandlersFinished);
  return now;
}

// Children

export async function parcel(number: number): Promise<number> {
  if (number < 0) throw ApplicationFailure.create({ message: 'no such address', type: 'Address', details: [number] });
  await sleep(10);
  return number * number;
}

export async function van(parcels: number): Promise<number> {
  const squares = await Promise.all(
    Array.from({ length: parcels }, (_, i) => executeChild(parcel, { args: [i + 1] })),
  );
  return squares.reduce((sum, square) => sum + square, 0);
}

export async function lostParcel(): Promise<number> {
  return await executeChild(parcel, { args: [-7], retry: { initialInterval: '20ms', maximumAttempts: 2 } });
}

export async function waiting(): Promise<void> {
  await sleep('1h');
}

export async function fleet(vans: number): Promise<number> {
  const children = [];
  for (let number = 0; number < vans; number++) {
    children.push(
      executeChild(waiting, {
        workflowId: `${workflowInfo().workflowId}-${number}`,
        cancellationType: ChildWorkflowCancellationType.WAIT_CANCELLATION_COMPLETED,
      }),
    );
  }
  const ends = await Promise.allSettled(children);
  return ends.filter((end) => end.status === 'rejected' && isCancellation(end.reason)).length;
}

export async function leaving(): Promise<void> {
  for (const policy of [ParentClosePolicy.TERMINATE, ParentClosePolicy.REQUEST_CANCEL, ParentClosePolicy.ABANDON]) {
    await startChild(waiting, { workflowId: `${workflowInfo().workflowId}-${policy}`, parentClosePolicy: policy });
  }
}

/** A child that is told to go on and then to stop, and reports both. */
export const item = defineSignal<[number]>('item');

export async function called(): Promise<number[]> {
  const items: number[] = [];
  setHandler(item, (value) => void items.push(value));
  try {
    await condition(() => false);
  } catch (error) {
    if (!isCancellation(error)) throw error;
  }
  return items;
}

export async function caller(other: string): Promise<string[]> {
  const said: string[] = [];
  const say = async (call: Promise<void>) =>
    said.push(await call.then(() => 'done').catch((error) => error.message ?? String(error)));
  await say(getExternalWorkflowHandle(other).signal(item, 1));
  await say(getExternalWorkflowHandle('nobody').signal(item, 1));
  await say(getExternalWorkflowHandle(other).cancel());
  await say(getExternalWorkflowHandle('nobody').cancel());
  return said;
}

// Chains and timers

export async function collecting(wanted: number, items: number[] = []): Promise<number[]> {
  let news = 0;
  setHandler(item, (value) => {
    items.push(value);
    news++;
  });
  await condition(() => news >= 3 || items.length >= wanted);
  if (items.length < wanted) await continueAsNew<typeof collecting>(wanted, items);
  return items;
}

export async function succeedsAt(wanted: number): Promise<number> {
  const { attempt } = workflowInfo();
  if (attempt < wanted) throw ApplicationFailure.create({ message: `attempt ${attempt}` });
  return attempt;
}

export async function report(): Promise<number> {
  return 1 + ((workflowInfo().lastResult as number) ?? 0);
}

export async function race(): Promise<string> {
  let winner = '';
  await CancellationScope.cancellable(async () => {
    winner = await Promise.race([sleep(3_600_000).then(() => 'tortoise'), sleep(20).then(() => 'hare')]);
    CancellationScope.current().cancel();
  }).catch((error) => {
    if (!isCancellation(error)) throw error;
  });
  return winner;
}

// What is random, but the same in every replay

export async function lottery(): Promise<string[]> {
  const drawn = [];
  for (let i = 0; i < 3; i++) {
    drawn.push(uuid4(), String(Math.random()), new Date().toISOString());
    await sleep(1);
  }
  return drawn;
}

// How a workflow describes itself

export async function selling(who: string): Promise<void> {
  const customer = defineSearchAttributeKey('Customer', 'KEYWORD');
  const amount = defineSearchAttributeKey('Amount', 'INT');
  upsertSearchAttributes([
    { key: customer, value: who },
    { key: amount, value: null },
  ]);
  upsertMemo({ sold: true });
  if (workflowInfo().typedSearchAttributes.get(customer) !== who) {
    throw ApplicationFailure.nonRetryable('the workflow does not see what it has set');
  }
}
