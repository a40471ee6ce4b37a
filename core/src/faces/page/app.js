// Where one is, who one is, and the frame around what is looked at.
import { Refusal, api, takeToken, token } from './api.js';
import { button, field, h, link, notice, problem, renew, say, to, when } from './dom.js';
import { now } from './now.js';
import { settings, tokens } from './operator.js';
import { deliveries, delivery, event, events } from './records.js';
import { studio } from './studio.js';
import { subscription, subscriptionNew, subscriptions } from './subscriptions.js';
import { words as w } from './words.js';

const page = document.getElementById('page');
let me = null; // { operator, tenant, expires_at, version }
let leave = () => {};
let moved = false; // somebody went on within the page, and begins at its heading

const VIEWS = {
  '': [now], subscriptions: [subscriptions, subscription], new: [subscriptionNew], events: [events, event],
  deliveries: [deliveries, delivery], rule: [null, studio], settings: [settings], tokens: [tokens],
};
const ABOVE = { new: 'subscriptions', rule: 'subscriptions' };

function where() {
  const [path, query] = location.hash.replace(/^#\/?/, '').split('?');
  const parts = path.split('/').filter(Boolean).map((each) => {
    try { return decodeURIComponent(each); } catch { return each; }
  });
  return { name: parts[0] ?? '', id: parts[1], query: Object.fromEntries(new URLSearchParams(query ?? '')) };
}

/* ---------------------------------------------------------------------------------- getting in */

function login(reason) {
  leave();
  me = null;
  document.title = w.login.title;
  const input = h('input', { type: 'password', autocomplete: 'off', spellcheck: 'false', required: true, placeholder: 'wht_…' });
  const form = h('form', { class: 'card login' }, h('img', { src: 'page/icon.svg', alt: '', width: 40, height: 40 }), h('h1', {}, w.login.title),
    reason && notice('warn', reason.title, reason.text), h('p', {}, w.login.text),
    h('pre', { class: 'code' }, 'webhook tokens add\nwebhook tokens add --tenant acme'), field(w.login.label, input, w.login.hint),
    h('p', { class: 'actions' }, h('button', { type: 'submit', class: 'main' }, w.login.go)));
  form.addEventListener('submit', (sent) => {
    sent.preventDefault();
    token.set(input.value.replace(/[^\x21-\x7e]/g, '')); // what can be in a header
    start();
  });
  page.replaceChildren(h('main', { class: 'outside' }, form));
  input.focus();
}

function refused(error) {
  const was = token.get();
  token.clear();
  const expired = error.message.includes('expired');
  login(was ? (expired ? w.login.expired : w.login.wrong) : null);
}

export async function start() {
  takeToken();
  try {
    me = await api.get(['me']);
  } catch (error) {
    if (error.status === 401) return refused(error);
    return page.replaceChildren(h('main', { class: 'outside' }, h('h1', {}, w.name), problem(error, start)));
  }
  frame();
  show();
}

/* ----------------------------------------------------------------------------------- the frame */

function find(text) {
  const id = text.trim();
  if (id === '') return;
  if (id.startsWith('sub_')) location.hash = to('subscriptions', id);
  else if (id.startsWith('dlv_')) location.hash = to('deliveries', id);
  else location.hash = to('events', id);
}

function frame() {
  const items = [['', w.nav.now], ['subscriptions', w.nav.subscriptions], ['deliveries', w.nav.deliveries], ['events', w.nav.events],
    ...(me.operator ? [['tokens', w.nav.tokens], ['settings', w.nav.settings]] : [])];
  const search = h('input', { type: 'search', placeholder: w.find.hint, 'aria-label': w.find.label, autocomplete: 'off', spellcheck: 'false' });
  page.replaceChildren(
    h('a', { class: 'skip', href: '#main', onclick: (event) => { event.preventDefault(); document.getElementById('main').focus(); } }, w.skip),
    h('header', { class: 'side' },
      h('div', { class: 'brand' }, h('img', { src: 'page/icon.svg', alt: '', width: 24, height: 24 }), h('span', {}, w.name)),
      h('form', { class: 'find', role: 'search', onsubmit: (event) => { event.preventDefault(); find(search.value); search.value = ''; } }, search),
      h('nav', { 'aria-label': w.nav.label }, h('ul', {}, items.map(([name, text]) => h('li', {}, h('a', { href: name ? to(name) : '#/', 'data-view': name }, text))))),
      h('div', { class: 'who' },
        h('p', {}, me.operator ? w.who.operator : w.who.tenant, !me.operator && h('strong', {}, me.tenant)),
        me.expires_at && h('p', { class: 'dim' }, w.who.until, when(me.expires_at)),
        token.get() && button(w.who.leave, () => { token.clear(); login(); }, { class: 'small quiet' }))),
    h('div', { id: 'trouble', role: 'region', 'aria-label': w.connection }), h('main', { id: 'main', tabindex: -1 }));
}

// What a view has: its part of the page, who asks, and polling that ends when one goes on.
function context(main, place) {
  const ended = new AbortController();
  const timers = [];
  const trouble = document.getElementById('trouble');
  const view = {
    main, me, signal: ended.signal, id: place.id, query: place.query,
    // Runs at once, and then every so often while it is looked at.
    async every(ms, run) {
      let busy = false;
      const turn = async () => {
        if (busy || document.hidden || ended.signal.aborted) return;
        busy = true;
        try {
          await run();
          renew(trouble);
        } catch (error) {
          if (error.status === 401) refused(error);
          else if (error.name !== 'AbortError' && !ended.signal.aborted) renew(trouble, notice('warn', w.problemTitle(error), w.problem(error), ' ', w.tryingAgain));
        }
        busy = false;
      };
      timers.push(setInterval(turn, ms));
      document.addEventListener('visibilitychange', turn, { signal: ended.signal });
      busy = true;
      await run();
      busy = false;
    },
    // The same place with another query, so that it can be kept and sent to others.
    ask(query) {
      const kept = Object.entries(query).filter(([, value]) => value);
      history.replaceState(null, '', `#/${place.name}${place.id ? `/${encodeURIComponent(place.id)}` : ''}${kept.length ? `?${new URLSearchParams(kept)}` : ''}`);
    },
    title(text, ...more) {
      document.title = `${text} · ${w.name}`;
      return h('div', { class: 'head' }, h('h1', { tabindex: -1 }, text), more);
    },
  };
  leave = () => {
    ended.abort();
    timers.forEach(clearInterval);
    for (const each of document.querySelectorAll('dialog')) each.close();
    leave = () => {};
  };
  return view;
}

async function show() {
  const place = where();
  leave();
  const main = document.getElementById('main');
  const [list, one] = Object.hasOwn(VIEWS, place.name) ? VIEWS[place.name] : [];
  const run = place.id === undefined ? list : one;
  for (const each of document.querySelectorAll('nav a')) {
    if (each.dataset.view === (ABOVE[place.name] ?? place.name)) each.setAttribute('aria-current', 'page');
    else each.removeAttribute('aria-current');
  }
  const view = context(main, place);
  main.replaceChildren(h('p', { class: 'loading' }, w.loading));
  renew(document.getElementById('trouble'));
  try {
    if (!run) throw new Refusal(404, { message: w.nothingHere });
    await run(view);
    if (view.signal.aborted) return;
    say(document.title);
    if (moved) main.querySelector('h1')?.focus({ preventScroll: true });
    window.scrollTo(0, 0);
  } catch (error) {
    if (error.name === 'AbortError' || view.signal.aborted) return;
    leave(); // nothing is asked for again by itself
    if (error.status === 401) return refused(error);
    main.replaceChildren(h('h1', { tabindex: -1 }, w.problemTitle(error)), h('p', { class: 'lead', role: 'alert' }, w.problem(error)),
      h('p', { class: 'actions' }, button(w.again, show), link('#/', h('span', { class: 'button' }, w.home))));
    if (!(error instanceof Refusal)) console.error(error);
  }
}

window.addEventListener('hashchange', () => {
  moved = true;
  if (takeToken()) return start();
  if (me) show();
});
document.addEventListener('keydown', (pressed) => {
  if (pressed.key !== '/' || pressed.target.closest?.('input, textarea, select, dialog')) return;
  pressed.preventDefault();
  document.querySelector('.find input')?.focus();
});
start();
