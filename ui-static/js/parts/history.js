/* The history, compact (what belongs together in one line) or event by event. */
import { html, useState, useEffect, useRef } from '../lib.js';
import { instant, spanText } from '../model/time.js';
import { eventName, categoryOf, summaryOf, attributesOf, isRoutine, failureText } from '../model/events.js';
import { Time, Badge, Copy } from './basic.js';
import { Payloads, FailureTree, readable } from './payloads.js';

const OUTCOME = { completed: 'good', fired: 'good', received: 'accent', delivered: 'good', failed: 'bad', 'timed out': 'bad', terminated: 'bad', canceled: 'mute' };
const FIELDS = [['input', 'Input'], ['result', 'Result'], ['details', 'Details']];

/* An event opened: its payloads readable, and all of it as JSON. */
export function EventBody({ event }) {
  const has = attributesOf(event);
  const text = JSON.stringify(readable(event), null, 2);
  const success = has.outcome?.success;
  return html`<div class="event-body">
    ${FIELDS.map(([field, name]) => (has[field]?.payloads ? html`<div><p class="field-label">${name}</p><${Payloads} field=${has[field]} /></div>` : null))}
    ${success ? html`<div><p class="field-label">Result</p><${Payloads} field=${success} /></div>` : null}
    ${has.acceptedRequest?.input?.args ? html`<div><p class="field-label">Input</p><${Payloads} field=${has.acceptedRequest.input.args} /></div>` : null}
    ${has.failure ? html`<div><p class="field-label">Failure</p><${FailureTree} failure=${has.failure} /></div>` : null}
    <details><summary>All of the event</summary><div class="code"><pre>${text}</pre><${Copy} text=${text} /></div></details>
  </div>`;
}

function Line({ open, toggle, id, category, title, detail, outcome, at, extra, children, picked }) {
  const box = useRef(null);
  useEffect(() => {
    if (picked) box.current?.scrollIntoView({ block: 'center' });
  }, [picked]);
  return html`<li class=${`event is-${category}${picked ? ' picked' : ''}`} ref=${box}>
    <button type="button" class="event-line" aria-expanded=${open} onClick=${toggle}>
      <span class="event-id">${id}</span><span class="event-title">${title}</span>
      <span class="event-detail mono">${detail}</span>
      ${outcome ? html`<${Badge} kind=${OUTCOME[outcome]}>${outcome}<//>` : null}${extra}
      <span class="event-at"><${Time} at=${at} full millis /></span>
    </button>
    ${open ? children : null}
  </li>`;
}

/* So many lines are drawn at a time: a long history has tens of thousands. */
const LINES = 400;

export function History({ events, groups, compact, picked, newestFirst }) {
  const [open, set] = useState({});
  const [most, allow] = useState(LINES);
  useEffect(() => {
    if (picked) set((before) => ({ ...before, [picked]: true }));
  }, [picked]);
  const toggle = (id) => () => set({ ...open, [id]: !open[id] });
  const order = (list) => (newestFirst ? [...list].reverse() : list);
  const all = compact ? order(groups.filter((group) => !isRoutine(group))) : order(events);
  const wanted = picked ? all.findIndex((one) => String(one.id ?? one.eventId) === picked) + 1 : 0;
  const shown = all.slice(0, Math.max(most, wanted));
  const more = all.length > shown.length
    ? html`<p><button type="button" onClick=${() => allow(shown.length + 5 * LINES)}>Show more of the ${all.length - shown.length} that follow</button></p>` : null;
  if (compact) {
    return html`<ol class="events">${shown.map((group) => html`<${Line} key=${group.id} picked=${picked === group.id} open=${open[group.id]} toggle=${toggle(group.id)} id=${group.id} category=${group.category}
      title=${group.title} detail=${detailOf(group)} outcome=${group.outcome || (group.to === null ? 'open' : '')} at=${group.from}
      extra=${html`${group.attempt > 1 ? html`<${Badge} kind="warn">attempt ${group.attempt}<//>` : null}<span class="event-took">${group.to !== null && group.to > group.from ? spanText(group.to - group.from) : ''}</span>`}>
      ${group.lastFailure ? html`<div class="event-body"><p class="field-label">Last failure</p><${FailureTree} failure=${group.lastFailure} /></div>` : null}
      ${group.events.map((event) => html`<div class="event-part"><p><span class="event-id">${event.eventId}</span> <b>${eventName(event)}</b> <span class="mute"><${Time} at=${instant(event.eventTime)} full millis /></span></p><${EventBody} event=${event} /></div>`)}
    <//>`)}</ol>${more}`;
  }
  return html`<ol class="events">${shown.map((event) => html`<${Line} key=${event.eventId} open=${open[event.eventId]} toggle=${toggle(event.eventId)} id=${event.eventId} category=${categoryOf(eventName(event))} picked=${picked === event.eventId}
    title=${eventName(event)} detail=${summaryOf(event)} at=${instant(event.eventTime)}><${EventBody} event=${event} /><//>`)}</ol>${more}`;
}

/* What a group says in one line: how it ended, else how it began, else why it is being tried again. */
function detailOf(group) {
  const last = group.events[group.events.length - 1];
  if (group.to === null && group.lastFailure) return failureText(group.lastFailure);
  return summaryOf(last) || summaryOf(group.events[0]);
}
