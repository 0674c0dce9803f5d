import test from 'node:test';
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../../ui-static');
const read = (name) => readFileSync(path.join(root, name), 'utf8');

/* The modules that main.js needs, found as a browser does. */
function reached(name, found = new Set()) {
  if (found.has(name)) return found;
  found.add(name);
  if (name.startsWith('vendor/')) return found;
  for (const [, other] of read(name).matchAll(/from '(\.[^']+)'/g)) reached(path.posix.join(path.posix.dirname(name), other), found);
  return found;
}

test('there is no module that nothing needs', () => {
  const needed = reached('js/main.js');
  const there = readdirSync(path.join(root, 'js'), { recursive: true }).filter((name) => name.endsWith('.js')).map((name) => `js/${name}`);
  assert.deepEqual(there.filter((name) => !needed.has(name)), []);
});

test('nothing makes markup out of text, and the pure modules know no browser', () => {
  for (const name of reached('js/main.js')) {
    if (name.startsWith('vendor/')) continue;
    const text = read(name);
    assert.doesNotMatch(text, /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function|javascript:/, name);
    if (name.startsWith('js/model/')) assert.doesNotMatch(text, /\b(document|window|fetch|localStorage|location)\b\.|from '\.\.\//, name);
  }
});

test('style attributes are not strings: the content security policy forbids them', () => {
  for (const name of reached('js/main.js')) if (name.startsWith('js/')) assert.doesNotMatch(read(name), /style="/, name);
});

test('joined into one script, the modules are code, and export nothing', () => {
  const vendor = path.join(root, '../build/deps/ui/vendor');
  const joined = execFileSync('python3', [path.join(root, '../cmake/join_modules.py'), 'js/main.js', `vendor/=${vendor}`, root], { encoding: 'utf8', maxBuffer: 1 << 24 });
  execFileSync(process.execPath, ['--input-type=module', '--check'], { input: joined });
  const made = joined.replace(/`[^`]*`/g, '');
  assert.doesNotMatch(made, /^(import|export)\b/m);
  for (const name of reached('js/main.js')) assert.ok(joined.includes(`/* ${name} */`), name);
});
