/* Batch operations: the list, and one that can be followed and stopped. */
import { html, useState } from '../lib.js';
import { api } from '../api.js';
import { useLive } from '../live.js';
import { link, linkWith } from '../router.js';
import { instant, spanText } from '../model/time.js';
import { typeOf, stateOf, progressOf, KIND_OF_STATE } from '../model/batches.js';
import { cli } from '../model/cli.js';
import { usePlace, PageHead, Failure, Loading, Notice, Section, Time, Badge, Facts, Copy, Cli, Dialog, Field, Empty } from '../parts/basic.js';
import { Progress } from '../parts/batch.js';
import { typed } from '../parts/actions.js';

const State = ({ batch }) => html`<${Badge} kind=${KIND_OF_STATE[stateOf(batch)]}>${stateOf(batch)}<//>`;

export function Batches() {
  const { ns, where } = usePlace();
  const [tokens, setTokens] = useState([]);
  const token = tokens[tokens.length - 1];
  const { data, error, loading } = useLive(`batches ${ns} ${token ?? ''}`, (signal) => api.batches(ns, token, signal), 2000);
  const list = data?.operationInfo ?? [];
  return html`<${PageHead} title="Batches" sub="One thing done to many workflows: cancelled, terminated, signalled, reset, moved to a version." />
    <${Failure} error=${error} />${loading ? html`<${Loading} />` : null}
    ${data && !list.length && !tokens.length ? html`<${Empty} title="No batch yet" text="A batch begins on the list of workflows: filter what you mean, or tick some, and choose “Act on many”. Or on the command line:">
      <${Cli} label="Ask all orders that are open to cancel" text=${cli.batch('cancel', 'WorkflowType = "Order" AND ExecutionStatus = "Running"', { reason: 'a test' }, where)} />
      <p><a class="button primary" href=${link('namespaces', ns, 'workflows')}>To the workflows</a></p><//>` : null}
    ${list.length ? html`<div class="scroll-x sheet"><table class="rows"><thead><tr><th scope="col">State</th><th scope="col">What</th><th scope="col">Batch</th><th scope="col">Started</th><th scope="col" class="number narrow-hide">Took</th></tr></thead>
      <tbody>${list.map((batch) => html`<tr key=${batch.jobId}><td><${State} batch=${batch} /></td><td>${typeOf(batch)}</td>
        <th scope="row" class="clip"><a class="mono" href=${link('namespaces', ns, 'batch-operations', batch.jobId)}>${batch.jobId}</a></th>
        <td><${Time} at=${instant(batch.startTime)} /></td><td class="number narrow-hide">${progressOf(batch).took === null ? '–' : spanText(progressOf(batch).took)}</td></tr>`)}</tbody></table></div>` : null}
    ${tokens.length || data?.nextPageToken ? html`<nav class="pager" aria-label="Pages">
      <button type="button" disabled=${!tokens.length} onClick=${() => setTokens(tokens.slice(0, -1))}>Newer</button>
      <button type="button" disabled=${!data?.nextPageToken} onClick=${() => setTokens([...tokens, data.nextPageToken])}>Older</button></nav>` : null}`;
}

function Stop({ id, close, done }) {
  const { ns, where } = usePlace();
  const [reason, set] = useState('');
  const run = async () => {
    await api.stopBatch(ns, id, reason || 'stopped in the web UI');
    done();
  };
  return html`<${Dialog} title="Stop the batch" verb="Stop it" danger close=${close} run=${run} command=${cli.stopBatch(id, reason || 'stopped in the web UI', where)}>
    <p>What it has done stays done; the rest is left alone.</p>
    <${Field} label="Reason"><input autofocus value=${reason} onInput=${typed(set)} /><//><//>`;
}

export function BatchPage({ id }) {
  const { ns } = usePlace();
  const { data: batch, error, loading, again } = useLive(`batch ${ns} ${id}`, (signal) => api.batch(ns, id, signal), 1000);
  const [stopping, stop] = useState(false);
  const crumbs = [['Batches', link('namespaces', ns, 'batch-operations')]];
  if (!batch) return html`<${PageHead} crumbs=${crumbs} title=${id} />${loading ? html`<${Loading} />` : html`<${Failure} error=${error} />`}`;
  const progress = progressOf(batch);
  const named = batch.executions ?? [];
  return html`<${PageHead} crumbs=${crumbs} title=${`${typeOf(batch)}: ${progress.total}`} badge=${html`<${State} batch=${batch} />`} sub=${batch.reason}>
      ${progress.open ? html`<button type="button" onClick=${() => stop(true)}>Stop …</button>` : null}<//>
    <${Failure} error=${error} />
    <div class="panel"><${Progress} batch=${batch} /></div>
    <div class="gap"></div>
    <div class="panel"><${Facts} list=${[
      ['Batch', html`<span class="mono">${id}</span><${Copy} text=${id} />`],
      ['Started', html`<${Time} at=${instant(batch.startTime)} full />`],
      ['Ended', batch.closeTime ? html`<${Time} at=${instant(batch.closeTime)} full /> <span class="mute">after ${spanText(progress.took ?? 0)}</span>` : null],
      ['By', batch.identity ? html`<span class="mono">${batch.identity}</span>` : null],
      ['Workflows that match', batch.query ? html`<a class="mono" href=${linkWith(['namespaces', ns, 'workflows'], { query: batch.query })}>${batch.query}</a>` : null],
    ]} /></div>
    ${progress.failed ? html`<div class="gap"></div><${Notice} kind="warn">${progress.failed} could not be done: they had closed meanwhile, or refused it. The rest went on.<//>` : null}
    ${named.length ? html`<${Section} title="Workflows" id="named" note=${`${named.length}, named one by one`}><p class="names">${named.slice(0, 200).map((one) => html`<a class="mono" href=${link('namespaces', ns, 'workflows', one.businessId, one.runId || undefined)}>${one.businessId}</a>`)}${named.length > 200 ? html`<span class="mute">and ${named.length - 200} more</span>` : null}</p><//>` : null}
    ${stopping ? html`<${Stop} id=${id} close=${() => stop(false)} done=${again} />` : null}`;
}
