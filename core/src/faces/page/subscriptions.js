// Who gets what: the list by health, one of them with all that can be done, and a new one.
import { all, api } from './api.js';
import { badge, button, bytes, code, copyButton, count, dialog, empty, field, h, link, notice, pairs, problem, renew, say, select, table, to, toast, when } from './dom.js';
import { json } from './code.js';
import { deliveryTable, replayDialog } from './records.js';
import { words as w } from './words.js';

const LISTED = 1000;
const ORDER = { disabled: 0, failing: 1, paused: 2, hold: 3, healthy: 4 };

export const nameOf = (each) => each.name || each.url;
export const stateOf = (each) => (each.disabled ? 'disabled' : each.health === 'failing' ? 'failing' : each.paused === 'hold' ? 'hold' : each.paused ? 'paused' : 'healthy');
export const sortByHealth = (list) => [...list].sort((a, b) => ORDER[stateOf(a)] - ORDER[stateOf(b)] || b.waiting - a.waiting);

const types = (each) => (each.events?.length ? each.events.join(', ') : w.subscriptions.everything);

/* -------------------------------------------------------------------------------------- the list */

function listed(found, view) {
  return table(w.nav.subscriptions, [
    [w.columns.receiver, (each) => [link(to('subscriptions', each.id), nameOf(each)), each.name && h('div', { class: 'dim' }, each.url)]],
    [w.columns.health, (each) => badge(stateOf(each))],
    [w.columns.events, (each) => h('span', { class: 'mono' }, types(each)), 'wide'],
    ...(view.me.operator ? [[w.columns.tenant, (each) => each.tenant || h('span', { class: 'dim' }, '–'), 'wide']] : []),
    [w.columns.waiting, (each) => count(each.waiting), 'number'],
    [w.columns.lastSuccess, (each) => when(each.last_success_at), 'wide'],
  ], found);
}

const fits = (each, text, health) => (!health || stateOf(each) === health || (health === 'failing' && stateOf(each) === 'disabled')) &&
  (!text || [each.name, each.url, each.tenant, each.id, types(each)].some((part) => part?.toLowerCase().includes(text.toLowerCase())));

export async function subscriptions(view) {
  const search = h('input', { type: 'search', 'aria-label': w.subscriptions.search, placeholder: w.subscriptions.search, value: view.query.q ?? '' });
  const health = select([['', w.subscriptions.anyHealth], ...['healthy', 'failing', 'disabled', 'paused', 'hold'].map((each) => [each, w.states[each]])], view.query.health ?? '', { 'aria-label': w.columns.health });
  const list = h('div', {});
  let found = { items: [], more: false };
  const draw = () => {
    const rows = sortByHealth(found.items.filter((each) => fits(each, search.value, health.value)));
    if (!found.items.length) return renew(list, empty(w.now.start.title, w.now.start.text, link('#/new', h('span', { class: 'button main' }, w.subscriptions.add))));
    renew(list, rows.length ? listed(rows, view) : empty(w.nothingFits, w.nothingFitsMore), found.more && h('p', { class: 'dim' }, w.subscriptions.more(LISTED)));
  };
  const changed = () => {
    view.ask({ q: search.value, health: health.value });
    draw();
  };
  search.addEventListener('input', changed);
  health.addEventListener('change', changed);
  await view.every(8000, async () => {
    found = await all(['subscriptions'], {}, LISTED, view.signal);
    draw();
  });
  view.main.replaceChildren(view.title(w.nav.subscriptions, link('#/new', h('span', { class: 'button main' }, w.subscriptions.add))),
    h('div', { class: 'filters' }, search, health), list);
}

/* --------------------------------------------------------------------------------------- a new one */

function secretShown(secrets) {
  return secrets.map((each) => h('div', { class: 'secret' }, code(each), copyButton(each, w.secret)));
}

function made(view, document) {
  view.main.replaceChildren(view.title(w.new.made),
    h('div', { class: 'card' }, h('p', {}, w.new.secret), secretShown(document.secrets ?? []),
      h('p', { class: 'hint' }, w.new.verify)),
    h('h2', {}, w.new.next), h('p', { class: 'actions' },
      link(`${to('subscriptions', document.id)}?test=1`, h('span', { class: 'button main' }, w.test.send)),
      link(to('rule', document.id), h('span', { class: 'button' }, w.rule.write)),
      link(to('subscriptions', document.id), h('span', { class: 'button' }, w.new.look))));
  view.main.querySelector('h1').focus();
  say(w.new.made);
}

const listOf = (text) => text.split(',').map((each) => each.trim()).filter(Boolean);

function fieldsOf(found, operator) {
  const inputs = {
    url: h('input', { type: 'url', required: true, placeholder: 'https://example.com/webhooks', value: found?.url ?? '' }),
    name: h('input', { type: 'text', value: found?.name ?? '' }),
    events: h('input', { type: 'text', placeholder: 'order.*, invoice.paid', value: found?.events?.join(', ') ?? '', spellcheck: 'false' }),
    order: select(['none', 'key', 'fifo', 'latest'].map((each) => [each, w.orders[each]]), found?.order ?? 'none'),
  };
  const more = h('textarea', { rows: 4, class: 'mono', spellcheck: 'false', placeholder: '{ "filters": { "currency": "EUR" }, "timeout": 5000 }' });
  const tenant = operator && !found ? h('input', { type: 'text', spellcheck: 'false' }) : null;
  return {
    content: [field(w.fields.url, inputs.url, w.fields.urlHint), field(w.fields.events, inputs.events, w.fields.eventsHint), field(w.fields.name, inputs.name, w.fields.nameHint),
      tenant && field(w.fields.tenant, tenant, w.fields.tenantHint), field(w.fields.order, inputs.order, w.fields.orderHint),
      h('details', {}, h('summary', {}, w.fields.more), field(w.fields.moreLabel, more, w.fields.moreHint))],
    // Those of the form, and those that were written, with the letters that they have.
    document: () => {
      const form = { url: inputs.url.value, name: inputs.name.value || null, events: listOf(inputs.events.value), order: inputs.order.value, ...(tenant?.value ? { tenant: tenant.value } : {}) };
      const rest = more.value.trim();
      return rest === '' ? JSON.stringify(form) : `${JSON.stringify(form).slice(0, -1)},${rest.replace(/^\{/, '')}`;
    },
  };
}

export async function subscriptionNew(view) {
  const { content, document } = fieldsOf(null, view.me.operator);
  const wrong = h('div', {});
  const form = h('form', { class: 'card narrow' }, content, wrong, h('p', { class: 'actions' }, h('button', { type: 'submit', class: 'main' }, w.new.go), link('#/subscriptions', w.cancel)));
  form.addEventListener('submit', async (sent) => {
    sent.preventDefault();
    try {
      made(view, await api.post(['subscriptions'], document()));
    } catch (error) {
      renew(wrong, problem(error));
    }
  });
  view.main.replaceChildren(view.title(w.new.title), h('p', { class: 'lead' }, w.new.text), form);
}

/* ---------------------------------------------------------------------------------------- one of them */

async function change(view, found, body, told) {
  await api.patch(['subscriptions', found.id], body);
  toast(told);
  await view.draw();
}

function testDialog(view, found) {
  const type = h('input', { type: 'text', value: 'test', spellcheck: 'false', required: true });
  const payload = h('textarea', { rows: 6, class: 'mono', spellcheck: 'false', value: '{ "test": true }' });
  const answer = h('div', {});
  dialog(w.test.title, [h('p', {}, w.test.text), field(w.fields.type, type), field(w.fields.payload, payload), answer], {
    submit: w.test.send,
    run: async () => {
      renew(answer, h('p', { class: 'loading' }, w.test.sending));
      try {
        const told = JSON.parse(await api.postText(['subscriptions', found.id, 'test'], `{"type":${JSON.stringify(type.value)},"payload":${payload.value || 'null'}}`));
        renew(answer, told.delivered ? notice('good', w.test.arrived(told.status)) : notice('bad', w.test.failed, w.reason(told.error ?? '')));
      } catch (error) {
        renew(answer);
        throw error;
      }
      await view.draw();
    },
  });
}

// Random bytes of this browser: what is to be secret was nowhere before.
const newSecret = () => `whsec_${btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(24))))}`;

function rotateDialog(view, found) {
  const keep = h('input', { type: 'checkbox', checked: true });
  const secret = newSecret();
  dialog(w.rotate.title, [h('p', {}, w.rotate.text), secretShown([secret]), h('label', { class: 'check' }, keep, w.rotate.keep), h('p', { class: 'hint' }, w.rotate.keepHint)], {
    submit: w.rotate.go,
    run: async (close) => {
      const { secrets } = await api.get(['subscriptions', found.id, 'secrets']);
      await change(view, found, { secrets: [secret, ...(keep.checked ? secrets.slice(0, 1) : [])] }, w.rotate.done);
      close();
    },
  });
}

async function secretsDialog(found) {
  const { secrets, public_keys: keys } = await api.get(['subscriptions', found.id, 'secrets']);
  dialog(w.secrets, [h('p', {}, w.new.verify), secretShown(secrets), keys.length > 0 && [h('h3', {}, w.publicKeys), secretShown(keys)]]);
}

function editDialog(view, found) {
  const { content, document } = fieldsOf(found, false);
  dialog(w.edit.title, content, { submit: w.edit.go, run: async (close) => {
    await change(view, found, document(), w.edit.done);
    close();
  } });
}

function removeDialog(found) {
  dialog(w.remove.title, [h('p', {}, w.remove.text(nameOf(found), count(found.waiting)))], { submit: w.remove.go, danger: true, run: async (close) => {
    await api.remove(['subscriptions', found.id]);
    close();
    toast(w.remove.done);
    location.hash = '#/subscriptions';
  } });
}

const SINCE = [[3600e3, '1 h'], [86400e3, '24 h'], [7 * 86400e3, '7 d'], [30 * 86400e3, '30 d']];

// What it never got is counted before it is sent.
function missedDialog(view, found) {
  const since = select(SINCE.map(([ms, text]) => [String(ms), w.last(text)]), '86400000');
  const told = h('p', { role: 'status' });
  const body = (dry) => ({ since: new Date(Date.now() - Number(since.value)).toISOString(), dry_run: dry });
  const made = dialog(w.missed.title, [h('p', {}, w.missed.text), field(w.since, since), told], { submit: w.missed.go, run: async (close) => {
    const { missed } = await api.post(['subscriptions', found.id, 'missed'], body(false));
    close();
    toast(w.missed.done(count(missed)));
    await view.draw();
  } });
  const go = made.querySelector('button[type=submit]');
  const look = async () => {
    go.disabled = true;
    told.textContent = w.counting;
    try {
      const { missed } = await api.post(['subscriptions', found.id, 'missed'], body(true));
      told.textContent = missed ? w.missed.count(count(missed)) : w.missed.none;
      go.disabled = missed === 0;
    } catch (error) {
      told.textContent = w.problem(error);
    }
  };
  since.addEventListener('change', look);
  look();
}

function stateButtons(view, found) {
  const state = stateOf(found);
  if (state === 'disabled' || found.paused) return [button(w.resume.go, () => change(view, found, { paused: false }, w.resume.done), { class: 'main' })];
  return [button(w.hold.go, () => change(view, found, { paused: 'hold' }, w.hold.done), { title: w.hold.text }),
    button(w.pause.go, () => change(view, found, { paused: true }, w.pause.done), { title: w.pause.text })];
}

function standing(found) {
  const state = stateOf(found);
  const told = w.standing(found, state);
  const tone = { healthy: found.last_success_at ? 'good' : 'plain', failing: 'bad', disabled: 'bad' }[state] ?? 'warn';
  return notice(tone, told.title, h('p', {}, told.text),
    found.last_error && state !== 'healthy' && h('p', {}, w.lastError, code(found.last_error), ' ', when(found.last_failure_at)),
    found.last_error && state !== 'healthy' && h('p', {}, w.advice(found.last_error)));
}

function details(found, view) {
  return pairs([
    [w.fields.id, code(found.id)], [w.fields.url, h('span', { class: 'mono' }, found.url)], [w.fields.events, h('span', { class: 'mono' }, types(found))],
    view.me.operator && [w.fields.tenant, found.tenant || '–'], [w.fields.order, w.orders[found.order]],
    [w.fields.rule, found.rule ? link(to('rule', found.id), w.rule.lines(found.rule.split('\n').length)) : link(to('rule', found.id), w.rule.none)],
    [w.fields.version, found.version], [w.columns.waiting, [count(found.waiting), found.oldest_waiting_at && [' · ', w.oldest, ' ', when(found.oldest_waiting_at)]]],
    [w.columns.lastSuccess, when(found.last_success_at)], [w.columns.lastFailure, found.last_failure_at && when(found.last_failure_at)], [w.fields.created, when(found.created_at)],
  ], true);
}

export async function subscription(view) {
  const part = h('div', { class: 'stack' });
  const sent = h('div', {});
  let text = '';
  let found = null;
  const head = h('div', {});
  const buttons = () => h('div', { class: 'actions' },
    button(w.test.send, () => testDialog(view, found), { class: 'main', disabled: Boolean(found.paused || found.disabled) }), stateButtons(view, found),
    link(to('rule', found.id), h('span', { class: 'button' }, w.rule.edit)), button(w.edit.open, () => editDialog(view, found)),
    button(w.replay.open, () => replayDialog({ subscription: found.id }, view.draw)), button(w.missed.open, () => missedDialog(view, found)),
    button(w.secrets, () => secretsDialog(found)), button(w.rotate.open, () => rotateDialog(view, found)),
    button(w.remove.open, () => removeDialog(found), { class: 'danger quiet' }));
  view.draw = async () => {
    const answer = await api.text(['subscriptions', view.id], {}, view.signal);
    const latest = await api.get(['deliveries'], { subscription: view.id, limit: 20 }, view.signal);
    found = JSON.parse(answer);
    renew(sent, latest.items.length ? deliveryTable(latest.items, null) : empty(w.subscriptions.quiet, w.subscriptions.quietMore(types(found)),
      !found.paused && !found.disabled && button(w.test.send, () => testDialog(view, found))));
    if (answer === text) return;
    text = answer;
    const open = part.querySelector('details')?.open ?? false;
    renew(head, view.title(nameOf(found), badge(stateOf(found))));
    renew(part, standing(found), buttons(), details(found, view),
      h('details', { open }, h('summary', {}, w.document), h('p', { class: 'hint' }, w.size(bytes(answer.length))), json(answer, w.document)));
  };
  await view.every(3000, view.draw);
  view.main.replaceChildren(h('p', { class: 'crumb' }, link('#/subscriptions', w.nav.subscriptions)), head, part,
    h('section', {}, h('div', { class: 'head' }, h('h2', {}, w.now.latest), link(`#/deliveries?subscription=${encodeURIComponent(view.id)}`, w.seeAll)), sent));
  if (view.query.test && !found.paused && !found.disabled) {
    view.ask({});
    testDialog(view, found);
  }
}
