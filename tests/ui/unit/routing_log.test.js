import test from 'node:test';
import assert from 'node:assert/strict';
import { emptyRecord, remember, withRecord, withRecordedChanges } from '../../../ui-static/js/model/routing_log.js';

const none = { ramp: null };
const current = (from, to = null) => ({ kind: 'current', from, to });
const draining = (from, to = null) => ({ kind: 'draining', from, to });

test('a version that is current for the second time keeps its first', () => {
  let record = remember(emptyRecord(), [{ build: '1', spans: [current(10)] }, { build: '2', spans: [] }], none);
  record = remember(record, [{ build: '1', spans: [current(10, 20), draining(20)] }, { build: '2', spans: [current(20)] }], none);
  const lanes = [{ build: '1', spans: [current(30)] }, { build: '2', spans: [current(20, 30), draining(30)] }];
  record = remember(record, lanes, none);
  assert.deepEqual(record.spans['1'], [current(10, 20), draining(20, 30), current(30)], 'and what was open has ended by then');
  const seen = withRecord(lanes, record);
  assert.equal(seen.more, 2);
  assert.deepEqual(withRecordedChanges([{ at: 30, build: '1', text: 'became current' }], record).map(({ at, build }) => [at, build]),
    [[30, '1'], [30, '2'], [20, '2'], [20, '1'], [10, '1']]);
  assert.deepEqual(remember(record, lanes, none), record, 'looking twice changes nothing');
});

test('each step of a ramp is kept, once', () => {
  const step = (changed, percent) => ({ ramp: { build: '2', percent, since: 5, changed } });
  let record = emptyRecord();
  for (const [at, percent] of [[5, 10], [5, 10], [8, 25], [9, 0]]) record = remember(record, [], step(at, percent));
  assert.deepEqual(record.ramps.map(({ at, percent }) => [at, percent]), [[5, 10], [8, 25], [9, 0]]);
  const told = withRecordedChanges([{ at: 5, build: '2', text: 'began to ramp' }, { at: 9, build: '2', text: 'now takes 0 %' }], record);
  assert.deepEqual(told.map(({ text }) => text), ['now takes 0 %', 'now takes 25 %', 'began to ramp, to 10 %']);
});

test('a deleted version is forgotten, and nothing grows without end', () => {
  let record = remember(emptyRecord(), [{ build: '1', spans: [current(1)] }], none);
  assert.deepEqual(remember(record, [], none).spans, {});
  for (let at = 2; at < 200; at++) record = remember(record, [{ build: '1', spans: [current(at)] }], { ramp: { build: '1', percent: 1, since: 1, changed: at } });
  assert.equal(record.spans['1'].length, 30);
  assert.equal(record.ramps.length, 60);
});
