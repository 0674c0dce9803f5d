/* Layout of time on a line: where bars stand and which instants are labelled. Pure; in fractions of the width. */

/* Round steps that people read: 1, 2, 5 of each unit up to a minute, then of clock and calendar. */
const STEPS = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1e3, 2e3, 5e3, 1e4, 15e3, 3e4, 6e4, 12e4, 3e5, 6e5, 9e5, 18e5, 36e5, 72e5, 108e5, 216e5, 432e5, 864e5,
  1728e5, 6048e5, 2592e6, 7776e6, 31536e6];

/* A scale from `from` to `to`: {at(ms) -> 0…1, ticks: [{ms, x, label offset in ms}]}, with at most `most` ticks. */
export function scale(from, to, most = 7) {
  const width = Math.max(to - from, 1);
  const step = STEPS.find((one) => width / one <= most) ?? width;
  const ticks = [];
  for (let ms = 0; ms <= width; ms += step) ticks.push({ offset: ms, x: ms / width });
  return { at: (ms) => Math.min(1, Math.max(0, (ms - from) / width)), ticks, step };
}

/* Which groups share a row: signals of one name are instants, and a workflow may get hundreds. -> [[group, …]], by their first. */
export function rows(groups) {
  const found = [];
  const byName = new Map();
  for (const group of groups) {
    const shared = group.category === 'signal' && group.outcome === 'received' ? byName.get(group.title) : undefined;
    if (shared) {
      shared.push(group);
      continue;
    }
    const row = [group];
    found.push(row);
    if (group.category === 'signal') byName.set(group.title, row);
  }
  return found;
}

/* Bars for groups of events: [{group, x, width, waitWidth, open}]; until is where open ones end. waitWidth is the part before it
 * started: in a queue, or between attempts. */
export function bars(groups, from, until) {
  const { at } = scale(from, until);
  return groups.filter((group) => group.from !== null).map((group) => {
    const end = group.to ?? until;
    const x = at(group.from);
    const started = group.started === null ? null : Math.min(Math.max(group.started, group.from), end);
    return {
      group,
      x,
      width: Math.max(at(end) - x, 0),
      waitWidth: started === null ? (group.category === 'activity' ? Math.max(at(end) - x, 0) : 0) : at(started) - x,
      open: group.to === null,
    };
  });
}
