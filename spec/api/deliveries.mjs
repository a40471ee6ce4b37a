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

await make('/unified/webhook', { connection_id: 'con_9', object_type: 'crm_contact', event: 'updated', hook_url: receiver.url('drawn') });
await make('/v1/subscriptions', { profile: 'unified', source: 'con_9', events: ['crm_contact.updated'], url: receiver.url('exact'), data: 'exact' });

// Payloads as all kinds of programs write them. Those of `odd` mean something else to JavaScript.
const below = (limit) => crypto.randomInt(limit);
const pick = (list) => list[below(list.length)];
const blank = () => pick(['', ' ', '\n', ' \t']);
const plain = ['1.10', '1e2', '-0', '0.30000000000000004', '100.0', '1E+21', '5.684341886080802e-14', '7420017300281076000e-3', 'null', 'true',
  '"\\/"', '"\\u00eb\\u00EB"', '"\\ud83d\\ude00"', '"\\u0000\\u001F"', '"\\uD800"', '[ ]', '{ }', '{"1":1,"a":2}'];
const odd = ['9007199254740993', '1e400', '0.1000000000000000055', '{"a":1,"1":2}', '{"a":1,"a":1}'];
const drawn = (values) => `{${Array.from({ length: 1 + below(6) }, (_, i) =>
  `${blank()}"m${i}"${blank()}:${blank()}${below(3) ? pick(values) : `[${blank()}${pick(values)},${pick(values)}]`}${blank()}`).join(',')}}`;
const payloads = Array.from({ length: 80 }, (_, i) => drawn(i % 4 ? plain : odd));

// An event's two deliveries, once both are written down: that their requests have come is not yet that.
async function recorded(event) {
  for (;;) {
    const { json } = await call(server.url, 'GET', `/v1/deliveries?event=${event}`, { authorization });
    if (json.items.length === 2 && json.items.every((each) => each.state === 'delivered')) return json.items;
  }
}

// A receiver has parsed the body, and writes data anew.
async function javascriptReceivers() {
  const events = payloads.map((text, i) => `{"type":"crm_contact.updated","source":"con_9","id":"drawn-${i}","payload":${text}}`);
  const answer = await call(server.url, 'POST', '/v1/events/batch', { authorization, body: `{"events":[${events.join(',')}]}` });
  holds('drawn: published', answer.status < 300, answer.text);
  await receiver.take(7 + 2 * payloads.length);
  const bodies = (name) => came(name).map((each) => {
    const start = each.text.indexOf('"data":') + 7;
    return { ...each, data: each.text.slice(start, each.text.indexOf(',"webhook":')) };
  });
  const exact = bodies('exact').map((each) => each.data).sort();
  check('exact: the bytes that were published', exact, payloads.map((text) => `[${text}]`).sort());
  for (const each of bodies('exact')) {
    check('exact: signed as they are', each.json.sig256, mac('sha256', workspace, each.data + each.json.nonce, 'hex'));
  }
  let kept = 0;
  for (const each of bodies('drawn')) {
    const anew = mac('sha256', workspace, JSON.stringify(each.json.data) + each.json.nonce, 'hex') === each.json.sig256;
    const bytes = mac('sha256', workspace, each.data + each.json.nonce, 'hex') === each.json.sig256;
    const published = payloads.find((text) => each.data === `[${text}]`);
    const isOdd = !anew && payloads.findIndex((text) => text === published) % 4 === 0;
    kept += isOdd;
    holds(`drawn: verifies: ${each.data}`, bytes && (anew || isOdd), each.data);
  }
  check('drawn: what JavaScript would change keeps its bytes', kept, payloads.length / 4);
  let said = 0;
  for (let i = 0; i < payloads.length; i++) {
    for (const { id } of await recorded(`drawn-${i}`)) {
      const attempts = await call(server.url, 'GET', `/v1/deliveries/${id}/attempts`, { authorization });
      said += /JSON\.stringify/.test(attempts.json.items.at(-1)?.error ?? '');
    }
  }
  check('drawn: the attempt says so', said, payloads.length / 4);
}

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
    check(`${name}: event`, [t.json.event, t.json.payload, t.json.environment_id], ['integrated_account:active', account, truto.environment_id]);
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

  await javascriptReceivers();
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
