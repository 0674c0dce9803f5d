// workflows.ts: a workflow, and the activity that calls the outside world.
import { proxyActivities } from '@temporalio/workflow';

export interface Activities {
  greet(name: string): Promise<string>;
}

const { greet } = proxyActivities<Activities>({ startToCloseTimeout: '10s' });

export async function greeting(name: string): Promise<string> {
  return await greet(name);
}
