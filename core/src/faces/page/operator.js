// What only operators have: tokens and customers' links, and the settings of the store.
import { api } from './api.js';
import { badge, button, code, copyButton, dialog, empty, field, h, notice, problem, renew, select, table, toast, when } from './dom.js';
import { words as w } from './words.js';

const HOUR = 3600e3;
const ENDS = [['', w.tokens.noEnd], [HOUR, '1 h'], [24 * HOUR, '24 h'], [30 * 24 * HOUR, '30 d'], [365 * 24 * HOUR, '365 d']];

/* ---------------------------------------------------------------------------------------- tokens */

function shown(title, text, value, what) {
  dialog(title, [h('p', {}, text), h('div', { class: 'secret' }, code(value), copyButton(value, what))]);
}

function makeDialog(done) {
  const tenant = h('input', { type: 'text', spellcheck: 'false' });
  const name = h('input', { type: 'text' });
  const end = select(ENDS.map(([ms, text]) => [String(ms), text]), '');
  dialog(w.tokens.make, [field(w.fields.tenant, tenant, w.tokens.tenantHint), field(w.fields.name, name, w.tokens.nameHint), field(w.tokens.end, end)], {
    submit: w.tokens.make,
    run: async (close) => {
      const made = await api.post(['tokens'], { tenant: tenant.value || null, name: name.value || null, expires_in: end.value ? Number(end.value) : null });
      close();
      shown(w.tokens.made, w.tokens.once, made.token, w.token);
      await done();
    },
  });
}

function portalDialog(done) {
  const tenant = h('input', { type: 'text', required: true, spellcheck: 'false' });
  const end = select(ENDS.slice(1).map(([ms, text]) => [String(ms), text]), String(HOUR));
  dialog(w.portal.title, [h('p', {}, w.portal.text), field(w.fields.tenant, tenant), field(w.tokens.end, end)], {
    submit: w.portal.go,
    run: async (close) => {
      const made = await api.post(['portal'], { tenant: tenant.value, expires_in: Number(end.value), base: new URL('.', document.baseURI).href });
      close();
      shown(w.portal.made(made.tenant), w.portal.once, made.url, w.portal.link);
      await done();
    },
  });
}

function revokeDialog(each, done) {
  dialog(w.tokens.revoke, [h('p', {}, w.tokens.revokeText(each.name || each.id))], {
    submit: w.tokens.revoke, danger: true,
    run: async (close) => {
      await api.remove(['tokens', each.id]);
      close();
      toast(w.tokens.revoked);
      await done();
    },
  });
}

export async function tokens(view) {
  const list = h('div', {});
  let text = '';
  const look = async () => {
    const answer = await api.text(['tokens'], {}, view.signal);
    if (answer === text) return;
    text = answer;
    const items = JSON.parse(answer).items.sort((a, b) => (a.created_at < b.created_at ? 1 : -1));
    renew(list, items.length === 0 ? empty(w.tokens.none, w.tokens.noneMore) : table(w.nav.tokens, [
      [w.fields.name, (each) => each.name || h('span', { class: 'dim' }, w.tokens.unnamed)], [w.fields.id, (each) => code(each.id), 'wide'],
      [w.columns.tenant, (each) => each.tenant ?? h('strong', {}, w.who.operator)], [w.fields.created, (each) => when(each.created_at), 'wide'],
      [w.tokens.end, (each) => (each.expired ? badge('expired') : each.expires_at ? when(each.expires_at) : h('span', { class: 'dim' }, w.tokens.noEnd))],
      ['', (each) => button(w.tokens.revoke, () => revokeDialog(each, look), { class: 'small quiet danger', 'data-key': each.id, 'aria-label': w.tokens.revokeOne(each.name || each.id) })],
    ], items));
  };
  await view.every(10000, look);
  view.main.replaceChildren(view.title(w.nav.tokens, h('div', { class: 'actions' }, button(w.portal.title, () => portalDialog(look)), button(w.tokens.make, () => makeDialog(look), { class: 'main' }))),
    h('p', { class: 'lead' }, w.tokens.text), list);
}

/* -------------------------------------------------------------------------------------- settings */

const DAY = 86400e3;
const SETTINGS = [['retain', DAY], ['retain_failed', DAY], ['payload_bytes', 1024], ['subscription_bytes', 1024], ['subscriptions', 1]];

// A whole number of the unit, or as exact as it is.
const inUnit = (value, unit) => String(Math.round((value / unit) * 1000) / 1000);

export async function settings(view) {
  let kept = await api.get(['settings'], {}, view.signal);
  const wrong = h('div', {});
  const inputs = Object.fromEntries(SETTINGS.map(([name, unit]) => [name, h('input', { type: 'number', min: 0, step: 'any', required: true, value: inUnit(kept[name], unit) })]));
  const form = h('form', { class: 'card narrow' }, SETTINGS.map(([name]) => field(w.settings.names[name], inputs[name], w.settings.hints[name])), wrong,
    h('p', { class: 'actions' }, h('button', { type: 'submit', class: 'main' }, w.settings.save)));
  form.addEventListener('submit', async (sent) => {
    sent.preventDefault();
    const changed = SETTINGS.filter(([name, unit]) => inputs[name].value !== inUnit(kept[name], unit)).map(([name, unit]) => [name, Math.round(Number(inputs[name].value) * unit)]);
    try {
      kept = await api.patch(['settings'], Object.fromEntries(changed));
      for (const [name, unit] of SETTINGS) inputs[name].value = inUnit(kept[name], unit);
      renew(wrong);
      toast(w.settings.saved);
    } catch (error) {
      renew(wrong, problem(error));
    }
  });
  view.main.replaceChildren(view.title(w.nav.settings), h('p', { class: 'lead' }, w.settings.text), form, notice('plain', w.settings.keys, code('webhook keys --help')));
}
