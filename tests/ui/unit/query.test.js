import test from 'node:test';
import assert from 'node:assert/strict';
import { suggest, withStatus, statusOf, tokens } from '../../../ui-static/js/model/query.js';

const offers = (text) => suggest(text, text.length).options.map((option) => option.text);

test('tokens know where they stand', () => assert.deepEqual(tokens('a >= "x y"').map((one) => [one.text, one.from]), [['a', 0], ['>=', 2], ['"x y"', 5]]));

const table = [
  ['', 'BuildIds'],
  ['Workflow', 'WorkflowId'],
  ['workflowty', 'WorkflowType'],
  ['WorkflowType ', 'STARTS_WITH'],
  ['StartTime ', 'BETWEEN'],
  ['ExecutionStatus = ', '"Running"'],
  ['ExecutionStatus = "Ru', '"Running"'],
  ['ExecutionStatus IN (', '"Running"'],
  ['ExecutionStatus NOT IN ("Running", ', '"Failed"'],
  ['ExecutionStatus = "Running" ', 'AND'],
  ['ExecutionStatus = "Running" AND ', 'BuildIds'],
  ['(', 'BuildIds'],
  ['CloseTime IS ', 'NOT NULL'],
  ['WorkflowType = ', '"Order"'],
];
for (const [text, wanted] of table) {
  test(`after «${text}» one may write ${wanted}`, () => {
    const found = suggest(text, text.length, undefined, { WorkflowType: ['Order'] }).options.map((option) => option.text);
    assert.ok(found.includes(wanted), found.join(' '));
  });
}

test('what is typed is replaced, and only that', () => {
  const found = suggest('WorkflowTy = "x"', 10);
  assert.deepEqual([found.from, found.to, found.options[0].text], [0, 10, 'WorkflowType']);
});

test('hostile and odd texts do no harm', () => {
  for (const text of ['"', "'", '`', ')))', 'a b c d', '= = =', '\u0000', 'NOT NOT', ',', 'IN (', '😀 = ']) assert.ok(Array.isArray(offers(text)), text);
});

test('a status narrows, another takes its place, the same widens', () => {
  const one = withStatus('WorkflowType = "A" OR WorkflowType = "B"', 'Running');
  assert.equal(one, 'ExecutionStatus = "Running" AND (WorkflowType = "A" OR WorkflowType = "B")');
  assert.equal(statusOf(one), 'Running');
  const two = withStatus(one, 'Failed');
  assert.equal(two, 'ExecutionStatus = "Failed" AND (WorkflowType = "A" OR WorkflowType = "B")');
  assert.equal(withStatus(two, 'Failed'), 'WorkflowType = "A" OR WorkflowType = "B"');
  assert.equal(withStatus('', 'Failed'), 'ExecutionStatus = "Failed"');
  assert.equal(withStatus('ExecutionStatus = "Failed"', 'Failed'), '');
});
