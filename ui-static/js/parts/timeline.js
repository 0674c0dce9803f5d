/* A run over time: a bar for each activity, timer, child, signal and update. */
import { html, useState } from '../lib.js';
import { useNow } from '../live.js';
import { bars, rows, scale } from '../model/timeline.js';
import { isRoutine, failureText } from '../model/events.js';
import { spanText, clock } from '../model/time.js';

const ROW = 24;
const LEFT = 236;
const WIDTH = 1100;
const SHOWN = 80;

const LETTERS = 32;
const shortened = (title) => (title.length > LETTERS ? title.slice(0, LETTERS - 1) + '…' : title);

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
  const lines = rows(worth);
  const shown = all ? lines : lines.slice(-SHOWN);
  if (!worth.length) return html`<p class="mute">No activity, timer, child, signal or update ${to === null ? 'yet' : 'in this run'}.</p>`;
  const { ticks } = scale(from, until, 8);
  const inner = WIDTH - LEFT - 60;
  const height = shown.length * ROW + 24;
  return html`${lines.length > shown.length ? html`<p><button type="button" class="chip" onClick=${() => showAll(true)}>Show the ${lines.length - shown.length} before</button></p>` : null}
    <div class="scroll-x"><svg class="timeline" viewBox=${`0 0 ${WIDTH} ${height}`} role="group" aria-label="Timeline">
    ${ticks.map((tick) => html`<g class="tick"><line x1=${LEFT + tick.x * inner} x2=${LEFT + tick.x * inner} y1="0" y2=${height - 20} /><text x=${LEFT + tick.x * inner} y=${height - 6} text-anchor=${tick.x === 0 ? 'start' : 'middle'}>${tick.offset ? '+' + spanText(tick.offset) : clock(from, { date: false })}</text></g>`)}
    ${shown.map((line, index) => (line.length > 1 ? html`<${Many} key=${line[0].id} line=${line} y=${index * ROW} inner=${inner} from=${from} until=${until} onPick=${onPick} />`
      : bars(line, from, until).map((bar) => html`<${One} key=${bar.group.id} bar=${bar} y=${index * ROW} inner=${inner} until=${until} onPick=${onPick} />`)))}
  </svg></div>`;
}

/* What a row is for mouse and keyboard. */
function Row({ kind, said, name, y, pick, children }) {
  const key = (event) => event.key === 'Enter' && pick();
  return html`<g class=${`bar is-${kind}`} role="button" tabindex="0" aria-label=${said} onClick=${pick} onKeyDown=${key}>
    <rect class="hit" x="0" y=${y} width=${WIDTH} height=${ROW} /><text class="name" x="4" y=${y + 16}>${name}</text>${children}<title>${said}</title></g>`;
}

function One({ bar, y, inner, until, onPick }) {
  const { group } = bar;
  const x = LEFT + bar.x * inner;
  const width = Math.max(bar.width * inner, 4);
  const kind = ['failed', 'timed out', 'terminated'].includes(group.outcome) ? 'bad' : group.category;
  return html`<${Row} kind=${`${kind}${bar.open ? ' open' : ''}`} said=${said(bar, until)} name=${shortened(group.title)} y=${y} pick=${() => onPick?.(group)}>
    <rect class="whole" x=${x} y=${y + 5} width=${width} height="14" rx="3" />
    ${bar.waitWidth * inner > 1.5 ? html`<rect class="waited" x=${x} y=${y + 5} width=${bar.waitWidth * inner} height="14" rx="3" />` : null}
    ${group.outcome === 'received' ? null : html`<text class="took" x=${Math.min(x + width + 5, WIDTH - 54)} y=${y + 16}>${bar.width > 0.92 ? '' : spanText((group.to ?? until) - group.from)}${group.attempt > 1 ? ` ×${group.attempt}` : ''}</text>`}<//>`;
}

/* Of many in a row so many marks are drawn: more could not be told apart. */
const MARKS = 150;

function Many({ line, y, inner, from, until, onPick }) {
  const step = Math.ceil(line.length / MARKS);
  const marks = bars(line.filter((_, index) => index % step === 0 || index === line.length - 1), from, until);
  return html`<${Row} kind=${line[0].category} said=${`${line[0].category} ${line[0].title}: ${line.length} times`} name=${`${shortened(line[0].title)} ×${line.length}`} y=${y} pick=${() => onPick?.(line[0])}>
    ${marks.map((bar) => html`<rect class="whole mark" x=${LEFT + bar.x * inner} y=${y + 5} width="4" height="14" rx="2" />`)}<//>`;
}
