// How it goes, at a glance: what comes in, what goes out, who is in trouble.
import { all, api } from './api.js';
import { badge, code, copyButton, count, empty, h, link, notice, renew, span, table, to, when } from './dom.js';
import { graph } from './chart.js';
import { deliveryTable } from './records.js';
import { nameOf, sortByHealth } from './subscriptions.js';
import { words as w } from './words.js';

const EVERY = 2000;
const KEPT = 150; // five minutes
const SLOWER = 3; // standings are asked for less often: they count what waits

const RATES = [['events', 'accent'], ['delivered', 'good'], ['failed', 'bad']];

function tile(name, value, tone, more, path) {
  const inner = [h('span', { class: 'name' }, name), h('span', { class: `value ${tone}` }, value), more && h('span', { class: 'more' }, more)];
  return path ? h('a', { class: 'tile', href: path }, inner) : h('div', { class: 'tile' }, inner);
}

function start() {
  return empty(w.now.start.title, w.now.start.text, link('#/new', h('span', { class: 'button main' }, w.subscriptions.add)));
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

// What is in no receiver's standing: what rules hold, and what was given up. Of each how many; null: some.
function leftOver({ held, exhausted, lagging }) {
  return [
    held !== 0 && notice('warn', w.now.heldTitle(held && count(held)), w.now.heldText, link('#/deliveries?state=held', w.now.see)),
    exhausted !== 0 && notice('warn', w.now.givenUpTitle(exhausted && count(exhausted)), w.now.givenUpText, link('#/deliveries?state=exhausted', w.now.see)),
    lagging !== 0 && notice('warn', w.now.laggingTitle(count(lagging)), w.now.laggingText),
  ].filter(Boolean);
}

function troubled(found, rest) {
  if (!found.length) return rest.length ? rest : h('p', { class: 'fine' }, w.now.allWell);
  return [rest, troubleTable(found)];
}

function troubleTable(found) {
  return table(w.now.trouble, [
    [w.columns.receiver, (each) => [link(to('subscriptions', each.id), nameOf(each)), each.name && h('div', { class: 'dim' }, each.url)]],
    [w.columns.health, (each) => badge(each.health === 'healthy' ? 'waiting' : each.health)],
    [w.columns.why, (each) => h('span', { class: 'why' }, each.last_error ? w.reason(each.last_error) : w.now.noReason)],
    [w.columns.since, (each) => when(each.failing_since ?? each.last_failure_at), 'wide'],
    [w.columns.waiting, (each) => count(each.waiting), 'number'],
  ], found);
}

const late = (seconds) => (seconds ? span(seconds * 1000) : w.now.inTime);

function sourceState(each) {
  return each.suspicious ? badge('suspicious') : badge(each.healthy && !each.failures ? 'healthy' : 'failing');
}

function sourceTable(found) {
  return table(w.now.sources, [
    [w.now.sourceColumns.source, (each) => [each.object_type, h('div', { class: 'dim' }, [each.tenant, each.connection].filter(Boolean).join(' · '))]],
    [w.columns.health, sourceState],
    [w.now.sourceColumns.late, (each) => late(each.lag_seconds)],
    [w.now.sourceColumns.failures, (each) => count(each.failures), 'number'],
    [w.now.sourceColumns.pages, (each) => count(each.pages_waiting), 'number'],
    [w.now.sourceColumns.held, (each) => count(each.objects_held), 'number'],
    [w.now.sourceColumns.checked, (each) => (each.checked_at ? when(each.checked_at) : w.never), 'wide'],
  ], found.slice(0, 10));
}

// Who fails, or has failed lately and has something that waits for it.
function inTrouble(list) {
  const is = (each) => each.health !== 'healthy' || (each.last_error && Date.parse(each.last_failure_at) > Date.parse(each.last_success_at ?? 0) && each.waiting > 0);
  return sortByHealth(list.filter(is)).slice(0, 10);
}

// A tenant has no figures: whether there is one.
async function leftOfTenant(view) {
  const has = async (state) => ((await api.get(['deliveries'], { state, limit: 1 }, view.signal)).items.length ? null : 0);
  return { held: await has('held'), exhausted: await has('exhausted'), lagging: 0 };
}

async function standings(view) {
  const [newest, failing, disabled] = await Promise.all([api.get(['subscriptions'], { limit: 100 }, view.signal),
    all(['subscriptions'], { state: 'failing' }, 50, view.signal), all(['subscriptions'], { state: 'disabled' }, 50, view.signal)]);
  return new Map([...failing.items, ...disabled.items, ...newest.items].map((each) => [each.id, each]));
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
  const parts = { rates: h('div', { class: 'tiles three' }), store: h('div', { class: 'tiles' }), trouble: h('div', { class: 'stack' }), latest: h('div', {}),
    sources: h('section', { hidden: true }),
    troubleHead: h('h2', {}, w.now.trouble), latestHead: h('h2', {}, w.now.latest) };
  const history = [];
  let before = null;
  let turn = 0;
  let seen = new Map();
  const figures = async () => {
    const stats = await api.get(['stats'], {}, view.signal);
    const at = { at: performance.now(), counts: stats.counts };
    if (before) history.push(Object.fromEntries(RATES.map(([name]) => [name, rate(at, before, name)])));
    if (history.length > KEPT) history.shift();
    before = at;
    renew(parts.rates, rateTiles(history, stats));
    renew(parts.store, storeTiles(stats));
    parts.sources.hidden = stats.sources.length === 0;
    renew(parts.sources, [h('h2', {}, w.now.sources), sourceTable(stats.sources)]);
    return stats.store;
  };
  await view.every(EVERY, async () => {
    const left = view.me.operator ? await figures() : turn % SLOWER === 0 && await leftOfTenant(view);
    const latest = await api.get(['deliveries'], { limit: 8 }, view.signal);
    if (turn++ % SLOWER === 0) {
      seen = await standings(view);
      renew(parts.trouble, seen.size ? troubled(inTrouble([...seen.values()]), leftOver(left)) : start());
      parts.troubleHead.hidden = parts.latestHead.hidden = seen.size === 0;
      if (!view.me.operator) renew(parts.store, tenantTiles([...seen.values()]));
    }
    renew(parts.latest, seen.size === 0 ? [] : latest.items.length ? deliveryTable(latest.items, seen) : firstEvent());
  });
  view.main.replaceChildren(view.title(w.nav.now, h('span', { class: 'live' }, w.now.live)), view.me.operator ? parts.rates : '', parts.store,
    h('section', {}, parts.troubleHead, parts.trouble), parts.sources, h('section', {}, parts.latestHead, parts.latest));
}
