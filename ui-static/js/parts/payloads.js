/* Payloads, decoded: what is JSON is shown as JSON, and what only a codec can read goes to the codec server, if one is set. */
import { html, useState, useEffect, useMemo } from '../lib.js';
import { decodeWithCodec } from '../api.js';
import { useSettings } from '../settings.js';
import { decodePayload, needsCodec, payloadsOf, textOf } from '../model/payload.js';
import { usePlace, Copy, Failure } from './basic.js';

/* The payloads as the codec server decodes them; those that need none stay. {payloads, error}. */
function useDecoded(payloads) {
  const { ns, codec: offered } = usePlace();
  const { codec = offered } = useSettings();
  const key = JSON.stringify(payloads);
  const [state, set] = useState({});
  useEffect(() => {
    if (!codec || !payloads.some(needsCodec)) return undefined;
    let live = true;
    decodeWithCodec(ns, payloads, codec).then(
      (decoded) => live && set({ key, decoded }),
      (error) => live && set({ key, error }),
    );
    return () => {
      live = false;
    };
  }, [key, codec, ns]);
  return state.key === key ? { payloads: state.decoded ?? payloads, error: state.error } : { payloads };
}

function Value({ payload }) {
  const seen = useMemo(() => decodePayload(payload), [payload]);
  switch (seen.kind) {
    case 'json': {
      const text = JSON.stringify(seen.value, null, 2);
      return html`<div class="payload"><pre>${text}</pre><${Copy} text=${text} /></div>`;
    }
    case 'text': return html`<div class="payload"><pre>${seen.text}</pre></div>`;
    case 'null': return html`<div class="payload"><pre class="mute">null</pre></div>`;
    case 'bytes': return html`<div class="payload"><pre class="mute">${seen.size} bytes${seen.type ? ` of ${seen.type}` : ''}</pre></div>`;
    default: return html`<div class="payload"><pre class="mute">${seen.size} bytes, encoded as ${seen.encoding}: set a codec server in the settings to read them</pre></div>`;
  }
}

export function Payloads({ field, none = 'nothing' }) {
  const given = useMemo(() => payloadsOf(field), [field]);
  const { payloads, error } = useDecoded(given);
  if (!given.length) return html`<span class="mute">${none}</span>`;
  return html`<div class="payloads"><${Failure} error=${error} what="Codec server:" />${payloads.map((payload, index) => html`<${Value} key=${index} payload=${payload} />`)}</div>`;
}

/* A failure with its causes, outermost first. */
export function FailureTree({ failure }) {
  const chain = [];
  for (let one = failure; one && chain.length < 30; one = one.cause) chain.push(one);
  return html`<ol class="failure">
    ${chain.map((one) => html`<li>
      <b>${one.applicationFailureInfo?.type ?? kindOf(one)}</b> ${one.message}
      ${one.encodedAttributes ? html`<${Payloads} field=${[one.encodedAttributes]} />` : null}
      ${one.applicationFailureInfo?.details ? html`<${Payloads} field=${one.applicationFailureInfo.details} />` : null}
      ${one.stackTrace ? html`<details><summary>Stack trace</summary><pre>${one.stackTrace}</pre></details>` : null}
    </li>`)}
  </ol>`;
}

const kindOf = (failure) => {
  const key = Object.keys(failure).find((name) => name.endsWith('FailureInfo')) ?? '';
  return key.replace('FailureInfo', '').replace(/^./, (letter) => letter.toUpperCase());
};

/* An object of the API with the payloads in it readable: for the raw view of an event. */
export function readable(value) {
  if (Array.isArray(value)) return value.map(readable);
  if (value === null || typeof value !== 'object') return value;
  if (value.metadata?.encoding !== undefined && typeof value.metadata.encoding === 'string') {
    const seen = decodePayload(value);
    if (seen.kind === 'json') return seen.value;
    if (seen.kind === 'null') return null;
    return `${textOf(value.metadata.encoding) || 'no encoding'}: ${value.data ?? ''}`;
  }
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, readable(inner)]));
}
