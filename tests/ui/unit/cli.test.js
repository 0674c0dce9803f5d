import test from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { quote, command, cli } from '../../../ui-static/js/model/cli.js';
import { snippets } from '../../../ui-static/js/model/snippets.js';

test('a quoted word is one word to the shell, as it was', () => {
  for (const word of ["it's", '$(reboot)', '`id`', 'a b', '"; rm -rf /', '--flag', '', '*', '~', 'x\ny', '\\', '!1']) {
    assert.equal(execFileSync('/bin/sh', ['-c', `printf %s ${quote(word)}`]).toString(), word);
  }
});

test('control characters do not reach a terminal', () => assert.equal(quote('a\u001b[2Jb\rc'), "'a [2Jb c'"));

test('flags that are absent are left out, and defaults too', () => {
  assert.equal(command(['workflow', 'list'], { a: undefined, b: '', c: false, d: true, e: [1, 2] }, { namespace: 'default', address: 'localhost:7233' }),
    'temporal workflow list --d --e 1 --e 2');
  assert.equal(cli.setCurrent('d', '', {}, { namespace: 'n', address: 'h:1' }),
    'temporal worker deployment set-current-version --deployment-name d --unversioned --yes --namespace n --address h:1');
});

test('every snippet names the server, the namespace, the queue and the version', () => {
  for (const deployment of ['shop', undefined]) {
    for (const one of snippets({ address: 'host:1', namespace: 'na"me', queue: 'q', deployment })) {
      for (const text of ['"host:1"', '"na\\"me"', '"q"']) assert.ok(one.code.includes(text), `${one.name}: ${text}`);
      assert.equal(one.code.includes('"shop"'), deployment !== undefined, one.name);
    }
  }
});
