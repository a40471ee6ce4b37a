// Elements are made here and nowhere else. Whatever is told goes in as a text node: nothing that a stranger named or
// sent can become markup.
import { words as w } from './words.js';

const SVG = 'http://www.w3.org/2000/svg';
const PROPERTIES = new Set(['value', 'checked', 'disabled', 'open', 'selected', 'hidden', 'indeterminate', 'readOnly']);

function fill(made, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith('on')) made.addEventListener(name.slice(2), value);
    else if (PROPERTIES.has(name)) made[name] = value;
    else made.setAttribute(name, value === true ? '' : String(value));
  }
  add(made, children);
  return made;
}

function add(to, children) {
  for (const child of children.flat(Infinity)) {
    if (child === undefined || child === null || child === false || child === '') continue;
    to.append(child instanceof Node ? child : document.createTextNode(String(child)));
  }
}

export const h = (tag, props, ...children) => fill(document.createElement(tag), props, children);
export const s = (tag, props, ...children) => fill(document.createElementNS(SVG, tag), props, children);

// New content for a part that is looked at. What is the same stays, with what was selected in it; who has the keyboard on
// a link or a field of it keeps it.
export function renew(part, ...children) {
  const active = part.contains(document.activeElement) ? document.activeElement : null;
  const key = active?.getAttribute('href') ?? active?.dataset?.key;
  const fresh = document.createDocumentFragment();
  add(fresh, children);
  if (fresh.childNodes.length === part.childNodes.length && [...fresh.childNodes].every((each, i) => each.isEqualNode(part.childNodes[i]))) return;
  part.replaceChildren(fresh);
  if (!key) return;
  const again = [...part.querySelectorAll('a[href], [data-key]')].find((each) => (each.getAttribute('href') ?? each.dataset.key) === key);
  again?.focus({ preventScroll: true });
}

export function say(text) {
  const said = document.getElementById('said');
  said.textContent = '';
  said.textContent = text;
}

// What was done, for a moment, for eyes and for screen readers.
export function toast(text) {
  say(text);
  document.querySelector('.toast')?.remove();
  const made = h('div', { class: 'toast', 'aria-hidden': 'true' }, text);
  document.body.append(made);
  setTimeout(() => made.remove(), 4000);
}

/* ------------------------------------------------------------------------------- small parts */

export const link = (path, ...children) => h('a', { href: path }, ...children);
export const to = (...parts) => `#/${parts.map(encodeURIComponent).join('/')}`;
export const code = (...children) => h('code', {}, ...children);

export function button(text, run, props = {}) {
  const made = h('button', { type: 'button', ...props }, text);
  made.addEventListener('click', async () => {
    if (made.getAttribute('aria-busy') === 'true') return;
    made.setAttribute('aria-busy', 'true');
    try {
      await run(made);
    } catch (error) {
      if (error.name !== 'AbortError') toast(w.failed(error));
    } finally {
      made.removeAttribute('aria-busy');
    }
  });
  return made;
}

export const copyButton = (text, what) => button(w.copy, async (made) => {
  try {
    await navigator.clipboard.writeText(text);
  } catch { // not given outside of HTTPS and the loopback: the old way
    const area = h('textarea', { class: 'away', value: text, 'aria-hidden': 'true', readOnly: true });
    made.after(area);
    area.select();
    document.execCommand('copy');
    area.remove();
    made.focus();
  }
  toast(w.copied(what));
}, { class: 'small quiet', 'aria-label': w.copyOf(what) });

const TONES = {
  delivered: 'good', healthy: 'good', sent: 'good', pass: 'good', project: 'good',
  waiting: 'plain', pending: 'plain', later: 'plain', type: 'plain', source: 'plain', tenant: 'plain', drop: 'plain',
  dropped: 'plain', filtered: 'plain', cancelled: 'plain', paused: 'warn', held: 'warn', hold: 'warn', missed: 'warn',
  suspicious: 'warn',
  expired: 'warn', exhausted: 'bad', failing: 'bad', failed: 'bad', disabled: 'bad',
};
export const badge = (state) => h('span', { class: `badge ${TONES[state] ?? 'plain'}` }, w.states[state] ?? state);

export function empty(title, text, ...actions) {
  return h('div', { class: 'empty' }, h('strong', {}, title), h('p', {}, text), actions.length > 0 && h('p', { class: 'actions' }, actions));
}

export function notice(tone, title, ...children) {
  return h('div', { class: `notice ${tone}`, role: tone === 'bad' ? 'alert' : undefined }, h('strong', {}, title), children.length > 0 && h('div', {}, children));
}

export function problem(error, retry) {
  return notice('bad', w.problemTitle(error), h('p', {}, w.problem(error)), retry && h('p', { class: 'actions' }, button(w.again, retry)));
}

// Labels belong to their control by nesting; what helps is described.
let fields = 0;
export function field(label, control, hint) {
  const id = `f${++fields}`;
  control.id = id;
  if (hint) control.setAttribute('aria-describedby', `${id}h`);
  return h('div', { class: 'field' }, h('label', { for: id }, label), control, hint && h('p', { class: 'hint', id: `${id}h` }, hint));
}

export const select = (options, value, props = {}) =>
  h('select', props, options.map(([key, text]) => h('option', { value: key, selected: key === value }, text)));

export function pairs(list, even = false) {
  return h('dl', { class: even ? 'pairs even' : 'pairs' }, list.filter((each) => each && each[1] !== null && each[1] !== undefined && each[1] !== '')
    .map(([name, value]) => h('div', {}, h('dt', {}, name), h('dd', {}, value))));
}

// columns: [title, row => content, class]. "wide" ones are left out on a phone.
export function table(label, columns, rows, mark = () => '') {
  return h('div', { class: 'scroll' }, h('table', { 'aria-label': label },
    h('thead', {}, h('tr', {}, columns.map(([title, , kind]) => h('th', { scope: 'col', class: kind }, title || h('span', { class: 'hidden' }, w.columns.action))))),
    h('tbody', {}, rows.map((row) => h('tr', { class: mark(row) || undefined }, columns.map(([, cell, kind]) => h('td', { class: kind }, cell(row))))))));
}

/* ------------------------------------------------------------------------------------- times */

const UNITS = [[86400, 'd'], [3600, 'h'], [60, 'min'], [1, 's']];

export function span(ms) {
  const seconds = Math.round(Math.abs(ms) / 1000);
  const [size, unit] = UNITS.find(([each]) => seconds >= each) ?? [1, 's'];
  return `${Math.floor(seconds / size)} ${unit}`;
}

export function lasted(ms) {
  return ms < 1000 ? `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`;
}

function relative(at) {
  const ms = at - Date.now();
  return Math.abs(ms) < 1000 ? w.justNow : ms < 0 ? w.ago(span(ms)) : w.in(span(ms));
}

export function when(iso) {
  if (!iso) return h('span', { class: 'dim' }, w.never);
  return h('time', { datetime: iso, title: new Date(iso).toLocaleString() }, relative(Date.parse(iso)));
}

export const exactly = (iso) => h('time', { datetime: iso, class: 'exact' }, iso.replace('T', ' ').replace('Z', ' UTC'));

setInterval(() => {
  for (const each of document.querySelectorAll('time:not(.exact)')) {
    const text = relative(Date.parse(each.dateTime));
    if (text !== each.textContent) each.textContent = text;
  }
}, 5000);

export function bytes(count) {
  if (Math.abs(count) < 1024) return `${count} B`;
  return Math.abs(count) < 1048576 ? `${(count / 1024).toFixed(1)} KB` : `${(count / 1048576).toFixed(1)} MB`;
}

export const count = (number) => Number(number).toLocaleString('en');

/* ----------------------------------------------------------------------------------- dialogs */

// Shows a form; run(close) is asked when it is sent, and what it throws is told within.
export function dialog(title, content, { submit, run, danger = false, wide = false } = {}) {
  const wrong = h('div', {});
  const go = submit && h('button', { type: 'submit', class: danger ? 'danger' : 'main' }, submit);
  const form = h('form', { method: 'dialog' }, h('h2', { id: 'dialog-title' }, title), content, wrong,
    h('div', { class: 'actions end' }, h('button', { type: 'button', onclick: () => made.close() }, submit ? w.cancel : w.close), go));
  const made = h('dialog', { 'aria-labelledby': 'dialog-title', class: wide ? 'wide' : undefined }, form);
  form.addEventListener('submit', async (event) => {
    event.preventDefault();
    if (!go || go.disabled) return;
    go.disabled = true;
    try {
      await run(() => made.close());
    } catch (error) {
      wrong.replaceChildren(problem(error));
    }
    go.disabled = false;
  });
  made.addEventListener('close', () => made.remove());
  document.body.append(made);
  made.showModal();
  return made;
}
