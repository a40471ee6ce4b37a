// The three systems' clients against `webhook serve`: npm's SDK of Unified.to, and the calls
// that Truto and CallFire document. (npm's "callfire" speaks another API, 1.1, with XML and
// without webhooks.) Then each system's whole webhook object: sent, stored, read back.
import { UnifiedTo } from '@unified-api/typescript-sdk';
import { basic, call, check, command, finish, holds, only, serve, token } from './common.mjs';

const server = await serve('--no-deliver');
const secret = token('acme');
const other = token('rival');
const hook = 'https://example.com/hook';

async function raises(what, status, promise) {
  try {
    await promise;
    holds(`${what}: expected ${status}, nothing was raised`, false);
  } catch (error) {
    check(what, error.statusCode, status);
  }
}

// ----------------------------------------------------------------------- Unified.to
async function unifiedSdk() {
  const sdk = new UnifiedTo({ serverURL: server.url, security: { jwt: secret } }).webhook;
  const webhook = {
    connectionId: 'con_1', objectType: 'crm_contact', event: 'updated', hookUrl: hook, interval: 60,
    fields: 'id,name,emails', filters: { company_id: '42' }, pageMaxLimit: 50, webhookType: 'native',
  };
  const made = await sdk.createUnifiedWebhook({ webhook, includeAll: false });
  check('unified create', only(made, Object.keys(webhook)), webhook);
  holds('unified create: id', typeof made.id === 'string' && made.id.length > 0, made.id);
  holds('unified create: times', made.createdAt instanceof Date && made.updatedAt instanceof Date, made);
  check('unified create: workspace', made.workspaceId, 'acme');
  check('unified create: environment', made.environment, 'Production');
  check('unified get', await sdk.getUnifiedWebhook({ id: made.id }), made);

  const second = await sdk.createUnifiedWebhook({
    webhook: { connectionId: 'con_2', objectType: 'ats_job', event: 'created', hookUrl: hook },
  });
  const ids = async (request) => (await sdk.listUnifiedWebhooks(request)).map((each) => each.id);
  check('unified list', (await ids({})).sort(), [made.id, second.id].sort());
  check('unified list: connection', await ids({ connectionId: 'con_2' }), [second.id]);
  check('unified list: object', await ids({ object: 'crm_contact' }), [made.id]);
  check('unified list: pages', [...(await ids({ limit: 1, offset: 0 })), ...(await ids({ limit: 1, offset: 1 }))].sort(), [made.id, second.id].sort());
  check('unified list: later', await ids({ updatedGte: '2100-01-01T00:00:00Z' }), []);
  check('unified list: earlier', await ids({ createdLte: '2000-01-01T00:00:00Z' }), []);

  const changed = await sdk.updateUnifiedWebhook({ id: made.id, webhook: { ...webhook, interval: 30, isPaused: true } });
  check('unified update', [changed.id, changed.interval, changed.isPaused], [made.id, 30, true]);
  const patched = await sdk.patchUnifiedWebhook({ id: made.id, webhook: { ...webhook, fields: 'id', isPaused: false } });
  check('unified patch', [patched.fields, patched.isPaused], ['id', false]);
  await sdk.updateUnifiedWebhookTrigger({ id: made.id });
  await sdk.patchUnifiedWebhookTrigger({ id: made.id });

  const rival = new UnifiedTo({ serverURL: server.url, security: { jwt: `bearer ${other}` } }).webhook;
  check('unified: another tenant lists nothing', await rival.listUnifiedWebhooks({}), []);
  await raises('unified: another tenant gets nothing', 404, rival.getUnifiedWebhook({ id: made.id }));
  await raises('unified: another tenant removes nothing', 404, rival.removeUnifiedWebhook({ id: made.id }));
  await raises('unified: a wrong token', 401,
    new UnifiedTo({ serverURL: server.url, security: { jwt: 'wht_no' } }).webhook.listUnifiedWebhooks({}));

  await sdk.removeUnifiedWebhook({ id: made.id });
  await raises('unified: what is removed is gone', 404, sdk.getUnifiedWebhook({ id: made.id }));
  await sdk.removeUnifiedWebhook({ id: second.id });
}

// The object of each year's documents, with what the server writes too: that is ignored.
async function unifiedObjects() {
  const authorization = `bearer ${secret}`;
  const readOnly = {
    id: 'mine', created_at: '2001-01-01T00:00:00Z', updated_at: '2001-01-01T00:00:00Z', workspace_id: 'ws',
    checked_at: '2001-01-01T00:00:00Z', integration_type: 'hubspot', environment: 'Sandbox', runs: ['run'], is_healthy: false,
  };
  const first = { connection_id: 'c', hook_url: hook, object_type: 'crm_deal', interval: 15, event: 'created', fields: 'id,name', webhook_type: 'native', meta: { a: [1, null] } };
  const second = { ...first, filters: { type: 'x' }, page_max_limit: 100 };
  const third = { ...second, db_type: 'postgres', db_schema: 's', db_name_prefix: 'p_', is_paused: true, is_beta: true };
  delete third.meta;
  for (const [year, object] of [['first', first], ['second', second], ['third', third]]) {
    const made = await call(server.url, 'POST', '/unified/webhook', { authorization, body: { ...readOnly, ...object } });
    check(`unified ${year} object: status`, made.status, 200);
    const target = `/unified/webhook/${made.json?.id}`;
    const got = await call(server.url, 'GET', target, { authorization });
    check(`unified ${year} object: read back`, only(got.json ?? {}, Object.keys(object)), object);
    for (const name of ['id', 'created_at', 'updated_at', 'workspace_id', 'environment', 'checked_at', 'integration_type']) {
      holds(`unified ${year} object: ${name} is the server's`, got.json?.[name] !== readOnly[name], got.json?.[name]);
    }
    const put = await call(server.url, 'PUT', target, { authorization, body: got.json });
    check(`unified ${year} object: what was read can be written`, put.status, 200);
    check(`unified ${year} object: nothing is lost by that`, { ...put.json, updated_at: 0 }, { ...got.json, updated_at: 0 });
    const removed = await call(server.url, 'DELETE', target, { authorization });
    check(`unified ${year} object: removed`, [removed.status, removed.text], [200, '']);
  }
  const both = await call(server.url, 'POST', '/unified/webhook', { authorization, body: { ...third, db_url: 'postgres://127.0.0.1:1/x' } });
  check('unified with two destinations, one of which is not to be reached', both.status, 400);
  holds('unified with two destinations: the error names it', both.text.includes('db_url'), both.text);
  for (const name of ['connection_id', 'object_type', 'event']) {
    const refused = await call(server.url, 'POST', '/unified/webhook', { authorization, body: { ...first, [name]: undefined } });
    check(`unified without ${name}`, refused.status, 400);
    holds(`unified without ${name}: the error names it`, refused.text.includes(name), refused.text);
  }
}

// --------------------------------------------------------------------------- Truto
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const MOMENT = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

async function truto() {
  const authorization = `Bearer ${secret}`;
  const ask = (method, target, body, more = {}) => call(server.url, method, target, { authorization, body, ...more });
  const sent = { target_url: 'https://example.com/webhook', is_active: true, event_types: ['integrated_account:created', 'integrated_account:updated'] };
  const made = await ask('POST', '/webhook', sent);
  holds('truto create: status', made.status === 200 || made.status === 201, made.status);
  check('truto create: members', Object.keys(made.json).sort(),
    ['created_at', 'environment_id', 'event_types', 'id', 'is_active', 'secret', 'target_url', 'updated_at']);
  check('truto create: what was sent', only(made.json, Object.keys(sent)), sent);
  holds('truto create: id is a uuid', UUID.test(made.json.id), made.json.id);
  holds('truto create: secret is a uuid', UUID.test(made.json.secret), made.json.secret);
  holds('truto create: times', MOMENT.test(made.json.created_at) && MOMENT.test(made.json.updated_at), made.json.created_at);
  holds('truto create: environment is a UUID', /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(made.json.environment_id), made.json.environment_id);
  const { secret: shown, ...plain } = made.json;
  holds('truto: a secret was shown', shown.length > 0);
  const got = await ask('GET', `/webhook/${plain.id}`);
  check('truto get, without the secret', [got.status, got.json], [200, plain]);

  const all = await ask('POST', '/webhook', { target_url: hook });
  check('truto create: active by default', all.json.is_active, true);
  const paused = await ask('POST', '/webhook', { target_url: hook, is_active: false, event_types: ['record:created'] });
  const listed = await ask('GET', '/webhook');
  check('truto list: members', Object.keys(listed.json).sort(), ['next_cursor', 'prev_cursor', 'result']);
  check('truto list', listed.json.result.map((each) => each.id).sort(), [plain.id, all.json.id, paused.json.id].sort());
  holds('truto list: without secrets', !listed.text.includes('secret'));
  const active = await ask('GET', '/webhook?is_active=false');
  check('truto list: inactive', active.json.result.map((each) => each.id), [paused.json.id]);
  const some = await ask('GET', `/webhook?id[in]=${plain.id},${all.json.id}`);
  check('truto list: id[in]', some.json.result.map((each) => each.id).sort(), [plain.id, all.json.id].sort());

  const seen = [];
  let cursor = null;
  do {
    const page = await ask('GET', `/webhook?limit=1${cursor ? `&next_cursor=${encodeURIComponent(cursor)}` : ''}`);
    holds('truto pages: one each', page.json.result.length <= 1, page.json.result.length);
    seen.push(...page.json.result.map((each) => each.id));
    cursor = page.json.next_cursor;
  } while (cursor && seen.length < 9);
  check('truto pages: everything once', seen.sort(), [plain.id, all.json.id, paused.json.id].sort());

  const patched = await ask('PATCH', `/webhook/${plain.id}`, { is_active: false, event_types: ['record:created'] });
  check('truto patch', [patched.status, only(patched.json, ['is_active', 'event_types', 'target_url'])],
    [200, { is_active: false, event_types: ['record:created'], target_url: sent.target_url }]);
  holds('truto patch: without the secret', !('secret' in patched.json));

  const wrong = await ask('POST', '/webhook', { is_active: true });
  check('truto error', [wrong.status, wrong.json.statusCode, wrong.json.error], [400, 400, 'Bad Request']);
  holds('truto error: names the field', /target_url/.test(wrong.json.message), wrong.json.message);
  const missing = await ask('GET', '/webhook/4a4de828-f4db-4c9e-adfd-434e0864c3c7');
  check('truto not found', [missing.status, missing.json.statusCode, missing.json.error], [404, 404, 'Not Found']);
  const nobody = await call(server.url, 'GET', '/webhook');
  check('truto without a token', [nobody.status, nobody.json.statusCode, nobody.json.error], [401, 401, 'Unauthorized']);
  const rival = await call(server.url, 'GET', `/webhook/${plain.id}`, { authorization: `Bearer ${other}` });
  check('truto: another tenant gets nothing', rival.status, 404);

  const log = await ask('GET', '/log?log_type=webhook&limit=10');
  check('truto log', log.status, 200);
  for (const id of [plain.id, all.json.id, paused.json.id]) {
    const removed = await ask('DELETE', `/webhook/${id}`);
    holds('truto delete', removed.status === 204 || removed.json?.id === id, removed.status);
    check('truto: what is deleted is gone', (await ask('GET', `/webhook/${id}`)).status, 404);
  }
}

// ------------------------------------------------------------------------ CallFire
const RESOURCES = {
  MonthlyRenewal: ['Finished', 'Failed'], LowBalance: ['Finished', 'Failed'], CccCampaign: ['Started', 'Stopped', 'Finished'],
  CallBroadcast: ['Started', 'Stopped', 'Finished'], TextBroadcast: ['Started', 'Stopped', 'Finished'], OutboundCall: ['Finished'],
  InboundCall: ['Finished'], OutboundText: ['Finished'], InboundText: ['Finished'],
  ContactList: ['ValidationFinished', 'ValidationFailed'], OutboundTextDeliveryReport: ['Received'],
};

async function callfire(base) {
  const authorization = basic('acme', secret);
  const ask = (method, target, body) => call(server.url + base, method, target, { authorization, body });
  const sent = {
    name: 'whole', resource: 'CallBroadcast', events: ['Started', 'Finished'], callback: hook, fields: 'id,name',
    secret: 'mysecrets', enabled: false, nonStrictSsl: true, singleUse: true, expiresAt: 4102444800000,
  };
  const made = await ask('POST', '/webhooks', { ...sent, id: 7, createdAt: 1, updatedAt: 1 });
  check('callfire create', [made.status, Object.keys(made.json)], [201, ['id']]);
  holds('callfire create: id is a number', Number.isInteger(made.json.id), made.json.id);
  const target = `/webhooks/${made.json.id}`;
  const { secret: hidden, ...told } = sent;
  holds('callfire: a secret was sent', hidden.length > 0);
  const got = await ask('GET', target);
  check('callfire get: what was sent', only(got.json, Object.keys(told)), told);
  holds('callfire get: the secret is not told', !('secret' in got.json));
  check('callfire get: id', got.json.id, made.json.id);
  holds('callfire get: times in ms', got.json.createdAt > 1.6e12 && got.json.updatedAt > 1.6e12, got.json);
  check('callfire get: fields', Object.keys((await ask('GET', `${target}?fields=id,name`)).json).sort(), ['id', 'name']);

  const loose = await ask('POST', '/webhooks', { name: 'other', resource: 'INBOUNDCALL', events: ['FINISHED'], callback: 'http://test_callback' });
  check('callfire: names without regard to case', loose.status, 201);
  const second = await ask('GET', `/webhooks/${loose.json.id}`);
  check('callfire: names as the service has them', only(second.json, ['resource', 'events']), { resource: 'InboundCall', events: ['Finished'] });
  check('callfire: a callback without a path gets its slash', second.json.callback, 'http://test_callback/');

  const listed = await ask('GET', '/webhooks');
  check('callfire list', [Object.keys(listed.json).sort(), listed.json.limit, listed.json.offset, listed.json.totalCount, listed.json.items.length],
    [['items', 'limit', 'offset', 'totalCount'], 100, 0, 2, 2]);
  for (const [filter, found] of [['name=whole', made], ['resource=InboundCall', loose], ['event=Started', made], ['callback=http%3A%2F%2Ftest_callback%2F', loose], ['enabled=false', made]]) {
    const some = await ask('GET', `/webhooks?${filter}`);
    check(`callfire list: ${filter}`, [some.json.totalCount, some.json.items.map((each) => each.id)], [1, [found.json.id]]);
  }
  const page = await ask('GET', '/webhooks?limit=1&offset=1&fields=items(id)');
  check('callfire list: a page of ids', Object.keys(page.json.items[0]), ['id']);

  const put = await ask('PUT', target, { name: 'renamed', enabled: true });
  check('callfire put', [put.status, put.text], [200, '']);
  const after = await ask('GET', target);
  check('callfire put: a partial body changes what it names', only(after.json, ['name', 'enabled', 'resource', 'singleUse']),
    { name: 'renamed', enabled: true, resource: 'CallBroadcast', singleUse: true });

  const wrong = await ask('POST', '/webhooks', { ...sent, events: ['ValidationFailed'] });
  check('callfire error', [wrong.status, wrong.json.httpStatusCode], [400, 400]);
  holds('callfire error: names the field', /events/.test(wrong.json.message), wrong.json);
  const nobody = await call(server.url + base, 'GET', '/webhooks', { authorization: basic('acme', 'wrong') });
  check('callfire with a wrong password', [nobody.status, nobody.json.httpStatusCode], [401, 401]);
  const rival = await call(server.url + base, 'GET', '/webhooks', { authorization: basic('rival', other) });
  check('callfire: another tenant counts nothing', rival.json.totalCount, 0);

  const resources = await ask('GET', '/webhooks/resources');
  check('callfire resources', [Object.keys(resources.json), Object.fromEntries(resources.json.items.map((each) => [each.resource, each.supportedEvents]))],
    [['items'], RESOURCES]);
  const one = await ask('GET', '/webhooks/resources/ContactList');
  check('callfire resource', one.json, { resource: 'ContactList', supportedEvents: RESOURCES.ContactList });
  check('callfire resource: fields', (await ask('GET', '/webhooks/resources/ContactList?fields=resource')).json, { resource: 'ContactList' });
  check('callfire resource: unknown', (await ask('GET', '/webhooks/resources/Fax')).status, 404);

  for (const id of [made.json.id, loose.json.id]) {
    const removed = await ask('DELETE', `/webhooks/${id}`);
    check('callfire delete', [removed.status, removed.text], [204, '']);
    check('callfire: what is deleted is gone', (await ask('GET', `/webhooks/${id}`)).status, 404);
  }
}

// Each client has its own webhooks, and nothing of the others'; our own routes have all.
async function acrossProfiles() {
  const bearer = `Bearer ${secret}`;
  const asks = {
    '/unified/webhook': { connection_id: 'c', object_type: 'crm_contact', event: 'updated', hook_url: hook },
    '/webhook': { target_url: hook },
    '/v2/webhooks': { callback: hook, resource: 'ContactList' },
    '/v1/subscriptions': { url: hook, events: ['order.*'] },
  };
  const how = (target) => (target === '/v2/webhooks' ? basic('acme', secret) : bearer);
  const made = {};
  for (const [target, body] of Object.entries(asks)) {
    made[target] = (await call(server.url, 'POST', target, { authorization: how(target), body })).json.id;
  }
  for (const target of Object.keys(asks)) {
    const { json } = await call(server.url, 'GET', target, { authorization: how(target) });
    const found = (Array.isArray(json) ? json : json.result ?? json.items).map((each) => each.id);
    check(`${target}: its own alone`, found.length, target === '/v1/subscriptions' ? 4 : 1);
    holds(`${target}: its own`, found.includes(made[target]), found);
  }
  const listed = await new UnifiedTo({ serverURL: server.url, security: { jwt: secret } }).webhook.listUnifiedWebhooks({});
  check('unified: the list can be read beside others', listed.map((each) => each.id), [made['/unified/webhook']]);
  for (const target of Object.keys(asks)) {
    await call(server.url, 'DELETE', `${target}/${made[target]}`, { authorization: how(target) });
  }
}

try {
  await unifiedSdk();
  await unifiedObjects();
  await truto();
  await callfire('/v2');
  await callfire('');
  await acrossProfiles();
  check('the secret of a tenant is made once', command('tenant-secret', 'acme').secret, command('tenant-secret', 'acme').secret);
} finally {
  await server.stop();
}
finish();
