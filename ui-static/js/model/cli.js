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
      { 'workflow-id': body.id, type: body.type, 'task-queue': body.queue, input: body.input, 'id-conflict-policy': body.conflict }, where),
  signalWithStart: (body, where) =>
    command(['workflow', 'signal-with-start'], {
      'workflow-id': body.id, type: body.type, 'task-queue': body.queue, input: body.input, 'signal-name': body.signal,
      'signal-input': body.signalInput, 'id-conflict-policy': body.conflict,
    }, where),
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
  /* to: {eventId} or {type, buildId}, as a command takes it */
  reset: (id, runId, to, exclude, reason, where) =>
    command(['workflow', 'reset'], {
      'workflow-id': id, 'run-id': runId, 'event-id': to.eventId, type: to.type, 'build-id': to.buildId, 'reapply-exclude': exclude, reason,
    }, where),
  override: (id, runId, move, where) =>
    command(['workflow', 'update-options'], {
      'workflow-id': id, 'run-id': runId, 'versioning-override-behavior': move.kind,
      'versioning-override-deployment-name': move.kind === 'pinned' ? move.deployment : undefined,
      'versioning-override-build-id': move.kind === 'pinned' ? move.build : undefined,
    }, where),
  /* What a batch does to all that match; what: as BATCH_ACTIONS names it. */
  batch: (what, query, { reason, name, input, reset }, where) =>
    command(['workflow', what], {
      query, name: what === 'signal' ? name : undefined, input: what === 'signal' ? input : undefined,
      type: reset?.type, 'build-id': reset?.buildId, reason, yes: true,
    }, where),
  stopBatch: (jobId, reason, where) => command(['batch', 'terminate'], { 'job-id': jobId, reason }, where),
  addAttribute: (name, type, where) => command(['operator', 'search-attribute', 'create'], { name, type }, where),
  removeAttribute: (name, where) => command(['operator', 'search-attribute', 'remove'], { name, yes: true }, where),
  createNamespace: ({ name, retention, description }, where) =>
    command(['operator', 'namespace', 'create'], { namespace: name, retention, description }, { address: where.address }),
  show: (id, runId, where) =>
    command(['workflow', 'show'], { 'workflow-id': id, 'run-id': runId, output: 'json' }, where),
};
