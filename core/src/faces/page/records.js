// What came, what went out, and why: events, deliveries, the story of one of them, and sending again.
import { Refusal, all, api } from './api.js';
import { badge, button, bytes, code, copyButton, count, dialog, empty, exactly, field, h, lasted, link, notice, pairs, problem, renew, select, table, to, toast, when } from './dom.js';
import { isJson, json } from './code.js';
import { words as w } from './words.js';

const STATES = ['waiting', 'delivered', 'exhausted', 'held', 'cancelled'];
const HOUR = 3600e3;
const SINCE = [['', w.anyTime], [String(HOUR), w.last('1 h')], [String(24 * HOUR), w.last('24 h')], [String(7 * 24 * HOUR), w.last('7 d')]];
const PAGE = 50;

const since = (ms) => (ms ? new Date(Date.now() - Number(ms)).toISOString() : undefined);
const eventPath = (id, tenant) => `${to('events', id)}${tenant ? `?tenant=${encodeURIComponent(tenant)}` : ''}`;

/* ------------------------------------------------------------------------------------ deliveries */

// subscriptions: known ones by id, or null where all rows are of the same.
export function deliveryTable(rows, subscriptions, fresh = new Set()) {
  const receiver = (each) => {
    const known = subscriptions.get(each.subscription);
    return link(to('subscriptions', each.subscription), known ? known.name || known.url : each.subscription);
  };
  return table(w.nav.deliveries, [
    [w.columns.state, (each) => badge(each.state)],
    [w.columns.event, (each) => link(to('deliveries', each.id), h('span', { class: 'mono' }, each.type))],
    ...(subscriptions ? [[w.columns.receiver, receiver, 'wide']] : []),
    [w.columns.answer, (each) => h('span', { class: 'why' }, each.error ? w.reason(each.error) : each.status ? `${each.status}` : '–')],
    [w.columns.attempts, (each) => count(each.attempts), 'number wide'],
    [w.columns.when, (each) => (each.state === 'waiting' && each.due_at ? [w.next, ' ', when(each.due_at)] : when(each.updated_at))],
  ], rows, (each) => (fresh.has(each.id) ? 'fresh' : ''));
}

export function replayDialog(query, done) {
  const state = select(STATES.filter((each) => each !== 'delivered').concat('delivered').map((each) => [each, w.states[each]]), query.state ?? 'exhausted');
  const time = select(SINCE, query.since ?? '');
  const told = h('p', { role: 'status' });
  const body = (dry) => ({ subscription: query.subscription, event: query.event, tenant: query.tenant, state: state.value, since: since(time.value), dry_run: dry });
  const made = dialog(w.replay.title, [h('p', {}, query.subscription ? w.replay.textOne : w.replay.text), field(w.columns.state, state), field(w.since, time), told], {
    submit: w.replay.go,
    run: async (close) => {
      const { replayed } = await api.post(['deliveries', 'replay'], body(false));
      close();
      toast(w.replay.done(count(replayed)));
      await done();
    },
  });
  const go = made.querySelector('button[type=submit]');
  const look = async () => {
    go.disabled = true;
    told.textContent = w.counting;
    try {
      const { replayed } = await api.post(['deliveries', 'replay'], body(true));
      told.textContent = replayed ? w.replay.count(count(replayed)) : w.replay.none;
      go.disabled = replayed === 0;
    } catch (error) {
      told.textContent = w.problem(error);
    }
  };
  state.addEventListener('change', look);
  time.addEventListener('change', look);
  look();
}

async function known(view) {
  const { items } = await all(['subscriptions'], {}, 1000, view.signal);
  return new Map(items.map((each) => [each.id, each]));
}

export async function deliveries(view) {
  const names = await known(view);
  const state = select([['', w.anyState], ...STATES.map((each) => [each, w.states[each]])], view.query.state ?? '', { 'aria-label': w.columns.state });
  const receivers = [['', w.anyReceiver], ...[...names.values()].map((each) => [each.id, each.name || each.url])];
  if (view.query.subscription && !names.has(view.query.subscription)) receivers.push([view.query.subscription, view.query.subscription]);
  const receiver = select(receivers, view.query.subscription ?? '', { 'aria-label': w.columns.receiver });
  const time = select(SINCE, view.query.since ?? '', { 'aria-label': w.since });
  const live = h('input', { type: 'checkbox', checked: true });
  const list = h('div', {});
  let rows = [];
  let next = null;
  let asked = '';
  let seen = null; // ids that were there, to mark what is new
  const query = () => ({ state: state.value, subscription: receiver.value, since: time.value, event: view.query.event });
  const load = async (cursor) => api.get(['deliveries'], { ...query(), since: since(time.value), limit: PAGE, cursor }, view.signal);
  const draw = (fresh) => renew(list, rows.length ? deliveryTable(rows, names, fresh) : empty(w.nothingFits, w.deliveries.none),
    next && h('p', { class: 'actions' }, button(w.older, async () => {
      const page = await load(next);
      rows = [...rows, ...page.items];
      next = page.next;
      live.checked = false;
      draw();
    })));
  const look = async () => {
    const wanted = JSON.stringify(query());
    const page = await load();
    if (wanted !== JSON.stringify(query())) return;
    const fresh = new Set(seen && wanted === asked ? page.items.map((each) => each.id).filter((each) => !seen.has(each)) : []);
    seen = new Set(page.items.map((each) => each.id));
    asked = wanted;
    rows = page.items;
    next = page.next;
    draw(fresh);
  };
  const changed = async () => {
    view.ask(query());
    try { await look(); } catch (error) { renew(list, problem(error, changed)); }
  };
  for (const each of [state, receiver, time]) each.addEventListener('change', changed);
  await view.every(2000, async () => { if (live.checked || seen === null) await look(); });
  view.main.replaceChildren(view.title(w.nav.deliveries, button(w.replay.open, () => replayDialog({ ...query(), tenant: undefined }, look))),
    h('div', { class: 'filters' }, state, receiver, time, h('label', { class: 'check' }, live, w.deliveries.live)), list);
}

/* -------------------------------------------------------------------------------- one with its story */

function step(tone, title, ...children) {
  return h('li', { class: tone }, h('h2', {}, title), children);
}

function shown(text, label) {
  return h('details', {}, h('summary', {}, label, ' ', h('span', { class: 'dim' }, bytes(new TextEncoder().encode(text).length))),
    h('div', { class: 'with' }, isJson(text) ? json(text, label) : h('pre', { class: 'code', tabindex: 0, role: 'group', 'aria-label': label }, text), copyButton(text, label)));
}

function attemptStep(each, i, list) {
  const good = each.code === null;
  return step(good ? 'good' : 'bad', w.story.attempt(each.n, good ? each.status : w.reason(each.error ?? each.code ?? '')),
    h('p', { class: 'dim' }, exactly(each.at), ' · ', lasted(each.duration_ms)),
    !good && i === list.length - 1 && h('p', {}, w.advice(each.error ?? '')),
    each.response && shown(each.response, w.story.response));
}

function endStep(found, again) {
  const told = w.story.end(found.state, found.attempts);
  const due = found.state === 'waiting' && found.due_at ? [w.next, ' ', when(found.due_at)] : null;
  return step({ delivered: 'good', exhausted: 'bad', held: 'warn' }[found.state] ?? 'plain', told.title, h('p', {}, told.text, due && [' ', due, '.']),
    h('p', { class: 'actions' }, button(w.replay.one, again, { class: found.state === 'delivered' ? '' : 'main' })));
}

// One that was sent though its rule fails: by its policy, or as a test.
const past = (reason) => !['failed', 'held', 'pending', 'missed'].includes(reason.outcome);
const ruleNotice = (reason) => notice(past(reason) ? 'warn' : 'bad', w.ruleFailed(reason.line), reason.message, past(reason) && h('p', {}, w.story.pastRule));

async function story(view, found) {
  const missing = (error) => { if (error instanceof Refusal && error.status !== 401) return null; throw error; };
  const [attempts, body, why, receiver, origin] = await Promise.all([
    api.get(['deliveries', found.id, 'attempts'], {}, view.signal), api.text(['deliveries', found.id, 'body'], {}, view.signal).catch(missing),
    api.get(['events', found.event, 'explain'], { subscription: found.subscription }, view.signal).catch(missing),
    api.get(['subscriptions', found.subscription], {}, view.signal).catch(missing), api.get(['events', found.event], {}, view.signal).catch(missing)]);
  const reason = why?.items[0];
  return h('ol', { class: 'story' },
    step('good', w.story.accepted, h('p', {}, link(to('events', found.event), found.type), ' ', code(found.event), found.key && [' · ', w.fields.key, ' ', code(found.key)]),
      h('p', { class: 'dim' }, origin ? exactly(origin.accepted_at) : w.story.gone)),
    step(reason?.outcome === 'held' ? 'warn' : 'good', w.story.decided(found.version),
      h('p', {}, w.story.by, link(to('subscriptions', found.subscription), receiver ? receiver.name || receiver.url : found.subscription), '. ', w.story.rule(reason, receiver)),
      reason?.message && ruleNotice(reason)),
    body !== null && step('good', w.story.bytes, receiver && h('p', {}, 'POST ', h('span', { class: 'mono' }, receiver.url)), shown(body, w.story.body)),
    attempts.items.map(attemptStep),
    endStep(found, async () => {
      await api.post(['deliveries', found.id, 'replay']);
      toast(w.replay.oneDone);
      await view.draw();
    }));
}

export async function delivery(view) {
  const part = h('div', {});
  const head = h('div', {});
  let text = '';
  view.draw = async () => {
    const answer = await api.text(['deliveries', view.id], {}, view.signal);
    if (answer === text) return;
    const found = JSON.parse(answer);
    const told = await story(view, found);
    text = answer;
    const open = new Set([...part.querySelectorAll('details[open] > summary')].map((each) => each.textContent));
    for (const each of told.querySelectorAll('details')) each.open = open.has(each.firstChild.textContent);
    renew(head, view.title(found.type, badge(found.state)));
    renew(part, told);
  };
  await view.every(2000, view.draw);
  view.main.replaceChildren(h('p', { class: 'crumb' }, link('#/deliveries', w.nav.deliveries), ' / ', code(view.id)), head, part);
}

/* ---------------------------------------------------------------------------------------- events */

function publishDialog(view, done) {
  const type = h('input', { type: 'text', required: true, placeholder: 'order.paid', spellcheck: 'false' });
  const tenant = view.me.operator ? h('input', { type: 'text', spellcheck: 'false' }) : null;
  const payload = h('textarea', { rows: 8, class: 'mono', spellcheck: 'false', value: '{\n  "id": 7,\n  "total": 1200\n}' });
  dialog(w.publish.title, [h('p', {}, w.publish.text), field(w.fields.type, type), tenant && field(w.fields.tenant, tenant, w.publish.tenantHint), field(w.fields.payload, payload)], {
    submit: w.publish.go,
    run: async (close) => {
      const head = { type: type.value, ...(tenant?.value ? { tenant: tenant.value } : {}) };
      const made = JSON.parse(await api.postText(['events'], `${JSON.stringify(head).slice(0, -1)},"payload":${payload.value || 'null'}}`));
      close();
      toast(w.publish.done);
      await done(made.id, tenant?.value);
    },
  });
}

function eventTable(rows, view) {
  return table(w.nav.events, [
    [w.columns.type, (each) => link(eventPath(each.id, view.me.operator ? each.tenant : ''), h('span', { class: 'mono' }, each.type))],
    [w.fields.id, (each) => code(each.id), 'wide'],
    ...(view.me.operator ? [[w.columns.tenant, (each) => each.tenant || '–']] : []),
    [w.fields.key, (each) => (each.key ? code(each.key) : h('span', { class: 'dim' }, '–')), 'wide'],
    [w.columns.accepted, (each) => [when(each.accepted_at), each.pending && [' ', badge('pending')]]],
  ], rows);
}

export async function events(view) {
  const type = h('input', { type: 'search', 'aria-label': w.events.type, placeholder: w.events.type, value: view.query.type ?? '', spellcheck: 'false' });
  const tenant = view.me.operator ? h('input', { type: 'search', 'aria-label': w.columns.tenant, placeholder: w.columns.tenant, value: view.query.tenant ?? '', spellcheck: 'false' }) : null;
  const time = select(SINCE, view.query.since ?? '', { 'aria-label': w.since });
  const list = h('div', {});
  let rows = [];
  let next = null;
  let older = false;
  const query = () => ({ type: type.value.trim(), tenant: tenant?.value.trim(), since: time.value });
  const load = (cursor) => api.get(['events'], { ...query(), since: since(time.value), limit: PAGE, cursor }, view.signal);
  const open = (id, of) => { location.hash = eventPath(id, of); };
  const publish = () => publishDialog(view, open);
  const draw = () => renew(list, rows.length ? eventTable(rows, view) : Object.values(query()).some(Boolean) ? empty(w.nothingFits, w.nothingFitsMore) : empty(w.events.none, w.events.noneMore, button(w.publish.title, publish)),
    next && h('p', { class: 'actions' }, button(w.older, async () => {
      const page = await load(next);
      older = true;
      rows = [...rows, ...page.items];
      next = page.next;
      draw();
    })));
  const look = async () => {
    const wanted = JSON.stringify(query());
    const page = await load();
    if (wanted !== JSON.stringify(query())) return;
    rows = page.items;
    next = page.next;
    draw();
  };
  let timer;
  const changed = () => {
    clearTimeout(timer);
    timer = setTimeout(async () => {
      older = false;
      view.ask(query());
      try { await look(); } catch (error) { if (error.name !== 'AbortError') renew(list, problem(error, changed)); }
    }, 200);
  };
  for (const each of [type, tenant]) each?.addEventListener('input', changed);
  time.addEventListener('change', changed);
  await view.every(3000, async () => { if (!older) await look(); });
  view.main.replaceChildren(view.title(w.nav.events, button(w.publish.title, publish)), h('div', { class: 'filters' }, type, tenant, time), list);
}

/* --------------------------------------------------------------------------------- one event, and why */

function why(items, names) {
  const name = (id) => names.get(id)?.name || names.get(id)?.url || id;
  return h('ul', { class: 'whys' }, items.map((each) => {
    const told = w.explain(each);
    return h('li', {}, h('div', { class: 'head' }, link(to('subscriptions', each.subscription), name(each.subscription)), badge(each.outcome)),
      h('p', {}, told), each.message && ruleNotice(each),
      h('p', { class: 'dim' }, [w.explainVersion(each), each.bytes !== undefined && w.explainBytes(bytes(each.bytes)), each.cpu_us !== undefined && w.explainCost(each.cpu_us, bytes(each.memory))].filter(Boolean).join(' · ')),
      h('p', { class: 'links' }, each.delivery && link(to('deliveries', each.delivery), w.story.title), ' ', link(`${to('rule', each.subscription)}?event=${encodeURIComponent(each.event ?? '')}`, w.rule.tryHere)));
  }));
}

export async function event(view) {
  const scope = view.query.tenant ? { tenant: view.query.tenant } : {};
  const found = await api.get(['events', view.id], scope, view.signal);
  const payload = await api.text(['events', view.id, 'payload'], scope, view.signal);
  const names = await known(view);
  const reasons = h('div', {});
  let more = null;
  let one = null; // of the subscription that was asked for
  const id = h('input', { type: 'search', placeholder: 'sub_…', 'aria-label': w.fields.id, spellcheck: 'false' });
  const asked = h('form', { class: 'filters', hidden: true, onsubmit: async (sent) => {
    sent.preventDefault();
    try {
      one = (await api.get(['events', view.id, 'explain'], { ...scope, subscription: id.value.trim() }, view.signal)).items[0] ?? null;
      await look();
    } catch (error) {
      toast(w.failed(error));
    }
  } }, h('span', { class: 'dim' }, w.events.moreReasons), id, h('button', { type: 'submit' }, w.events.explainOne));
  let settled = false; // nothing of it changes by itself any more: explaining takes the server's time
  const look = async () => {
    const page = await api.get(['events', view.id, 'explain'], { ...scope, limit: 50 }, view.signal);
    const items = page.items.map((each) => ({ ...each, event: view.id }));
    items.sort((a, b) => Boolean(b.delivery) - Boolean(a.delivery));
    more = page.next;
    settled = !items.some((each) => ['waiting', 'pending'].includes(each.outcome));
    if (one) items.unshift({ ...one, event: view.id });
    renew(reasons, items.length ? why(items, names) : empty(w.events.nobody, w.events.nobodyMore, link('#/new', w.subscriptions.add)));
    asked.hidden = more === null;
  };
  await view.every(3000, async () => { if (!settled) await look(); });
  view.main.replaceChildren(h('p', { class: 'crumb' }, link('#/events', w.nav.events), ' / ', code(found.id)),
    view.title(found.type, button(w.replay.open, () => replayDialog({ event: found.id, tenant: view.me.operator ? found.tenant : undefined }, look))),
    h('div', { class: 'two' },
      h('section', {}, h('h2', {}, w.events.why), asked, reasons),
      h('section', {}, h('div', { class: 'head' }, h('h2', {}, w.fields.payload), copyButton(payload, w.fields.payload)), json(payload, w.fields.payload),
        pairs([[w.fields.id, code(found.id)], [w.fields.tenant, found.tenant], [w.fields.source, found.source], [w.fields.key, found.key && code(found.key)],
          [w.columns.accepted, exactly(found.accepted_at)], found.time !== found.accepted_at && [w.fields.time, exactly(found.time)], [w.bytes, bytes(new TextEncoder().encode(payload).length)]]))));
}
