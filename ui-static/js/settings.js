/* What a reader has chosen, kept in this browser: {theme, codec, codecCredentials, utc}. */
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
