/* The dialog that does one thing to many workflows, and how far such a batch is. */
import { html, useState } from '../lib.js';
import { api, requestId, IDENTITY } from '../api.js';
import { useLive } from '../live.js';
import { go, link } from '../router.js';
import { cli } from '../model/cli.js';
import { BATCH_ACTIONS, RESET_TARGETS, progressOf, stateOf } from '../model/batches.js';
import { usePlace, Dialog, Field, Notice } from './basic.js';
import { Input, inputPayloads, typed } from './actions.js';

/* How many of a batch are done, as words and a bar. */
export function Progress({ batch, words = 'done' }) {
  const { total, done, failed } = progressOf(batch);
  const state = stateOf(batch);
  return html`<p role="status"><b>${state === 'Running' ? 'At work' : state === 'Completed' ? 'Done' : state}</b>: ${done} of ${total} ${words}${failed ? html`, <b class="bad-text">${failed} failed</b>` : ''}.</p>
    <progress max=${Math.max(total, 1)} value=${done + failed} aria-label=${`${words}: ${done + failed} of ${total}`}></progress>`;
}

/* query: what is listed at present; picked: executions that were ticked, [{workflowId, runId}]. */
export function Batch({ query, picked, close, started }) {
  const { ns, where } = usePlace();
  const [what, setWhat] = useState('cancel');
  const [some, setSome] = useState(picked.length > 0);
  const [reason, setReason] = useState('');
  const [name, setName] = useState('');
  const [input, setInput] = useState('');
  const [target, setTarget] = useState('LastWorkflowTask');
  const [build, setBuild] = useState('');
  const action = BATCH_ACTIONS.find((one) => one.key === what);
  const reset = RESET_TARGETS.find((one) => one.type === target);
  /* What is closed can be reset and deleted, and nothing else. */
  const narrowed = what === 'reset' || what === 'delete' || /ExecutionStatus/.test(query) ? query : `ExecutionStatus = "Running"${query ? ` AND (${query})` : ''}`;
  const asked = narrowed || 'WorkflowId IS NOT NULL';
  const { data: counted, error } = useLive(some ? null : `batch count ${ns} ${asked}`, (signal) => api.count(ns, asked, signal), 3000);
  const number = some ? picked.length : counted === undefined ? undefined : Number(counted.count ?? 0);
  const why = reason || `${action.verb.toLowerCase()} in the web UI`;
  const run = async () => {
    const operation = {
      cancel: () => ({ identity: IDENTITY }),
      terminate: () => ({ identity: IDENTITY }),
      delete: () => ({ identity: IDENTITY }),
      signal: () => ({ signal: name, input: inputPayloads(input), identity: IDENTITY }),
      reset: () => ({ identity: IDENTITY, options: reset.options(build) }),
    }[what]();
    const id = requestId();
    await api.startBatch(ns, id, { reason: why, [action.field]: operation, ...(some ? { executions: picked } : { visibilityQuery: asked }) });
    started?.();
    go(link('namespaces', ns, 'batch-operations', id));
  };
  const command = some ? undefined : cli.batch(what, asked, { reason: why, name, input, reset: what === 'reset' ? { type: target, buildId: reset.byBuild ? build : undefined } : undefined }, where);
  return html`<${Dialog} title="Act on many workflows" verb=${`${action.verb}: ${number ?? '…'}`} danger=${action.danger} close=${close} run=${run} command=${command} blocked=${!number}>
    <fieldset><legend>Which</legend>
      ${picked.length ? html`<label class="check"><input type="radio" name="which" checked=${some} onChange=${() => setSome(true)} /> ${picked.length === 1 ? 'The one that is ticked' : `The ${picked.length} that are ticked`}</label>` : null}
      <label class="check"><input type="radio" name="which" checked=${!some} onChange=${() => setSome(false)} /><span>All ${some ? '' : number ?? '…'} that match <code>${asked}</code></span></label>
    </fieldset>
    <fieldset><legend>What to do</legend>
      ${BATCH_ACTIONS.map((one) => html`<label class="check"><input type="radio" name="what" checked=${what === one.key} onChange=${() => setWhat(one.key)} /> ${one.verb}</label>`)}
    </fieldset>
    ${what === 'signal' ? html`<${Field} label="Signal"><input required value=${name} onInput=${typed(setName)} spellcheck=${false} /><//><${Input} value=${input} onInput=${setInput} />` : null}
    ${what === 'reset' ? html`<${Field} label="Back to"><select value=${target} onChange=${typed(setTarget)}>${RESET_TARGETS.map((one) => html`<option value=${one.type}>${one.label}</option>`)}</select><//>
      ${reset.byBuild ? html`<${Field} label="Build id"><input required value=${build} onInput=${typed(setBuild)} spellcheck=${false} /><//>` : null}` : null}
    ${what === 'delete' ? html`<${Notice} kind="warn">Their histories are gone for good; open ones are terminated first.<//>` : null}
    ${error ? html`<${Notice} kind="bad">${error.message}<//>` : null}
    <${Field} label="Reason"><input value=${reason} onInput=${typed(setReason)} placeholder=${why} /><//>
    <p class="mute">The server does it one by one, in the background; you can follow it, and stop it.</p>
  <//>`;
}
