/* What was once true of a deployment's routing. The server keeps the latest instant of each kind for a version, and no log; a
 * version that is current for a second time has lost its first. Whoever looked on meanwhile has seen both, and the instants that
 * were told then were the server's own: so they are kept. Pure: a record is {spans: {build: [{kind, from, to}]}, ramps: [{at, build,
 * percent}]}, and JSON. */

/* So many are kept of each; the oldest go. */
const SPANS_MOST = 30;
const RAMPS_MOST = 60;

export const emptyRecord = () => ({ spans: {}, ramps: [] });

/* The record with what the server tells now: lanes as lane() makes them, route as routing() does. */
export function remember(record, lanes, route) {
  const spans = {};
  for (const { build, spans: told } of lanes) {
    const same = (a, b) => a.kind === b.kind && a.from === b.from;
    const past = (record.spans[build] ?? []).filter((known) => !told.some((one) => same(one, known)));
    const all = [...past, ...told].sort((a, b) => a.from - b.from);
    /* What the server has forgotten ended when the next thing began, if its end was not told in time. */
    spans[build] = all.map((one, index) => {
      const next = all[index + 1];
      return next && (one.to === null || one.to > next.from) ? { ...one, to: next.from } : one;
    }).slice(-SPANS_MOST);
  }
  const at = route.ramp?.changed ?? route.ramp?.since ?? null;
  const known = route.ramp === null || at === null || record.ramps.some((one) => one.at === at && one.build === route.ramp.build && one.percent === route.ramp.percent);
  const ramps = known ? record.ramps : [...record.ramps, { at, build: route.ramp.build, percent: route.ramp.percent }].slice(-RAMPS_MOST);
  return { spans, ramps };
}

/* The lanes with the spans of the record, and how many of them the server no longer tells. */
export function withRecord(lanes, record) {
  let more = 0;
  const merged = lanes.map((one) => {
    const spans = record.spans[one.build] ?? one.spans;
    more += Math.max(spans.length - one.spans.length, 0);
    return { ...one, spans };
  });
  return { lanes: merged, more };
}

const BEGAN = { current: 'became current', ramping: 'began to ramp', draining: 'got no more new work and began to drain' };

/* changes() of the server's instants, with those of the record: newest first, none twice. */
export function withRecordedChanges(told, record) {
  const found = [...told];
  const indexOf = (at, build) => found.findIndex((one) => one.at === at && one.build === build);
  for (const [build, spans] of Object.entries(record.spans)) {
    for (const { kind, from } of spans) if (indexOf(from, build) < 0) found.push({ at: from, build, text: BEGAN[kind] });
  }
  for (const { at, build, percent } of record.ramps) {
    const same = indexOf(at, build);
    if (same < 0) found.push({ at, build, text: `now takes ${percent} %` });
    else if (found[same].text === BEGAN.ramping) found[same] = { at, build, text: `${BEGAN.ramping}, to ${percent} %` };
  }
  return found.sort((a, b) => b.at - a.at || a.text.localeCompare(b.text));
}
