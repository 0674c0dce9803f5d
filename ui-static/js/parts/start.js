/* The dialog that starts a workflow, and perhaps signals it in the same call. */
import { html, useState } from '../lib.js';
import { api, requestId } from '../api.js';
import { go, link } from '../router.js';
import { cli } from '../model/cli.js';
import { usePlace, Dialog, Field } from './basic.js';
import { Input, inputPayloads, typed } from './actions.js';

/* What is to happen when the id belongs to an open workflow: the option of the command, the value of the API, and words. */
const CONFLICTS = [
  ['', undefined, 'refuse'],
  ['UseExisting', 'WORKFLOW_ID_CONFLICT_POLICY_USE_EXISTING', 'take the open one'],
  ['TerminateExisting', 'WORKFLOW_ID_CONFLICT_POLICY_TERMINATE_EXISTING', 'terminate it and start anew'],
];

/* given: what the fields hold at first, {id, type, queue, input}; queues, types: names to offer. */
export function Start({ close, given = {}, queues = [], types = [] }) {
  const { ns, where } = usePlace();
  const [id, setId] = useState(given.id ?? '');
  const [type, setType] = useState(given.type ?? '');
  const [queue, setQueue] = useState(given.queue ?? '');
  const [input, setInput] = useState(given.input ?? '');
  const [signal, setSignal] = useState('');
  const [signalInput, setSignalInput] = useState('');
  const [conflict, setConflict] = useState('');
  const policy = CONFLICTS.find(([name]) => name === conflict)[1];
  const run = async () => {
    const workflowId = id || requestId();
    const body = { workflowType: { name: type }, taskQueue: { name: queue }, input: inputPayloads(input), workflowIdConflictPolicy: policy };
    const answer = signal ? await api.signalWithStart(ns, workflowId, signal, { ...body, signalInput: inputPayloads(signalInput) }) : await api.start(ns, workflowId, body);
    go(link('namespaces', ns, 'workflows', workflowId, answer.runId));
  };
  const said = { id, type, queue, input, signal, signalInput, conflict };
  return html`<${Dialog} title="Start a workflow" verb="Start" close=${close} run=${run} command=${signal ? cli.signalWithStart(said, where) : cli.start(said, where)}>
    <${Field} label="Workflow type"><input required autofocus value=${type} onInput=${typed(setType)} list="start-types" spellcheck=${false} /><//>
    <datalist id="start-types">${types.map((one) => html`<option value=${one} />`)}</datalist>
    <${Field} label="Task queue"><input required value=${queue} onInput=${typed(setQueue)} list="start-queues" spellcheck=${false} /><//>
    <datalist id="start-queues">${queues.map((one) => html`<option value=${one} />`)}</datalist>
    <${Field} label="Workflow id" hint="empty for a random one"><input value=${id} onInput=${typed(setId)} spellcheck=${false} /><//>
    <${Input} value=${input} onInput=${setInput} />
    <details class="more"><summary>More: signal it at once, an id that is taken</summary><div class="dialog-fields">
      <${Field} label="Signal to send with the start" hint="an open workflow of this id gets the signal alone; else one is started and signalled in the same call"><input value=${signal} onInput=${typed(setSignal)} spellcheck=${false} /><//>
      ${signal ? html`<${Input} label="Input of the signal" value=${signalInput} onInput=${setSignalInput} />` : null}
      <${Field} label="If a workflow of this id is open"><select value=${conflict} onChange=${typed(setConflict)}>${CONFLICTS.map(([name, , words]) => html`<option value=${name}>${signal && name === '' ? 'signal the open one' : words}</option>`)}</select><//>
    </div></details>
  <//>`;
}
