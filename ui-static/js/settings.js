/* What this browser keeps: what a reader has chosen, {theme, codec, codecCredentials, utc, language}, and what pages remember. */
import { useState, useEffect } from './lib.js';

const KEY = 'fermata';
const watchers = new Set();

function read() {
  try {
    return JSON.parse(localStorage.getItem(KEY)) ?? {};
  } catch {
    return {}; /* storage is off, or not ours */
  }
}

let chosen = read();

function apply() {
  if (chosen.theme) document.documentElement.dataset.theme = chosen.theme;
  else delete document.documentElement.dataset.theme;
}
apply();

export const settings = () => chosen;

export function choose(changes) {
  chosen = { ...chosen, ...changes };
  try {
    localStorage.setItem(KEY, JSON.stringify(chosen));
  } catch {
    /* kept for this page only */
  }
  apply();
  watchers.forEach((watcher) => watcher());
}

export function useSettings() {
  const [, again] = useState(0);
  useEffect(() => {
    const watcher = () => again((count) => count + 1);
    watchers.add(watcher);
    return () => watchers.delete(watcher);
  }, []);
  return chosen;
}

/* What pages remember by key, for the last so many keys: {key: value}, the latest last. */
const MEMORY = 'fermata-memory';
const KEYS_MOST = 20;

function memory() {
  try {
    return JSON.parse(localStorage.getItem(MEMORY)) ?? {};
  } catch {
    return {};
  }
}

export const kept = (key) => memory()[key];

export function keep(key, value) {
  const { [key]: _, ...others } = memory();
  const all = [...Object.entries(others), [key, value]].slice(-KEYS_MOST);
  try {
    localStorage.setItem(MEMORY, JSON.stringify(Object.fromEntries(all)));
  } catch {
    /* for this page only */
  }
}
