/* The dialogs that change a deployment. Each says what will happen, and shows the command that does the same. */
import { html, useState } from '../lib.js';
import { api, requestId, IDENTITY } from '../api.js';
import { useLive } from '../live.js';
import { linkWith } from '../router.js';
import { versionQuery } from '../model/deployments.js';
import { cli } from '../model/cli.js';
import { Dialog, Field, Notice } from './basic.js';

const nameOf = (build) => (build === '' ? 'workers without a version' : build);

function Missing({ checked, onChange }) {
  return html`<label class="check"><input type="checkbox" checked=${checked} onChange=${(event) => onChange(event.currentTarget.checked)} />
    Even if it does not poll all task queues of the current version</label>`;
}

export function SetCurrent({ ns, where, name, route, version, close, reload }) {
  const [ignore, set] = useState(false);
  const options = ignore ? { ignoreMissingTaskQueues: true } : {};
  const run = async () => {
    await api.setCurrent(ns, name, version.build, options);
    reload();
  };
  return html`<${Dialog} title=${version.build === '' ? 'Unset the current version' : `Set ${version.build} current`} verb=${version.build === '' ? 'Unset current' : 'Set current'}
    close=${close} run=${run} command=${cli.setCurrent(name, version.build, options, where)}>
    <ul>
      <li>New workflows start on <b>${nameOf(version.build)}</b>, and workflows that follow the deployment move to it with their next task.</li>
      ${route.current.build && route.current.build !== version.build ? html`<li>Pinned workflows stay on <b class="mono">${route.current.build}</b>, which begins to drain: keep its workers until it is drained.</li>` : null}
      ${route.ramp?.build === version.build && version.build !== '' ? html`<li>The ramp ends.</li>` : null}
    </ul>
    ${version.build === '' ? null : html`<${Missing} checked=${ignore} onChange=${set} />`}
  <//>`;
}

export function Ramp({ ns, where, name, route, version, close, reload }) {
  const [percent, set] = useState(route.ramp?.build === version.build ? route.ramp.percent : 5);
  const [ignore, setIgnore] = useState(false);
  const options = ignore ? { ignoreMissingTaskQueues: true } : {};
  const run = async () => {
    await api.setRamping(ns, name, version.build, Number(percent), options);
    reload();
  };
  return html`<${Dialog} title=${`Ramp ${nameOf(version.build)}`} verb=${`Ramp to ${percent}%`} close=${close} run=${run} command=${cli.setRamping(name, version.build, percent, options, where)}>
    <p>So much of the new work goes to <b>${nameOf(version.build)}</b>, chosen by workflow id: an id that is in at 5 % is in at 10 %. The rest stays with <b>${nameOf(route.current.build)}</b>.</p>
    <${Field} label="Share of new work, in percent">
      <span class="ramp-field"><input type="range" min="0" max="100" value=${percent} onInput=${(event) => set(Number(event.currentTarget.value))} aria-label="Share" />
      <input class="percent" type="number" min="0" max="100" step="any" required autofocus value=${percent} onInput=${(event) => set(event.currentTarget.value)} /></span>
    <//>
    ${route.ramp && route.ramp.build !== version.build ? html`<${Notice} kind="warn"><b class="mono">${nameOf(route.ramp.build)}</b> ramps at present: it stops, and begins to drain.<//>` : null}
    ${version.build === '' ? null : html`<${Missing} checked=${ignore} onChange=${setIgnore} />`}
  <//>`;
}

export function Unramp({ ns, where, name, route, close, reload }) {
  const run = async () => {
    await api.setRamping(ns, name, '', 0);
    reload();
  };
  return html`<${Dialog} title="Stop the ramp" verb="Stop the ramp" close=${close} run=${run} command=${cli.unsetRamp(name, route.ramp?.build ?? '', where)}>
    <ul><li>All new work goes to <b>${nameOf(route.current.build)}</b> again.</li>
      <li>Workflows that follow the deployment go back with their next task; those pinned to <b class="mono">${nameOf(route.ramp?.build ?? '')}</b> stay there while it drains, unless you move them.</li></ul>
  <//>`;
}

export function DeleteVersion({ ns, where, name, version, close, reload }) {
  const [skip, set] = useState(false);
  const options = skip ? { skipDrainage: true } : {};
  const run = async () => {
    await api.deleteVersion(ns, name, version.build, options);
    reload();
  };
  return html`<${Dialog} title=${`Delete ${version.build}`} verb="Delete" danger close=${close} run=${run} command=${cli.deleteVersion(name, version.build, options, where)}>
    <p>The server forgets this version. It must not be current, ramping or draining, and its workers must be stopped: the server remembers pollers for five minutes.</p>
    ${version.status === 'Draining' ? html`<label class="check"><input type="checkbox" checked=${skip} onChange=${(event) => set(event.currentTarget.checked)} /> Even though it is draining: workflows pinned to it find no worker any more</label>` : null}
  <//>`;
}

export function DeleteDeployment({ ns, where, name, list, close, done }) {
  const run = async () => {
    await api.deleteDeployment(ns, name);
    done();
  };
  return html`<${Dialog} title=${`Delete ${name}`} verb="Delete" danger close=${close} run=${run} command=${cli.deleteDeployment(name, where)}>
    <p>Only a deployment without versions can be deleted${list.length ? `; this one has ${list.length}` : ''}.</p>
  <//>`;
}

/* Moves the open workflows of a version: pinned to another one, or set free to follow the deployment. */
export function MoveWorkflows({ ns, where, name, list, version, close }) {
  const others = list.filter((one) => one.build !== version.build);
  const [kind, setKind] = useState(others.length ? 'pinned' : 'auto_upgrade');
  const [build, setBuild] = useState((others.find((one) => one.status === 'Current') ?? others[0])?.build ?? '');
  const [onlyPinned, setOnly] = useState(true);
  const [job, started] = useState(null);
  const query = versionQuery(name, version.build, ` AND ExecutionStatus = "Running"${onlyPinned ? ' AND TemporalWorkflowVersioningBehavior = "Pinned"' : ''}`);
  const { data: counted } = useLive(`move ${ns} ${query}`, (signal) => api.count(ns, query, signal), 3000);
  const { data: progress } = useLive(job && `batch ${ns} ${job}`, (signal) => api.batch(ns, job, signal), 500);
  const reason = kind === 'pinned' ? `moved from ${version.build} to ${build}` : kind === 'auto_upgrade' ? `follow the deployment instead of ${version.build}` : 'versioning override removed';
  const override = kind === 'pinned'
    ? { pinned: { behavior: 'PINNED_OVERRIDE_BEHAVIOR_PINNED', version: { deploymentName: name, buildId: build } } }
    : kind === 'auto_upgrade' ? { autoUpgrade: true } : undefined;
  const run = async () => {
    const id = requestId();
    await api.startBatch(ns, id, {
      visibilityQuery: query,
      reason,
      updateWorkflowOptionsOperation: { identity: IDENTITY, workflowExecutionOptions: override ? { versioningOverride: override } : {}, updateMask: 'versioningOverride' },
    });
    started(id);
    return false;
  };
  if (job) {
    const total = Number(progress?.totalOperationCount ?? 0);
    const done = Number(progress?.completeOperationCount ?? 0);
    const failed = Number(progress?.failureOperationCount ?? 0);
    const state = String(progress?.state ?? 'BATCH_OPERATION_STATE_RUNNING').replace('BATCH_OPERATION_STATE_', '').toLowerCase();
    return html`<${Dialog} title="Moving workflows" close=${close}>
      <p role="status"><b>${state === 'completed' ? 'Done' : state === 'failed' ? 'Failed' : 'At work'}</b>: ${done} of ${total} moved${failed ? html`, <b class="bad-text">${failed} could not be moved</b>` : ''}.</p>
      <progress max=${Math.max(total, 1)} value=${done + failed} aria-label="Moved"></progress>
      <p class="mute">Batch <code>${job}</code>. Closing this window does not stop it.</p>
    <//>`;
  }
  const number = counted === undefined ? '…' : Number(counted.count ?? 0);
  return html`<${Dialog} title=${`Move workflows of ${version.build}`} verb=${`Move ${number}`} close=${close} run=${run}
    command=${cli.moveWorkflows(query, { kind: kind === 'unset' ? 'unspecified' : kind, deployment: name, build, reason }, where)}>
    <p><a href=${linkWith(['namespaces', ns, 'workflows'], { query })}>${number} open workflows</a> get a versioning override by a batch. Their next task runs on the code that you choose, with their whole history replayed: it must fit.</p>
    <fieldset><legend>Which</legend>
      <label class="check"><input type="radio" name="which" checked=${onlyPinned} onChange=${() => setOnly(true)} /> Pinned workflows only</label>
      <label class="check"><input type="radio" name="which" checked=${!onlyPinned} onChange=${() => setOnly(false)} /> All open workflows of this version</label>
    </fieldset>
    <fieldset><legend>Where to</legend>
      ${others.length ? html`<label class="check"><input type="radio" name="kind" checked=${kind === 'pinned'} onChange=${() => setKind('pinned')} /><span>Pin to version
        <select value=${build} onChange=${(event) => setBuild(event.currentTarget.value)} aria-label="Version">${others.map((one) => html`<option value=${one.build}>${one.build} (${one.status})</option>`)}</select></span></label>` : null}
      <label class="check"><input type="radio" name="kind" checked=${kind === 'auto_upgrade'} onChange=${() => setKind('auto_upgrade')} /> Follow the deployment from now on (auto-upgrade)</label>
      <label class="check"><input type="radio" name="kind" checked=${kind === 'unset'} onChange=${() => setKind('unset')} /> Remove an override that was set before</label>
    </fieldset>
  <//>`;
}
