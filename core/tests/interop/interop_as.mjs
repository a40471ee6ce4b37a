// What other senders sign, verified by us: by the npm packages @octokit/webhooks-methods, stripe
// and http-message-signatures, whose verdicts on the same requests, good and tampered, are
// compared with ours; and by Node's own crypto for those without a small package.
//
//   node interop_as.mjs PATH-OF-interop_sign [SEED]
import crypto from "node:crypto";
import { spawn } from "node:child_process";
import readline from "node:readline";
import * as octokit from "@octokit/webhooks-methods";
import signatures from "http-message-signatures";
import Stripe from "stripe";

const ROUNDS = 300;
const [program, seed = String(Date.now())] = process.argv.slice(2);
const ours = spawn(program, { stdio: ["pipe", "pipe", "inherit"] });
const answers = readline.createInterface({ input: ours.stdout })[Symbol.asyncIterator]();
const now = Math.floor(Date.now() / 1000);
const counts = {};
let failed = 0;

// Chance that the same seed repeats: SHA-256 in counter mode.
let counter = 0;
function randomBytes(size) {
  const blocks = [];
  for (let made = 0; made < size; made += 32) {
    blocks.push(crypto.createHash("sha256").update(`${seed}:${counter++}`).digest());
  }
  return Buffer.concat(blocks).subarray(0, size);
}
const below = (limit) => randomBytes(4).readUInt32BE() % limit;
const pick = (list) => list[below(list.length)];

const hex = (bytes) => (bytes.length === 0 ? "-" : Buffer.from(bytes).toString("hex"));
const hmac = (digest, secret, ...parts) => {
  const mac = crypto.createHmac(digest, secret);
  parts.forEach((part) => mac.update(part));
  return mac;
};

async function ask(format, request) {
  const words = ["as", now, format, request.method ?? "POST", hex(request.url ?? "/"), hex(request.body), hex(request.secret)];
  for (const [name, value] of Object.entries(request.headers)) {
    words.push(name, hex(value));
  }
  ours.stdin.write(words.join(" ") + "\n");
  return (await answers.next()).value;
}

function check(format, what, found, expected, request) {
  counts[format] = (counts[format] ?? 0) + (found === expected ? 1 : 0);
  if (found !== expected) {
    failed++;
    console.log(`${format}, ${what}: found ${found}, expected ${expected} (seed ${seed}) ${JSON.stringify(request)}`);
  }
}

const PIECES = ['"', "\\", "\n", "\r\n", "\t", " ", "{", "}", ":", ",", ".", "0", "1e400", "é", "漢", "🙂", "\u0000", "\u2028", "\ufeff", "null"];
const randomText = (size) => Array.from({ length: size }, () => pick(PIECES)).join("");
const randomJson = () => ({ n: below(2 ** 32), text: randomText(below(4) === 0 ? below(800) : below(40)), list: [1.5, [], {}, null] });

// JSON, text, nothing, and bytes that are no text.
function randomBody(kinds) {
  switch (below(kinds)) {
    case 0:
      return Buffer.from(JSON.stringify(randomJson(), null, below(3)));
    case 1:
      return Buffer.from(randomText(below(60)));
    case 2:
      return Buffer.alloc(0);
    default:
      return randomBytes(below(400));
  }
}

const randomSecret = () => pick([randomBytes(1 + below(40)).toString("base64url"), "whsec_" + randomBytes(24).toString("base64"), "pass wörd " + below(1000)]);

function flip(bytes) {
  const copy = Buffer.from(bytes);
  copy[below(copy.length)] ^= 1 << below(8);
  return copy;
}

// A copy of the request whose body, secret or signature is another one.
function tamper(request, resigned) {
  switch (below(3)) {
    case 0:
      return { ...request, body: request.body.length > 0 ? flip(request.body) : Buffer.from("x") };
    case 1:
      return { ...request, secret: request.secret + "x" };
    default:
      return { ...request, headers: { ...request.headers, ...resigned(randomBytes(32), randomBytes(20)) } };
  }
}

// Good and tampered; verdict, where a package has one, must be the same as ours.
async function judge(format, request, resigned, verdict) {
  const changed = tamper(request, resigned);
  check(format, "verified", await ask(format, request), format, request);
  check(format, "told", await ask("auto", request), format, request);
  check(format, "tampered", await ask(format, changed), "signature_mismatch", changed);
  if (verdict) {
    check(format, "their verdict", await verdict(request), true, request);
    check(format, "their verdict on tampered", await verdict(changed), false, changed);
  }
}

async function github() {
  const secret = randomSecret();
  const body = Buffer.from(randomBody(2).toString() || "x"); // the package takes text that is not empty
  const headers = { "X-Hub-Signature-256": await octokit.sign(secret, body.toString()) };
  const verdict = async (r) => {
    const text = r.body.toString();
    return Buffer.from(text).equals(r.body) ? octokit.verify(r.secret, text, r.headers["X-Hub-Signature-256"]) : false;
  };
  await judge("github", { secret, body, headers }, (mac) => ({ "X-Hub-Signature-256": "sha256=" + mac.toString("hex") }), verdict);
}

async function githubBytes() {
  const secret = randomSecret();
  const body = randomBody(5);
  const headers = { "x-hub-signature-256": "sha256=" + hmac("sha256", secret, body).digest("hex") };
  await judge("github", { secret, body, headers }, (mac) => ({ "x-hub-signature-256": "sha256=" + mac.toString("hex") }));
}

const stripeClient = new Stripe("sk_test_none");

function constructs(r) {
  try {
    stripeClient.webhooks.constructEvent(r.body, r.headers["Stripe-Signature"], r.secret, 300);
    return true;
  } catch (error) {
    return error instanceof SyntaxError; // signed, though no longer JSON
  }
}

async function stripe() {
  const secret = randomSecret();
  const body = Buffer.from(JSON.stringify(randomJson()));
  const timestamp = now - 250 + below(500);
  const headers = { "Stripe-Signature": stripeClient.webhooks.generateTestHeaderString({ payload: body.toString(), secret, timestamp }) };
  const request = { secret, body, headers };
  await judge("stripe", request, (mac) => ({ "Stripe-Signature": `t=${timestamp},v1=${mac.toString("hex")}` }), async (r) => constructs(r));

  const late = { ...request, headers: { "Stripe-Signature": stripeClient.webhooks.generateTestHeaderString({ payload: body.toString(), secret, timestamp: now - 400 }) } };
  check("stripe", "late", await ask("stripe", late), "signature_old", late);
  check("stripe", "their verdict on late", constructs(late), false, late);
  const several = { ...request, headers: { "Stripe-Signature": headers["Stripe-Signature"].replace(",", `,v1=${"0".repeat(64)},v0=1,`) } };
  check("stripe", "one of several", await ask("stripe", several), "stripe", several);
  check("stripe", "their verdict on several", constructs(several), true, several);
}

async function slack() {
  const secret = randomSecret();
  const body = randomBody(5);
  const stamp = String(now - 250 + below(500));
  const headers = {
    "X-Slack-Request-Timestamp": stamp,
    "X-Slack-Signature": "v0=" + hmac("sha256", secret, `v0:${stamp}:`, body).digest("hex"),
  };
  await judge("slack", { secret, body, headers }, (mac) => ({ "X-Slack-Signature": "v0=" + mac.toString("hex") }));
}

async function shopify() {
  const secret = randomSecret();
  const body = randomBody(5);
  const headers = { "X-Shopify-Hmac-SHA256": hmac("sha256", secret, body).digest("base64") };
  await judge("shopify", { secret, body, headers }, (mac) => ({ "X-Shopify-Hmac-SHA256": mac.toString("base64") }));
}

async function callfire() {
  const secret = randomSecret();
  const body = randomBody(5);
  const headers = { "X-CallFire-Signature": hmac("sha1", secret, body).digest("base64") };
  await judge("callfire", { secret, body, headers }, (_, short) => ({ "X-CallFire-Signature": short.toString("base64") }));
}

async function truto() {
  const secret = crypto.createHash("md5").update(randomBytes(16)).digest("hex");
  const body = randomBody(5);
  const encoding = pick(["hex", "base64"]);
  const header = (bytes) => ({ "X-Truto-Signature": `format=sha256,v=${bytes.toString(encoding)}` });
  await judge("truto", { secret, body, headers: header(hmac("sha256", secret, body).digest()) }, header);
}

// What JSON.stringify makes of data is signed; the body around it is laid out as it happens.
async function unified() {
  const secret = randomSecret();
  const data = Array.from({ length: below(4) }, randomJson);
  const nonce = randomText(below(20)).trim() || "n"; // blanks alone are refused: they could be the end of a body
  const digest = pick(["sha256", "sha1"]);
  const sign = (value) => hmac(digest, secret, JSON.stringify(value), nonce).digest(pick(["hex", "base64"]));
  const write = (signature) => Buffer.from(JSON.stringify({ data, nonce, [digest === "sha1" ? "sig" : "sig256"]: signature, type: "NATIVE" }, null, below(3)));
  const request = { secret, body: write(sign(data)), headers: {} };
  check("unified", "verified", await ask("unified", request), "unified", request);
  check("unified", "told", await ask("auto", request), "unified", request);
  const changed = { ...request, body: write(sign([...data, 1])) };
  check("unified", "tampered", await ask("unified", changed), "signature_mismatch", changed);
}

const raw = (key, part) => Buffer.from(key.export({ format: "jwk" })[part], "base64url");

// From a seed, so that the run repeats: the 16 bytes are PKCS #8's head for ed25519 (RFC 8410).
function randomPair() {
  const privateKey = crypto.createPrivateKey({
    key: Buffer.concat([Buffer.from("302e020100300506032b657004220420", "hex"), randomBytes(32)]),
    format: "der",
    type: "pkcs8",
  });
  return { privateKey, publicKey: crypto.createPublicKey(privateKey) };
}

function randomKey() {
  if (below(2) === 0) {
    const { privateKey, publicKey } = randomPair();
    return {
      secret: "whpk_" + raw(publicKey, "x").toString("base64"),
      sign: signatures.createSigner(privateKey, "ed25519", "k"),
      verify: signatures.createVerifier(publicKey, "ed25519"),
    };
  }
  const secret = pick(["plain " + below(1e6), "whsec_" + randomBytes(32).toString("base64")]);
  const bytes = secret.startsWith("whsec_") ? Buffer.from(secret.slice(6), "base64") : Buffer.from(secret);
  return { secret, sign: signatures.createSigner(bytes, "hmac-sha256", "k"), verify: signatures.createVerifier(bytes, "hmac-sha256") };
}

async function rfc9421() {
  const key = randomKey();
  const body = randomBody(5);
  const algorithm = pick(["256", "512"]);
  const url = `https://example.com${pick(["", ":8443", ":443"])}/hooks/${below(100)}${pick(["", "?a=1&b=%20c"])}`;
  const unsigned = {
    method: pick(["POST", "PUT"]),
    url,
    headers: {
      "content-type": "application/json",
      "x-event": `  order.${below(9)} `,
      "content-digest": `sha-${algorithm}=:${crypto.createHash("sha" + algorithm).update(body).digest("base64")}:`,
    },
  };
  const extra = ["@method", "@authority", "@scheme", "@path", "@query", "@target-uri", "x-event", "content-type"].filter(() => below(2) === 0);
  const signed = await signatures.httpbis.signMessage(
    {
      key: key.sign,
      name: "sig",
      fields: [...extra, "content-digest"],
      params: ["created", "keyid", "alg", "nonce", "tag"],
      paramValues: { created: new Date((now - below(200)) * 1000), nonce: randomBytes(9).toString("base64"), tag: "app" },
    },
    unsigned,
  );
  const request = { ...signed, body, secret: key.secret };
  const verdict = (r) =>
    signatures.httpbis
      .verifyMessage({ keyLookup: async () => ({ verify: key.verify }), tolerance: 300, maxAge: 900 }, { method: r.method, url: r.url, headers: r.headers })
      .catch(() => false);
  check("rfc9421", "verified", await ask("rfc9421", request), "rfc9421", request);
  check("rfc9421", "told", await ask("auto", request), "rfc9421", request);
  check("rfc9421", "their verdict", await verdict(request), true, request);

  const other = { ...request, body: Buffer.concat([body, Buffer.from(" ")]) };
  check("rfc9421", "another body", await ask("rfc9421", other), "signature_mismatch", other);
  for (const [component, change] of [
    ["@method", { method: "PATCH" }],
    ["@path", { url: "https://example.com/other" }],
    ["x-event", { headers: { ...request.headers, "x-event": "other" } }],
  ]) {
    const changed = { ...request, ...change };
    const covered = component === "@path" ? extra.some((name) => ["@authority", "@path", "@query", "@target-uri"].includes(name)) : extra.includes(component);
    const theirs = await verdict(changed);
    check("rfc9421", `changed ${component}`, (await ask("rfc9421", changed)) === "rfc9421", theirs, changed);
    if (component !== "@path") {
      check("rfc9421", `their verdict on ${component}`, theirs, !covered, changed);
    }
  }
}

for (let round = 0; round < ROUNDS; round++) {
  for (const format of [github, githubBytes, stripe, slack, shopify, callfire, truto, unified, rfc9421]) {
    await format();
  }
}
ours.stdin.end();
const passed = Object.values(counts).reduce((sum, count) => sum + count, 0);
console.log(Object.entries(counts).map(([format, count]) => `${format} ${count}`).join(", "));
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
