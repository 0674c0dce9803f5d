import test from 'node:test';
import assert from 'node:assert/strict';
import { typeOf, stateOf, progressOf, BATCH_ACTIONS, RESET_TARGETS } from '../../../ui-static/js/model/batches.js';
import { cli } from '../../../ui-static/js/model/cli.js';

const here = { namespace: 'default', address: 'localhost:7233' };

test('what a batch does, by its older and newer names', () => {
  for (const name of ['CANCEL', 'CANCEL_WORKFLOW']) assert.equal(typeOf({ operationType: `BATCH_OPERATION_TYPE_${name}` }), 'Request cancellation');
  for (const name of ['UPDATE_EXECUTION_OPTIONS', 'UPDATE_WORKFLOW_EXECUTION_OPTIONS']) assert.equal(typeOf({ operationType: `BATCH_OPERATION_TYPE_${name}` }), 'Change versioning override');
  assert.equal(typeOf({ operationType: 'BATCH_OPERATION_TYPE_RESET_ACTIVITY' }), 'Reset activity');
  assert.equal(typeOf({}), 'Unknown');
});

test('how far it is', () => {
  assert.deepEqual(progressOf({ totalOperationCount: '4', completeOperationCount: '2', failureOperationCount: '1' }), { total: 4, done: 2, failed: 1, share: 0.75, open: true, took: null });
  assert.equal(progressOf({}).share, 0);
  assert.equal(progressOf({ state: 'BATCH_OPERATION_STATE_COMPLETED', startTime: '2026-01-01T00:00:00Z', closeTime: '2026-01-01T00:00:02Z' }).took, 2000);
  assert.equal(stateOf({ state: 'BATCH_OPERATION_STATE_FAILED' }), 'Failed');
});

test('each action has a command that does the same', () => {
  for (const { key } of BATCH_ACTIONS) {
    const reset = key === 'reset' ? { type: 'BuildId', buildId: 'b 1' } : undefined;
    const line = cli.batch(key, 'WorkflowType = "Order"', { reason: 'so', name: 'go', input: '1', reset }, here);
    assert.ok(line.startsWith(`temporal workflow ${key} --query 'WorkflowType = "Order"'`), line);
    assert.equal(line.includes('--name go --input 1'), key === 'signal');
    assert.equal(line.includes("--type BuildId --build-id 'b 1'"), key === 'reset');
    assert.match(line, /--reason so --yes$/);
  }
  assert.deepEqual(RESET_TARGETS.map((one) => one.options('b')), [{ lastWorkflowTask: {} }, { firstWorkflowTask: {} }, { buildId: 'b' }]);
});
