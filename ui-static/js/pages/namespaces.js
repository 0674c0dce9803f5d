/* Namespaces, and one with its search attributes. */
import { html, useState } from '../lib.js';
import { api } from '../api.js';
import { useLive } from '../live.js';
import { go, link } from '../router.js';
import { span, spanText } from '../model/time.js';
import { enumText, enumCamel } from '../model/enums.js';
import { cli } from '../model/cli.js';
import { usePlace, PageHead, Failure, Loading, Section, Facts, Badge, Dialog, Field } from '../parts/basic.js';
import { typed } from '../parts/actions.js';

const DAY_S = 86400;

function Create({ close }) {
  const { where } = usePlace();
  const [name, setName] = useState('');
  const [days, setDays] = useState('1');
  const [description, setDescription] = useState('');
  const run = async () => {
    await api.registerNamespace({ namespace: name, description, workflowExecutionRetentionPeriod: `${Math.round(Number(days) * DAY_S)}s` });
    go(link('namespaces', name, 'settings'));
  };
  return html`<${Dialog} title="Make a namespace" verb="Make it" close=${close} run=${run} command=${cli.createNamespace({ name, retention: `${days}d`, description }, where)}>
    <${Field} label="Name"><input required autofocus value=${name} onInput=${typed(setName)} spellcheck=${false} /><//>
    <${Field} label="Keep closed workflows for so many days"><input type="number" min="1" step="1" required value=${days} onInput=${typed(setDays)} /><//>
    <${Field} label="Description"><input value=${description} onInput=${typed(setDescription)} /><//>
  <//>`;
}

export function Namespaces() {
  const [making, make] = useState(false);
  const { data, error, loading } = useLive('all namespaces', (signal) => api.namespaces(signal), 5000);
  const list = data?.namespaces ?? [];
  return html`<${PageHead} title="Namespaces" sub="Workflows, task queues and deployments of one know nothing of another."><button type="button" class="primary" onClick=${() => make(true)}>Make a namespace …</button><//><${Failure} error=${error} />${loading ? html`<${Loading} />` : null}
    ${list.length ? html`<div class="scroll-x sheet"><table class="rows"><thead><tr><th scope="col">Name</th><th scope="col">State</th><th scope="col">Keeps closed workflows for</th><th scope="col" class="narrow-hide">Description</th></tr></thead>
      <tbody>${list.map(({ namespaceInfo: info, config }) => html`<tr key=${info.id}><th scope="row"><a class="strong" href=${link('namespaces', info.name, 'settings')}>${info.name}</a></th>
        <td>${enumText(info.state, 'NAMESPACE_STATE')}</td><td>${spanText(span(config?.workflowExecutionRetentionTtl))}</td><td class="narrow-hide">${info.description}</td></tr>`)}</tbody></table></div>` : null}
    ${making ? html`<${Create} close=${() => make(false)} />` : null}`;
}

const typeText = (type) => enumText(type, 'INDEXED_VALUE_TYPE');

/* The types that an attribute of one's own can have. */
const TYPES = ['KEYWORD', 'TEXT', 'INT', 'DOUBLE', 'BOOL', 'DATETIME', 'KEYWORD_LIST'].map((type) => `INDEXED_VALUE_TYPE_${type}`);
/* As the command line names it: KeywordList. */
const typeWord = (type) => enumCamel(type, 'INDEXED_VALUE_TYPE');

function AddAttribute({ close, done }) {
  const { ns, where } = usePlace();
  const [name, setName] = useState('');
  const [type, setType] = useState(TYPES[0]);
  const run = async () => {
    await api.addAttribute(ns, name, type);
    done();
  };
  return html`<${Dialog} title="Add a search attribute" verb="Add" close=${close} run=${run} command=${cli.addAttribute(name, typeWord(type), where)}>
    <p>Workflows set it when they start or as they go, and lists can be filtered by it.</p>
    <${Field} label="Name"><input required autofocus value=${name} onInput=${typed(setName)} spellcheck=${false} /><//>
    <${Field} label="Type"><select value=${type} onChange=${typed(setType)}>${TYPES.map((one) => html`<option value=${one}>${typeText(one)}</option>`)}</select><//>
  <//>`;
}

function RemoveAttribute({ name, close, done }) {
  const { ns, where } = usePlace();
  const run = async () => {
    await api.removeAttribute(ns, name);
    done();
  };
  return html`<${Dialog} title=${`Remove ${name}`} verb="Remove" danger close=${close} run=${run} command=${cli.removeAttribute(name, where)}>
    <p>Workflows that set it fail their task from then on, and filters that name it are refused.</p><//>`;
}

export function Namespace() {
  const { ns } = usePlace();
  const [adding, add] = useState(false);
  const [removing, remove] = useState(null);
  const { data, error, loading } = useLive(`namespace ${ns}`, (signal) => api.namespace(ns, signal), 5000);
  const { data: attributes, again } = useLive(`search attributes ${ns}`, (signal) => api.searchAttributes(ns, signal), 5000);
  const info = data?.namespaceInfo;
  const rows = (list) => Object.entries(list ?? {}).sort(([a], [b]) => a.localeCompare(b));
  const custom = rows(attributes?.customAttributes);
  return html`<${PageHead} crumbs=${[['Namespaces', link('namespaces')]]} title=${ns} sub=${info?.description} badge=${info ? html`<${Badge} kind="good">${enumText(info.state, 'NAMESPACE_STATE')}<//>` : null} />
    <${Failure} error=${error} />${loading ? html`<${Loading} />` : null}
    ${info ? html`<div class="panel"><${Facts} list=${[
      ['Id', html`<span class="mono">${info.id}</span>`],
      ['Keeps closed workflows for', spanText(span(data.config?.workflowExecutionRetentionTtl))],
      ['Owner', info.ownerEmail],
      ...Object.entries(info.data ?? {}),
    ]} /></div>` : null}
    <${Section} title="Search attributes" id="custom" note="of your own" actions=${html`<button type="button" onClick=${() => add(true)}>Add …</button>`}>
      ${custom.length ? html`<div class="scroll-x sheet"><table class="rows"><thead><tr><th scope="col">Name</th><th scope="col">Type</th><th scope="col"><span class="hidden">Actions</span></th></tr></thead>
        <tbody>${custom.map(([name, type]) => html`<tr key=${name}><th scope="row" class="mono">${name}</th><td>${typeText(type)}</td>
          <td class="row-actions"><button type="button" class="chip" onClick=${() => remove(name)} aria-label=${`Remove ${name} …`}>Remove …</button></td></tr>`)}</tbody></table></div>`
        : attributes ? html`<p class="mute">None yet. Add one to filter workflows by something of yours: a customer, a region, an amount.</p>` : null}
    <//>
    <details class="section"><summary class="strong">System attributes, which every namespace has</summary><div class="gap"></div>
      <div class="scroll-x sheet"><table class="rows"><thead><tr><th scope="col">Name</th><th scope="col">Type</th></tr></thead><tbody>${rows(attributes?.systemAttributes).map(([name, type]) => html`<tr key=${name}><th scope="row" class="mono">${name}</th><td>${typeText(type)}</td></tr>`)}</tbody></table></div>
    </details>
    ${adding ? html`<${AddAttribute} close=${() => add(false)} done=${again} />` : null}
    ${removing ? html`<${RemoveAttribute} name=${removing} close=${() => remove(null)} done=${again} />` : null}`;
}
