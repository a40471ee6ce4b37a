// What the tests of the HTTP API share: the server, a receiver, comparing, counting.
import { execFileSync, spawn } from 'node:child_process';
import http from 'node:http';
import path from 'node:path';
import readline from 'node:readline';
import { isDeepStrictEqual } from 'node:util';

const [root, build, work] = process.argv.slice(2).map((each) => path.resolve(each));
const store = path.join(work, 'store.db');
const words = (rest) => [build, path.join(root, 'lua/bin/webhook'), ...rest];
const lua = path.join(root, 'spec/lua');

// Runs the command; what it prints, as a document, or null.
export function command(...rest) {
  return JSON.parse(execFileSync(lua, words([...rest, '--json', '--store', store]), { encoding: 'utf8' }).split('\n')[0] || 'null');
}

export const token = (tenant) => command('tokens', 'add', ...(tenant ? ['--tenant', tenant] : [])).token;

// Starts `webhook serve` on a free port.
export async function serve(...options) {
  const child = spawn(lua, words(['serve', '--port', '0', '--json', '--store', store, '--allow', '127.0.0.1', ...options]), {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  process.once('exit', () => child.kill('SIGTERM')); // a test that is ended early leaves nothing behind
  const line = (await readline.createInterface({ input: child.stdout })[Symbol.asyncIterator]().next()).value;
  if (!line) throw new Error('webhook serve did not start');
  return {
    url: JSON.parse(line).url,
    stop: () => new Promise((resolve) => {
      child.once('exit', resolve);
      child.kill('SIGTERM');
    }),
  };
}

// A receiver that keeps what comes; take(n) waits until n requests are there and returns them.
export async function receive(answer = () => 200) {
  const got = [];
  const waiting = [];
  const server = http.createServer((request, response) => {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      const seen = { url: request.url, headers: request.headers, body: Buffer.concat(chunks) };
      got.push(seen);
      response.writeHead(answer(seen)).end();
      for (const each of [...waiting]) each();
    });
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    url: (name) => `http://127.0.0.1:${server.address().port}/${name}`,
    got,
    take: (count) => new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${got.length} of ${count} requests came in 60 s`)), 60000);
      const look = () => {
        if (got.length < count) return;
        waiting.splice(waiting.indexOf(look), 1);
        clearTimeout(timer);
        resolve(got);
      };
      waiting.push(look);
      look();
    }),
    stop: () => server.close(),
  };
}

// A request as a client of ours without a library makes it.
export async function call(base, method, target, { authorization, body, headers = {} } = {}) {
  const response = await fetch(base + target, {
    method,
    headers: { ...(authorization && { authorization }), ...(body !== undefined && { 'content-type': 'application/json' }), ...headers },
    body: body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body),
  });
  const text = await response.text();
  let json;
  try { json = JSON.parse(text); } catch { /* there was none */ }
  return { status: response.status, headers: response.headers, text, json };
}

export const basic = (name, secret) => `Basic ${Buffer.from(`${name}:${secret}`).toString('base64')}`;

let passed = 0;
let failed = 0;

export function check(what, found, expected) {
  if (isDeepStrictEqual(found, expected)) {
    passed++;
    return;
  }
  failed++;
  console.log(`${what}:\n  found    ${JSON.stringify(found)}\n  expected ${JSON.stringify(expected)}`);
}

export function holds(what, condition, found) {
  if (condition) {
    passed++;
    return;
  }
  failed++;
  console.log(`${what}${found === undefined ? '' : `: found ${JSON.stringify(found)}`}`);
}

// The members of an object that are named.
export const only = (object, names) => Object.fromEntries(names.filter((name) => name in object).map((name) => [name, object[name]]));

export function finish() {
  console.log(`${passed} checks passed, ${failed} failed`);
  process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
}
