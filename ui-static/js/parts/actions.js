/* The dialogs that start a workflow or act on one. */
import { html, useState } from '../lib.js';
import { api, requestId } from '../api.js';
import { go, link } from '../router.js';
import { encodePayload } from '../model/payload.js';
import { cli } from '../model/cli.js';
import { resetPoints } from '../model/events.js';
import { clock } from '../model/time.js';
import { usePlace, Dialog, Field, Notice } from './basic.js';
import { Payloads, FailureTree } from './payloads.js';

/* JSON that a person typed, as Payloads; nothing typed is no argument at all. */
function payloads(text) {
  if (text.trim() === '') return undefined;
  try {
    return { payloads: [encodePayload(text)] };
  } catch (error) {
    throw new Error(`The input is not JSON: ${error.message}`);
  }
}

const typed = (set) => (event) => set(event.currentTarget.value);

function Input({ value, onInput, label = 'Input' }) {
  return html`<${Field} label=${label} hint="JSON; empty for none"><textarea value=${value} onInput=${typed(onInput)} spellcheck="false" placeholder='{"name": "value"}'></textarea><//>`;
}

export function Start({ close, given = {} }) {
  const { ns, where } = usePlace();
  const [id, setId] = useState(given.id ?? '');
  const [type, setType] = useState(given.type ?? '');
  const [queue, setQueue] = useState(given.queue ?? '');
  const [input, setInput] = useState(given.input ?? '');
  const run = async () => {
    const workflowId = id || requestId();
    const answer = await api.start(ns, workflowId, { workflowType: { name: type }, taskQueue: { name: queue }, input: payloads(input) });
    go(link('namespaces', ns, 'workflows', workflowId, answer.runId));
  };
  return html`<${Dialog} title="Start a workflow" verb="Start" close=${close} run=${run} command=${cli.start({ id, type, queue, input }, where)}>
    <${Field} label="Workflow type"><input required autofocus value=${type} onInput=${typed(setType)} /><//>
    <${Field} label="Task queue"><input required value=${queue} onInput=${typed(setQueue)} /><//>
    <${Field} label="Workflow id" hint="empty for a random one"><input value=${id} onInput=${typed(setId)} /><//>
    <${Input} value=${input} onInput=${setInput} />
  <//>`;
}

export function Signal({ id, runId, close, done, names }) {
  const { ns, where } = usePlace();
  const [name, setName] = useState('');
  const [input, setInput] = useState('');
  const run = async () => {
    await api.signal(ns, id, runId, name, payloads(input));
    done();
  };
  return html`<${Dialog} title="Send a signal" verb="Send" close=${close} run=${run} command=${cli.signal(id, runId, name, input, where)}>
    <${Named} label="Signal" name=${name} set=${setName} names=${names} /><${Input} value=${input} onInput=${setInput} /><//>`;
}

function Named({ label, name, set, names = [] }) {
  return html`<${Field} label=${label}><input required autofocus value=${name} onInput=${typed(set)} list="known-names" /><datalist id="known-names">${names.map((one) => html`<option value=${one} />`)}</datalist><//>`;
}

export function Update({ id, runId, close, done, names }) {
  const { ns, where } = usePlace();
  const [name, setName] = useState('');
  const [input, setInput] = useState('');
  const [answer, set] = useState(null);
  const run = async () => {
    set(null);
    set(await api.update(ns, id, runId, name, payloads(input)));
    done();
    return false;
  };
  return html`<${Dialog} title="Send an update" verb="Send and wait" close=${close} run=${run} command=${cli.update(id, runId, name, input, where)}>
    <${Named} label="Update" name=${name} set=${setName} names=${names} /><${Input} value=${input} onInput=${setInput} />
    ${answer ? html`<div role="status"><p class="field-label">Answer</p>${answer.outcome?.failure ? html`<${FailureTree} failure=${answer.outcome.failure} />`
      : answer.outcome ? html`<${Payloads} field=${answer.outcome.success} />` : html`<p class="mute">Not completed yet.</p>`}</div>` : null}<//>`;
}

export function Query({ id, runId, close, names }) {
  const { ns, where } = usePlace();
  const [name, setName] = useState('');
  const [input, setInput] = useState('');
  const [answer, set] = useState(null);
  const run = async () => {
    set(null);
    set(await api.query(ns, id, runId, name, payloads(input)));
    return false;
  };
  return html`<${Dialog} title="Query" verb="Ask" close=${close} run=${run} command=${cli.query(id, runId, name, input, where)}>
    <${Named} label="Query" name=${name} set=${setName} names=${names} /><${Input} value=${input} onInput=${setInput} />
    ${answer ? html`<div role="status"><p class="field-label">Answer</p>${answer.queryRejected ? html`<p>Rejected.</p>` : html`<${Payloads} field=${answer.queryResult} />`}</div>` : null}<//>`;
}

export function Cancel({ id, runId, close, done }) {
  const { ns, where } = usePlace();
  const [reason, set] = useState('');
  const run = async () => {
    await api.cancel(ns, id, runId, reason);
    done();
  };
  return html`<${Dialog} title="Request cancellation" verb="Request cancellation" close=${close} run=${run} command=${cli.cancel(id, runId, where)}>
    <p>The workflow is told, and can clean up before it ends.</p>
    <${Field} label="Reason"><input autofocus value=${reason} onInput=${typed(set)} /><//><//>`;
}

export function Terminate({ id, runId, close, done }) {
  const { ns, where } = usePlace();
  const [reason, set] = useState('');
  const run = async () => {
    await api.terminate(ns, id, runId, reason);
    done();
  };
  return html`<${Dialog} title="Terminate" verb="Terminate" danger close=${close} run=${run} command=${cli.terminate(id, runId, reason, where)}>
    <p>It ends now, without a chance to clean up.</p>
    <${Field} label="Reason"><input autofocus value=${reason} onInput=${typed(set)} /><//><//>`;
}

export function Reset({ id, runId, events, close }) {
  const { ns, where } = usePlace();
  const points = resetPoints(events);
  const [eventId, setEvent] = useState(points[0]?.eventId ?? '');
  const [reason, set] = useState('');
  const [signals, keep] = useState(true);
  const run = async () => {
    const options = signals ? {} : { resetReapplyExcludeTypes: ['RESET_REAPPLY_EXCLUDE_TYPE_SIGNAL'] };
    const answer = await api.reset(ns, id, runId, eventId, reason || 'reset in the web UI', options);
    go(link('namespaces', ns, 'workflows', id, answer.runId));
  };
  if (!points.length) return html`<${Dialog} title="Reset" close=${close}><${Notice}>No workflow task has been finished yet, so there is nothing to go back to.<//><//>`;
  return html`<${Dialog} title="Reset" verb="Reset" close=${close} run=${run} command=${cli.reset(id, runId, eventId, reason || 'reset in the web UI', where)}>
    <p>A new run begins with the history up to the chosen workflow task, and goes on from there with the code of today. This run ends.</p>
    <${Field} label="Back to before the end of"><select value=${eventId} onChange=${typed(setEvent)}>${points.map((point) => html`<option value=${point.eventId}>${point.eventId} · ${point.name} · ${point.at === null ? '' : clock(point.at)}</option>`)}</select><//>
    <label class="check"><input type="checkbox" checked=${signals} onChange=${(event) => keep(event.currentTarget.checked)} /> Deliver the signals that came later again</label>
    <${Field} label="Reason"><input value=${reason} onInput=${typed(set)} /><//><//>`;
}
