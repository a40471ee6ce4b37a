// The document at /openapi.json: an independent validator takes it, and the answers of the
// running server are what it says, route by route, also those that refuse.
import { Validator } from '@seriousme/openapi-schema-validator';
import Ajv2020 from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';
import { call, check, finish, holds, receive, serve, token } from './common.mjs';

const receiver = await receive();
const server = await serve();
const authorization = `Bearer ${token()}`;
const document = (await call(server.url, 'GET', '/openapi.json')).json;

const verdict = await new Validator().validate(structuredClone(document));
check('the document is OpenAPI', [verdict.valid, verdict.errors], [true, undefined]);
holds('the document is OpenAPI 3.1', document.openapi.startsWith('3.1'), document.openapi);

const ajv = new Ajv2020({ strict: false, allErrors: true });
addFormats(ajv);
ajv.addSchema({ $id: 'doc', ...document });

const resolve = (node, pointer) => {
  if (!node?.$ref) return [node, pointer];
  const parts = node.$ref.slice(2).split('/').map((each) => each.replaceAll('~1', '/').replaceAll('~0', '~'));
  return resolve(parts.reduce((at, part) => at[part], document), node.$ref.slice(1));
};
const escape = (text) => text.replaceAll('~', '~0').replaceAll('/', '~1');
const called = new Map(); // "GET /v1/events" -> statuses seen

// Asks, and holds the answer against the document. Returns its body.
async function ask(method, template, { target = template, body, headers, as = authorization } = {}) {
  const answer = await call(server.url, method, target, { authorization: as, body, headers });
  const name = `${method} ${template}`;
  const operation = document.paths[template]?.[method.toLowerCase()];
  holds(`${name} is in the document`, operation !== undefined);
  if (!operation) return answer.json;
  called.set(name, (called.get(name) ?? new Set()).add(answer.status));
  const key = operation.responses[answer.status] ? answer.status : `${answer.status}`[0] + 'XX';
  const used = operation.responses[key] ? key : 'default';
  holds(`${name}: ${answer.status} has its own place in the document`, used !== 'default' || !template.startsWith('/v1/') || answer.status >= 500);
  holds(`${name}: ${answer.status} is in the document`, operation.responses[used] !== undefined, answer.text);
  if (!operation.responses[used]) return answer.json;
  const [response, at] = resolve(operation.responses[used], `/paths/${escape(template)}/${method.toLowerCase()}/responses/${used}`);
  const type = (answer.headers.get('content-type') ?? '').split(';')[0];
  const content = response.content ?? {};
  if (Object.keys(content).length === 0) {
    check(`${name}: ${answer.status} has no body`, answer.text, '');
    return undefined;
  }
  holds(`${name}: ${answer.status} is of a type that is named`, content[type] !== undefined, type);
  if (content[type]?.schema && type.endsWith('json')) {
    const validate = ajv.compile({ $ref: `doc#${encodeURI(`${at}/content/${escape(type)}/schema`)}` });
    holds(`${name}: ${answer.status} is as its schema says: ${answer.text.slice(0, 300)}`, validate(answer.json), validate.errors);
  }
  return answer.json;
}

const with_id = (template, id, more = '') => ({ target: template.replace(/\{[^}]+\}/, id) + more });

async function subscriptions() {
  const made = await ask('POST', '/v1/subscriptions', {
    body: { url: receiver.url('h'), name: 'n', events: ['order.*'], tenant: 'acme', rule: 'return payload.total > 1', metadata: { a: 1 } },
  });
  const { id } = made;
  await ask('POST', '/v1/subscriptions', { body: { url: 'ftp://x' } });
  await ask('POST', '/v1/subscriptions', { body: '{' });
  await ask('GET', '/v1/subscriptions', { target: '/v1/subscriptions?tenant=acme&limit=1' });
  await ask('GET', '/v1/subscriptions', { target: '/v1/subscriptions?limit=no' });
  const all = await ask('GET', '/v1/subscriptions', { target: '/v1/subscriptions?state=&cursor=' });
  check('an empty state is none', all.items.length, 1);
  const wrong = await call(server.url, 'PUT', '/v1/subscriptions', { authorization });
  check('another method is told which there are', [wrong.status, wrong.headers.get('allow')], [405, 'GET, HEAD, POST']);
  await ask('POST', '/v1/subscriptions', { body: 'x', headers: { 'content-type': 'text/plain' } });
  await ask('GET', '/v1/subscriptions', { as: 'Bearer wht_no' });
  await ask('GET', '/v1/subscriptions/{id}', with_id('/v1/subscriptions/{id}', id));
  await ask('GET', '/v1/subscriptions/{id}', with_id('/v1/subscriptions/{id}', 'sub_0000000009999'));
  await ask('PATCH', '/v1/subscriptions/{id}', { ...with_id('/v1/subscriptions/{id}', id), body: { name: 'm' } });
  await ask('GET', '/v1/subscriptions/{id}/secrets', with_id('/v1/subscriptions/{id}/secrets', id));
  await ask('GET', '/v1/subscriptions/{id}/versions/{version}', { target: `/v1/subscriptions/${id}/versions/1` });
  return id;
}

async function events(subscription) {
  const first = await ask('POST', '/v1/events', { body: { type: 'order.paid', tenant: 'acme', payload: { total: 7 }, id: 'e1' } });
  check('an event keeps its id', first.id, 'e1');
  await ask('POST', '/v1/events', { body: { type: 'order.paid', tenant: 'acme', payload: { total: 7 }, id: 'e1' } });
  await ask('POST', '/v1/events', { body: { type: 'no type', payload: {} } });
  await ask('POST', '/v1/events/batch', { body: { events: [{ type: 'order.paid', tenant: 'acme', payload: { total: 0 } }, { type: 'a.b', payload: [1] }] } });
  await ask('GET', '/v1/events', { target: '/v1/events?limit=2' });
  await receiver.take(1);
  await ask('GET', '/v1/events/{id}', with_id('/v1/events/{id}', 'e1'));
  await ask('GET', '/v1/events/{id}', with_id('/v1/events/{id}', 'nothing'));
  await ask('GET', '/v1/events/{id}/payload', with_id('/v1/events/{id}/payload', 'e1'));
  await ask('GET', '/v1/events/{id}/explain', with_id('/v1/events/{id}/explain', 'e1', `?subscription=${subscription}`));
  await ask('POST', '/v1/subscriptions/{id}/backtest', { ...with_id('/v1/subscriptions/{id}/backtest', subscription), body: { document: { rule: 'return true' } } });
}

async function deliveries(subscription) {
  const page = await ask('GET', '/v1/deliveries', { target: `/v1/deliveries?subscription=${subscription}&state=&event=` });
  const { id } = page.items.at(-1);
  for (const rest of ['', '/attempts', '/body']) {
    const template = `/v1/deliveries/{id}${rest}`;
    await ask('GET', template, with_id(template, id));
    await ask('GET', template, with_id(template, 'dlv_0'));
  }
  await ask('POST', '/v1/deliveries/{id}/replay', with_id('/v1/deliveries/{id}/replay', id));
  await ask('POST', '/v1/deliveries/replay', { body: { subscription, dry_run: true } });
  await ask('POST', '/v1/deliveries/cancel', { body: { subscription, dry_run: true } });
  const test = with_id('/v1/subscriptions/{id}/test', subscription);
  const told = await ask('POST', '/v1/subscriptions/{id}/test', test);
  check('a test event arrives', [told.delivered, told.status], [true, 200]);
  await ask('POST', '/v1/subscriptions/{id}/test', { ...test, body: { type: 'no type' } });
  const missed = with_id('/v1/subscriptions/{id}/missed', subscription);
  await ask('POST', '/v1/subscriptions/{id}/missed', { ...missed, body: { dry_run: true, since: '2026-01-01' } });
  await ask('POST', '/v1/subscriptions/{id}/missed', missed);
  const from = { subscription: { url: receiver.url('h'), tenant: 'acme', order: 'fifo' }, since: '2026-01-01' };
  await ask('POST', '/v1/subscriptions/since', { body: { ...from, dry_run: true } });
  await ask('POST', '/v1/subscriptions/since', { body: { ...from, since: null } });
  await ask('POST', '/v1/subscriptions/since', { body: { ...from, since: null, event: 'nothing' } });
  const late = await ask('POST', '/v1/subscriptions/since', { body: from });
  await ask('PATCH', '/v1/subscriptions/{id}', { ...with_id('/v1/subscriptions/{id}', late.id), body: { paused: 'hold' } });
  await ask('DELETE', '/v1/subscriptions/{id}', with_id('/v1/subscriptions/{id}', late.id));
  await ask('POST', '/v1/deliveries/replay', { body: { subscription, state: 'exhausted' } });
}

async function polled() {
  const { id } = await ask('POST', '/v1/subscriptions', { body: { url: 'poll:', events: ['polled'], tenant: 'acme' } });
  const poll = (more) => ask('GET', '/v1/subscriptions/{id}/poll', with_id('/v1/subscriptions/{id}/poll', id, more));
  await ask('POST', '/v1/events', { body: { type: 'polled', tenant: 'acme', payload: { n: 1 } } });
  const first = await poll('?wait=20000');
  check('what waits is fetched', first.items.length, 1);
  const last = await poll(`?cursor=${encodeURIComponent(first.cursor)}`);
  check('what a cursor acknowledges does not come again', last.items, []);
  await poll('?limit=no');
  await ask('GET', '/v1/subscriptions/{id}/poll', with_id('/v1/subscriptions/{id}/poll', 'sub_0000000009999'));
  await ask('DELETE', '/v1/subscriptions/{id}', with_id('/v1/subscriptions/{id}', id));
}

async function sources(tenants) {
  const document = { object_type: 'contact', url: 'http://127.0.0.1:1/contacts', auth: { type: 'bearer', token: 'hush' } };
  const id = (template) => with_id(template, 'contact');
  await ask('POST', '/v1/sources', { body: document });
  await ask('POST', '/v1/sources', { body: { object_type: 'contact' } });
  await ask('PUT', '/v1/sources/{id}', { ...id('/v1/sources/{id}'), body: { ...document, name: 'n', auth: { type: 'bearer', token: '********' } } });
  const kept = await ask('GET', '/v1/sources/{id}', id('/v1/sources/{id}'));
  check('a secret is masked', [kept.document.name, kept.document.auth.token], ['n', '********']);
  const connection = (name) => ({ target: `/v1/sources/contact/connections/${name}` });
  const route = '/v1/sources/{id}/connections/{connection}';
  const connected = await ask('PUT', route, { ...connection('acme-crm'), body: { tenant: 'acme', auth: { type: 'bearer', token: 'hush' } } });
  check('a connection is kept', connected.document.connections, { 'acme-crm': { tenant: 'acme', auth: { type: 'bearer', token: '********' } } });
  await ask('PUT', route, { ...connection('acme-crm'), body: { tenants: 'acme' } });
  await ask('PUT', route, { ...connection('acme-crm'), body: {}, as: `Bearer ${tenants}` });
  await ask('DELETE', route, connection('acme-crm'));
  await ask('DELETE', route, connection('acme-crm'));
  await ask('GET', '/v1/sources');
  await ask('GET', '/v1/sources', { as: `Bearer ${tenants}` });
  const page = await ask('POST', '/v1/sources/{id}/test', { ...id('/v1/sources/{id}/test'), body: { limit: 2 } });
  check('a test tells what failed', [page.ok, page.items], [false, []]);
  await ask('DELETE', '/v1/sources/{id}', id('/v1/sources/{id}'));
  await ask('GET', '/v1/sources/{id}', id('/v1/sources/{id}'));
  await ask('DELETE', '/v1/sources/{id}', id('/v1/sources/{id}'));
  await ask('POST', '/v1/sources/{id}/test', id('/v1/sources/{id}/test'));
}

async function others(subscription) {
  await ask('POST', '/v1/rules/try', { body: { document: { rule: 'return { n = payload.n }' }, event: { type: 'a.b', payload: { n: 1 } } } });
  await ask('POST', '/v1/rules/try', { body: { document: { rule: 'return (' } } });
  const made = await ask('POST', '/v1/tokens', { body: { tenant: 'acme', name: 'ci' } });
  holds('a token is shown once', made?.token?.startsWith('wht_'), made);
  await ask('POST', '/v1/tokens', { body: { tenant: 'acme', expires_in: 60000 } });
  await ask('GET', '/v1/tokens');
  await ask('POST', '/v1/portal', { body: { tenant: 'acme' } });
  await ask('POST', '/v1/portal', { body: {} });
  await ask('GET', '/v1/me');
  await ask('GET', '/v1/me', { as: `Bearer ${made?.token}` });
  await ask('GET', '/');
  await ask('GET', '/page/{file}', { target: '/page/app.js' });
  await ask('GET', '/v1/tokens', { as: `Bearer ${made?.token}` }); // of a tenant: forbidden
  await ask('GET', '/v1/stats');
  await ask('GET', '/v1/stats', { as: `Bearer ${made?.token}` });
  await ask('GET', '/v1/settings');
  await ask('GET', '/v1/settings', { as: `Bearer ${made?.token}` });
  const kept = await ask('PATCH', '/v1/settings', { body: { retain: 86400000, retain_failed: null } });
  check('a setting is changed, and null is the default', [kept.retain, kept.retain_failed], [86400000, 2592000000]);
  await ask('PATCH', '/v1/settings', { body: { retain: 0 } });
  await sources(made?.token);
  await ask('PATCH', '/v1/tenants/{tenant}', { ...with_id('/v1/tenants/{tenant}', 'full'), body: { quota_events: 1, cpu_ms: 100, rate: { count: 5, per: 1, burst: 2 } } });
  await ask('GET', '/v1/tenants/{tenant}', with_id('/v1/tenants/{tenant}', 'full'));
  await ask('PATCH', '/v1/tenants/{tenant}', { ...with_id('/v1/tenants/{tenant}', 'full'), body: { quota_events: 0 } });
  const listed = (await call(server.url, 'GET', '/v1/tokens?tenant=acme', { authorization })).json;
  await ask('DELETE', '/v1/tokens/{id}', with_id('/v1/tokens/{id}', listed.items[0].id));
  await ask('GET', '/v1/health', { as: undefined });
  await ask('GET', '/v1/metrics');
  await ask('DELETE', '/v1/subscriptions/{id}', with_id('/v1/subscriptions/{id}', subscription));
}

try {
  const subscription = await subscriptions();
  await events(subscription);
  await deliveries(subscription);
  await polled();
  await others(subscription);
  for (const [template, operations] of Object.entries(document.paths)) {
    for (const method of Object.keys(operations).filter((each) => ['get', 'post', 'put', 'patch', 'delete'].includes(each))) {
      if (!template.startsWith('/v1/')) continue;
      const seen = [...(called.get(`${method.toUpperCase()} ${template}`) ?? [])];
      holds(`${method} ${template} was asked for and succeeded`, seen.some((status) => status < 300), seen);
    }
  }
} finally {
  receiver.stop();
  await server.stop();
}
finish();
