/* Payloads of proto-JSON: {metadata: {name: base64}, data: base64}. What clients sent is hostile until shown as text. */

/* Bytes of base64, or null. */
export function bytesOf(base64) {
  try {
    return Uint8Array.from(atob(base64 ?? ''), (letter) => letter.charCodeAt(0));
  } catch {
    return null;
  }
}

export function textOf(base64) {
  const bytes = bytesOf(base64);
  return bytes === null ? '' : new TextDecoder().decode(bytes);
}

export const encodingOf = (payload) => textOf(payload?.metadata?.encoding);

/* What a payload says: {kind, value | text | size, type}. Kinds: json, null, text (bytes that are UTF-8 are none of our
 * business to hide), bytes, encoded (something that only a codec can read). */
export function decodePayload(payload) {
  const encoding = encodingOf(payload);
  const type = textOf(payload?.metadata?.type) || textOf(payload?.metadata?.messageType) || undefined;
  if (encoding === 'binary/null') return { kind: 'null', type };
  if (encoding === 'json/plain' || encoding === 'json/protobuf') {
    const text = textOf(payload.data);
    try {
      return { kind: 'json', value: JSON.parse(text), text, type };
    } catch {
      return { kind: 'text', text, type };
    }
  }
  const size = bytesOf(payload?.data)?.length ?? 0;
  if (encoding === 'binary/plain' || encoding === 'binary/protobuf' || encoding === '') return { kind: 'bytes', size, type };
  return { kind: 'encoded', encoding, size, type };
}

export const needsCodec = (payload) => decodePayload(payload).kind === 'encoded';

/* The payloads of a Payloads field, in the long form {payloads: [...]} and as an array. */
export const payloadsOf = (field) => (Array.isArray(field) ? field : (field?.payloads ?? []));

/* JSON text that a person typed, as a payload; throws what JSON.parse throws. */
export function encodePayload(text) {
  JSON.parse(text);
  const bytes = new TextEncoder().encode(text);
  return { metadata: { encoding: btoa('json/plain') }, data: btoa(Array.from(bytes, (byte) => String.fromCharCode(byte)).join('')) };
}

/* One short line for tables. */
export function payloadLine(payload) {
  const seen = decodePayload(payload);
  if (seen.kind === 'json') return typeof seen.value === 'string' ? seen.value : JSON.stringify(seen.value);
  if (seen.kind === 'text') return seen.text;
  if (seen.kind === 'null') return 'null';
  return seen.kind === 'encoded' ? `${seen.size} bytes, ${seen.encoding}` : `${seen.size} bytes`;
}
