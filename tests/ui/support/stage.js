/* What the browser tests stand on: a server of their own, real SDK workers, and a browser that tells of every error.
 *
 * FERMATA_EXE is the server. Or, to run them against another one: FERMATA_UI=http://… and FERMATA_ADDRESS=host:port. */
import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

const here = path.dirname(fileURLToPath(import.meta.url));
const root = path.resolve(here, '../../..');
const python = path.join(root, 'build/venv/bin/python');

/* As much as a machine with other work to do may need; nothing passes or fails by being slow or fast. */
export const PATIENCE_MS = 40000;

async function freePort() {
  const server = net.createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

async function until(what, ask) {
  const end = Date.now() + PATIENCE_MS;
  for (;;) {
    const found = await ask().catch((error) => (Date.now() > end ? Promise.reject(error) : undefined));
    if (found) return found;
    if (Date.now() > end) throw new Error(`it did not come to it: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

export class Stage {
  children = [];

  /* args: more of them for the server; keeps: what it holds outlives a restart. */
  static async open({ namespaces = [], args: more = [], keeps = false } = {}) {
    const stage = new Stage();
    if (process.env.FERMATA_UI) {
      stage.url = process.env.FERMATA_UI.replace(/\/$/, '');
      stage.address = process.env.FERMATA_ADDRESS;
    } else {
      const [port, ui] = [await freePort(), await freePort()];
      stage.url = `http://127.0.0.1:${ui}`;
      stage.address = `127.0.0.1:${port}`;
      if (keeps) more.push('--db-filename', path.join(await stage.temporary(), 'fermata.db'));
      stage.args = ['server', 'start-dev', '--port', String(port), '--ui-port', String(ui), '--search-attribute', 'Customer=Keyword',
        '--dynamic-config-value', 'matching.wv.VersionDrainageStatusVisibilityGracePeriod=1', '--dynamic-config-value', 'matching.wv.VersionDrainageStatusRefreshInterval=1',
        ...namespaces.flatMap((name) => ['--namespace', name]), ...more];
      stage.serve();
    }
    await stage.answers();
    return stage;
  }

  serve() {
    this.server = this.spawn(process.env.FERMATA_EXE, this.args, { stdio: ['ignore', 'ignore', 'inherit'] });
  }

  answers = () => until('the server answers', async () => (await fetch(`${this.url}/api/v1/system-info`)).ok);

  /* Kills the server, as a crash does. */
  async kill() {
    this.server.asked = true;
    await new Promise((resolve) => {
      this.server.once('exit', resolve);
      this.server.kill('SIGKILL');
    });
  }

  async temporary() {
    this.folder ??= await mkdtemp(path.join(tmpdir(), 'ui-'));
    return this.folder;
  }

  spawn(command, args, options) {
    const child = spawn(command, args, options);
    this.children.push(child);
    child.on('exit', (code) => {
      child.gone = true;
      if (!this.closing && !child.asked) console.error(`${command} ended with ${code}`);
    });
    return child;
  }

  /* A worker of support/worker.py, without a version when no build is given; resolves once it polls. {stop()}. */
  async worker({ namespace = 'default', queue = 'orders', deployment, build, broken } = {}) {
    const child = this.spawn(python, [path.join(here, 'worker.py'), this.address, namespace, queue, ...(build ? [deployment ?? 'shop', build] : [])], {
      stdio: ['pipe', 'pipe', process.env.SHOW_WORKERS ? 'inherit' : 'ignore'], /* they tell of each failure that a test wants */
      env: { ...process.env, ...(broken && { BROKEN: '1' }) },
    });
    await new Promise((resolve, reject) => {
      child.stdout.once('data', resolve);
      child.once('exit', () => reject(new Error('the worker ended')));
    });
    return {
      stop: () => new Promise((resolve) => {
        child.asked = true;
        child.once('exit', resolve);
        child.stdin.end();
      }),
    };
  }

  /* Runs a program, from a file as people do, until the stage closes. */
  async python(text) {
    const file = path.join(await this.temporary(), 'worker.py');
    await writeFile(file, text);
    return this.spawn(python, [file], { stdio: ['ignore', 'ignore', 'inherit'] });
  }

  /* Whether a downloaded history fits the workers' code: rejects with what the replayer says. */
  replay(file, id) {
    return new Promise((resolve, reject) => {
      const child = this.spawn(python, [path.join(here, 'replay.py'), file, id], { stdio: ['ignore', 'ignore', 'pipe'] });
      child.asked = true;
      let said = '';
      child.stderr.on('data', (part) => (said += part));
      child.once('close', (code) => (code === 0 ? resolve() : reject(new Error(`${code}: ${said}`))));
    });
  }

  /* The JSON API, as the UI calls it. */
  async call(method, where, body) {
    const response = await fetch(`${this.url}/api/v1/${where}`, {
      method, body: body && JSON.stringify(body), headers: { 'Content-Type': 'application/json', 'Sec-Fetch-Site': 'none' },
    });
    const answer = await response.json();
    if (!response.ok) throw new Error(`${method} ${where}: ${JSON.stringify(answer)}`);
    return answer;
  }

  get = (where) => this.call('GET', where);
  post = (where, body = {}) => this.call('POST', where, body);

  start(id, type, input, { namespace = 'default', queue = 'orders' } = {}) {
    const data = Buffer.from(JSON.stringify(input)).toString('base64');
    return this.post(`namespaces/${namespace}/workflows/${encodeURIComponent(id)}`, {
      workflowType: { name: type }, taskQueue: { name: queue }, requestId: `${id}-request`, input: { payloads: [{ metadata: { encoding: btoa('json/plain') }, data }] },
    });
  }

  describe = (id, namespace = 'default') => this.get(`namespaces/${namespace}/workflows/${encodeURIComponent(id)}`);

  /* Until a description of a workflow satisfies. */
  workflow = (id, satisfies, namespace) => until(`workflow ${id}: ${satisfies}`, async () => {
    const description = await this.describe(id, namespace);
    return satisfies(description) && description;
  });

  until = until;

  /* Changes of routing, once the version is known, and until all task queues know of them. */
  async route(deployment, what, body) {
    const where = `namespaces/default/worker-deployments/${deployment}`;
    await until(`${what} of ${deployment}`, () => this.post(`${where}/${what}`, { ...body, identity: 'ada' }));
    await until(`${deployment} is routed`, async () => !/IN_PROGRESS/.test((await this.get(where)).workerDeploymentInfo.routingConfigUpdateState ?? ''));
  }

  setCurrent = (buildId, deployment = 'shop') => this.route(deployment, 'set-current-version', { buildId });
  setRamping = (buildId, percentage, deployment = 'shop') => this.route(deployment, 'set-ramping-version', { buildId, percentage });

  async browser() {
    this.chromium ??= await chromium.launch({
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
      args: ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
    });
    return this.chromium;
  }

  /* A page with everything that went wrong on it in page.wrong: script errors, violations of the content security policy, calls
   * that failed. expected(url, status) forgives a failed call. */
  async page({ width = 1280, height = 860, scheme = 'light', permissions = ['clipboard-read', 'clipboard-write'], expected = () => false } = {}) {
    const context = await (await this.browser()).newContext({ viewport: { width, height }, colorScheme: scheme, permissions, acceptDownloads: true, timezoneId: 'UTC' });
    const page = await context.newPage();
    page.setDefaultTimeout(PATIENCE_MS);
    page.wrong = [];
    page.calls = [];
    page.on('pageerror', (error) => page.wrong.push(error.stack));
    page.on('console', (message) => message.type() === 'error' && !/Failed to load resource/.test(message.text()) && page.wrong.push(message.text()));
    page.on('dialog', (dialog) => {
      page.wrong.push(`a dialog opened: ${dialog.message()}`);
      dialog.dismiss();
    });
    page.on('response', (response) => {
      page.calls.push(response.url());
      if (response.status() >= 400 && !expected(response.url(), response.status())) page.wrong.push(`${response.status()} ${response.url()}`);
    });
    const open = page.goto.bind(page);
    page.visit = (where = '') => open(`${this.url}/${where}`);
    page.leave = () => context.close();
    return page;
  }

  async close() {
    this.closing = true;
    await this.chromium?.close();
    await Promise.all(this.children.filter((child) => !child.gone).reverse().map((child) => new Promise((resolve) => {
      child.once('exit', resolve);
      child.kill('SIGTERM');
    })));
    if (this.folder) await rm(this.folder, { recursive: true });
  }
}
