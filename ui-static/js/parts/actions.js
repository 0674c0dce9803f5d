/* The dialogs that act on a workflow. */
import { html, useState, useEffect } from '../lib.js';
import { api } from '../api.js';
import { decodePayload, encodePayload, payloadsOf } from '../model/payload.js';
import { cli } from '../model/cli.js';
import { usePlace, Dialog, Field } from './basic.js';
import { Payloads, FailureTree } from './payloads.js';

/* JSON that a person typed, as Payloads; nothing typed is no argument at all. */
export function inputPayloads(text) {
  if (text.trim() === '') return undefined;
  try {
    return { payloads: [encodePayload(text)] };
  } catch (error) {
    throw new Error(`The input is not JSON: ${error.message}`);
  }
}

export const typed = (set) => (event) => set(event.currentTarget.value);

export function Input({ value, onInput, label = 'Input' }) {
  return html`<${Field} label=${label} hint="JSON; empty for none"><textarea value=${value} onInput=${typed(onInput)} spellcheck=${false} placeholder='{"name": "value"}'></textarea><//>`;
}

/* What a run's code says that it handles: its SDK answers this query by itself. {loading, signal, update, query: [{name,
 * description}]}; without a worker that answers nothing is known. */
export function useHandlers(id, runId) {
  const { ns } = usePlace();
  const [known, set] = useState({ loading: true });
  useEffect(() => {
    let live = true;
    api.query(ns, id, runId, '__temporal_workflow_metadata').then((answer) => {
      const seen = decodePayload(payloadsOf(answer.queryResult)[0]);
      if (seen.kind !== 'json') throw new Error('only a codec can read it');
      const { queryDefinitions = [], signalDefinitions: signal = [], updateDefinitions: update = [] } = seen.value.definition ?? {};
      if (live) set({ signal, update, query: queryDefinitions.filter((one) => one.name !== '__temporal_workflow_metadata') });
    }).catch(() => live && set({ unknown: true }));
    return () => {
      live = false;
    };
  }, [ns, id, runId]);
  return known;
}

/* The name of a handler: typed, or picked from those that the code has. */
function Named({ kind, label, name, set, handlers }) {
  const list = handlers[kind] ?? [];
  const described = list.find((one) => one.name === name)?.description;
  return html`<div class="field"><${Field} label=${label} hint=${described || undefined}><input required autofocus value=${name} onInput=${typed(set)} spellcheck=${false} /><//>
    <div class="chips" role="group" aria-label="Known handlers">${handlers.loading ? html`<span class="mute">Asking the workflow what it handles …</span>`
      : handlers.unknown ? html`<span class="mute">No worker tells what it handles; any name can be typed.</span>`
      : list.length ? list.map((one) => html`<button type="button" class="chip mono" aria-pressed=${one.name === name} title=${one.description} onClick=${() => set(one.name)}>${one.name}</button>`)
      : html`<span class="mute">Its code has no ${label.toLowerCase()} handler.</span>`}</div></div>`;
}

export function Signal({ id, runId, close, done }) {
  const { ns, where } = usePlace();
  const handlers = useHandlers(id, runId);
  const [name, setName] = useState('');
  const [input, setInput] = useState('');
  const run = async () => {
    await api.signal(ns, id, runId, name, inputPayloads(input));
    done();
  };
  return html`<${Dialog} title="Send a signal" verb="Send" close=${close} run=${run} command=${cli.signal(id, runId, name, input, where)}>
    <${Named} kind="signal" label="Signal" name=${name} set=${setName} handlers=${handlers} /><${Input} value=${input} onInput=${setInput} /><//>`;
}

export function Update({ id, runId, close, done }) {
  const { ns, where } = usePlace();
  const handlers = useHandlers(id, runId);
  const [name, setName] = useState('');
  const [input, setInput] = useState('');
  const [answer, set] = useState(null);
  const run = async () => {
    set(null);
    set(await api.update(ns, id, runId, name, inputPayloads(input)));
    done();
    return false;
  };
  return html`<${Dialog} title="Send an update" verb="Send and wait" close=${close} run=${run} command=${cli.update(id, runId, name, input, where)}>
    <${Named} kind="update" label="Update" name=${name} set=${setName} handlers=${handlers} /><${Input} value=${input} onInput=${setInput} />
    ${answer ? html`<div role="status"><p class="field-label">Answer</p>${answer.outcome?.failure ? html`<${FailureTree} failure=${answer.outcome.failure} />`
      : answer.outcome ? html`<${Payloads} field=${answer.outcome.success} />` : html`<p class="mute">Not completed yet.</p>`}</div>` : null}<//>`;
}

export function Query({ id, runId, close }) {
  const { ns, where } = usePlace();
  const handlers = useHandlers(id, runId);
  const [name, setName] = useState('');
  const [input, setInput] = useState('');
  const [answer, set] = useState(null);
  const run = async () => {
    set(null);
    set(await api.query(ns, id, runId, name, inputPayloads(input)));
    return false;
  };
  return html`<${Dialog} title="Query" verb="Ask" close=${close} run=${run} command=${cli.query(id, runId, name, input, where)}>
    <${Named} kind="query" label="Query" name=${name} set=${setName} handlers=${handlers} /><${Input} value=${input} onInput=${setInput} />
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
