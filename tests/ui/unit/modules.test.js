import test from 'node:test';
import assert from 'node:assert/strict';
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

test('index.html fetches all modules at once, and there is none that nothing needs', () => {
  const needed = reached('js/main.js');
  const listed = [...read('index.html').matchAll(/modulepreload" href="([^"]+)"/g)].map((match) => match[1]);
  assert.deepEqual([...listed, 'js/main.js'].sort(), [...needed].sort());
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
