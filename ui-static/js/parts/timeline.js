/* A run over time: a bar for each activity, timer, child, signal and update. */
import { html, useState } from '../lib.js';
import { useNow } from '../live.js';
import { bars, scale } from '../model/timeline.js';
import { isRoutine, failureText } from '../model/events.js';
import { spanText, clock } from '../model/time.js';

const ROW = 24;
const LEFT = 220;
const WIDTH = 1100;
const SHOWN = 80;

const labelOf = (group) => (group.title.length > 28 ? group.title.slice(0, 27) + '…' : group.title);

function said({ group }, until) {
  const took = spanText((group.to ?? until) - group.from);
  const failed = group.lastFailure ? `; ${failureText(group.lastFailure)}` : '';
  return `${group.category} ${group.title}: ${group.outcome || 'open'}, ${took}${group.attempt > 1 ? `, attempt ${group.attempt}` : ''}${failed}`;
}

export function Timeline({ groups, from, to, onPick }) {
  const now = useNow(to === null ? 1000 : 60000);
  const [all, showAll] = useState(false);
  const until = Math.max(to ?? now, from + 1);
  const worth = groups.filter((group) => !isRoutine(group) && !['workflow', 'other'].includes(group.category) && group.category !== 'task'
    || (group.category === 'task' && ['failed', 'timed out'].includes(group.outcome)));
  const shown = all ? worth : worth.slice(-SHOWN);
  if (!worth.length) return html`<p class="mute">No activity, timer, child, signal or update yet.</p>`;
  const { ticks } = scale(from, until, 8);
  const inner = WIDTH - LEFT - 60;
  const height = shown.length * ROW + 24;
  return html`${worth.length > shown.length ? html`<p><button type="button" class="chip" onClick=${() => showAll(true)}>Show the ${worth.length - shown.length} before</button></p>` : null}
    <div class="scroll-x"><svg class="timeline" viewBox=${`0 0 ${WIDTH} ${height}`} role="group" aria-label="Timeline">
    ${ticks.map((tick) => html`<g class="tick"><line x1=${LEFT + tick.x * inner} x2=${LEFT + tick.x * inner} y1="0" y2=${height - 20} /><text x=${LEFT + tick.x * inner} y=${height - 6} text-anchor=${tick.x === 0 ? 'start' : 'middle'}>${tick.offset ? '+' + spanText(tick.offset) : clock(from, { date: false })}</text></g>`)}
    ${bars(shown, from, until).map((bar, index) => {
      const { group } = bar;
      const x = LEFT + bar.x * inner;
      const width = Math.max(bar.width * inner, 4);
      const kind = ['failed', 'timed out', 'terminated'].includes(group.outcome) ? 'bad' : group.category;
      const pick = () => onPick?.(group);
      const key = (event) => event.key === 'Enter' && pick();
      return html`<g class=${`bar is-${kind}${bar.open ? ' open' : ''}`} role="button" tabindex="0" aria-label=${said(bar, until)} onClick=${pick} onKeyDown=${key}>
        <rect class="hit" x="0" y=${index * ROW} width=${WIDTH} height=${ROW} />
        <text class="name" x="4" y=${index * ROW + 16}>${labelOf(group)}</text>
        <rect class="whole" x=${x} y=${index * ROW + 5} width=${width} height="14" rx="3" />
        ${bar.waitWidth * inner > 1.5 ? html`<rect class="waited" x=${x} y=${index * ROW + 5} width=${bar.waitWidth * inner} height="14" rx="3" />` : null}
        <text class="took" x=${Math.min(x + width + 5, WIDTH - 54)} y=${index * ROW + 16}>${bar.width > 0.92 ? '' : spanText((group.to ?? until) - group.from)}${group.attempt > 1 ? ` ×${group.attempt}` : ''}</text>
        <title>${said(bar, until)}</title>
      </g>`;
    })}
  </svg></div>`;
}
