// The studio of rules: a rule, a real event, and what would go out, as one types; then what it would have done with what
// is stored; and only then it may be saved.
import { Refusal, api } from './api.js';
import { badge, button, bytes, code, count, empty, h, link, notice, pairs, problem, renew, say, select, to, toast } from './dom.js';
import { bars } from './chart.js';
import { editor, json, member } from './code.js';
import { nameOf } from './subscriptions.js';
import { words as w } from './words.js';

const PAUSE = 250; // ms after the last key
const STEPS = [100, 1000, 10000]; // events that are looked at, so that the first answer comes soon
const RECENT = 50;

const lineOf = (error) => Number(/\bline (\d+)/.exec(error.message)?.[1]) || null;

// A payload goes to the server with the letters that it has.
const trial = (document, sample) => `{"document":${document}${sample ? `,"event":{"type":${JSON.stringify(sample.type)},"payload":${sample.payload}}` : ''}}`;

function outcome(text, sample) {
  const told = JSON.parse(text);
  const body = member(text, 'body');
  if (told.outcome === 'failed') return { line: told.line, content: [notice('bad', w.ruleFailed(told.line), told.message), h('p', { class: 'hint' }, w.studio.failedHint)] };
  if (!sample) return { line: null, content: [notice('good', w.studio.compiles), h('p', { class: 'hint' }, w.studio.noSample)] };
  if (told.outcome === 'drop' || told.outcome === 'filtered') return { line: null, content: [notice('plain', w.studio.outcomes[told.outcome](told.path))] };
  return { line: null, content: [
    h('p', { class: 'head' }, badge(told.outcome), h('span', { class: 'dim' }, w.studio.cost(bytes(new TextEncoder().encode(body).length), bytes(new TextEncoder().encode(sample.payload).length), told.cpu_us))),
    json(body, w.studio.out), (told.key || told.headers) && pairs([[w.fields.key, told.key && code(told.key)], [w.fields.headers, told.headers && code(JSON.stringify(told.headers))]])] };
}

/* ---------------------------------------------------------------------------------- the backtest */

// "- path: value" and "+ path: value", by their paths.
function sides(lines) {
  const paths = new Map();
  for (const each of lines) {
    const [, sign, path, value] = /^([-+]) (.*?): (.*)$/s.exec(each) ?? [];
    if (sign) paths.set(path, { ...paths.get(path), [sign]: value });
  }
  return [...paths];
}

function difference(each) {
  const rows = sides(each.diff);
  const side = (title, state, sign, tone) => h('div', { class: `side-of ${tone}` }, h('h4', {}, title, ' ', badge(state)),
    rows.length > 0 && h('pre', { class: 'code', tabindex: 0, role: 'group', 'aria-label': title },
      rows.map(([path, told]) => [h('span', { class: 'name' }, path), ': ', told[sign] ?? h('em', {}, w.studio.absent), '\n'])));
  return h('li', {}, h('p', {}, link(to('events', each.event), h('span', { class: 'mono' }, each.type)), ' ', code(each.event)),
    h('div', { class: 'two even' }, side(w.studio.now, each.now, '-', 'was'), side(w.studio.then, each.then, '+', 'will')));
}

function verdict(told, done) {
  if (told.events === 0) return notice('plain', w.studio.nothingStored, w.studio.nothingStoredMore);
  const pair = (name) => bars([[w.studio.now, told[name].now, count(told[name].now), 'plain'], [w.studio.then, told[name].then, count(told[name].then), 'accent']]);
  return [
    notice(told.failed.then > told.failed.now ? 'bad' : 'good', told.differ === 0 ? w.studio.same(count(told.events)) : w.studio.differ(count(told.differ), count(told.events)), told.cancelled ? w.studio.cut : ''),
    h('div', { class: 'tiles' }, ['sent', 'failed'].map((name) => h('div', { class: 'tile' }, h('span', { class: 'name' }, w.studio[name]), pair(name))),
      h('div', { class: 'tile' }, h('span', { class: 'name' }, w.studio.saved), h('span', { class: 'value' }, bytes(told.bytes.saved)), h('span', { class: 'more' }, w.studio.savedOf(bytes(told.bytes.now), bytes(told.bytes.then)))),
      h('div', { class: 'tile' }, h('span', { class: 'name' }, w.studio.worst), h('span', { class: 'value' }, `${count(told.cpu_us.worst)} µs`), h('span', { class: 'more' }, w.studio.memory(bytes(told.memory.worst))))),
    told.errors.length > 0 && [h('h3', {}, w.studio.errors), told.errors.map((each) => notice('bad', w.ruleFailed(each.line), each.message, ' ', link(to('events', each.event), each.type)))],
    told.differences.length > 0 && [h('h3', {}, w.studio.differences(told.differences.length, done)), h('ol', { class: 'differences' }, told.differences.map(difference))]];
}

async function compare(view, found, candidate, progress) {
  let told;
  for (const last of STEPS) {
    progress(w.studio.looking(count(last)), last);
    told = await api.post(['subscriptions', found.id, 'backtest'], { document: candidate, last, shown: 10 }, view.signal);
    progress(w.studio.looked(count(told.events)), last, told);
    if (told.events < last || told.cancelled) break;
  }
  return told;
}

/* ------------------------------------------------------------------------------------- the studio */

async function sampleOf(view, id, tenant) {
  const scope = tenant && view.me.operator ? { tenant } : {};
  const [about, payload] = await Promise.all([api.get(['events', id], scope, view.signal), api.text(['events', id, 'payload'], scope, view.signal)]);
  return { id, type: about.type, payload };
}

const fits = (patterns, type) => !patterns?.length || patterns.some((each) => each === '*' || each === type || (each.endsWith('*') && type.startsWith(each.slice(0, -1))));

const EXAMPLES = Object.entries(w.studio.examples);

export async function studio(view) {
  const kept = await api.text(['subscriptions', view.id], {}, view.signal);
  const found = JSON.parse(kept);
  const recent = (await api.get(['events'], { limit: RECENT, ...(view.me.operator && found.tenant ? { tenant: found.tenant } : {}) }, view.signal)).items;
  const wanted = recent.filter((each) => fits(found.events, each.type));
  const choices = wanted.length ? wanted : recent;
  if (view.query.event && !choices.some((each) => each.id === view.query.event)) choices.unshift({ id: view.query.event, type: w.studio.chosen });
  const picker = select(choices.map((each) => [each.id, `${each.type} · ${each.id}`]), view.query.event ?? choices[0]?.id, { 'aria-label': w.studio.sample });
  const input = h('div', {});
  const output = h('div', {});
  const result = h('div', { class: 'stack' });
  const progress = h('p', { role: 'status' });
  let sample = null;
  let tested = null; // the text that the backtest was for
  let turn = 0;
  let timer;

  const rule = () => (write.text().trim() === '' ? null : write.text());
  const document = () => `{"rule":${JSON.stringify(rule())}${['fields', 'filters', 'metadata'].map((name) => `,"${name}":${member(kept, name) ?? 'null'}`).join('')}}`;
  const save = button(w.studio.save, async () => {
    await api.patch(['subscriptions', found.id], { rule: rule() });
    found.rule = rule();
    toast(w.studio.saved_);
    settle();
  }, { class: 'main' });
  const settle = () => {
    const changed = (found.rule ?? '') !== write.text();
    save.disabled = !changed || tested !== write.text();
    hint.textContent = !changed ? w.studio.unchanged : tested === write.text() ? w.studio.maySave : w.studio.testFirst;
  };
  const tryOut = async () => {
    const mine = ++turn;
    try {
      const told = outcome(await api.postText(['rules', 'try'], trial(document(), sample), view.signal), sample);
      if (mine !== turn) return;
      write.mark(told.line);
      renew(output, told.content);
      say(output.querySelector('strong, .badge').textContent);
    } catch (error) {
      if (error.name === 'AbortError' || mine !== turn) return;
      const line = lineOf(error);
      write.mark(line);
      renew(output, error instanceof Refusal && error.status === 422 ? notice('bad', w.studio.syntax(line), error.message) : problem(error));
      say(output.querySelector('strong').textContent);
    }
  };
  const write = editor(found.rule ?? '', w.studio.rule, () => {
    settle();
    clearTimeout(timer);
    timer = setTimeout(tryOut, PAUSE);
  });
  const hint = h('p', { class: 'hint', role: 'status' });
  const pick = async () => {
    sample = picker.value ? await sampleOf(view, picker.value, found.tenant) : null;
    renew(input, sample ? json(sample.payload, w.fields.payload) : empty(w.studio.noEvents, w.studio.noEventsMore, code(`webhook publish ${found.events?.[0]?.replace('*', 'paid') ?? 'order.paid'} order.json`)));
    await tryOut();
  };
  const test = button(w.studio.test, async () => {
    const text = write.text();
    renew(result);
    try {
      const last = await compare(view, found, { rule: rule() }, (line, size, told) => {
        progress.replaceChildren(h('progress', { max: STEPS.length + 1, value: STEPS.indexOf(size) + (told ? 2 : 1), 'aria-label': w.studio.test }), ' ', line);
        if (told) renew(result, verdict(told, false));
      });
      progress.textContent = w.studio.looked(count(last.events));
      renew(result, verdict(last, true));
      tested = text;
    } catch (error) {
      if (error.name === 'AbortError') return;
      progress.textContent = '';
      renew(result, problem(error));
    }
    settle();
  });
  const examples = select([['', w.studio.example], ...EXAMPLES.map(([name]) => [name, name])], '', { 'aria-label': w.studio.example });
  examples.addEventListener('change', () => {
    if (examples.value) write.set(w.studio.examples[examples.value]);
    examples.value = '';
  });
  picker.addEventListener('change', () => pick().catch((error) => renew(input, problem(error))));
  await pick();
  settle();
  view.main.replaceChildren(h('p', { class: 'crumb' }, link('#/subscriptions', w.nav.subscriptions), ' / ', link(to('subscriptions', found.id), nameOf(found))),
    view.title(w.studio.title), h('p', { class: 'lead' }, w.studio.text),
    h('div', { class: 'two even' },
      h('section', {}, h('div', { class: 'head' }, h('h2', {}, w.studio.rule), examples), write.element, h('p', { class: 'hint' }, w.studio.keys)),
      h('section', {}, h('div', { class: 'head' }, h('h2', {}, w.studio.sample), choices.length > 0 && picker), input, h('h2', {}, w.studio.out), output)),
    h('section', {}, h('div', { class: 'head' }, h('h2', {}, w.studio.what), h('div', { class: 'actions' }, test, save)), hint, progress, result));
}
