// A version that forgot about open runs.
import { proxyActivities } from '@temporalio/workflow';

export async function bake(): Promise<string> {
  await proxyActivities({ startToCloseTimeout: '1m' }).heatTheOven();
  return 'burnt bread';
}
