/* Following the server without reload: ask again, cheaply. Nothing is asked while the page is hidden; what is asked for the same
 * thing by several parts of a page is asked once per part, because parts keep their own pace. */
import { useState, useEffect, useRef, useCallback } from './lib.js';

/* Whether the last call got through, and since when it is so: for the mark in the page's head. */
let state = { reachable: true, since: 0 };
const watchers = new Set();
function note(now) {
  if (now === state.reachable) return;
  state = { reachable: now, since: Date.now() };
  watchers.forEach((watcher) => watcher(state));
}
export function useReachable() {
  const [now, set] = useState(state);
  useEffect(() => {
    watchers.add(set);
    return () => watchers.delete(set);
  }, []);
  return now;
}

/* After failures the pauses grow up to these; a server that is away is likely being started again by who is looking on. */
const PAUSE_MOST_MS = 15000;
const AWAY_MOST_MS = 4000;

const visible = () => document.visibilityState === 'visible';

/* Resolves after ms, and as soon as the page is seen again; never while it is hidden. */
function pause(ms, signal) {
  return new Promise((resolve) => {
    let timer;
    const done = () => {
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', changed);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const due = () => (visible() ? done() : (timer = undefined));
    const changed = () => visible() && timer === undefined && done();
    timer = setTimeout(due, ms);
    document.addEventListener('visibilitychange', changed);
    signal.addEventListener('abort', done);
  });
}

/* Calls ask(signal) now and then every `every` ms (0: once), as long as the component lives and key stays the same.
 * {data, error, loading, again}: data stays while a later call fails, and keeps its identity while the answer is the same, so
 * that nothing is drawn anew; again() asks at once. A key of null asks nothing. */
export function useLive(key, ask, every = 2000) {
  const [told, set] = useState({ key, loading: key !== null });
  const asking = useRef(ask);
  asking.current = ask;
  const wake = useRef(null);

  useEffect(() => {
    if (key === null) return undefined;
    const life = new AbortController();
    let seen;
    set((before) => (before.key === key ? before : { key, loading: true }));
    (async () => {
      let failures = 0;
      while (!life.signal.aborted) {
        try {
          const data = await asking.current(life.signal);
          if (life.signal.aborted) return;
          const text = JSON.stringify(data);
          if (text !== seen) set({ key, data, loading: false });
          else if (failures) set((before) => ({ ...before, error: undefined }));
          seen = text;
          failures = 0;
          note(true);
        } catch (error) {
          if (life.signal.aborted) return;
          failures++;
          note(error.status !== 0);
          set((before) => ({ key, data: before.key === key ? before.data : undefined, error, loading: false }));
        }
        if (!every) return;
        const nap = new AbortController();
        const up = () => nap.abort();
        wake.current = up;
        life.signal.addEventListener('abort', up);
        await pause(failures ? Math.min(every * 2 ** failures, state.reachable ? PAUSE_MOST_MS : AWAY_MOST_MS) : every, nap.signal);
        life.signal.removeEventListener('abort', up);
      }
    })();
    return () => life.abort();
  }, [key, every]);

  const again = useCallback(() => wake.current?.(), []);
  const current = told.key === key ? told : { loading: key !== null };
  return { ...current, again };
}

/* One clock for all that shows time: watchers are told each second while the page is seen. */
const ticking = new Set();
setInterval(() => visible() && ticking.forEach((watcher) => watcher()), 1000);

/* What of(now) says, kept up to date; the component is drawn anew only when that changes, not each second. */
export function useTold(of) {
  const [told, set] = useState(() => of(Date.now()));
  const saying = useRef(of);
  saying.current = of;
  const now = of(Date.now());
  useEffect(() => {
    const watcher = () => set(saying.current(Date.now()));
    ticking.add(watcher);
    return () => ticking.delete(watcher);
  }, []);
  return now === told ? told : now;
}

/* The time in steps of `every` ms. */
export const useNow = (every = 1000) => useTold((now) => Math.floor(now / every) * every);
