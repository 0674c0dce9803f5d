/* An empty state that teaches: the lines that start a worker against this very server, and the command that gives it work. */
import { html, useState, useId } from '../lib.js';
import { choose, useSettings } from '../settings.js';
import { snippets } from '../model/snippets.js';
import { command, cli } from '../model/cli.js';
import { usePlace, Cli, Code } from './basic.js';

export function StartWorker({ title, text, deployment, queue = 'my-queue' }) {
  const { ns, where } = usePlace();
  const { language } = useSettings();
  const list = snippets({ address: where.address, namespace: ns, queue, deployment });
  const [picked, pick] = useState(language ?? 'Go');
  const now = list.find((one) => one.name === picked) ?? list[0];
  const id = useId();
  const select = (name) => {
    pick(name);
    choose({ language: name });
  };
  const key = (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const next = list[(list.indexOf(now) + step + list.length) % list.length];
    select(next.name);
    event.currentTarget.querySelector(`[data-name="${next.name}"]`)?.focus();
  };
  return html`<section class="teach" aria-labelledby=${id + 't'}>
    <h2 id=${id + 't'}>${title}</h2>
    <p>${text}</p>
    <div class="tablist" role="tablist" aria-label="Language" onKeyDown=${key}>${list.map((one) => html`<button type="button" role="tab" data-name=${one.name}
      aria-selected=${one === now} tabindex=${one === now ? 0 : -1} onClick=${() => select(one.name)}>${one.name}</button>`)}</div>
    <div role="tabpanel" aria-label=${now.name}>
      <p class="mute"><code>${now.install}</code> · ${now.file}</p>
      <${Code} text=${now.code} />
      <ol class="steps">
        <li><${Cli} label="Start the worker" text=${now.run} /></li>
        <li><${Cli} label="Give it work" text=${cli.start({ id: 'hello-1', type: 'Hello', queue, input: '"world"' }, where)} /></li>
        ${deployment === undefined ? null : html`<li><${Cli} label="Send it all new work" text=${command(['worker', 'deployment', 'set-current-version'],
          { 'deployment-name': deployment, 'build-id': '1.0', yes: true }, where)} /></li>`}
      </ol>
    </div>
  </section>`;
}
