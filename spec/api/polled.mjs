// Unified.to's virtual webhooks by npm's SDK: what can only be listed is sent first, then what changes, and its signature
// is checked by Node's crypto alone.
import crypto from 'node:crypto';
import { writeFileSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { UnifiedTo } from '@unified-api/typescript-sdk';
import { check, command, finish, holds, receive, serve, token } from './common.mjs';

const work = process.argv[4];
let items = [1, 2, 3].map((id) => ({ id, name: 'Ann' }));
let refuses = false;
const listing = http.createServer((request, response) => {
  response.writeHead(refuses ? 401 : 200, { 'content-type': 'application/json' }).end(JSON.stringify(items));
});
await new Promise((resolve) => listing.listen(0, '127.0.0.1', resolve));
const document = path.join(work, 'person.json');
writeFileSync(document, JSON.stringify({ object_type: 'hris_employee', url: `http://127.0.0.1:${listing.address().port}/` }));
command('sources', 'add', document);

const server = await serve();
const receiver = await receive();
const sdk = new UnifiedTo({ serverURL: server.url, security: { jwt: token('acme') } }).webhook;
const workspace = command('tenant-secret', 'acme').secret;
const asked = {
  connectionId: 'con_1', objectType: 'hris_employee', event: 'created', hookUrl: receiver.url('hook'), interval: 5, pageMaxLimit: 2,
};

// What look() gives, once that is something.
async function until(what, look) {
  for (const end = Date.now() + 60000; Date.now() < end; await new Promise((resolve) => { setTimeout(resolve, 50); })) {
    const found = await look();
    if (found) return found;
  }
  throw new Error(`${what}: not within 60 s`);
}

try {
  const made = await sdk.createUnifiedWebhook({ includeAll: true, webhook: asked });
  check('virtual: made', [made.webhookType, made.interval, made.pageMaxLimit], ['virtual', 5, 2]);
  const got = () => sdk.getUnifiedWebhook({ id: made.id });
  await receiver.take(2);
  await until('the history is over', async () => (await got()).checkedAt);
  const came = () => receiver.got.map((each) => JSON.parse(each.body));
  check('virtual: what is there', came().map((each) => [each.type, each.data.map((one) => one.id)]),
    [['INITIAL-PARTIAL', [1, 2]], ['INITIAL-COMPLETE', [3]]]);

  for (const trigger of [(id) => sdk.updateUnifiedWebhookTrigger(id), (id) => sdk.patchUnifiedWebhookTrigger(id)]) {
    const before = receiver.got.length;
    items = [...items, { id: before + 2, name: 'Zoë' }];
    await trigger({ id: made.id });
    await receiver.take(before + 1);
    const last = came().at(-1);
    check('virtual: what is new', [last.type, last.data, last.webhook.id], ['VIRTUAL', [{ id: before + 2, name: 'Zoë' }], made.id]);
    check('virtual: its signature', last.sig256,
      crypto.createHmac('sha256', workspace).update(JSON.stringify(last.data) + last.nonce).digest('hex'));
  }
  const told = await got();
  holds('virtual: its runs', told.runs.length >= 2 && / ok pages=1 objects=\d sent=1 /.test(told.runs[0]), told.runs);
  holds('virtual: when it was read', told.checkedAt instanceof Date, told.checkedAt);

  const updated = await sdk.updateUnifiedWebhook({ id: made.id, webhook: { ...asked, interval: 7, webhookType: 'native' } });
  check('virtual: update', [updated.interval, updated.webhookType], [7, 'virtual']);
  const patched = await sdk.patchUnifiedWebhook({ id: made.id, webhook: { ...asked, isPaused: true } });
  check('virtual: patch', [patched.isPaused, patched.interval], [true, 5]);
  await sdk.patchUnifiedWebhook({ id: made.id, webhook: { ...asked, isPaused: false } });

  refuses = true;
  await sdk.updateUnifiedWebhookTrigger({ id: made.id });
  await until('it may not read', async () => !(await got()).isHealthy);
  refuses = false;
  await sdk.updateUnifiedWebhookTrigger({ id: made.id });
  await until('it may read again', async () => (await got()).isHealthy);
  check('virtual: list', (await sdk.listUnifiedWebhooks({ connectionId: 'con_1' })).map((each) => each.id), [made.id]);
  await sdk.removeUnifiedWebhook({ id: made.id });
  check('virtual: removed', await sdk.listUnifiedWebhooks({}), []);
} finally {
  receiver.stop();
  listing.close();
  listing.closeAllConnections();
  await server.stop();
}
finish();
