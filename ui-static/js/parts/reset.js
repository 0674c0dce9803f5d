/* The dialog that takes a run back to an earlier workflow task. */
import { html, useState } from '../lib.js';
import { api } from '../api.js';
import { go, link } from '../router.js';
import { cli } from '../model/cli.js';
import { resetPoints, resetKinds } from '../model/events.js';
import { clock } from '../model/time.js';
import { usePlace, Dialog, Field, Notice } from './basic.js';
import { typed } from './actions.js';

/* What happened after the point and is not history: delivered again unless excluded. The command takes one word for both. */
const KEPT = { signal: 'RESET_REAPPLY_EXCLUDE_TYPE_SIGNAL', update: 'RESET_REAPPLY_EXCLUDE_TYPE_UPDATE' };
const excludeWord = (signals, updates) => (!signals && !updates ? 'All' : !signals ? 'Signal' : !updates ? 'Update' : undefined);

export function Reset({ id, runId, events, info, close }) {
  const { ns, where } = usePlace();
  const points = resetPoints(events);
  const kinds = resetKinds(events, info?.autoResetPoints?.points, runId);
  const [kind, setKind] = useState(kinds[0]?.key ?? 'event');
  const [picked, pick] = useState(points[0]?.eventId ?? '');
  const [reason, set] = useState('');
  const [signals, keepSignals] = useState(true);
  const [updates, keepUpdates] = useState(true);
  if (!points.length) return html`<${Dialog} title="Reset" close=${close}><${Notice}>No workflow task has been finished yet, so there is nothing to go back to.<//><//>`;
  const chosen = kinds.find((one) => one.key === kind);
  const eventId = chosen?.eventId ?? picked;
  const why = reason || 'reset in the web UI';
  const run = async () => {
    const exclude = [signals ? null : KEPT.signal, updates ? null : KEPT.update].filter(Boolean);
    const answer = await api.reset(ns, id, runId, eventId, why, exclude.length ? { resetReapplyExcludeTypes: exclude } : {});
    go(link('namespaces', ns, 'workflows', id, answer.runId));
  };
  const box = (set_) => (event) => set_(event.currentTarget.checked);
  const command = cli.reset(id, runId, chosen?.cli ?? { eventId }, excludeWord(signals, updates), why, where);
  return html`<${Dialog} title="Reset" verb="Reset" close=${close} run=${run} command=${command}>
    <p>A new run begins with the history up to the chosen workflow task, and goes on from there with the code of today. This run ends.</p>
    <fieldset><legend>Back to</legend>
      ${kinds.map((one) => html`<label class="check"><input type="radio" name="reset-to" checked=${kind === one.key} onChange=${() => setKind(one.key)} /><span>${one.label} <span class="mute">event ${one.eventId}${one.at === null ? '' : `, ${clock(one.at)}`}</span></span></label>`)}
      <label class="check"><input type="radio" name="reset-to" checked=${kind === 'event'} onChange=${() => setKind('event')} /><span>Before the end of a workflow task
        <select value=${picked} onChange=${(event) => { pick(event.currentTarget.value); setKind('event'); }} aria-label="Workflow task">${points.map((point) => html`<option value=${point.eventId}>${point.eventId} · ${point.name} · ${point.at === null ? '' : clock(point.at)}</option>`)}</select></span></label>
    </fieldset>
    <fieldset><legend>Deliver again what came later</legend>
      <label class="check"><input type="checkbox" checked=${signals} onChange=${box(keepSignals)} /> Signals</label>
      <label class="check"><input type="checkbox" checked=${updates} onChange=${box(keepUpdates)} /> Updates</label>
    </fieldset>
    <${Field} label="Reason"><input value=${reason} onInput=${typed(set)} /><//><//>`;
}
