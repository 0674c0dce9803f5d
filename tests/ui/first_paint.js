/* How soon the UI is seen: FERMATA_EXE=… tests/ui/run first-paint [RUNS]. Tells and asserts nothing: machines differ, and are busy.
 *
 * A page is opened in a browser that was never there before (cold: a new process with an empty profile, its first page) and in one
 * that has just shown it (warm). Beside it stands a page of one word from a server that does nothing else: what that takes is the
 * browser's own, and nobody's page can be sooner. All is told as least and median of several runs, in ms:
 *   answered      the document's last byte was there
 *   first paint   "first-contentful-paint" of the Paint Timing API, since the navigation began
 *   content       the page shows what it was opened for, out of answers of the API; in the page of one word that is its first paint
 *   main thread   what the page kept its main thread busy for until then, of which scripts, layout and styles */
import http from 'node:http';
import { Stage } from './support/stage.js';

const RUNS = Number(process.argv[2] ?? 15);

/* Settles when the page shows its heading and no more “Asking the server …”, and tells when that was. */
const seen = (page) => page.evaluate(() => new Promise((resolve) => {
  const shown = () => document.querySelector('main .rows, main .teach, p[data-word]') !== null;
  const tell = () => resolve(performance.now());
  if (shown()) return tell();
  const watcher = new MutationObserver(() => shown() && (watcher.disconnect(), tell()));
  return watcher.observe(document, { childList: true, subtree: true });
}));

async function measure(page, url) {
  const devtools = await page.context().newCDPSession(page);
  await devtools.send('Performance.enable');
  const before = await devtools.send('Performance.getMetrics');
  await page.goto(url, { waitUntil: 'commit' });
  const content = await seen(page);
  const after = await devtools.send('Performance.getMetrics');
  const spent = (name) => {
    const of = ({ metrics }) => metrics.find((one) => one.name === name)?.value ?? 0;
    return (of(after) - of(before)) * 1000;
  };
  const [answered, paint] = await page.evaluate(() => new Promise((resolve) => {
    const ask = () => {
      const first = performance.getEntriesByName('first-contentful-paint')[0];
      if (first) resolve([performance.getEntriesByType('navigation')[0].responseEnd, first.startTime]);
      else setTimeout(ask, 5);
    };
    ask();
  }));
  await devtools.detach();
  return { answered, 'first paint': paint, content: Math.max(content, paint), 'main thread': spent('TaskDuration'), scripts: spent('ScriptDuration'), layout: spent('LayoutDuration'), styles: spent('RecalcStyleDuration') };
}

function report(title, runs) {
  const cells = Object.keys(runs[0]).map((name) => {
    const sorted = runs.map((run) => run[name]).sort((a, b) => a - b);
    return `${name} ${sorted[0].toFixed(0)} / ${sorted[Math.floor(sorted.length / 2)].toFixed(0)}`;
  });
  console.log(`${title.padEnd(22)} ${cells.join('   ')}`);
}

const word = http.createServer((request, response) => {
  response.setHeader('Content-Type', 'text/html');
  response.end('<!doctype html><html lang="en"><title>word</title><p data-word>word</p></html>');
});
await new Promise((resolve) => word.listen(0, '127.0.0.1', resolve));
const stage = await Stage.open();
try {
  await stage.start('one', 'Order', {}, { queue: 'nobody' });
  const pages = { 'one word': `http://127.0.0.1:${word.address().port}/`, deployments: `${stage.url}/`, workflows: `${stage.url}/namespaces/default/workflows` };
  console.log(`${RUNS} runs; least / median, in ms`);
  for (const [name, url] of Object.entries(pages)) {
    const cold = [];
    const warm = [];
    for (let run = 0; run < RUNS; run++) {
      const page = await stage.page();
      cold.push(await measure(page, url));
      await page.goto('about:blank');
      warm.push(await measure(page, url));
      await page.leave();
      await stage.chromium.close();
      stage.chromium = undefined;
    }
    report(`${name}, cold`, cold);
    report(`${name}, warm`, warm);
  }
} finally {
  word.close();
  await stage.close();
}
