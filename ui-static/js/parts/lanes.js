/* Routing over time: a lane for each version, drawn as SVG. */
import { html, useMemo } from '../lib.js';
import { useNow } from '../live.js';
import { lane } from '../model/deployments.js';
import { scale } from '../model/timeline.js';
import { clock, spanText } from '../model/time.js';

const ROW = 26;
const LEFT = 120;
const WIDTH = 1000;

export function RoutingLanes({ versions }) {
  const now = useNow(5000);
  const lanes = useMemo(() => versions.map(lane).filter((one) => one.created !== null || one.spans.length), [versions]);
  if (!lanes.length) return null;
  const starts = lanes.flatMap((one) => [one.created, ...one.spans.map((span) => span.from)]).filter((at) => at !== null);
  /* Versions often wait for days before they are routed to: then the time before is cut short. */
  const first = Math.min(...lanes.flatMap((one) => one.spans.map((span) => span.from)), now);
  const from = Math.max(Math.min(...starts), first - Math.max((now - first) * 0.15, 5000));
  const { at, ticks } = scale(from, now, 6);
  const x = (ms) => LEFT + at(ms) * (WIDTH - LEFT - 8);
  const height = lanes.length * ROW + 22;
  return html`<div class="scroll-x"><svg class="lanes" viewBox=${`0 0 ${WIDTH} ${height}`} role="img" aria-label="Routing of each version over time; the list of changes says the same">
    ${ticks.map((tick) => html`<g class="tick"><line x1=${LEFT + tick.x * (WIDTH - LEFT - 8)} x2=${LEFT + tick.x * (WIDTH - LEFT - 8)} y1="0" y2=${height - 18} />
      <text x=${LEFT + tick.x * (WIDTH - LEFT - 8)} y=${height - 5} text-anchor=${tick.x === 0 ? 'start' : 'middle'}>${tick.offset === 0 ? clock(from, { date: now - from > 72e6 }).slice(0, now - from > 72e6 ? 16 : 8) : '+' + spanText(tick.offset)}</text></g>`)}
    ${lanes.map((one, index) => html`<g class="lane">
      <text x="0" y=${index * ROW + 17}>${one.build.length > 15 ? one.build.slice(0, 14) + '…' : one.build}<title>${one.build}</title></text>
      ${one.created === null ? null : html`<line class="life" x1=${x(one.created)} x2=${x(now)} y1=${index * ROW + 13} y2=${index * ROW + 13} />
        <circle class="born" cx=${x(one.created)} cy=${index * ROW + 13} r="3"><title>${`first seen ${clock(one.created)}`}</title></circle>`}
      ${one.spans.map((span) => html`<rect class=${'span is-' + span.kind} x=${x(span.from)} y=${index * ROW + 5} height="16" rx="3" width=${Math.max(x(span.to ?? now) - x(span.from), 3)}>
        <title>${`${span.kind}, ${clock(span.from)} – ${span.to === null ? 'now' : clock(span.to)}`}</title></rect>`)}
    </g>`)}
  </svg></div>`;
}
