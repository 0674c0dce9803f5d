/* Instants and spans of proto-JSON, for people. */

/* Milliseconds since the epoch of a timestamp; null for an absent one and for the zero times that Go and protobuf write. */
export function instant(text) {
  if (!text) return null;
  const ms = Date.parse(text);
  return Number.isNaN(ms) || ms <= 0 ? null : ms;
}

/* Milliseconds of a duration such as "1.5s"; null for an absent or unreadable one. */
export function span(text) {
  const match = /^(-?\d+(?:\.\d+)?)s$/.exec(text ?? '');
  return match ? Number(match[1]) * 1000 : null;
}

const UNITS = [['d', 86400000], ['h', 3600000], ['m', 60000], ['s', 1000]];

/* 93784000 is "1d 2h"; 1234 is "1.2s"; 42 is "42ms". At most two units, which is what one compares at a glance. */
export function spanText(ms) {
  if (ms === null || ms === undefined) return '';
  const size = Math.abs(ms);
  const sign = ms < 0 ? '-' : '';
  if (size < 1000) return `${sign}${Math.round(size)}ms`;
  if (size < 10000) return `${sign}${(size / 1000).toFixed(1).replace(/\.0$/, '')}s`;
  let rest = Math.round(size / 1000) * 1000;
  const parts = [];
  for (const [name, unit] of UNITS) {
    const count = Math.floor(rest / unit);
    rest -= count * unit;
    if (count) parts.push(count + name);
    else if (parts.length) break;
    if (parts.length === 2) break;
  }
  return sign + parts.join(' ');
}

/* "12s ago", "in 3m"; "now" within a second, because clocks of two machines differ by more. */
export function relative(ms, now) {
  const away = ms - now;
  if (Math.abs(away) < 1000) return 'now';
  const text = spanText(Math.abs(away) < 10000 ? Math.round(Math.abs(away) / 1000) * 1000 : Math.abs(away));
  return away < 0 ? `${text} ago` : `in ${text}`;
}

const two = (number) => String(number).padStart(2, '0');

/* "2026-11-21 17:59:29.123", local or in UTC: sorts and compares by eye, unlike most locales' forms. */
export function clock(ms, { utc = false, millis = false, date = true } = {}) {
  const at = new Date(utc ? ms : ms - new Date(ms).getTimezoneOffset() * 60000);
  const day = `${at.getUTCFullYear()}-${two(at.getUTCMonth() + 1)}-${two(at.getUTCDate())}`;
  const time = `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}:${two(at.getUTCSeconds())}`;
  const fraction = millis ? '.' + String(at.getUTCMilliseconds()).padStart(3, '0') : '';
  return (date ? day + ' ' : '') + time + fraction;
}
