// The page in the browser, by a real Chromium against a real `webhook serve`: every view and every action, what
// strangers may not do to it, and two people who use it for the first time.
import http from 'node:http';
import { call, check, command, finish, holds, serve, token } from './common.mjs';
import { browser, look, receiver, visitor } from './kit.mjs';

const HOSTILE = '<img src=x onerror=alert(1)>"><script>alert(2)</script>';
const began = performance.now();
const to = await receiver();
to.breaks = (url) => url.startsWith('/broken');
to.badBody = `<b onclick=alert(3)>${HOSTILE}</b>`;
const operator = `Bearer ${token()}`;
const server = await serve();
const base = server.url;
const api = async (method, path, body, authorization = operator) => (await call(base, method, path, { authorization, body })).json;
const subscribe = (name, more = {}) => api('POST', '/v1/subscriptions', { url: to.url(name), name, events: ['order.*'], tenant: 'acme', ...more });
const publish = (payload, more = {}) => call(base, 'POST', '/v1/events', { authorization: operator, body: `{"type":"order.paid","tenant":"acme","payload":${payload}${more.key ? `,"key":${JSON.stringify(more.key)}` : ''}}` }).then((each) => each.json);
const step = async (name, run) => {
  const from = performance.now();
  await run();
  console.log(`${name}: ${((performance.now() - from) / 1000).toFixed(1)} s`);
};
const until = async (what, ready) => {
  for (let i = 0; i < 200 && !(await ready()); i++) await new Promise((resolve) => setTimeout(resolve, 50));
  holds(what, await ready());
};

/* ------------------------------------------------------------------------------------ getting in */

async function gettingIn() {
  const visit = await visitor(base);
  visit.expects.add(401);
  await visit.go('');
  await look(visit, 'login');
  await visit.label('Token').fill('wht_wrong');
  await visit.button('Sign in').click();
  await visit.sees('This token is not known.');
  const short = await api('POST', '/v1/tokens', { tenant: 'acme', expires_in: 1 });
  await until('a token of a millisecond ends', async () => (await call(base, 'GET', '/v1/me', { authorization: `Bearer ${short.token}` })).status === 401);
  await visit.go(`#token=${short.token}`);
  await visit.sees('This link has ended.');
  await visit.label('Token').fill(operator.slice(7));
  await visit.button('Sign in').click();
  await visit.settled();
  check('an operator is told so', await visit.page.locator('.who p').first().innerText(), 'Operator');
  holds('the token is kept in this tab alone', await visit.page.evaluate(() => sessionStorage.length === 1 && localStorage.length === 0 && document.cookie === ''));
  await visit.sees('No subscriptions yet');
  await visit.button('Sign out').click();
  await visit.label('Token').waitFor();
  holds('who signs out leaves nothing', await visit.page.evaluate(() => sessionStorage.length === 0));
  await visit.clean('getting in');
  await visit.context.close();
}

async function operatorVisit() {
  const visit = await visitor(base);
  await visit.go(`#token=${operator.slice(7)}`);
  check('the token is out of sight', await visit.page.evaluate(() => location.hash), '#/');
  return visit;
}

async function weight() {
  const visit = await visitor(base);
  await visit.go(`#token=${operator.slice(7)}`);
  const files = visit.answers.filter((each) => !each.url().includes('/v1/'));
  const sizes = await Promise.all(files.map(async (each) => (await each.body()).length));
  const total = sizes.reduce((sum, each) => sum + each, 0);
  console.log(`the page: ${files.length} requests, ${total} bytes`);
  holds('the page is small', total > 10000 && total < 150000, total);
  visit.answers.length = 0;
  await visit.page.reload();
  await visit.settled();
  const again = visit.answers.filter((each) => !each.url().includes('/v1/')).map((each) => each.status());
  holds('what the browser has is not sent again', again.length > 0 && again.every((each) => each === 304 || each === 200) && again.includes(304), again);
  await visit.context.close();
}

/* ------------------------------------------------------------------------------- a new user's trial */

// Adds a subscription, sends a test event, sees it arrive, writes a first rule, and saves it.
async function newUser(visit) {
  const { page } = visit;
  await visit.sees('No subscriptions yet');
  await look(visit, 'empty');
  await page.locator('main').getByRole('link', { name: 'Add a subscription' }).click();
  await visit.settled();
  await look(visit, 'new');
  visit.expects.add(400).add(422); // a wrong URL, and a rule that cannot be read
  await visit.label('URL').fill('ftp://nowhere');
  await visit.button('Add').click();
  await visit.sees('That cannot be', 'a wrong URL is told');
  await visit.label('URL').fill(to.url('first'));
  await visit.label('Event types').fill('order.*');
  await visit.label('Name').fill('Shop');
  await visit.label('Tenant').fill('acme');
  await visit.button('Add').click();
  await visit.sees('Subscription added');
  await visit.sees('whsec_', 'the secret is shown');
  await look(visit, 'made');
  await page.getByRole('link', { name: 'Send a test event' }).click();
  await page.getByRole('dialog').waitFor();
  await look(visit, 'test');
  await page.getByRole('dialog').getByRole('button', { name: 'Send a test event' }).click();
  await visit.sees('It arrived: the receiver answered 200.');
  check('the test event has arrived', to.got.filter((each) => each.url === '/first').length, 1);
  await page.keyboard.press('Escape');
  await page.getByRole('table').getByRole('link', { name: 'test' }).waitFor();
  await publish('{"id":12345678901234567890,"total":1200.50,"card":"4242"}');
  await publish('{"id":8,"total":5.0,"card":"4242"}');
  await until('both events are delivered', async () => to.got.filter((each) => each.url === '/first').length === 3);
  await visit.link('Edit the rule').click();
  await visit.settled();
  const rule = visit.label('Rule');
  await rule.fill('if payload.total < 1000 then\n  return fals e\nend');
  await visit.sees('Line 2 cannot be read', 'an error is told at its line');
  check('the line is marked', await page.locator('.numbers .wrong').innerText(), '2');
  await look(visit, 'studio-error');
  await rule.fill('return payload.none.total');
  await visit.sees('The rule failed in line 1');
  await rule.fill('if payload.total < 1000 then return false end\nreturn { id = payload.id, total = payload.total }\n');
  await visit.sees('Nothing goes out: the rule returns false.');
  await visit.label('A real event').selectOption({ index: 1 });
  await page.locator('[aria-label="What would go out"]').waitFor();
  check('what would go out keeps its digits', (await page.locator('[aria-label="What would go out"]').innerText()).replace(/\s/g, ''), '{"id":12345678901234567890,"total":1200.50}');
  const save = visit.button('Save the rule');
  holds('it may not be saved before it was looked at', await save.isDisabled());
  await visit.button('Run it on what is stored').click();
  await visit.sees('Looked at 3 events.'); // the test is one of them
  await visit.sees('Different for 2 of 3 events.');
  await look(visit, 'studio');
  await page.locator('.differences').screenshot({ path: 'shots/differences.png' });
  await rule.press('End');
  await rule.pressSequentially('-- x');
  holds('what was changed since is looked at again', await save.isDisabled());
  await visit.button('Run it on what is stored').click();
  await page.waitForFunction(() => [...document.querySelectorAll('button')].find((each) => each.textContent === 'Save the rule').disabled === false);
  await save.click();
  await visit.sees('Saved: it decides from now on');
  await publish('{"total":"no number"}'); // the rule cannot compare it: held
  await publish('{"id":9,"total":2000,"card":"4242"}');
  await until('the rule decides', async () => to.got.some((each) => each.body === '{"id":9,"total":2000}'));
  await visit.clean('the new user');
}

/* ------------------------------------------------------------------------------ an operator's trial */

// Finds a broken receiver from the first page, understands it, has it mended, sends again, and sees it delivered.
async function brokenReceiver(visit) {
  const { page } = visit;
  const made = await subscribe('broken', { name: 'Accounting', retry: [0, 10, 10], events: ['invoice.*'] });
  for (let i = 1; i <= 3; i++) await api('POST', '/v1/events', { type: 'invoice.made', tenant: 'acme', payload: { n: i } });
  await until('three are given up', async () => (await api('GET', `/v1/deliveries?subscription=${made.id}&state=exhausted`)).items.length === 3);
  await visit.go('');
  const row = page.locator('section', { hasText: 'Needs attention' }).getByRole('row', { name: /Accounting/ });
  await row.waitFor();
  holds('the first page says why', (await row.innerText()).includes('Answered 500'), await row.innerText());
  await visit.sees('1 delivery is held.', 'what a rule holds is told, too');
  await look(visit, 'now');
  await row.getByRole('link', { name: 'Accounting' }).click();
  await visit.sees('Its receiver fails.');
  await visit.sees('The receiver has an error of its own.', 'it is said in words');
  await look(visit, 'failing');
  await page.getByRole('table').getByRole('link', { name: 'invoice.made' }).first().click();
  await visit.sees('Attempt 3: Answered 500');
  await visit.sees('Given up');
  await page.getByText('What it answered').last().click();
  await page.locator('details[open] pre', { hasText: '<b onclick=alert(3)>' }).waitFor();
  await look(visit, 'story');
  to.breaks = () => false; // the receiver is mended
  await page.goBack();
  await visit.settled();
  await visit.button('Replay').click();
  await visit.sees('3 deliveries would be sent again.', 'a replay is counted before it is made');
  await look(visit, 'replay', { phone: false });
  await visit.button('Send again').click();
  await visit.sees('3 sent again');
  await until('all are delivered', async () => (await api('GET', `/v1/deliveries?subscription=${made.id}&state=delivered`)).items.length === 3);
  await visit.sees('Its receiver answers.', 'the page sees it mended');
  await page.getByRole('row', { name: /Delivered/ }).nth(2).waitFor();
  await visit.clean('the operator');
}

/* ------------------------------------------------------------------------- every view, every action */

async function subscriptionActions(visit) {
  const { page } = visit;
  const made = await subscribe('acts', { name: 'Acts' });
  const at = `#/subscriptions/${made.id}`;
  const now = () => api('GET', `/v1/subscriptions/${made.id}`);
  await visit.follow('#/subscriptions');
  await page.getByRole('link', { name: 'Acts' }).waitFor();
  await look(visit, 'subscriptions');
  await visit.label('Search by name, URL, type, id').fill('acts');
  check('the search finds one', await page.locator('tbody tr').count(), 1);
  await visit.label('Search by name, URL, type, id').fill('nobody');
  await visit.sees('Nothing fits');
  await visit.follow(at);
  await visit.button('Pause').click();
  await visit.sees('It is paused.');
  check('it is paused', (await now()).paused, true);
  const missedEvent = await publish('{"missed":1}');
  await visit.button('Resume').click();
  await visit.sees('Its receiver answers.');
  await visit.button('Hold').click();
  await visit.sees('It is on hold.');
  check('it is on hold', (await now()).paused, 'hold');
  await visit.button('Resume').click();
  await visit.sees('Its receiver answers.');
  await until('the event is decided', async () => (await api('GET', `/v1/events/${missedEvent.id}`)).pending === false);
  await visit.button('Send missed').click();
  await page.getByText(/\d deliver(y|ies) would be made\./).waitFor();
  await visit.button('Send them').click();
  await until('what was missed is sent', async () => to.got.some((each) => each.url === '/acts' && each.body === '{"missed":1}'));
  await visit.button('Edit').click();
  await page.getByRole('dialog').getByLabel('Name').fill('Acts anew');
  await page.getByText('Filters, headers, retries and the rest').click();
  visit.expects.add(400);
  await page.getByLabel('Other fields, as JSON').fill('{ "timeout": "soon" }');
  await look(visit, 'edit');
  await visit.button('Save').click();
  await visit.sees('That cannot be', 'a wrong field is told');
  await page.getByLabel('Other fields, as JSON').fill('{ "timeout": 5000, "metadata": { "id": 12345678901234567890 } }');
  await visit.button('Save').click();
  await page.getByRole('heading', { level: 1, name: 'Acts anew' }).waitFor();
  check('other fields are changed', (await now()).timeout, 5000);
  await visit.sees('Saved');
  await visit.button('Secrets').click();
  await page.getByRole('dialog').getByText('whsec_').waitFor();
  await look(visit, 'secrets', { dark: false, phone: false });
  await page.keyboard.press('Escape');
  await visit.button('New secret').click();
  const fresh = await page.getByRole('dialog').locator('code').first().innerText();
  await visit.button('Save the new secret').click();
  await visit.sees('The new secret signs from now on');
  const { secrets } = await api('GET', `/v1/subscriptions/${made.id}/secrets`);
  check('the new secret is the first of two', [secrets[0], secrets.length], [fresh, 2]);
  await page.getByText('Document').click();
  await visit.sees('"on_rule_error"');
  await look(visit, 'subscription');
  await visit.button('Delete').click();
  await page.getByRole('dialog').getByRole('button', { name: 'Delete' }).click();
  await visit.sees('Deleted');
  visit.expects.add(404);
  await visit.follow(at);
  await visit.sees('Not here', 'a deleted one is not there');
  await look(visit, 'absent', { phone: false });
  await visit.clean('actions of a subscription');
}

async function eventsAndDeliveries(visit) {
  const { page } = visit;
  await visit.follow('#/events');
  await visit.button('Publish an event').click();
  await page.getByRole('dialog').getByLabel('Type').fill('order.shown');
  await page.getByRole('dialog').getByLabel('Tenant').fill('acme');
  await page.getByRole('dialog').getByLabel('Payload').fill('{"total":9007199254740993.10}');
  await look(visit, 'publish', { phone: false });
  await visit.button('Publish').click();
  await page.getByRole('heading', { level: 1, name: 'order.shown' }).waitFor();
  await visit.settled();
  await visit.sees('9007199254740993.10', 'a payload keeps its digits');
  await visit.sees('Not sent: none of the types that it wants fits this event’s type.', 'explain is in words');
  await look(visit, 'event');
  await visit.follow('#/events');
  await page.getByRole('link', { name: 'order.shown' }).waitFor();
  await look(visit, 'events');
  await visit.label('Type').fill('order.shown');
  await page.waitForFunction(() => document.querySelectorAll('tbody tr').length === 1);
  await visit.follow('#/deliveries');
  await page.locator('tbody tr').first().waitFor();
  await look(visit, 'deliveries');
  const rows = await page.locator('tbody tr').count();
  await publish('{"id":77,"total":5000}');
  await page.waitForFunction((before) => document.querySelectorAll('tbody tr').length > before, rows);
  holds('new ones come by themselves', true);
  await visit.label('State').selectOption('exhausted');
  await visit.sees('Nothing fits');
  check('a filter is in the address', await page.evaluate(() => location.hash), '#/deliveries?state=exhausted');
  await visit.label('State').selectOption('delivered');
  await page.locator('tbody tr a').first().click();
  await visit.sees('The receiver has taken it.');
  await visit.button('Send again').click();
  await visit.sees('It is sent again');
  await visit.clean('events and deliveries');
}

async function operatorsOwn(visit) {
  const { page } = visit;
  await visit.follow('#/settings');
  await look(visit, 'settings');
  await visit.label('Keep delivered events (days)').fill('3');
  await visit.button('Save').click();
  await visit.sees('Saved');
  check('a setting is changed', (await api('GET', '/v1/settings')).retain, 3 * 86400000);
  await visit.label('Subscriptions at most').fill('0');
  await visit.button('Save').click();
  await visit.sees('That cannot be', 'a wrong setting is told');
  await visit.follow('#/tokens');
  await visit.button('Make a token').click();
  await page.getByRole('dialog').getByLabel('Name').fill('of the page');
  await page.getByRole('dialog').getByRole('button', { name: 'Make a token' }).click();
  await page.getByRole('dialog').getByText(/^wht_/).waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('row', { name: /of the page/ }).waitFor();
  await look(visit, 'tokens');
  await visit.button('Revoke of the page').click();
  await page.getByRole('dialog').getByRole('button', { name: 'Revoke' }).click();
  await page.getByRole('row', { name: /of the page/ }).waitFor({ state: 'detached' });
  await visit.button('Link for a customer').click();
  await page.getByRole('dialog').getByLabel('Tenant').fill('acme');
  await visit.button('Make the link').click();
  const url = await page.getByRole('dialog').getByText(/#token=wht_/).innerText();
  await look(visit, 'link', { phone: false });
  await visit.clean('what is an operator’s');
  return url;
}

/* --------------------------------------------------------------------------------------- a customer */

async function customer(url) {
  await subscribe('secret-of-others', { name: 'Umbrella', tenant: 'umbrella' });
  const theirs = await api('POST', '/v1/events', { type: 'order.hidden', tenant: 'umbrella', payload: { who: 'umbrella-payload' } });
  const visit = await visitor(base);
  const seen = [];
  visit.page.on('response', async (answer) => { if (answer.url().includes('/v1/')) seen.push(await answer.text().catch(() => '')); });
  await visit.page.goto(url);
  await visit.settled();
  check('a link’s token is out of sight', await visit.page.evaluate(() => location.href.includes('wht_')), false);
  await visit.sees('acme');
  await visit.sees('Shop');
  await look(visit, 'portal');
  check('a customer has no operator’s views', await visit.page.locator('nav a').allInnerTexts(), ['Now', 'Subscriptions', 'Deliveries', 'Events']);
  for (const path of ['#/subscriptions', '#/deliveries', '#/events']) {
    await visit.follow(path);
    holds(`${path} has nothing of others`, !/umbrella/i.test(await visit.text()), await visit.text());
  }
  visit.expects.add(403).add(404);
  for (const path of ['#/tokens', '#/settings']) {
    await visit.follow(path);
    await visit.sees('Not yours to see');
  }
  await visit.follow(`#/events/${theirs.id}`);
  await visit.sees('Not here', 'another’s event is not there');
  await visit.follow('#/new');
  check('a customer names no tenant', await visit.page.getByLabel('Tenant').count(), 0);
  holds('no answer had anything of others', seen.length > 5 && !seen.some((each) => /umbrella/i.test(each)));
  await visit.clean('the customer');
  const mine = (await api('GET', '/v1/tokens?tenant=acme')).items.filter((each) => each.name === 'portal');
  for (const each of mine) await call(base, 'DELETE', `/v1/tokens/${each.id}`, { authorization: operator });
  visit.expects.add(401);
  await visit.page.evaluate(() => { location.hash = '#/events'; });
  await visit.sees('This token is not known.', 'who is shut out sees why');
  await visit.context.close();
}

/* ---------------------------------------------------------------------------- strangers and keyboards */

async function strangers(visit) {
  const { page } = visit;
  const made = await subscribe('hostile', { name: HOSTILE, metadata: { x: HOSTILE }, rule: `return { a = ${JSON.stringify('</pre><script>alert(4)</script>')} }` });
  const event = await publish(JSON.stringify({ [HOSTILE]: HOSTILE, '__proto__': 1 }), { key: HOSTILE.slice(0, 28) });
  await until('it is delivered', async () => (await api('GET', `/v1/deliveries?subscription=${made.id}&state=delivered`)).items.length === 1);
  const { id } = (await api('GET', `/v1/deliveries?subscription=${made.id}`)).items[0];
  for (const path of ['#/', '#/subscriptions', `#/subscriptions/${made.id}`, '#/deliveries', `#/deliveries/${id}`, '#/events', `#/events/${event.id}`, `#/rule/${made.id}`]) {
    await visit.follow(path);
    check(`${path}: a name stays text`, await page.evaluate(() => document.querySelectorAll('main img, main script, main [onerror], main [onclick]').length), 0);
  }
  await visit.follow(`#/subscriptions/${made.id}`);
  check('a name is shown as it is', await page.locator('h1').innerText(), HOSTILE);
  await look(visit, 'hostile', { dark: false });
  visit.expects.add(400);
  await visit.follow(`#/events/${encodeURIComponent(HOSTILE)}`);
  await visit.sees('Not here', 'a hostile address is none');
  for (const path of ['#/%zz/%00?x=%', '#/constructor', '#/__proto__', '#/rule', '#/new/x', '#/settings/x']) {
    await visit.follow(path);
    check(`${path} is nowhere`, await page.locator('h1').innerText(), 'Not here');
  }
  await visit.clean('strangers');
}

async function keyboard(visit) {
  const { page } = visit;
  await visit.follow('#/subscriptions');
  check('the heading has the focus', await page.evaluate(() => document.activeElement.tagName), 'H1');
  await page.keyboard.press('/');
  check('a slash goes to the search', await page.evaluate(() => document.activeElement.getAttribute('aria-label')), 'Go to an id');
  const { items } = await api('GET', '/v1/deliveries?limit=1');
  await page.keyboard.type(items[0].id);
  await page.keyboard.press('Enter');
  await visit.sees('Event accepted');
  await visit.follow('#/events');
  await page.reload();
  await visit.settled();
  await page.keyboard.press('Tab');
  check('the first stop leads to the content', await page.evaluate(() => document.activeElement.textContent), 'Skip to the content');
  await page.keyboard.press('Enter');
  check('and there it is', await page.evaluate(() => document.activeElement.id), 'main');
  await visit.button('Publish an event').focus();
  await page.keyboard.press('Enter');
  await page.getByRole('dialog').waitFor();
  await page.keyboard.press('Escape');
  check('Escape closes a dialog', await page.getByRole('dialog').count(), 0);
  check('and one is where one was', await page.evaluate(() => document.activeElement.textContent), 'Publish an event');
  await visit.clean('the keyboard');
}

// At a path of a proxy; and without a token, where none is asked for.
async function elsewhere() {
  const proxy = http.createServer((request, response) => {
    const { method, headers } = request;
    const passed = http.request(base + request.url.replace(/^\/hooks/, ''), { method, headers }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
    request.pipe(passed);
  });
  await new Promise((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const behind = await visitor(`http://127.0.0.1:${proxy.address().port}/hooks`);
  await behind.go(`#token=${operator.slice(7)}`);
  await behind.follow('#/subscriptions');
  await behind.sees('Accounting', 'the page works at a path of a proxy');
  await behind.clean('behind a proxy');
  await behind.context.close();
  proxy.closeAllConnections();
  proxy.close();
  const open = await serve('--open', '--no-deliver');
  const visit = await visitor(open.url);
  await visit.go('#/settings');
  check('who needs no token is an operator', await visit.page.locator('.who').innerText(), 'Operator');
  await visit.clean('without a token');
  await visit.context.close();
  await open.stop();
}

async function withoutServer(visit) {
  await visit.follow('#/');
  await visit.context.setOffline(true);
  await visit.sees('The server does not answer', 'a server that is gone is told');
  await look(visit, 'offline', { phone: false });
  await visit.context.setOffline(false);
  await visit.page.getByText('The server does not answer').waitFor({ state: 'detached' });
  holds('and that it is back', true);
}

try {
  await step('getting in', gettingIn);
  await step('its weight', weight);
  const visit = await operatorVisit();
  await step('a new user', () => newUser(visit));
  await step('a broken receiver', () => brokenReceiver(visit));
  await step('actions of a subscription', () => subscriptionActions(visit));
  await step('events and deliveries', () => eventsAndDeliveries(visit));
  let url;
  await step('what is an operator’s', async () => { url = await operatorsOwn(visit); });
  await step('a customer', () => customer(url));
  await step('strangers', () => strangers(visit));
  await step('the keyboard', () => keyboard(visit));
  await step('elsewhere', elsewhere);
  await step('without a server', () => withoutServer(visit));
  check('the command makes the same link', /^http:\/\/127\.0\.0\.1:8080\/#token=wht_/.test(command('portal', '--tenant', 'acme').url), true);
} catch (error) {
  holds(`it goes on: ${error.stack}`, false);
} finally {
  await browser.close();
  to.stop();
  await server.stop();
}
console.log(`${((performance.now() - began) / 1000).toFixed(0)} s`);
finish();
