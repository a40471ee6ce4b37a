// How it goes, at a glance: what comes in, what goes out, who is in trouble.
import { all, api } from './api.js';
import { badge, code, copyButton, count, empty, h, link, renew, span, table, to, when } from './dom.js';
import { graph } from './chart.js';
import { deliveryTable } from './records.js';
import { nameOf, sortByHealth } from './subscriptions.js';
import { words as w } from './words.js';

const EVERY = 2000;
const KEPT = 150; // five minutes

const RATES = [['events', 'accent'], ['delivered', 'good'], ['failed', 'bad']];

function tile(name, value, tone, more, path) {
  const inner = [h('span', { class: 'name' }, name), h('span', { class: `value ${tone}` }, value), more && h('span', { class: 'more' }, more)];
  return path ? h('a', { class: 'tile', href: path }, inner) : h('div', { class: 'tile' }, inner);
}

function start() {
  return empty(w.now.start.title, w.now.start.text, link('#/new', w.subscriptions.add));
}

function firstEvent() {
  const line = 'webhook publish order.paid order.json';
  return empty(w.now.quiet.title, w.now.quiet.text, code(line), copyButton(line, w.command));
}

// Per second between two looks.
function rate(seen, before, name) {
  const seconds = (seen.at - before.at) / 1000;
  return seconds > 0 ? Math.max(0, (seen.counts[name] - before.counts[name]) / seconds) : 0;
}

const per = (number) => (number >= 100 ? count(Math.round(number)) : number.toFixed(1));

function rateTiles(history, seen) {
  return RATES.map(([name, tone]) => {
    const values = history.map((each) => each[name]);
    const last = values.slice(-5);
    const mean = last.length ? last.reduce((sum, each) => sum + each, 0) / last.length : 0;
    return h('div', { class: 'tile graphed' }, h('span', { class: 'name' }, w.now.rates[name]),
      h('span', { class: 'value' }, per(mean), h('small', {}, w.now.perSecond)),
      graph(values, tone, w.now.graph(w.now.rates[name], values.length * EVERY, Math.max(0, ...values))),
      h('span', { class: 'more' }, w.now.total(count(seen.counts[name]))));
  });
}

function storeTiles({ store }) {
  const oldest = store.oldest_waiting_at ? span(Date.now() - Date.parse(store.oldest_waiting_at)) : '–';
  return [
    tile(w.now.waiting, count(store.waiting), '', w.now.due(count(store.due)), '#/deliveries?state=waiting'),
    tile(w.now.oldest, oldest, '', w.now.oldestMore),
    tile(w.now.failing, count(store.failing + store.disabled), store.failing + store.disabled ? 'bad' : '', w.now.disabled(count(store.disabled)), '#/subscriptions?health=failing'),
    tile(w.now.exhausted, count(store.exhausted), store.exhausted ? 'bad' : '', w.now.exhaustedMore, '#/deliveries?state=exhausted'),
    tile(w.now.held, count(store.held), store.held ? 'warn' : '', w.now.heldMore, '#/deliveries?state=held'),
  ];
}

function troubled(found) {
  if (!found.length) return h('p', { class: 'fine' }, w.now.allWell);
  return table(w.now.trouble, [
    [w.columns.receiver, (each) => [link(to('subscriptions', each.id), nameOf(each)), each.name && h('div', { class: 'dim' }, each.url)]],
    [w.columns.health, (each) => badge(each.health === 'healthy' ? 'waiting' : each.health)],
    [w.columns.why, (each) => h('span', { class: 'why' }, each.last_error ? w.reason(each.last_error) : w.now.noReason)],
    [w.columns.since, (each) => when(each.failing_since ?? each.last_failure_at), 'wide'],
    [w.columns.waiting, (each) => count(each.waiting), 'number'],
  ], found);
}

// Who fails, or has failed lately and has something that waits for it.
function inTrouble(list) {
  const is = (each) => each.health !== 'healthy' || (each.last_error && Date.parse(each.last_failure_at) > Date.parse(each.last_success_at ?? 0) && each.waiting > 0);
  return sortByHealth(list.filter(is)).slice(0, 10);
}

async function lists(view, parts) {
  const [found, failing, disabled, latest] = await Promise.all([api.get(['subscriptions'], { limit: 100 }, view.signal),
    all(['subscriptions'], { state: 'failing' }, 50, view.signal), all(['subscriptions'], { state: 'disabled' }, 50, view.signal),
    api.get(['deliveries'], { limit: 8 }, view.signal)]);
  const seen = new Map([...failing.items, ...disabled.items, ...found.items].map((each) => [each.id, each]));
  renew(parts.trouble, seen.size ? troubled(inTrouble([...seen.values()])) : start());
  parts.troubleHead.hidden = seen.size === 0;
  parts.latestHead.hidden = seen.size === 0;
  renew(parts.latest, seen.size === 0 ? [] : latest.items.length ? deliveryTable(latest.items, seen) : firstEvent());
  return [...seen.values()];
}

function tenantTiles(found) {
  const bad = found.filter((each) => each.health !== 'healthy').length;
  const waiting = found.reduce((sum, each) => sum + each.waiting, 0);
  const oldest = found.map((each) => each.oldest_waiting_at).filter(Boolean).sort()[0];
  return [tile(w.nav.subscriptions, count(found.length), '', w.now.mine, '#/subscriptions'),
    tile(w.now.failing, count(bad), bad ? 'bad' : '', w.now.failingMine, '#/subscriptions?health=failing'),
    tile(w.now.waiting, count(waiting), '', w.now.waitingMine, '#/deliveries?state=waiting'),
    tile(w.now.oldest, oldest ? span(Date.now() - Date.parse(oldest)) : '–', '', w.now.oldestMore)];
}

export async function now(view) {
  const parts = { rates: h('div', { class: 'tiles three' }), store: h('div', { class: 'tiles' }), trouble: h('div', {}), latest: h('div', {}),
    troubleHead: h('h2', {}, w.now.trouble), latestHead: h('h2', {}, w.now.latest) };
  const history = [];
  let before = null;
  await view.every(EVERY, async () => {
    if (view.me.operator) {
      const stats = await api.get(['stats'], {}, view.signal);
      const seen = { at: performance.now(), counts: stats.counts };
      if (before) history.push(Object.fromEntries(RATES.map(([name]) => [name, rate(seen, before, name)])));
      if (history.length > KEPT) history.shift();
      before = seen;
      renew(parts.rates, rateTiles(history, stats));
      renew(parts.store, storeTiles(stats));
    }
    const found = await lists(view, parts);
    if (!view.me.operator) renew(parts.store, tenantTiles(found));
  });
  view.main.replaceChildren(view.title(w.nav.now, h('span', { class: 'live' }, w.now.live)), view.me.operator ? parts.rates : '', parts.store,
    h('section', {}, parts.troubleHead, parts.trouble), h('section', {}, parts.latestHead, parts.latest));
}
