/* Namespaces, and one with its search attributes. */
import { html } from '../lib.js';
import { api } from '../api.js';
import { useLive } from '../live.js';
import { link } from '../router.js';
import { span, spanText } from '../model/time.js';
import { enumText } from '../model/enums.js';
import { command } from '../model/cli.js';
import { usePlace, PageHead, Failure, Loading, Section, Facts, Badge, Cli } from '../parts/basic.js';

export function Namespaces() {
  const { where } = usePlace();
  const { data, error, loading } = useLive('all namespaces', (signal) => api.namespaces(signal), 5000);
  const list = data?.namespaces ?? [];
  return html`<${PageHead} title="Namespaces" /><${Failure} error=${error} />${loading ? html`<${Loading} />` : null}
    ${list.length ? html`<div class="scroll-x"><table class="rows"><thead><tr><th scope="col">Name</th><th scope="col">State</th><th scope="col">Keeps closed workflows for</th><th scope="col" class="narrow-hide">Description</th></tr></thead>
      <tbody>${list.map(({ namespaceInfo: info, config }) => html`<tr key=${info.id}><th scope="row"><a class="strong" href=${link('namespaces', info.name, 'settings')}>${info.name}</a></th>
        <td>${enumText(info.state, 'NAMESPACE_STATE')}</td><td>${spanText(span(config?.workflowExecutionRetentionTtl))}</td><td class="narrow-hide">${info.description}</td></tr>`)}</tbody></table></div>` : null}
    <div class="gap"></div><${Cli} label="Make another" text=${command(['operator', 'namespace', 'create'], { namespace: 'my-namespace' }, { address: where.address })} />`;
}

const typeText = (type) => enumText(type, 'INDEXED_VALUE_TYPE');

export function Namespace() {
  const { ns, where } = usePlace();
  const { data, error, loading } = useLive(`namespace ${ns}`, (signal) => api.namespace(ns, signal), 5000);
  const { data: attributes } = useLive(`search attributes ${ns}`, (signal) => api.searchAttributes(ns, signal), 5000);
  const info = data?.namespaceInfo;
  const rows = (list) => Object.entries(list ?? {}).sort(([a], [b]) => a.localeCompare(b));
  const custom = rows(attributes?.customAttributes);
  return html`<${PageHead} crumbs=${[['Namespaces', link('namespaces')]]} title=${ns} sub=${info?.description} badge=${info ? html`<${Badge} kind="good">${enumText(info.state, 'NAMESPACE_STATE')}<//>` : null} />
    <${Failure} error=${error} />${loading ? html`<${Loading} />` : null}
    ${info ? html`<div class="panel"><${Facts} list=${[
      ['Id', html`<span class="mono">${info.id}</span>`],
      ['Keeps closed workflows for', spanText(span(data.config?.workflowExecutionRetentionTtl))],
      ['Owner', info.ownerEmail],
      ['Capabilities', Object.entries(info.capabilities ?? {}).filter(([, value]) => value === true).map(([name]) => name).join(', ')],
      ...Object.entries(info.data ?? {}),
    ]} /></div>` : null}
    <${Section} title="Search attributes" id="custom" note="of your own">
      ${custom.length ? html`<table class="rows"><thead><tr><th scope="col">Name</th><th scope="col">Type</th></tr></thead><tbody>${custom.map(([name, type]) => html`<tr key=${name}><th scope="row" class="mono">${name}</th><td>${typeText(type)}</td></tr>`)}</tbody></table>` : html`<p class="mute">None yet.</p>`}
      <div class="gap"></div><${Cli} label="Add one" text=${command(['operator', 'search-attribute', 'create'], { name: 'Customer', type: 'Keyword' }, where)} />
    <//>
    <${Section} title="System attributes" id="system" note="of every namespace">
      <table class="rows"><thead><tr><th scope="col">Name</th><th scope="col">Type</th></tr></thead><tbody>${rows(attributes?.systemAttributes).map(([name, type]) => html`<tr key=${name}><th scope="row" class="mono">${name}</th><td>${typeText(type)}</td></tr>`)}</tbody></table>
    <//>`;
}
