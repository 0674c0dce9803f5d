/* The dialog that overrides how one run follows deploys. */
import { html, useState } from '../lib.js';
import { api } from '../api.js';
import { useLive } from '../live.js';
import { versions } from '../model/deployments.js';
import { cli } from '../model/cli.js';
import { usePlace, Dialog, Field, Notice } from './basic.js';
import { typed } from './actions.js';

/* deployment: the one that the run is of, '' for none yet; override: what is in force. */
export function Override({ id, runId, deployment = '', override, close, done }) {
  const { ns, where } = usePlace();
  const [kind, setKind] = useState('pinned');
  const [named, setNamed] = useState(deployment);
  const [build, setBuild] = useState('');
  const { data: all } = useLive(`override deployments ${ns}`, (signal) => api.deployments(ns, signal), 0);
  const name = named || all?.workerDeployments?.[0]?.name || '';
  const { data } = useLive(name ? `override ${ns} ${name}` : null, (signal) => api.deployment(ns, name, signal), 0);
  const list = versions(data?.workerDeploymentInfo);
  const chosen = list.some((one) => one.build === build) ? build : (list.find((one) => one.status === 'Current') ?? list[0])?.build ?? '';
  const run = async () => {
    const pinned = { behavior: 'PINNED_OVERRIDE_BEHAVIOR_PINNED', version: { deploymentName: name, buildId: chosen } };
    await api.updateOptions(ns, id, runId, kind === 'pinned' ? { pinned } : kind === 'auto_upgrade' ? { autoUpgrade: true } : undefined);
    done();
  };
  return html`<${Dialog} title="Versioning override" verb="Apply" close=${close} run=${run} blocked=${kind === 'pinned' && !chosen}
    command=${cli.override(id, runId, { kind, deployment: name, build: chosen }, where)}>
    <p>Its next workflow task runs on the code that you choose, with the whole history replayed: it must fit. Children that it starts later go by it, too.</p>
    <fieldset><legend>From its next task on</legend>
      <label class="check"><input type="radio" name="kind" checked=${kind === 'pinned'} onChange=${() => setKind('pinned')} /> Pinned to a version</label>
      <label class="check"><input type="radio" name="kind" checked=${kind === 'auto_upgrade'} onChange=${() => setKind('auto_upgrade')} /> Following its deployment (auto-upgrade)</label>
      ${override ? html`<label class="check"><input type="radio" name="kind" checked=${kind === 'unspecified'} onChange=${() => setKind('unspecified')} /> As its code says: without the override that is set</label>` : null}
    </fieldset>
    ${kind === 'pinned' && all && !name ? html`<${Notice} kind="warn">There is no worker deployment to pin it to.<//>` : null}
    ${kind === 'pinned' && name ? html`<${Field} label="Deployment"><select value=${name} onChange=${typed(setNamed)}>${(all?.workerDeployments ?? [{ name }]).map((one) => html`<option value=${one.name}>${one.name}</option>`)}</select><//>
      <${Field} label="Version"><select value=${chosen} onChange=${typed(setBuild)}>${list.map((one) => html`<option value=${one.build}>${one.build} (${one.status})</option>`)}</select><//>` : null}
  <//>`;
}
