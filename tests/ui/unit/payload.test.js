import test from 'node:test';
import assert from 'node:assert/strict';
import { decodePayload, encodePayload, payloadLine, payloadsOf } from '../../../ui-static/js/model/payload.js';

const payload = (encoding, data, more = {}) => ({ metadata: { encoding: btoa(encoding), ...more }, data: Buffer.from(data).toString('base64') });

test('what payloads say', () => {
  assert.deepEqual(decodePayload(payload('json/plain', '{"a":1}')).value, { a: 1 });
  assert.equal(decodePayload(payload('json/plain', '{"a":')).kind, 'text');
  assert.equal(decodePayload({ metadata: { encoding: btoa('binary/null') } }).kind, 'null');
  assert.deepEqual(decodePayload(payload('binary/plain', 'abc')), { kind: 'bytes', size: 3, type: undefined });
  assert.equal(decodePayload(payload('binary/encrypted', 'abc')).kind, 'encoded');
  assert.equal(decodePayload({ metadata: { encoding: '%%%' }, data: '%%%' }).kind, 'bytes');
  assert.equal(decodePayload(undefined).kind, 'bytes');
});

test('what is typed comes back, in any script and of any length', () => {
  for (const value of ['ünï→😀', 'x'.repeat(300000), { a: [1, null] }]) assert.deepEqual(decodePayload(encodePayload(JSON.stringify(value))).value, value);
  assert.throws(() => encodePayload('{'), SyntaxError);
});

test('lines for tables', () => {
  assert.equal(payloadLine(payload('json/plain', '"hi"')), 'hi');
  assert.equal(payloadLine(payload('binary/encrypted', 'abc')), '3 bytes, binary/encrypted');
  assert.deepEqual(payloadsOf(undefined), []);
  assert.deepEqual(payloadsOf({ payloads: [1] }), [1]);
});
