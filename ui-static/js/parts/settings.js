/* What a reader chooses for this browser. */
import { html, useState } from '../lib.js';
import { settings, choose } from '../settings.js';
import { Dialog, Field } from './basic.js';

export function Settings({ offered, close }) {
  const now = settings();
  const [codec, setCodec] = useState(now.codec ?? offered ?? '');
  const [credentials, setCredentials] = useState(now.codecCredentials ?? false);
  const [utc, setUtc] = useState(now.utc ?? false);
  const run = () => {
    if (codec !== '' && !/^https?:\/\//.test(codec)) throw new Error('The codec server is an address that begins with http:// or https://.');
    choose({ codec: codec === '' || codec === offered ? undefined : codec, codecCredentials: credentials || undefined, utc: utc || undefined });
  };
  const checked = (set) => (event) => set(event.currentTarget.checked);
  return html`<${Dialog} title="Settings of this browser" verb="Keep" close=${close} run=${run}>
    <${Field} label="Codec server" hint="It decodes payloads that only you can read: they go from this browser to POST …/decode there.">
      <input value=${codec} onInput=${(event) => setCodec(event.currentTarget.value)} placeholder="http://localhost:8081" inputmode="url" /><//>
    <label class="check"><input type="checkbox" checked=${credentials} onChange=${checked(setCredentials)} /> Send cookies to the codec server</label>
    <label class="check"><input type="checkbox" checked=${utc} onChange=${checked(setUtc)} /> Times in UTC</label>
  <//>`;
}
