/* The `temporal` command lines that do what the UI does, to copy. */

/* A word as a POSIX shell takes it. Control characters other than line ends have no business in a terminal: they become spaces,
 * since ids are chosen by others and what is copied is run. */
export function quote(word) {
  const text = String(word).replace(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/g, ' ');
  if (text !== '' && /^[A-Za-z0-9_@%+=:,./-]+$/.test(text)) return text;
  return "'" + text.replaceAll("'", "'\\''") + "'";
}

/* command(['workflow', 'cancel'], {'workflow-id': 'x'}, {namespace, address}); a flag that is true stands alone, one that is
 * undefined, false or '' is left out, an array stands once for each. */
export function command(words, flags, { namespace, address } = {}) {
  const parts = ['temporal', ...words];
  const all = { ...flags };
  if (namespace && namespace !== 'default') all.namespace = namespace;
  if (address && address !== 'localhost:7233' && address !== '127.0.0.1:7233') all.address = address;
  for (const [name, value] of Object.entries(all)) {
    for (const one of [value].flat()) {
      if (one === undefined || one === null || one === false || one === '') continue;
      parts.push('--' + name);
      if (one !== true) parts.push(quote(one));
    }
  }
  return parts.join(' ');
}

export const cli = {
  setCurrent: (deployment, build, options, where) =>
    command(['worker', 'deployment', 'set-current-version'], {
      'deployment-name': deployment, 'build-id': build, unversioned: build === '',
      'ignore-missing-task-queues': options?.ignoreMissingTaskQueues, yes: true,
    }, where),
  setRamping: (deployment, build, percentage, options, where) =>
    command(['worker', 'deployment', 'set-ramping-version'], {
      'deployment-name': deployment, 'build-id': build, unversioned: build === '', percentage: String(percentage),
      'ignore-missing-task-queues': options?.ignoreMissingTaskQueues, yes: true,
    }, where),
  unsetRamp: (deployment, build, where) =>
    command(['worker', 'deployment', 'set-ramping-version'],
      { 'deployment-name': deployment, 'build-id': build, unversioned: build === '', delete: true, yes: true }, where),
  deleteVersion: (deployment, build, options, where) =>
    command(['worker', 'deployment', 'delete-version'],
      { 'deployment-name': deployment, 'build-id': build, 'skip-drainage': options?.skipDrainage }, where),
  deleteDeployment: (deployment, where) => command(['worker', 'deployment', 'delete'], { name: deployment }, where),
  moveWorkflows: (query, move, where) =>
    command(['workflow', 'update-options'], {
      query,
      'versioning-override-behavior': move.kind,
      'versioning-override-deployment-name': move.kind === 'pinned' ? move.deployment : undefined,
      'versioning-override-build-id': move.kind === 'pinned' ? move.build : undefined,
      reason: move.reason, yes: true,
    }, where),
  start: (body, where) =>
    command(['workflow', 'start'],
      { 'workflow-id': body.id, type: body.type, 'task-queue': body.queue, input: body.input }, where),
  signal: (id, runId, name, input, where) =>
    command(['workflow', 'signal'], { 'workflow-id': id, 'run-id': runId, name, input }, where),
  update: (id, runId, name, input, where) =>
    command(['workflow', 'update', 'execute'], { 'workflow-id': id, 'run-id': runId, name, input }, where),
  query: (id, runId, name, input, where) =>
    command(['workflow', 'query'], { 'workflow-id': id, 'run-id': runId, name, input }, where),
  cancel: (id, runId, where) => /* it takes a reason for batches only */
    command(['workflow', 'cancel'], { 'workflow-id': id, 'run-id': runId }, where),
  terminate: (id, runId, reason, where) =>
    command(['workflow', 'terminate'], { 'workflow-id': id, 'run-id': runId, reason }, where),
  reset: (id, runId, eventId, reason, where) =>
    command(['workflow', 'reset'], { 'workflow-id': id, 'run-id': runId, 'event-id': String(eventId), reason }, where),
  show: (id, runId, where) =>
    command(['workflow', 'show'], { 'workflow-id': id, 'run-id': runId, output: 'json' }, where),
};
