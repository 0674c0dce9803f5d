/* One deployment: who gets new work, what drains, what is stuck, and the buttons to change it. */
import { html, useState, useEffect } from '../lib.js';
import { api, NOT_FOUND } from '../api.js';
import { useLive } from '../live.js';
import { link, linkWith, go } from '../router.js';
import { routing, versions, versionQuery, openAndAll, queuesOf, pollersByBuild } from '../model/deployments.js';
import { instant, spanText, span } from '../model/time.js';
import { cli } from '../model/cli.js';
import { usePlace, PageHead, Failure, Loading, Notice, Section, Time, VersionBadge, Badge, Menu, Copy, Cli, Facts, Icon } from '../parts/basic.js';
import { TrafficBar, RampBar, DrainingStrip, Drainage } from '../parts/traffic.js';
import { RoutingOverTime } from '../parts/lanes.js';
import { ProblemBanner, useProblems } from '../parts/problems.js';
import { StartWorker } from '../parts/start_worker.js';
import { SetCurrent, Ramp, Unramp, DeleteVersion, DeleteDeployment, MoveWorkflows } from '../parts/rollout.js';

/* Of so many versions the numbers are asked with each look; others that are drained or were never used show none. */
const NUMBERED = 12;
const worthNumbers = (version) => version.status !== 'Drained' || version.share > 0;

/* Those with traffic come first, then those that drain, then the newest. */
const weight = (version) => (version.share > 0 ? 2 : version.status === 'Draining' ? 1 : 0);

/* A version can be deleted between the list and the question. */
function ifGone(error) {
  if (error.code !== NOT_FOUND) throw error;
  return {};
}

/* Open workflows by behaviour, task queues and pollers of each version that matters: {build: {...}}. */
async function askNumbers(ns, name, list, signal) {
  const asked = list.filter(worthNumbers).sort((a, b) => weight(b) - weight(a)).slice(0, NUMBERED);
  const numbers = await Promise.all(asked.map(async ({ build }) => {
    const count = (behavior) => api.count(ns, versionQuery(name, build, ` AND TemporalWorkflowVersioningBehavior = "${behavior}" GROUP BY ExecutionStatus`), signal);
    const [pinned, auto, version] = await Promise.all([count('Pinned'), count('AutoUpgrade'), api.version(ns, name, build, signal).catch(ifGone)]);
    return { pinned: openAndAll(pinned), auto: openAndAll(auto), queues: queuesOf(version) };
  }));
  const queues = new Map(numbers.flatMap((one) => one.queues).map((queue) => [`${queue.type} ${queue.name}`, queue]));
  const polled = {};
  await Promise.all([...queues].map(async ([key, { name: queue, type }]) => {
    const answer = await api.taskQueue(ns, queue, type, signal);
    const byBuild = pollersByBuild(answer, name, Date.now());
    polled[key] = Object.fromEntries(Object.entries(byBuild).map(([build, pollers]) => [build, pollers.map((poller) => poller.identity)]));
  }));
  return Object.fromEntries(asked.map(({ build }, index) => [build, {
    ...numbers[index],
    queues: numbers[index].queues.map((queue) => ({ ...queue, pollers: polled[`${queue.type} ${queue.name}`]?.[build] ?? [] })),
  }]));
}

/* Who gets new work, with the ramp to drag when there is one. */
function Traffic({ name, route, list, numbers, reload }) {
  const { ns, where } = usePlace();
  const [draft, set] = useState(null);
  const [error, fail] = useState(null);
  const [busy, work] = useState(false);
  const known = route.ramp?.percent;
  useEffect(() => set(null), [known, route.ramp?.build]);
  if (!route.ramp) {
    return html`<div class="panel"><${TrafficBar} routing=${route} />
      <p class="mute">${route.current.build === ''
        ? 'No version is current: new work goes to workers without a version.'
        : html`All new work goes to <b class="mono">${route.current.build}</b>, since <${Time} at=${route.current.since} />.`}</p><${DrainingStrip} versions=${list} numbers=${numbers} /></div>`;
  }
  const percent = draft ?? known;
  const apply = async () => {
    fail(null);
    work(true);
    try {
      await api.setRamping(ns, name, route.ramp.build, percent);
      await reload();
    } catch (thrown) {
      fail(thrown);
    }
    work(false);
  };
  const typed = (event) => {
    const value = Number(event.currentTarget.value);
    if (event.currentTarget.value !== '' && value >= 0 && value <= 100) set(value);
  };
  const changed = percent !== known;
  return html`<div class="panel"><${RampBar} routing=${route} percent=${percent} onDraft=${set} />
    <${DrainingStrip} versions=${list} numbers=${numbers} />
    <div class="ramp-row">
      <label>Ramp <b class="mono">${route.ramp.build || 'unversioned'}</b> to
        <input class="percent" type="number" min="0" max="100" step="any" value=${percent} onInput=${typed} aria-label="Ramp percentage" /> %</label>
      ${[1, 5, 10, 25, 50, 100].map((step) => html`<button type="button" class="chip" aria-pressed=${percent === step} onClick=${() => set(step)}>${step}%</button>`)}
      <button type="button" class="primary" disabled=${!changed || busy} onClick=${apply}>${changed ? `Apply ${percent}%` : 'Applied'}</button>
      ${changed ? html`<button type="button" onClick=${() => set(null)}>Undo</button>` : null}
      <span class="mute">ramping since <${Time} at=${route.ramp.since} /></span>
    </div>
    <${Failure} error=${error} always />
    <${Cli} text=${cli.setRamping(name, route.ramp.build, percent, {}, where)} />
  </div>`;
}

function QueueLine({ queue, ns }) {
  return html`<tr>
    <th scope="row"><a class="mono" href=${link('namespaces', ns, 'task-queues', queue.name)}>${queue.name}</a> <span class="mute">${queue.type.toLowerCase()}</span></th>
    <td class="number">${queue.pollers.length ? html`<span title=${queue.pollers.join('\n')}>${queue.pollers.length}</span>` : html`<b class=${queue.backlog ? 'bad-text' : 'mute'}>none</b>`}</td>
    <td class="number">${queue.backlog ? html`<b>${queue.backlog}</b>` : html`<span class="mute">0</span>`}</td>
    <td class="number">${queue.backlog ? spanText(span(queue.age)) : html`<span class="mute">–</span>`}</td>
    <td class="number narrow-hide">${queue.add.toFixed(1)}</td><td class="number narrow-hide">${queue.dispatch.toFixed(1)}</td>
  </tr>`;
}

function VersionRow({ ns, name, version, numbers, failing, act }) {
  const build = version.build;
  const open = (behavior) => linkWith(['namespaces', ns, 'workflows'],
    { query: versionQuery(name, build, ` AND TemporalWorkflowVersioningBehavior = "${behavior}" AND ExecutionStatus = "Running"`) });
  const cell = (counts, behavior) => (counts === undefined ? html`<span class="mute">–</span>`
    : counts.open ? html`<a href=${open(behavior)}>${counts.open}</a>` : html`<span class="mute">0</span>`);
  const since = { Current: version.currentSince, Ramping: version.rampingSince, Draining: version.deactivated, Drained: version.drainage?.changed }[version.status] ?? version.created;
  const backlog = (numbers?.queues ?? []).reduce((sum, queue) => sum + queue.backlog, 0);
  const pollers = new Set((numbers?.queues ?? []).flatMap((queue) => queue.pollers)).size;
  return html`<tr data-build=${build}>
    <th scope="row"><a class="mono strong" href=${linkWith(['namespaces', ns, 'workflows'], { query: versionQuery(name, build) })} title="Workflows of this version">${build}</a><${Copy} text=${build} label="Copy the build id" /></th>
    <td><${VersionBadge} status=${version.status} share=${version.share} />${failing ? html` <${Badge} kind="bad" title="Workflows whose tasks fail on this version">${failing} failing<//>` : null}</td>
    <td class="number">${version.share ? `${version.share}%` : html`<span class="mute">–</span>`}</td>
    <td class="number">${cell(numbers?.pinned, 'Pinned')}</td>
    <td class="number">${cell(numbers?.auto, 'AutoUpgrade')}</td>
    <td>${version.drainage ? html`<${Drainage} status=${version.status} counts=${numbers?.pinned} />` : html`<span class="mute">–</span>`}</td>
    <td class="number">${numbers ? html`<span class=${pollers || !(numbers.pinned.open || version.share) ? '' : 'bad-text'}>${pollers}</span>` : html`<span class="mute">–</span>`}</td>
    <td class="number">${numbers ? html`<span class=${backlog ? '' : 'mute'}>${backlog}</span>` : html`<span class="mute">–</span>`}</td>
    <td class="narrow-hide"><${Time} at=${since} /></td>
    <td class="row-actions"><${Menu} label=${html`<${Icon} name="dots" />`} name=${`Actions for version ${build}`}>
      ${version.status === 'Current' ? null : html`<button type="button" onClick=${() => act('current', version)}>Set current …</button>`}
      ${version.status === 'Current' ? null : html`<button type="button" onClick=${() => act('ramp', version)}>${version.status === 'Ramping' ? 'Change the ramp …' : 'Ramp …'}</button>`}
      ${version.status === 'Ramping' ? html`<button type="button" onClick=${() => act('unramp', version)}>Stop the ramp …</button>` : null}
      ${version.status === 'Current' ? html`<button type="button" onClick=${() => act('uncurrent', version)}>Unset current …</button>` : null}
      <button type="button" onClick=${() => act('move', version)}>Move workflows …</button>
      ${version.status === 'Current' || version.status === 'Ramping' ? null : html`<button type="button" class="bad-text" onClick=${() => act('delete', version)}>Delete …</button>`}
    <//></td>
  </tr>`;
}

/* What takes new work away from a version that breaks: {text, go}; null when it gets none. */
function rollback(list, route, build, act) {
  const version = list.find((one) => one.build === build);
  if (route.ramp?.build === build) return { text: 'Stop the ramp …', go: () => act('unramp', version) };
  if (route.current.build !== build) return null;
  const before = list.filter((one) => one.build !== build && one.lastCurrent !== null).sort((a, b) => b.lastCurrent - a.lastCurrent)[0];
  return before ? { text: `Set ${before.build} current again …`, go: () => act('current', before) } : null;
}

export function Deployment({ name }) {
  const { ns, where } = usePlace();
  const { data, error, loading, again } = useLive(`deployment ${ns} ${name}`, (signal) => api.deployment(ns, name, signal), 1500);
  const info = data?.workerDeploymentInfo;
  const list = versions(info);
  const shape = JSON.stringify(list.map((version) => [version.build, version.status]));
  const { data: numbers, error: numbersError, again: recount } = useLive(info ? `numbers ${ns} ${name} ${shape}` : null, (signal) => askNumbers(ns, name, list, signal), 2500);
  const [last, keep] = useState(null); /* while a change of state asks anew, the numbers before it stand */
  useEffect(() => numbers && keep(numbers), [numbers]);
  const { data: problems } = useProblems(ns, name);
  const [dialog, open] = useState(null);
  if (error?.code === NOT_FOUND && !info) {
    return html`<${PageHead} crumbs=${[['Deployments', link('namespaces', ns, 'worker-deployments')]]} title=${name} />
      <${StartWorker} deployment=${name} title="No such deployment" text="It appears with the first worker that names it." />`;
  }
  if (!info) return loading ? html`<${Loading} />` : html`<${Failure} error=${error} />`;

  const route = routing(info.routingConfig);
  const reload = async () => {
    again();
    recount();
  };
  const act = (what, version) => open({ what, version });
  const close = () => open(null);
  const shared = { ns, where, name, list, route, close, reload, numbers: numbers ?? last, version: dialog?.version };
  const counted = numbers ?? last ?? {};
  const queueGroups = list.filter((version) => counted[version.build]?.queues.length);
  const newest = list.find((version) => version.status === 'Inactive' || version.status === 'Created');
  const breaking = problems?.groups.find((group) => group.nondeterminism && group.build);
  const failing = Object.fromEntries((problems?.groups ?? []).filter((group) => group.build).map((group) => [group.build, group.workflows.length]));
  const remedy = breaking && rollback(list, route, breaking.build, act);
  return html`
    <${PageHead} crumbs=${[['Deployments', link('namespaces', ns, 'worker-deployments')]]} title=${name}
      sub=${html`Routing changed <${Time} at=${Math.max(route.current.since ?? 0, route.ramp?.changed ?? 0) || instant(info.createTime)} />${info.lastModifierIdentity ? html` by <span class="mono">${info.lastModifierIdentity}</span>` : null}${info.managerIdentity ? html` · managed by <span class="mono">${info.managerIdentity}</span>` : null}`}>
      ${newest && !route.ramp ? route.current.build === ''
        ? html`<button type="button" class="primary" onClick=${() => act('current', newest)}>Set ${newest.build} current …</button>`
        : html`<button type="button" class="primary" onClick=${() => act('ramp', newest)}>Ramp ${newest.build} …</button>` : null}
      ${route.ramp && route.ramp.build !== '' ? html`<button type="button" class=${breaking?.build === route.ramp.build ? undefined : 'primary'} onClick=${() => act('current', list.find((one) => one.build === route.ramp.build))}>Promote ${route.ramp.build} …</button>
        <button type="button" onClick=${() => act('unramp', list.find((one) => one.build === route.ramp.build))}>Stop the ramp …</button>` : null}
      <${Menu} label="More" name="More actions for this deployment">
        <button type="button" onClick=${() => act('ramp-unversioned', { build: '' })}>Ramp to unversioned workers …</button>
        ${route.current.build ? html`<button type="button" onClick=${() => act('uncurrent', {})}>Unset current …</button>` : null}
        <button type="button" class="bad-text" onClick=${() => act('delete-deployment')}>Delete the deployment …</button>
      <//>
    <//>
    <${ProblemBanner} problems=${problems} deployment=${name} remedy=${remedy} />
    <${Failure} error=${error ?? numbersError} />
    <${Section} title="New work" id="new-work"><${Traffic} name=${name} route=${route} list=${list} numbers=${counted} reload=${reload} /><//>
    <${Section} title="Versions" id="versions" note=${list.filter(worthNumbers).length > NUMBERED ? `${list.length}, numbers of ${NUMBERED}` : `${list.length}`}>
      ${list.length ? html`<div class="scroll-x sheet wide-menu"><table class="rows versions">
        <thead><tr><th scope="col">Version</th><th scope="col">State</th><th scope="col" class="number">New work</th>
          <th scope="col" class="number" title="Open workflows that stay on this version">Pinned</th><th scope="col" class="number" title="Open workflows that follow the deployment, last run by this version">Auto-upgrade</th>
          <th scope="col">Drained</th><th scope="col" class="number" title="Workers that polled within the last minute">Workers</th><th scope="col" class="number">Backlog</th><th scope="col" class="narrow-hide">Since</th><th scope="col"><span class="hidden">Actions</span></th></tr></thead>
        <tbody>${list.map((version) => html`<${VersionRow} key=${version.build} ns=${ns} name=${name} version=${version} numbers=${counted[version.build]} failing=${failing[version.build]} act=${act} />`)}</tbody>
      </table></div>` : html`<${Notice}>It has no versions: workers of it have not polled yet.<//>`}
    <//>
    ${queueGroups.length ? html`<${Section} title="Task queues" id="queues" note="tasks per second over the last 30 s">
      <div class="scroll-x sheet"><table class="rows">
        <thead><tr><th scope="col">Task queue</th><th scope="col" class="number">Workers</th><th scope="col" class="number">Backlog</th><th scope="col" class="number">Oldest</th><th scope="col" class="number narrow-hide">Added/s</th><th scope="col" class="number narrow-hide">Taken/s</th></tr></thead>
        ${queueGroups.map((version) => html`<tbody key=${version.build}><tr class="group"><th scope="rowgroup" colspan="6"><span class="mono">${version.build}</span> <${VersionBadge} status=${version.status} share=${version.share} /></th></tr>
          ${counted[version.build].queues.map((queue) => html`<${QueueLine} key=${queue.type + queue.name} queue=${queue} ns=${ns} />`)}</tbody>`)}
      </table></div><//>` : null}
    <${Section} title="Routing over time" id="over-time">
      <${RoutingOverTime} key=${name} place=${`routing ${ns}/${name}/${info.createTime}`} versions=${list} route=${route} />
      <${Facts} list=${[['Revision', info.routingConfig?.revisionNumber], ['Created', html`<${Time} at=${instant(info.createTime)} full />`]]} />
    <//>
    ${dialog?.what === 'current' ? html`<${SetCurrent} ...${shared} />` : null}
    ${dialog?.what === 'uncurrent' ? html`<${SetCurrent} ...${shared} version=${{ build: '' }} />` : null}
    ${dialog?.what === 'ramp' || dialog?.what === 'ramp-unversioned' ? html`<${Ramp} ...${shared} />` : null}
    ${dialog?.what === 'unramp' ? html`<${Unramp} ...${shared} />` : null}
    ${dialog?.what === 'move' ? html`<${MoveWorkflows} ...${shared} />` : null}
    ${dialog?.what === 'delete' ? html`<${DeleteVersion} ...${shared} />` : null}
    ${dialog?.what === 'delete-deployment' ? html`<${DeleteDeployment} ...${shared} done=${() => go(link('namespaces', ns, 'worker-deployments'))} />` : null}`;
}
