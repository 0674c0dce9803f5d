/* Addresses. They are those of the official web UI where both have the page, because SDKs and the CLI print such links. */
import { useState, useEffect } from './lib.js';

/* Where the UI is mounted (--ui-public-path), with a slash at the end. */
const base = new URL(document.baseURI).pathname;

/* A path from parts that may hold anything: link('namespaces', 'a/b') is namespaces/a%2Fb. */
export const link = (...parts) => base + parts.filter((part) => part !== undefined).map(encodeURIComponent).join('/');

/* The same with a query string; values that are undefined, null or empty are left out. */
export function linkWith(parts, query) {
  const kept = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== '');
  const search = new URLSearchParams(kept).toString();
  return link(...parts) + (search ? '?' + search : '');
}

function decode(part) {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; /* a stray % in an address that somebody typed */
  }
}

function here() {
  const path = location.pathname.startsWith(base) ? location.pathname.slice(base.length) : location.pathname.slice(1);
  return {
    parts: path.split('/').filter(Boolean).map(decode),
    query: Object.fromEntries(new URLSearchParams(location.search)),
    href: location.pathname + location.search,
  };
}

const watchers = new Set();
const told = () => watchers.forEach((watcher) => watcher());
addEventListener('popstate', told);

export function go(href, { replace = false } = {}) {
  if (href === location.pathname + location.search) return;
  const page = location.pathname;
  history[replace ? 'replaceState' : 'pushState'](null, '', href);
  if (page !== location.pathname) scrollTo(0, 0);
  told();
}

/* Links of this UI change the page without loading it anew; those with modifiers, targets or elsewhere are the browser's. */
addEventListener('click', (event) => {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  const anchor = event.target instanceof Element ? event.target.closest('a[href]') : null;
  if (!anchor || anchor.target || anchor.hasAttribute('download')) return;
  const url = new URL(anchor.href);
  if (url.origin !== location.origin || !url.pathname.startsWith(base) || url.hash) return;
  event.preventDefault();
  go(url.pathname + url.search);
});

/* The present address: {parts, query, href}. */
export function useRoute() {
  const [route, set] = useState(here);
  useEffect(() => {
    const watcher = () => set(here());
    watchers.add(watcher);
    watcher();
    return () => watchers.delete(watcher);
  }, []);
  return route;
}
