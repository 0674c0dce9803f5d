import test from 'node:test';
import assert from 'node:assert/strict';
import { instant, span, spanText, relative, clock } from '../../../ui-static/js/model/time.js';
import { enumText, enumCamel } from '../../../ui-static/js/model/enums.js';

test('zero and absent times are none', () => {
  for (const text of [undefined, '', '0001-01-01T00:00:00Z', '1970-01-01T00:00:00Z', 'nonsense']) assert.equal(instant(text), null, text);
  assert.equal(instant('2026-01-02T03:04:05.5Z'), Date.UTC(2026, 0, 2, 3, 4, 5, 500));
});

test('spans in at most two units', () => {
  const cases = [[0, '0ms'], [42, '42ms'], [1234, '1.2s'], [5000, '5s'], [65000, '1m 5s'], [3600000, '1h'], [93784000, '1d 2h'], [86400000 + 5000, '1d'], [-2500, '-2.5s'], [null, '']];
  for (const [ms, text] of cases) assert.equal(spanText(ms), text);
  assert.equal(span('1.5s'), 1500);
  assert.equal(span('x'), null);
});

test('relative times say now within a second', () => {
  assert.equal(relative(1000, 1500), 'now');
  assert.equal(relative(0, 4600), '5s ago');
  assert.equal(relative(3605000, 0), 'in 1h');
});

test('clock in UTC', () => assert.equal(clock(Date.UTC(2026, 10, 21, 7, 8, 9, 5), { utc: true, millis: true }), '2026-11-21 07:08:09.005'));

test('enums for people', () => {
  assert.equal(enumText('WORKFLOW_EXECUTION_STATUS_TIMED_OUT', 'WORKFLOW_EXECUTION_STATUS'), 'Timed out');
  assert.equal(enumText('VERSIONING_BEHAVIOR_UNSPECIFIED', 'VERSIONING_BEHAVIOR'), '');
  assert.equal(enumCamel('EVENT_TYPE_WORKFLOW_TASK_FAILED', 'EVENT_TYPE'), 'WorkflowTaskFailed');
  assert.equal(enumCamel('WorkflowTaskFailed', 'EVENT_TYPE'), 'WorkflowTaskFailed');
});
