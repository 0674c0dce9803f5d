/* Small parts that all pages use. */
import { html, cx, useState, useEffect, useRef, useId, createContext, useContext } from '../lib.js';
import { useTold } from '../live.js';
import { useSettings } from '../settings.js';
import { clock, relative } from '../model/time.js';

/* {ns, where: {namespace, address}, codec}: what every part may need to know about where it is. */
export const Place = createContext({});
export const usePlace = () => useContext(Place);

/* Signs that fonts do not all have. */
const ICONS = {
  copy: 'M5.5 1.5h7a1 1 0 0 1 1 1v8M2.5 4.5h8v10h-8z',
  done: 'M2.5 8.5l3.5 3.5 7.5-8',
  close: 'M3.5 3.5l9 9m0-9l-9 9',
  dots: 'M3 8h.01M8 8h.01M13 8h.01',
  light: 'M8 5a3 3 0 1 1 0 6a3 3 0 1 1 0-6zM8 1v1.5M8 13.5V15M1 8h1.5M13.5 8H15M3 3l1 1M12 12l1 1M3 13l1-1M12 4l1-1',
  dark: 'M13.5 10A6 6 0 0 1 6 2.5a6 6 0 1 0 7.5 7.5z',
  auto: 'M8 2a6 6 0 1 1 0 12a6 6 0 1 1 0-12zM8 2v12M10 3v10M12 4.5v7',
  gear: 'M8 5.5a2.5 2.5 0 1 1 0 5a2.5 2.5 0 1 1 0-5zM8 1v2.5M8 12.5V15M1 8h2.5M12.5 8H15M3 3l1.8 1.8M11.2 11.2L13 13M3 13l1.8-1.8M11.2 4.8L13 3',
};
export const Icon = ({ name }) =>
  html`<svg class="icon" viewBox="0 0 16 16" width="14" height="14" aria-hidden="true"><path d=${ICONS[name]} /></svg>`;

/* A state, as a word with a colour that repeats it (and is not needed to read it). */
export function Badge({ kind, children, title }) {
  return html`<span class=${cx('badge', kind && 'is-' + kind)} title=${title}>${children}</span>`;
}

const STATUS_KIND = {
  Running: 'run', Completed: 'good', Failed: 'bad', 'Timed out': 'bad', Terminated: 'bad', Canceled: 'mute',
  'Continued as new': 'mute', Paused: 'warn',
};
export const StatusBadge = ({ status }) => html`<${Badge} kind=${STATUS_KIND[status]}>${status}<//>`;

const VERSION_KIND = { Current: 'current', Ramping: 'ramp', Draining: 'drain', Drained: 'mute', Inactive: 'mute', Created: 'mute' };
export const VersionBadge = ({ status, share }) =>
  html`<${Badge} kind=${VERSION_KIND[status]}>${status}${status === 'Ramping' ? ` ${share}%` : ''}<//>`;

/* An instant: how long ago, with the full time as title; or the full time. */
export function Time({ at, full = false, millis = false }) {
  const { utc } = useSettings();
  const away = useTold((now) => (at === null || at === undefined ? '' : relative(at, now)));
  if (at === null || at === undefined) return html`<span class="mute">–</span>`;
  const exact = clock(at, { utc, millis });
  return html`<time datetime=${new Date(at).toISOString()} title=${full ? away : exact}>${full ? exact : away}</time>`;
}

export function Copy({ text, label = 'Copy' }) {
  const [done, set] = useState(false);
  useEffect(() => {
    if (!done) return undefined;
    const timer = setTimeout(() => set(false), 1500);
    return () => clearTimeout(timer);
  }, [done]);
  const copy = async (event) => {
    event.preventDefault();
    event.stopPropagation();
    await copyText(text);
    set(true);
  };
  return html`<button type="button" class="copy" onClick=${copy} title=${label} aria-label=${done ? 'Copied' : label}><${Icon} name=${done ? 'done' : 'copy'} /></button>`;
}

async function copyText(text) {
  try {
    await navigator.clipboard.writeText(text);
  } catch { /* no secure context: the old way */
    const area = document.createElement('textarea');
    area.value = text;
    (document.querySelector('dialog[open]') ?? document.body).append(area);
    area.select();
    document.execCommand('copy');
    area.remove();
  }
}

/* A command line that does the same. */
export function Cli({ text, label = 'The same on the command line' }) {
  return html`<div class="cli"><span class="cli-label">${label}</span><div class="cli-line"><code>${text}</code><${Copy} text=${text} label="Copy the command" /></div></div>`;
}

export function Code({ text }) {
  return html`<div class="code"><pre><code>${text}</code></pre><${Copy} text=${text} /></div>`;
}

export function Notice({ kind = 'info', children, role }) {
  return html`<div class=${cx('notice', 'is-' + kind)} role=${role ?? (kind === 'bad' ? 'alert' : 'status')}>${children}</div>`;
}

/* A failed call, in the server's words. That the server does not answer at all is told once, over the whole page; `always` tells it
 * here, too: where somebody wanted something. */
export function Failure({ error, what, always }) {
  if (!error || (error.status === 0 && !always)) return null;
  return html`<${Notice} kind="bad">${what ? html`<b>${what}</b> ` : null}${error.message}<//>`;
}

/* A place where nothing is yet: what would be here, and how it comes to be. */
export const Empty = ({ title, text, children }) => html`<section class="teach"><h2>${title}</h2><p>${text}</p>${children}</section>`;

export const Loading = () => html`<p class="mute loading" role="status">Asking the server …</p>`;

export function PageHead({ crumbs = [], title, badge, sub, children }) {
  useEffect(() => {
    document.title = `${typeof title === 'string' ? title : 'Fermata'} · Fermata`;
  }, [title]);
  return html`<header class="page-head">
    <div class="page-title">
      ${crumbs.length ? html`<nav class="crumbs" aria-label="Where this is">${crumbs.map(([text, href]) => html`<a href=${href}>${text}</a><span aria-hidden="true">/</span>`)}</nav>` : null}
      <h1>${title}${badge}</h1>
      ${sub ? html`<p class="sub">${sub}</p>` : null}
    </div>
    <div class="actions">${children}</div>
  </header>`;
}

export function Section({ title, note, children, id, actions }) {
  return html`<section class="section" aria-labelledby=${id}>
    <div class="section-head"><h2 id=${id}>${title}</h2>${note ? html`<span class="mute">${note}</span>` : null}${actions ? html`<div class="actions">${actions}</div>` : null}</div>
    ${children}
  </section>`;
}

/* A form in a dialog of the browser's: it keeps the focus, and Escape closes it. run() does the deed; what it throws is shown,
 * and else the dialog closes. blocked: what is chosen cannot be done. */
export function Dialog({ title, close, run, verb, danger, children, wide, command, blocked }) {
  const box = useRef(null);
  const id = useId();
  const [error, fail] = useState(null);
  const [busy, work] = useState(false);
  useEffect(() => {
    const opened = document.activeElement;
    box.current.showModal();
    box.current.querySelector('[autofocus]')?.focus();
    return () => opened?.isConnected && opened.focus?.();
  }, []);
  const submit = async (event) => {
    event.preventDefault();
    fail(null);
    work(true);
    try {
      if ((await run()) !== false) close();
    } catch (thrown) {
      fail(thrown);
    }
    work(false);
  };
  const outside = (event) => event.target === box.current && close();
  return html`<dialog ref=${box} class=${cx(wide && 'wide')} aria-labelledby=${id} onClose=${close} onMouseDown=${outside}>
    <form method="dialog" onSubmit=${submit}>
      <div class="dialog-head"><h2 id=${id}>${title}</h2><button type="button" class="plain" aria-label="Close" onClick=${close}><${Icon} name="close" /></button></div>
      <div class="dialog-body">${children}<${Failure} error=${error} always />${command ? html`<${Cli} text=${command} />` : null}</div>
      <div class="dialog-foot">
        <button type="button" onClick=${close}>${verb ? 'Cancel' : 'Close'}</button>
        ${verb ? html`<button class=${cx('primary', danger && 'danger')} disabled=${busy || blocked} aria-busy=${busy ? 'true' : undefined}>${busy ? html`<span class="spin" aria-hidden="true"></span>` : null}${verb}</button>` : null}
      </div>
    </form>
  </dialog>`;
}

export function Field({ label, hint, children }) {
  return html`<label class="field"><span class="field-label">${label}</span>${children}${hint ? html`<span class="hint">${hint}</span>` : null}</label>`;
}

/* Links that look like tabs: each has its own address. */
export function Tabs({ tabs, label }) {
  return html`<nav class="tabs" aria-label=${label}>
    ${tabs.map(({ name, href, now, count }) => html`<a href=${href} aria-current=${now ? 'page' : undefined}>${name}${count ? html` <span class="count">${count}</span>` : null}</a>`)}
  </nav>`;
}

/* A menu of actions that native popovers would not give the keyboard: details/summary does. */
export function Menu({ label, children, name }) {
  const box = useRef(null);
  useEffect(() => {
    const away = (event) => box.current && !box.current.contains(event.target) && (box.current.open = false);
    const key = (event) => {
      if (event.key !== 'Escape' || !box.current?.open) return;
      box.current.open = false;
      box.current.querySelector('summary').focus();
    };
    addEventListener('click', away);
    addEventListener('keydown', key);
    return () => {
      removeEventListener('click', away);
      removeEventListener('keydown', key);
    };
  }, []);
  const chosen = () => {
    box.current.open = false;
    box.current.querySelector('summary').focus(); /* where a dialog gives the focus back to */
  };
  return html`<details class="menu" ref=${box}><summary class="button" aria-label=${name}>${label}</summary><div class="menu-items" onClick=${chosen}>${children}</div></details>`;
}

export const Meter = ({ share, kind, label }) =>
  html`<span class=${cx('meter', kind && 'is-' + kind)} role="img" aria-label=${label}><span style=${{ width: `${Math.max(0, Math.min(1, share)) * 100}%` }}></span></span>`;

/* Name and value pairs. */
export const Facts = ({ list }) => html`<dl class="facts">
  ${list.filter(([, value]) => value !== undefined && value !== null && value !== '').map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}
</dl>`;
