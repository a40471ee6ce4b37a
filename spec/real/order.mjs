// Order from end to end, over a network that loses answers and keeps requests back: some arrive
// after newer ones, as those of a sender that was paused or died do. A receiver that minds
// webhook-sequence has every event of a key once and in the order of publication; one that does not,
// has not. Written without our library: Node's crypto checks the signatures.
//
//   node order.mjs STORE [SEED]   (LUA_PATH and LUA_CPATH find the module)
import crypto from 'node:crypto';
import { spawn } from 'node:child_process';
import http from 'node:http';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const EVENTS = 400;
const KEYS = 4;
const [store, seed = String(Date.now())] = process.argv.slice(2);
const here = path.dirname(fileURLToPath(import.meta.url));
const failures = [];
const secrets = {};

// Chance that the same seed repeats.
let counter = 0;
const below = (limit) => crypto.createHash('sha256').update(`${seed}:${counter++}`).digest().readUInt32BE() % limit;

function isSigned(name, request, body) {
  const text = `${request.headers['webhook-id']}.${request.headers['webhook-timestamp']}.${body}`;
  const key = Buffer.from(secrets[name].slice('whsec_'.length), 'base64');
  const expected = `v1,${crypto.createHmac('sha256', key).update(text).digest('base64')}`;
  return request.headers['webhook-signature'] === expected;
}

const heedless = new Map(); // key to the events as they came
const mindful = new Map(); // the same, without those that are not newer than the highest
const highest = new Map();
const numbers = new Map(); // event to its number
const network = []; // what is still under way, and after how many arrivals it comes
let late = 0;

const append = (map, key, n) => map.set(key, [...(map.get(key) ?? []), n]);

function arrive({ n, key, number }) {
  append(heedless, key, n);
  if (number > (highest.get(key) ?? 0n)) {
    highest.set(key, number);
    append(mindful, key, n);
  } else {
    late++;
  }
  for (const each of network) each.after--;
}

function takeOrdered(request, response, event) {
  const text = request.headers['webhook-sequence'] ?? '';
  if (!/^[1-9][0-9]*$/.test(text)) failures.push(`event ${event.n} has the number "${text}"`);
  const number = BigInt(text);
  if (numbers.has(event.n) && numbers.get(event.n) !== number) failures.push(`event ${event.n} has two numbers`);
  numbers.set(event.n, number);
  const arrival = { ...event, number };
  if (below(5) === 0) {
    network.push({ arrival, after: 1 + below(40) });
    request.socket.destroy();
  } else {
    arrive(arrival);
    response.writeHead(204).end();
  }
  for (let at = 0; at < network.length; at++) {
    if (network[at].after <= 0) arrive(network.splice(at--, 1)[0].arrival);
  }
}

const server = http.createServer((request, response) => {
  const chunks = [];
  request.on('data', (chunk) => chunks.push(chunk));
  request.on('end', () => {
    const body = Buffer.concat(chunks).toString('utf8');
    const name = request.url.slice(1);
    if (!isSigned(name, request, body)) failures.push(`${name}: a signature does not hold`);
    if (name === 'ordered') return takeOrdered(request, response, JSON.parse(body));
    if ('webhook-sequence' in request.headers) failures.push('what has no order has a number');
    response.writeHead(204).end();
  });
});

function check() {
  let inOrder = true;
  for (let key = 0; key < KEYS; key++) {
    const published = Array.from({ length: EVENTS }, (_, i) => i + 1).filter((n) => n % KEYS === key);
    const found = mindful.get(`k${key}`) ?? [];
    if (found.join() !== published.join()) failures.push(`k${key}: ${found}`);
    inOrder &&= (heedless.get(`k${key}`) ?? []).every((n, i, all) => i === 0 || n >= all[i - 1]);
  }
  for (let n = 2; n <= EVENTS; n++) {
    if (numbers.get(n) <= numbers.get(n - 1)) failures.push(`event ${n} has no higher number than the one before`);
  }
  if (inOrder || late === 0) failures.push('nothing came late, so nothing was tested');
}

server.listen(0, '127.0.0.1', () => {
  const words = [path.join(here, 'order.lua'), store, String(server.address().port), String(EVENTS), String(KEYS)];
  const child = spawn('lua5.4', words, { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', (chunk) => {
    output += chunk;
    for (const match of output.matchAll(/^secret (\w+) (\S+)$/gm)) secrets[match[1]] = match[2];
  });
  child.on('close', (code) => {
    server.close();
    for (const { arrival } of network.splice(0)) arrive(arrival);
    if (code !== 0) failures.push(`order.lua ended with ${code}`);
    else check();
    console.log(`${EVENTS} events of ${KEYS} keys, ${late} requests late or again, ${failures.length} failures (seed ${seed})`);
    failures.slice(0, 20).forEach((failure) => console.error(failure));
    process.exit(failures.length === 0 ? 0 : 1);
  });
});
