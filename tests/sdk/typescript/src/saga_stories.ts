import assert from 'node:assert/strict';
import { ActivityFailure, CancelledFailure } from '@temporalio/common';
import { eventually, failure, start, story } from './story';
import * as workflows from './workflows';

story('a saga that succeeds', async () => {
  const handle = await start(workflows.trip, ['nothing']);
  await handle.signal(workflows.confirm);

  assert.deepEqual(await handle.result(), ['flight booked', 'hotel booked', 'car booked']);
});

story('a saga takes back what it did', async () => {
  const handle = await start(workflows.trip, ['car']);

  assert((await failure(handle)) instanceof ActivityFailure);
  assert.deepEqual(await handle.query(workflows.log), [
    'flight booked',
    'hotel booked',
    'hotel booked taken back',
    'flight booked taken back',
  ]);
});

story('a cancelled saga takes back what it did', async () => {
  const handle = await start(workflows.trip, ['nothing']);
  await eventually(async () => (await handle.query(workflows.log)).length === 3);
  await handle.cancel();

  assert((await failure(handle)) instanceof CancelledFailure);
  assert.equal((await handle.query(workflows.log)).length, 6);
});
