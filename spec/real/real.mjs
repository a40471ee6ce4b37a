// Real input from end to end: every payload of @octokit/webhooks-examples goes to three
// subscriptions over real HTTP. Each signature is checked by npm's standardwebhooks, each
// body against what was published, byte for byte, or against what jq makes of it.
//
//   node real.mjs NODE_MODULES STORE   (LUA_PATH and LUA_CPATH find the module)
import { spawn, spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { writeFileSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const [modules, store] = process.argv.slice(2);
const require = createRequire(path.join(path.resolve(modules), 'x.js'));
const { Webhook } = require('standardwebhooks');
const groups = require('@octokit/webhooks-examples');
const here = path.dirname(fileURLToPath(import.meta.url));

const lines = [];
for (const group of groups) {
  for (const payload of group.examples) {
    lines.push({ type: `github.${group.name}`, text: JSON.stringify(payload) });
  }
}
// What JavaScript's numbers cannot hold, and white space that must survive.
lines.push({ type: 'exact.one', text: '{ "id": 9007199254740993, "rate": 1.10,\t"none": [ ], "nested": {"z":{},"a":-0.0, "e":1E+2} }' });
lines.push({ type: 'exact.two', text: '{"id":18446744073709551615,"rate":0.30000000000000004000,"nested":{"id":-9223372036854775808}}' });

const received = { all: new Map(), filter: new Map(), project: new Map() };
const failures = [];
const secrets = {};

const server = http.createServer((request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    const body = Buffer.concat(chunks).toString('utf8');
    const name = request.url.slice(1);
    try {
      new Webhook(secrets[name]).verify(body, request.headers);
    } catch (error) {
      failures.push(`${name}: ${error.message}`);
    }
    const id = request.headers['webhook-id'];
    if (received[name].has(id)) failures.push(`${name}: ${id} came twice`);
    received[name].set(id, body);
    response.writeHead(204).end();
  });
});

function jq(program, input) {
  const result = spawnSync('jq', ['-c', '-S', program], { input, encoding: 'utf8', maxBuffer: 1 << 28 });
  if (result.status !== 0) throw new Error(`jq: ${result.stderr}`);
  return result.stdout.trimEnd().split('\n');
}

// The same decisions as in publish.lua, said in jq.
const wanted = 'select(.payload.action == "created" or (.type == "github.push"))';
const projection = `{kind: .type}
  + (.payload | (if has("action") then {action} else {} end)
  + (if .sender then {sender: .sender.login} else {} end)
  + (if .repository then {repository: {id: .repository.id, owner: .repository.owner}} else {} end))`;

function check(ids) {
  const text = (i) => `{"i":${i},"type":${JSON.stringify(lines[i].type)},"payload":${lines[i].text}}`;
  const github = lines.map((line, i) => i).filter((i) => lines[i].type.startsWith('github.'));
  const input = github.map(text).join('\n');

  lines.forEach((line, i) => {
    if (received.all.get(ids[i]) !== line.text) failures.push(`all: ${line.type} differs`);
  });
  if (received.all.size !== lines.length) failures.push(`all: ${received.all.size} of ${lines.length}`);

  const kept = new Set(jq(`${wanted} | .i`, input).map(Number));
  for (const i of github) {
    const body = received.filter.get(ids[i]);
    if (kept.has(i) ? body !== lines[i].text : body !== undefined) failures.push(`filter: ${lines[i].type} ${i}`);
  }

  const expected = jq(projection, input);
  const actual = jq('.', github.map((i) => received.project.get(ids[i]) ?? '"missing"').join('\n'));
  github.forEach((i, k) => {
    if (expected[k] !== actual[k]) failures.push(`project: ${lines[i].type} ${i}: ${actual[k].slice(0, 100)}`);
  });
  const exact = lines.map((line, i) => i).filter((i) => lines[i].type.startsWith('exact.'));
  const texts = ['{"kind":"exact.one","nested":{"z":{},"a":-0.0, "e":1E+2},"none":[ ],"rate":1.10}',
    '{"kind":"exact.two","nested":{"id":-9223372036854775808},"rate":0.30000000000000004000}'];
  exact.forEach((i, k) => {
    if (received.project.get(ids[i]) !== texts[k]) failures.push(`exact: ${received.project.get(ids[i])}`);
  });
  return kept.size;
}

server.listen(0, '127.0.0.1', () => {
  const port = server.address().port;
  const input = `${store}.ndjson`;
  writeFileSync(input, lines.map((line) => `${line.type}\t${line.text}`).join('\n') + '\n');
  const child = spawn('lua5.4', [path.join(here, 'publish.lua'), store, String(port), input], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
    for (const match of output.matchAll(/^secret (\w+) (\S+)$/gm)) secrets[match[1]] = match[2];
  });
  child.on('close', (code) => {
    server.close();
    const ids = [...output.matchAll(/^id (\S+)$/gm)].map((match) => match[1]);
    if (code !== 0 || ids.length !== lines.length) failures.push(`publish.lua ended with ${code}, ${ids.length} ids`);
    else {
      const kept = check(ids);
      console.log(`${lines.length} payloads, ${received.all.size} + ${received.filter.size} + ${received.project.size} deliveries verified, ${kept} passed the filter`);
    }
    failures.slice(0, 20).forEach((failure) => console.error(failure));
    process.exit(failures.length === 0 ? 0 : 1);
  });
});
