/* Routing over time: a lane for each version, drawn as SVG, and the same as sentences. */
import { html, useEffect, useMemo, useState } from '../lib.js';
import { useNow } from '../live.js';
import { kept, keep } from '../settings.js';
import { lane, changes } from '../model/deployments.js';
import { emptyRecord, remember, withRecord, withRecordedChanges } from '../model/routing_log.js';
import { scale } from '../model/timeline.js';
import { clock, spanText } from '../model/time.js';
import { Time } from './basic.js';

const ROW = 26;
const LEFT = 150;
const WIDTH = 1000;
const LETTERS = 19;

/* Lanes that are drawn at first: those that were ever routed to, and so many of the others. */
const NEVER_ROUTED_SHOWN = 3;
const CHANGES_SHOWN = 12;

/* The record of a deployment in this browser, brought up to date with each look. One that was deleted and made anew is another. */
function useRecord(key, lanes, route) {
  const [record, set] = useState(() => kept(key) ?? emptyRecord());
  useEffect(() => {
    const next = remember(record, lanes, route);
    if (JSON.stringify(next) === JSON.stringify(record)) return;
    keep(key, next);
    set(next);
  }, [key, lanes, route]);
  return record;
}

function Drawing({ lanes }) {
  const now = useNow(5000);
  const starts = lanes.flatMap((one) => [one.created, ...one.spans.map((span) => span.from)]).filter((at) => at !== null);
  /* Versions often wait for days before they are routed to: then the time before is cut short. */
  const routed = lanes.flatMap((one) => one.spans.map((span) => span.from));
  const first = Math.min(...(routed.length ? routed : starts), now);
  const from = Math.max(Math.min(...starts), first - Math.max((now - first) * 0.15, 5000));
  const { at, ticks } = scale(from, now, 6);
  const inner = WIDTH - LEFT - 8;
  const x = (ms) => LEFT + at(ms) * inner;
  const height = lanes.length * ROW + 22;
  const long = now - from > 72e6;
  return html`<div class="scroll-x"><svg class="lanes" viewBox=${`0 0 ${WIDTH} ${height}`} role="img" aria-label="Routing of each version over time; the list of changes says the same">
    ${ticks.map((tick) => html`<g class="tick"><line x1=${LEFT + tick.x * inner} x2=${LEFT + tick.x * inner} y1="0" y2=${height - 18} />
      <text x=${LEFT + tick.x * inner} y=${height - 5} text-anchor=${tick.x === 0 ? 'start' : tick.x > 0.97 ? 'end' : 'middle'}>${tick.offset === 0 ? clock(from, { date: long }).slice(0, long ? 16 : 8) : '+' + spanText(tick.offset)}</text></g>`)}
    ${lanes.map((one, index) => html`<g class="lane">
      <text x="0" y=${index * ROW + 17}>${one.build.length > LETTERS ? one.build.slice(0, LETTERS - 1) + '…' : one.build}<title>${one.build}</title></text>
      ${one.created === null ? null : html`<line class="life" x1=${x(one.created)} x2=${x(now)} y1=${index * ROW + 13} y2=${index * ROW + 13} />
        <circle class="born" cx=${x(one.created)} cy=${index * ROW + 13} r="3"><title>${`first seen ${clock(one.created)}`}</title></circle>`}
      ${one.spans.map((span) => html`<rect class=${'span is-' + span.kind} x=${x(span.from)} y=${index * ROW + 5} height="16" rx="3" width=${Math.max(x(span.to ?? now) - x(span.from), 3)}>
        <title>${`${span.kind}, ${clock(span.from)} – ${span.to === null ? 'now' : clock(span.to)}`}</title></rect>`)}
    </g>`)}
  </svg></div>`;
}

const LEGEND = [['current', 'current'], ['ramping', 'ramping'], ['draining', 'draining']];

/* place: what names this deployment among all that this browser has seen. */
export function RoutingOverTime({ place, versions, route }) {
  const [all, showAll] = useState(false);
  const told = useMemo(() => versions.map(lane).filter((one) => one.created !== null || one.spans.length), [versions]);
  const record = useRecord(place, told, route);
  const { lanes, more } = withRecord(told, record);
  if (!lanes.length) return null;
  let spared = NEVER_ROUTED_SHOWN;
  const shown = all ? lanes : lanes.filter((one) => one.spans.length || spared-- > 0);
  const list = withRecordedChanges(changes(versions), record);
  return html`<${Drawing} lanes=${shown} />
    <p class="legend">${LEGEND.map(([kind, name]) => html`<span><i class=${'swatch is-' + kind}></i>${name}</span>`)}<span><i class="swatch is-born"></i>first seen</span>
      ${shown.length < lanes.length ? html`<button type="button" class="chip" onClick=${() => showAll(true)}>Show ${lanes.length - shown.length} more that never took traffic</button>` : null}</p>
    <ol class="changes">${list.slice(0, all ? undefined : CHANGES_SHOWN).map((change) => html`<li><${Time} at=${change.at} full /><span><b class="mono">${change.build}</b> ${change.text}</span><span class="mute"><${Time} at=${change.at} /></span></li>`)}</ol>
    ${!all && list.length > CHANGES_SHOWN ? html`<p><button type="button" class="chip" onClick=${() => showAll(true)}>Show ${list.length - CHANGES_SHOWN} earlier</button></p>` : null}
    <p class="mute small">The server keeps the latest time of each kind for a version, not a log. ${more ? `${more} earlier ${more === 1 ? 'span is' : 'spans are'} shown because this browser saw ${more === 1 ? 'it' : 'them'}.` : 'What this page sees happen, this browser remembers.'}</p>`;
}
