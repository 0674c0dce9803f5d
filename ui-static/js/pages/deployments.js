/* All deployments of a namespace. */
import { html } from '../lib.js';
import { api } from '../api.js';
import { useLive } from '../live.js';
import { link } from '../router.js';
import { routing, buildOf } from '../model/deployments.js';
import { instant } from '../model/time.js';
import { versionStatus } from '../model/enums.js';
import { usePlace, PageHead, Failure, Loading, Time, VersionBadge, Badge } from '../parts/basic.js';
import { TrafficBar } from '../parts/traffic.js';
import { ProblemBanner, useProblems } from '../parts/problems.js';
import { StartWorker } from '../parts/start_worker.js';

function Row({ deployment, ns, failing }) {
  const route = routing(deployment.routingConfig);
  const latest = deployment.latestVersionSummary;
  const latestBuild = buildOf(latest?.deploymentVersion);
  const known = latestBuild === route.current.build ? 'Current' : route.ramp?.build === latestBuild ? 'Ramping' : versionStatus(latest?.status);
  const changed = Math.max(route.current.since ?? 0, route.ramp?.since ?? 0, route.ramp?.changed ?? 0) || null;
  return html`<tr>
    <th scope="row"><a class="strong" href=${link('namespaces', ns, 'worker-deployments', deployment.name)}>${deployment.name}</a>${failing ? html` <${Badge} kind="bad" title="Open workflows whose tasks fail">${failing} failing<//>` : null}</th>
    <td class="fill"><${TrafficBar} routing=${route} small />
      <span class="under">${route.current.build === '' ? html`<span class="mute">no current version</span>` : html`<span class="mono">${route.current.build}</span> ${route.current.percent}%`}
        ${route.ramp ? html` · <span class="mono ramp-text">${route.ramp.build || 'unversioned'}</span> ${route.ramp.percent}%` : null}</span></td>
    <td>${latest ? html`<span class="mono">${latestBuild}</span> <${VersionBadge} status=${known} share=${route.ramp?.percent} />` : html`<span class="mute">none</span>`}</td>
    <td><${Time} at=${changed} /></td>
    <td class="narrow-hide"><${Time} at=${instant(deployment.createTime)} /></td>
  </tr>`;
}

export function Deployments() {
  const { ns } = usePlace();
  const { data, error, loading } = useLive(`deployments ${ns}`, (signal) => api.deployments(ns, signal));
  const { data: problems } = useProblems(ns);
  const list = data?.workerDeployments ?? [];
  const failing = {};
  for (const group of problems?.groups ?? []) if (group.deployment) failing[group.deployment] = (failing[group.deployment] ?? 0) + group.workflows.length;
  return html`<${PageHead} title="Deployments" sub="Which version of your workers gets new work, and which still finish what they began." />
    <${ProblemBanner} problems=${problems} />
    <${Failure} error=${error} />
    ${loading ? html`<${Loading} />` : null}
    ${data && !list.length ? html`<${StartWorker} deployment="my-app"
      title="No worker deployment yet"
      text="A deployment appears by itself with the first worker that names one. It lets you release code to a part of the new workflows, watch it, and roll back in a second, while running workflows stay on the version that they began with." />` : null}
    ${list.length ? html`<div class="scroll-x sheet"><table class="rows">
      <thead><tr><th scope="col">Deployment</th><th scope="col">New work goes to</th><th scope="col">Latest version</th><th scope="col">Routing changed</th><th scope="col" class="narrow-hide">Created</th></tr></thead>
      <tbody>${list.map((deployment) => html`<${Row} key=${deployment.name} deployment=${deployment} ns=${ns} failing=${failing[deployment.name]} />`)}</tbody>
    </table></div>` : null}
    ${data?.nextPageToken ? html`<p class="mute">Only the first ${list.length} are shown; open others by their address.</p>` : null}`;
}
