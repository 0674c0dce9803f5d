/* The share of traffic as a picture: one bar for all new work, current on the left and the ramp on the right, whose boundary is
 * a slider; under it the versions that drain. */
import { html, cx } from '../lib.js';
import { Meter } from './basic.js';

const nameOf = (build) => (build === '' ? 'unversioned' : build);

/* A bar of the two shares. Small ones stand in lists. */
export function TrafficBar({ routing, small }) {
  const { current, ramp } = routing;
  const shares = [{ ...current, kind: current.build === '' ? 'none' : 'current' }];
  if (ramp) shares.push({ ...ramp, kind: 'ramp' });
  const said = shares.map((share) => `${nameOf(share.build)} ${share.percent} %`).join(', ');
  return html`<div class=${cx('traffic', small && 'small')} role="img" aria-label=${`New work: ${said}`} title=${said}>
    ${shares.map((share) => html`<span class=${'share is-' + share.kind} style=${{ flexGrow: share.percent, flexBasis: 0 }}>${
      small || share.percent < 8 ? null : html`<span><b>${nameOf(share.build)}</b> ${share.percent}%</span>`}</span>`)}
  </div>`;
}

/* The same with the ramp to drag: an input of the browser's lies over the bar, so mouse, touch and arrow keys all work. percent
 * is the draft; onDraft(percent) as it moves. */
export function RampBar({ routing, percent, onDraft }) {
  const drafted = {
    current: { ...routing.current, percent: 100 - percent },
    ramp: { ...routing.ramp, percent },
  };
  const moved = (event) => onDraft(100 - Number(event.currentTarget.value));
  return html`<div class="ramp-bar">
    <${TrafficBar} routing=${drafted} />
    <input type="range" min="0" max="100" step="1" value=${100 - percent} onInput=${moved}
      aria-label=${`Share of new work for ${nameOf(routing.ramp.build)}`} aria-valuetext=${`${percent} % to ${nameOf(routing.ramp.build)}`} />
    <span class="ramp-handle" style=${{ left: `${100 - percent}%` }} aria-hidden="true"></span>
  </div>`;
}

/* The versions that get no new work but still have some: what is left of each. */
export function DrainingStrip({ versions, numbers }) {
  const list = versions.filter((version) => version.status === 'Draining');
  if (!list.length) return null;
  return html`<ul class="draining" aria-label="Versions that drain">${list.map(({ build }) => html`<li><b class="mono">${build}</b> drains <${Drainage} counts=${numbers[build]?.pinned} /></li>`)}</ul>`;
}

/* How far a version has drained: closed of all that were ever pinned to it. */
export function Drainage({ counts, status }) {
  if (status === 'Drained') return html`<span class="mute">done</span>`;
  if (!counts) return html`<span class="mute">…</span>`;
  const { open, all } = counts;
  const share = all ? (all - open) / all : 1;
  return html`<span class="drainage"><${Meter} share=${share} kind="drain" label=${`${all - open} of ${all} pinned workflows closed`} /><span>${open ? `${open} to go` : 'none left'}</span></span>`;
}
