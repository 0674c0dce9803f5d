import { ApplicationFailure, CompleteAsyncError, Context, heartbeat } from '@temporalio/activity';

/** Fails until the given attempt. */
export async function charge(until: number): Promise<number> {
  const { attempt } = Context.current().info;
  if (attempt < until) throw new Error('the bank is not answering');
  return attempt;
}

export async function decline(): Promise<void> {
  throw ApplicationFailure.create({
    message: 'card declined',
    type: 'Declined',
    nonRetryable: true,
    details: [402, 'no funds'],
  });
}

export async function book(what: string, soldOut: string): Promise<string> {
  if (what === soldOut) throw ApplicationFailure.nonRetryable(`${what} is sold out`, 'SoldOut');
  return `${what} booked`;
}

export async function takeBack(what: string): Promise<string> {
  return `${what} taken back`;
}

/** Goes on where the attempt before it stopped, which its heartbeats say. */
export async function copyFile(chunks: number): Promise<number> {
  const { attempt, heartbeatDetails } = Context.current().info;
  const first = heartbeatDetails ?? 0;
  for (let done = first + 1; done <= chunks; done++) {
    heartbeat(done);
    if (done === 3 && attempt === 1) throw new Error('the disk went away');
  }
  return first;
}

/** Asks again and again until it is cancelled. */
export async function poll(): Promise<void> {
  const context = Context.current();
  for (;;) {
    heartbeat('still waiting');
    await context.sleep(20); // throws when cancelled
  }
}

/** Hands its answer to somebody else, who finds it by its id. */
export async function askClerk(): Promise<string> {
  throw new CompleteAsyncError();
}

/** The same by its token, which it tells in a heartbeat. */
export async function askClerkByToken(): Promise<string> {
  heartbeat(Context.current().info.base64TaskToken);
  throw new CompleteAsyncError();
}

export async function exchange(currency: string): Promise<number> {
  if (currency === 'dreams') throw ApplicationFailure.nonRetryable('no such currency');
  return 1.5;
}

/** A local activity that outlasts its workflow task. */
export async function exchangeSlowly(): Promise<string> {
  await Context.current().sleep(3600);
  return 'at last';
}
