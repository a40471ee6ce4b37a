// The vendors' own packages verify what is signed by the forms that have their names.
//
//   node signatures.mjs NODE_MODULES STORE   (LUA_PATH and LUA_CPATH find the module)
import { spawn } from 'node:child_process';
import http from 'node:http';
import { createRequire } from 'node:module';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const [modules, store] = process.argv.slice(2);
const here = path.dirname(fileURLToPath(import.meta.url));
const require = createRequire(path.join(path.resolve(modules), 'x.js'));
const load = (name) => import(require.resolve(name));

const { default: Stripe } = await load('stripe');
const { verify } = await import(path.join(path.resolve(modules), '@octokit/webhooks-methods/dist-node/index.js'));
const { verifySlackRequest } = require('@slack/bolt');
require('@shopify/shopify-api/adapters/node');
const { shopifyApi } = require('@shopify/shopify-api');

const shopify = shopifyApi({
  apiKey: 'key', apiSecretKey: 'hush', apiVersion: '2025-01', hostName: 'shop.example', isEmbeddedApp: false,
});
const stripe = new Stripe('sk_test_nothing');

const checks = {
  github: (request, body) => verify("It's a Secret to Everybody", body, request.headers['x-hub-signature-256']),
  stripe: (request, body) =>
    ['whsec_test_secret', 'whsec_another'].every(
      (secret) => stripe.webhooks.constructEvent(body, request.headers['stripe-signature'], secret).n === 1.1,
    ),
  slack: (request, body) => {
    verifySlackRequest({
      signingSecret: '8f742231b10e8888abcd99yyyzzz85a5',
      body,
      headers: {
        'x-slack-signature': request.headers['x-slack-signature'],
        'x-slack-request-timestamp': Number(request.headers['x-slack-request-timestamp']),
      },
    });
    return true;
  },
  shopify: async (request, body, response) =>
    (await shopify.webhooks.validate({ rawBody: body, rawRequest: request, rawResponse: response })).valid,
};

// A changed body must not verify, else a package that says yes to everything would pass.
const refuses = async (check, request, body, response) => {
  try {
    return !(await check(request, `${body} `, response));
  } catch {
    return true;
  }
};

const seen = new Map();
const server = http.createServer((request, response) => {
  const parts = [];
  request.on('data', (part) => parts.push(part));
  request.on('end', async () => {
    const name = request.url.slice(1);
    const body = Buffer.concat(parts).toString();
    let result;
    try {
      result = (await checks[name](request, body, response)) === true && (await refuses(checks[name], request, body, response));
    } catch (error) {
      result = error.message;
    }
    seen.set(name, result);
    response.end();
  });
});

server.listen(0, '127.0.0.1', () => {
  const engine = spawn('lua5.4', [path.join(here, 'signatures.lua'), store, String(server.address().port)], { stdio: 'inherit' });
  engine.on('close', (code) => {
    server.close();
    const wrong = Object.keys(checks).filter((name) => seen.get(name) !== true);
    for (const name of wrong) console.error(`${name}: ${seen.get(name) ?? 'nothing came'}`);
    if (code !== 0 || wrong.length > 0) process.exit(1);
    console.log(`${seen.size} forms verified by their vendors' packages`);
  });
});
