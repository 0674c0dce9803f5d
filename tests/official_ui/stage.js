/* What the tests of the official web UI stand on: Fermata serving it, a worker, a gRPC client, and browser tabs that note every call
 * of the API that fails and every error that a page throws. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import net from 'node:net';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright-core';

export const PATIENCE_MS = 60000;

async function freePort() {
  const server = net.createServer();
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

export async function until(what, ask) {
  const end = Date.now() + PATIENCE_MS;
  let error;
  for (;;) {
    const found = await ask().catch((thrown) => {
      error = thrown;
    });
    if (found) return found;
    if (Date.now() > end) throw new Error(`it did not come to it: ${what}${error ? ` (${error.message})` : ''}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

const children = [];
function start(command, args, stdio) {
  const child = spawn(command, args.map(String), { stdio });
  children.push(child);
  return child;
}
const python = (script, ...args) => start(process.env.PYTHON, [fileURLToPath(new URL(script, import.meta.url)), ...args], ['pipe', 'pipe', 'inherit']);

const [port, http, uiPort] = [await freePort(), await freePort(), await freePort()];
export const ui = `http://127.0.0.1:${uiPort}`;
start(process.env.FERMATA_EXE, ['server', 'start-dev', '--port', port, '--http-port', http, '--ui-port', uiPort, '--log-level', 'error',
  '--search-attribute', 'Customer=Keyword', '--ui-asset-path', process.env.ASSETS], ['ignore', 'ignore', 'inherit']);

/* The JSON API, to set the stage. */
export async function call(path, body) {
  const answer = await fetch(`http://127.0.0.1:${http}/api/v1/namespaces/default${path}`, body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) });
  const json = await answer.json();
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${json.message}`);
  return json;
}

/* grpc('DescribeWorkflowExecution', {...}) asks by gRPC, in the namespace; requests and answers are proto-JSON. */
const asking = [];
let client;
export function grpc(rpc, request) {
  if (!client) {
    client = python('rpc.py', `127.0.0.1:${port}`);
    createInterface({ input: client.stdout }).on('line', (line) => asking.shift()(JSON.parse(line)));
  }
  return new Promise((resolve, reject) => {
    asking.push(({ answer, error }) => (error ? reject(new Error(`${rpc}: ${error}`)) : resolve(answer)));
    client.stdin.write(JSON.stringify({ rpc, request: { namespace: 'default', ...request } }) + '\n');
  });
}

/* A worker of worker.py; resolves once it polls. */
export async function worker(build = 'v1') {
  const child = python('worker.py', `127.0.0.1:${port}`, build);
  await new Promise((resolve, reject) => {
    child.stdout.once('data', resolve);
    child.once('exit', () => reject(new Error('the worker ended')));
  });
  await until('the version is there', () => call(`/worker-deployment-versions/shop/${build}`));
}

let failures = 0;
export function fail(where, what) {
  failures += 1;
  console.log(`  ${where}: ${what}`);
}

let browser;
let context; /* one for all tabs: what they have fetched once they have */
/* A tab that reports what goes wrong as `where`; calls that answer 501 are noted in tab.absent instead. */
export async function open(where) {
  browser ??= await chromium.launch({ executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--disable-gpu'] });
  context ??= await browser.newContext({ viewport: { width: 1500, height: 1000 }, acceptDownloads: true });
  const tab = await context.newPage();
  tab.setDefaultTimeout(PATIENCE_MS);
  tab.absent = new Set();
  tab.on('pageerror', (error) => fail(where, `threw ${error}`));
  tab.on('response', async (answer) => {
    const { pathname } = new URL(answer.url());
    if (!answer.url().startsWith(ui) || answer.status() < 400) return;
    if (answer.status() === 501) tab.absent.add(pathname);
    else fail(where, `${answer.request().method()} ${pathname} ${answer.url()} → ${answer.status()} ${await answer.text().catch(() => '')}`);
  });
  return tab;
}

/* Ends everything, and the process, which tells how it went. */
export async function finish(text) {
  await browser?.close();
  for (const child of children.reverse()) child.kill();
  console.log(failures ? `${failures} failures` : text);
  process.exit(failures ? 1 : 0);
}
