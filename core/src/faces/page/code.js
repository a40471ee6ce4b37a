// JSON and Lua as they are written: nothing here makes a number of what stands there.
import { h } from './dom.js';

// The end of the string that begins at `at`.
function stringEnd(text, at) {
  let i = at + 1;
  while (i < text.length && text[i] !== '"') i += text[i] === '\\' ? 2 : 1;
  return i + 1;
}

// JSON in its parts: [kind, text]; white space is left out.
function* parts(text) {
  let i = 0;
  while (i < text.length) {
    const letter = text[i];
    if (' \t\r\n'.includes(letter)) {
      i++;
    } else if (letter === '"') {
      const end = stringEnd(text, i);
      const name = /^\s*:/.test(text.slice(end, end + 20));
      yield [name ? 'name' : 'string', text.slice(i, end)];
      i = end;
    } else if ('{}[],:'.includes(letter)) {
      yield [letter, letter];
      i++;
    } else {
      const end = /[\s{}[\],:"]|$/.exec(text.slice(i + 1)).index + i + 1;
      yield [/^[-0-9]/.test(letter) ? 'number' : 'word', text.slice(i, end)];
      i = end;
    }
  }
}

// The bytes of one member of an object, or undefined.
export function member(text, name) {
  let depth = 0;
  for (let i = 0, key = null, start = -1; i < text.length; i++) {
    const letter = text[i];
    if (letter === '"') {
      const end = stringEnd(text, i);
      if (depth === 1 && start < 0) key = text.slice(i + 1, end - 1);
      i = end - 1;
    } else if (letter === ':' && depth === 1 && start < 0) {
      start = i + 1;
    } else if (letter === '{' || letter === '[') {
      depth++;
    } else if ((letter === ',' && depth === 1) || letter === '}' || letter === ']') {
      if (depth === 1 && start >= 0 && key === name) return text.slice(start, i).trim();
      if (depth === 1) start = -1;
      if (letter !== ',') depth--;
    }
  }
  return undefined;
}

const LARGE = 200000; // letters that are made readable; more is shown as it is

// JSON, indented and coloured, each value with the letters that it has.
export function json(text, label) {
  const made = h('pre', { class: 'code', tabindex: 0, role: 'group', 'aria-label': label });
  if (text.length > LARGE) {
    made.append(text);
    return made;
  }
  let depth = 0;
  let before = '';
  const line = () => `\n${'  '.repeat(depth)}`;
  for (const [kind, piece] of parts(text)) {
    const opens = kind === '{' || kind === '[';
    const closes = kind === '}' || kind === ']';
    if (closes) depth--;
    if (before === ',' || ((before === '{' || before === '[') && !closes) || (closes && before !== '{' && before !== '[')) made.append(line());
    if (opens) depth++;
    if (kind === 'name' || kind === 'string' || kind === 'number' || kind === 'word') made.append(h('span', { class: kind }, piece));
    else made.append(kind === ':' ? ': ' : piece);
    before = kind;
  }
  return made;
}

export const isJson = (text) => {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
};

// A text area with numbers before its lines, of which some may be marked as wrong.
export function editor(text, label, changed) {
  const numbers = h('pre', { class: 'numbers', 'aria-hidden': 'true' });
  const area = h('textarea', { class: 'edit', spellcheck: 'false', autocapitalize: 'off', autocomplete: 'off', wrap: 'off', 'aria-label': label, value: text });
  let wrong = 0;
  const draw = () => {
    const total = Math.max(14, area.value.split('\n').length);
    numbers.replaceChildren(...Array.from({ length: total }, (_, i) => h('span', { class: i + 1 === wrong ? 'wrong' : undefined }, `${i + 1}`)));
    area.rows = total;
  };
  area.addEventListener('input', () => {
    wrong = 0;
    draw();
    changed(area.value);
  });
  // Tab indents; after Escape it goes on to the next field, so that nobody is caught in here.
  let free = false;
  area.addEventListener('keydown', (event) => {
    if (event.key === 'Escape') free = true;
    if (event.key === 'Tab' && !event.shiftKey && !free) {
      event.preventDefault();
      area.setRangeText('  ', area.selectionStart, area.selectionEnd, 'end');
      area.dispatchEvent(new Event('input'));
    }
  });
  area.addEventListener('focus', () => { free = false; });
  draw();
  return {
    element: h('div', { class: 'editor' }, numbers, area),
    area,
    text: () => area.value,
    set: (value) => {
      area.value = value;
      area.dispatchEvent(new Event('input'));
    },
    mark: (line) => {
      wrong = line ?? 0;
      area.setAttribute('aria-invalid', wrong > 0);
      draw();
    },
  };
}
