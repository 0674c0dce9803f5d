// The first version of workflows that are deployed while runs are open.
import { condition, defineSignal, setHandler, sleep } from '@temporalio/workflow';

export async function bake(): Promise<string> {
  let going = false;
  setHandler(defineSignal('go on'), () => void (going = true));
  await condition(() => going);
  await sleep(1);
  return 'white bread';
}

export async function divide(): Promise<number> {
  throw new TypeError('division by zero'); // a bug: fails the workflow task, not the workflow
}

export async function cook(): Promise<string> {
  let going = false;
  setHandler(defineSignal('go on'), () => void (going = true));
  await condition(() => going);
  return 'salted twice';
}
