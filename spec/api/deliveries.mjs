// What each profile's receiver gets, checked by Node's crypto alone: envelope, headers, and
// signatures over the bytes that came.
import crypto from 'node:crypto';
import { basic, call, check, command, finish, holds, receive, serve, token } from './common.mjs';

const server = await serve();
const receiver = await receive();
const secret = token('acme');
const authorization = `Bearer ${secret}`;
const workspace = command('tenant-secret', 'acme').secret;
const mac = (hash, key, data, encoding) => crypto.createHmac(hash, key).update(data).digest(encoding);

async function make(target, body, how = authorization) {
  const made = await call(server.url, 'POST', target, { authorization: how, body });
  holds(`${target}: made`, made.status >= 200 && made.status < 300, made.text);
  return made.json;
}

async function publish(event) {
  const answer = await call(server.url, 'POST', '/v1/events', { authorization, body: event });
  holds('published', answer.status >= 200 && answer.status < 300, answer.text);
}

// What came for a path; text, document and headers.
const came = (name) => receiver.got.filter((each) => each.url === `/${name}`)
  .map((each) => ({ ...each, text: each.body.toString('utf8'), json: JSON.parse(each.body) }));

const unified = await make('/unified/webhook', { connection_id: 'con_1', object_type: 'crm_contact', event: 'updated', hook_url: receiver.url('unified') });
const truto = await make('/webhook', { target_url: receiver.url('truto'), event_types: ['integrated_account:active'] });
await make('/v1/subscriptions', { url: receiver.url('hex'), profile: 'truto', encoding: 'hex', events: ['integrated_account:active'] });
const callfire = await make('/v2/webhooks', { name: 'calls', resource: 'OutboundCall', events: ['Finished'], callback: receiver.url('callfire'), secret: 'mysecrets' }, basic('acme', secret));
await make('/v2/webhooks', { name: 'bare', resource: 'OutboundCall', events: ['Finished'], callback: receiver.url('bare') }, basic('acme', secret));
await make('/v2/webhooks', { name: 'once', resource: 'LowBalance', callback: receiver.url('once'), singleUse: true }, basic('acme', secret));

const contact = { id: 'c1', name: 'Zoë Ångström', emails: [{ email: 'z@example.com' }] };
const account = { id: 'a1', tenant_id: 't1', status: 'active', is_sandbox: false };
const phoneCall = { id: 1024990109003, state: 'FINISHED', labels: [], inbound: false };

try {
  await publish({ type: 'crm_contact.updated', source: 'con_1', payload: contact });
  await publish({ type: 'crm_contact.updated', source: 'con_2', payload: contact }); // another connection's
  await publish({ type: 'integrated_account:active', payload: account });
  await publish({ type: 'OutboundCall.Finished', payload: phoneCall });
  await publish({ type: 'LowBalance.Finished', payload: { n: 1 } });
  await publish({ type: 'LowBalance.Failed', payload: { n: 2 } });
  await receiver.take(6);
  // What comes last tells that nothing else is on its way before it.
  await make('/v1/subscriptions', { url: receiver.url('last'), events: ['last'] });
  await publish({ type: 'last', payload: {} });
  await receiver.take(7);

  const [u] = came('unified');
  check('unified: one delivery, of its connection', came('unified').length, 1);
  check('unified: data', u.json.data, [contact]);
  check('unified: type', u.json.type, 'NATIVE');
  check('unified: webhook', [u.json.webhook.id, u.json.webhook.connection_id, u.json.webhook.object_type, u.json.webhook.event],
    [unified.id, 'con_1', 'crm_contact', 'updated']);
  const signed = JSON.stringify(u.json.data) + u.json.nonce;
  holds('unified: data stand in the body as a receiver writes them', u.text.includes(JSON.stringify(u.json.data)));
  check('unified: sig256', u.json.sig256, mac('sha256', workspace, signed, 'hex'));
  check('unified: sig', u.json.sig, mac('sha1', workspace, signed, 'hex'));

  for (const [name, encoding] of [['truto', 'base64'], ['hex', 'hex']]) {
    const [t] = came(name);
    check(`${name}: members`, Object.keys(t.json).sort(), ['created_at', 'environment_id', 'event', 'id', 'payload', 'webhook_id']);
    check(`${name}: event`, [t.json.event, t.json.payload, t.json.environment_id], ['integrated_account:active', account, 'acme']);
    check(`${name}: content type`, t.headers['content-type'], 'application/json');
    const header = t.headers['x-truto-signature'];
    holds(`${name}: the header's form`, /^format=sha256,v=./.test(header), header);
    if (name === 'truto') {
      check('truto: webhook_id', t.json.webhook_id, truto.id);
      check('truto: signature', header.slice('format=sha256,v='.length), mac('sha256', truto.secret, t.body, encoding));
    } else {
      holds('hex: 64 digits', /v=[0-9a-f]{64}$/.test(header), header);
    }
  }

  const [c] = came('callfire');
  check('callfire: signature', c.headers['x-callfire-signature'], mac('sha1', 'mysecrets', c.body, 'base64'));
  check('callfire: envelope', [c.json.webhookId, c.json.webhookName, c.json.resourceType, c.json.events.length],
    [callfire.id, 'calls', 'OutboundCall', 1]);
  const [event] = c.json.events;
  check('callfire: event', [event.webhookId, event.resourceType, event.eventType, event.resource],
    [callfire.id, 'OutboundCall', 'Finished', phoneCall]);
  holds('callfire: times in ms', Number.isInteger(c.json.timestamp) && c.json.timestamp > 1.6e12 && Number.isInteger(event.timestamp), c.json.timestamp);
  const [bare] = came('bare');
  check('callfire without a secret: no signature', bare.headers['x-callfire-signature'], undefined);
  check('callfire: a webhook of one use fires once', came('once').length, 1);
  const left = await call(server.url, 'GET', '/v2/webhooks?name=once', { authorization: basic('acme', secret) });
  check('callfire: and is deleted then', left.json.totalCount, 0);

  const test = await call(server.url, 'POST', '/webhook/test', { authorization, body: { id: truto.id } });
  check('truto: a test of the webhook', test.json, { success: true });
  const tested = came('truto').at(-1);
  check('truto: what the test sends', [tested.json.event, tested.json.payload], ['test', { foo: 'bar' }]);
  check('truto: the test is signed', tested.headers['x-truto-signature'], `format=sha256,v=${mac('sha256', truto.secret, tested.body, 'base64')}`);
} finally {
  receiver.stop();
  await server.stop();
}
finish();
