/* The banner that makes a breaking deploy unmissable: which workflows' tasks fail, why, on which version, since when. */
import { html } from '../lib.js';
import { api } from '../api.js';
import { useLive } from '../live.js';
import { link, linkWith } from '../router.js';
import { FAILING, problemOf, lastTaskFailure, groupProblems, versionOf } from '../model/problems.js';
import { literal } from '../model/deployments.js';
import { usePlace, Time } from './basic.js';

/* Of so many workflows the history's end is looked at: enough to tell versions and messages apart. */
const LOOKED_AT = 12;
const SHOWN = 5;

/* The server sets the attribute after five failures in a row, which its back-off makes most of a minute. A rollout is watched
 * sooner: of so many open workflows the pending task itself is looked at. */
const SAMPLED = 16;

const UNTOLD = { category: 'WorkflowTaskFailed', cause: '', nondeterminism: false };

const describe = ({ execution }, ns, signal) => api.workflow(ns, execution.workflowId, execution.runId, signal).catch(() => ({}));

const split = (told = '') => [told.slice(0, Math.max(told.indexOf(':'), 0)), told.slice(told.indexOf(':') + 1)];

/* A failing execution with what its history's end says, and on which version: where a transition leads it, if it is in one; its
 * search attributes tell the version before. */
async function look(ns, execution, problem, signal, known) {
  const { workflowId, runId } = execution.execution;
  const [tail, description] = await Promise.all([
    api.historyReverse(ns, workflowId, runId, { maximumPageSize: 12 }, signal).catch(() => ({})),
    known ?? describe(execution, ns, signal),
  ]);
  const failure = lastTaskFailure(tail.history?.events ?? []);
  const target = description.workflowExecutionInfo?.versioningInfo?.versionTransition?.deploymentVersion;
  const [deployment, build] = split(versionOf(execution));
  if (failure) Object.assign(failure, { build: target?.buildId ?? (failure.build || build), deployment: target?.deploymentName ?? deployment });
  if (!problem && failure) return { execution, failure, problem: { ...UNTOLD, cause: failure.cause, nondeterminism: failure.cause === 'NonDeterministicError' } };
  return { execution, failure, problem: problem ?? UNTOLD };
}

/* Open workflows that the attribute does not tell yet, but whose task is at its second attempt or later. */
async function early(ns, narrowed, signal) {
  const movable = narrowed ? ' AND TemporalWorkflowVersioningBehavior = "AutoUpgrade"' : '';
  const query = `ExecutionStatus = "Running" AND TemporalReportedProblems IS NULL${narrowed}${movable}`;
  const list = await api.workflows(ns, query, undefined, SAMPLED, signal);
  const found = await Promise.all((list.executions ?? []).map(async (execution) => {
    const description = await describe(execution, ns, signal);
    if (Number(description.pendingWorkflowTask?.attempt ?? 1) < 2) return null;
    return look(ns, execution, null, signal, description);
  }));
  return found.filter((one) => one?.failure);
}

/* {total, groups} of the failing workflows of a namespace, or of one deployment. */
export async function askProblems(ns, deployment, signal) {
  const narrowed = deployment === undefined ? '' : ` AND TemporalWorkerDeployment = ${literal(deployment)}`;
  const query = `${FAILING} AND ExecutionStatus = "Running"${narrowed}`;
  const [list, count] = await Promise.all([api.workflows(ns, query, undefined, LOOKED_AT, signal), api.count(ns, query, signal)]);
  const executions = list.executions ?? [];
  const told = await Promise.all(executions.map((execution) => look(ns, execution, problemOf(execution), signal)));
  const sooner = await early(ns, narrowed, signal);
  const runs = sooner.map(({ execution }) => literal(execution.execution.runId)).join(', ');
  return {
    total: Number(count.count ?? executions.length) + sooner.length,
    groups: groupProblems([...told, ...sooner]),
    query: runs ? `(${query}) OR RunId IN (${runs})` : query,
  };
}

export function useProblems(ns, deployment) {
  return useLive(`problems ${ns} ${deployment ?? ''}`, (signal) => askProblems(ns, deployment, signal), 4000);
}

const plural = (count, one, many = one + 's') => `${count} ${count === 1 ? one : many}`;

/* The group of problems that a run is in, by its id: for lists. */
export function troubledRuns(problems) {
  return new Map((problems?.groups ?? []).flatMap((group) => group.workflows.map(({ execution }) => [execution.execution.runId, group])));
}

/* remedy: {text, go}, the button that ends it. */
export function ProblemBanner({ problems, deployment, remedy }) {
  const { ns } = usePlace();
  if (!problems?.total) return null;
  const breaking = problems.groups.some((group) => group.nondeterminism);
  const exact = problems.groups.reduce((sum, group) => sum + group.workflows.length, 0) >= problems.total;
  return html`<div class=${breaking ? 'alarm breaking' : 'alarm'} role="alert">
    <div class="alarm-head">
      <strong>${breaking ? 'Breaking deploy' : 'Workflow tasks fail'}</strong>
      <span>${plural(problems.total, 'running workflow')} cannot go on${breaking ? ': the code that runs now does not match their history' : ''}.</span>
      <span class="alarm-actions">${remedy ? html`<button type="button" class="primary danger" onClick=${remedy.go}>${remedy.text}</button>` : null}<a href=${linkWith(['namespaces', ns, 'workflows'], { query: problems.query })}>Show all</a></span>
    </div>
    ${problems.groups.map((group) => html`<div class="alarm-group">
      <p><b>${group.cause === 'NonDeterministicError' ? 'Non-determinism' : group.cause}</b>${group.build ? html` on version ${deployment === undefined && group.deployment
          ? html`<a class="mono strong" href=${link('namespaces', ns, 'worker-deployments', group.deployment)}>${group.deployment}:${group.build}</a>` : html`<b class="mono">${group.build}</b>`}` : null}
        ${group.since === null ? null : html`, since <${Time} at=${group.since} full /> (<${Time} at=${group.since} />)`}${exact ? `: ${plural(group.workflows.length, 'workflow')}` : ''}</p>
      ${group.message ? html`<p class="alarm-message mono">${group.message}</p>` : null}
      <p class="alarm-list">${group.workflows.slice(0, SHOWN).map(({ execution }) => html`<a class="mono" href=${link('namespaces', ns, 'workflows', execution.execution.workflowId, execution.execution.runId)}>${execution.execution.workflowId}</a>`)}
        ${group.workflows.length > SHOWN ? html`<span>and ${group.workflows.length - SHOWN} more</span>` : null}</p>
    </div>`)}
    ${breaking ? html`<p class="alarm-help">Nothing is lost: the tasks are tried again until code that matches takes them. ${deployment === undefined
      ? problems.groups.some((group) => group.deployment) ? 'Open the deployment to roll it back.' : 'Bring the previous code back, or use worker deployments, which keep running workflows on the version that they began with.'
      : 'Ramp down or set the previous version current; workflows that already moved can be pinned to it with “Move workflows”.'}</p>` : null}
  </div>`;
}
