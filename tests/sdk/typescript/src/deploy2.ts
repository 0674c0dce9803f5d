// The second version.
import { condition, defineSignal, patched, setHandler, sleep } from '@temporalio/workflow';

export async function bake(): Promise<string> {
  let going = false;
  const rye = patched('rye');
  setHandler(defineSignal('go on'), () => void (going = true));
  await condition(() => going);
  if (rye) return 'rye bread';
  await sleep(1);
  return 'white bread';
}

export async function divide(): Promise<number> {
  return 42;
}

export async function cook(): Promise<string> {
  let going = false;
  setHandler(defineSignal('go on'), () => void (going = true));
  await condition(() => going);
  return 'soup';
}
