/* The list filter, with suggestions: a combobox after the ARIA pattern, so that a screen reader tells the list too. */
import { html, useState, useRef, useEffect, useId } from '../lib.js';
import { suggest } from '../model/query.js';
import { Icon } from './basic.js';

/* query is what is in force; onQuery(text) puts another in force, with Enter. */
export function QueryBox({ query, onQuery, attributes, known, error }) {
  const [text, set] = useState(query);
  const [offer, suggestAs] = useState(null);
  const [picked, pick] = useState(-1);
  const input = useRef(null);
  const id = useId();
  useEffect(() => set(query), [query]);

  const look = () => {
    const box = input.current;
    const found = suggest(box.value, box.selectionStart ?? box.value.length, attributes, known);
    suggestAs(found.options.length ? found : null);
    pick(-1);
  };
  const take = (option) => {
    const box = input.current;
    const rest = box.value.slice(offer.to);
    const made = box.value.slice(0, offer.from) + option.text + (rest.startsWith(' ') ? '' : ' ');
    box.value = made + rest;
    box.setSelectionRange(made.length, made.length);
    set(box.value);
    box.focus();
    look();
  };
  const send = () => {
    suggestAs(null);
    onQuery(input.current.value.trim());
  };
  const key = (event) => {
    const count = offer?.options.length ?? 0;
    if (event.key === 'ArrowDown' && !offer) look();
    else if (event.key === 'ArrowDown') pick((picked + 1) % count);
    else if (event.key === 'ArrowUp' && offer) pick((picked - 1 + count) % count);
    else if (event.key === 'Escape' && offer) suggestAs(null);
    else if ((event.key === 'Enter' || (event.key === 'Tab' && picked >= 0)) && offer && picked >= 0) take(offer.options[picked]);
    else if (event.key === 'Enter') send();
    else return;
    event.preventDefault();
  };
  return html`<div class="query-box">
    <div class="query-line">
      <input ref=${input} type="text" role="combobox" aria-label="Filter" aria-expanded=${offer !== null} aria-controls=${id} aria-autocomplete="list"
        aria-activedescendant=${offer && picked >= 0 ? `${id}-${picked}` : undefined} aria-invalid=${error ? 'true' : undefined}
        autocomplete="off" autocapitalize="off" spellcheck=${false} class="mono" placeholder='WorkflowType = "Order" AND ExecutionStatus = "Running"'
        value=${text} onInput=${(event) => { set(event.currentTarget.value); look(); }} onFocus=${look} onClick=${look} onKeyDown=${key} onBlur=${() => suggestAs(null)} />
      ${text ? html`<button type="button" class="plain" aria-label="Clear the filter" onClick=${() => onQuery('') || set('')}><${Icon} name="close" /></button>` : null}
      <button type="button" onClick=${send}>Filter</button>
    </div>
    ${offer ? html`<ul id=${id} role="listbox" aria-label="Suggestions">${offer.options.map((option, index) => html`<li id=${`${id}-${index}`} role="option" aria-selected=${index === picked}
      onMouseDown=${(event) => { event.preventDefault(); take(option); }}><span class="mono">${option.text}</span><span class="mute">${option.hint}</span></li>`)}</ul>` : null}
  </div>`;
}
