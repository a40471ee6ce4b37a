// Our signatures against those of the npm packages standardwebhooks and svix (v1) and of
// Node's own crypto (v1a), both ways, over random ids, bodies and secrets, and tampered.
//
//   node interop.mjs PATH-OF-interop_sign [SEED]
//
// The packages are found beside this file: copy it to where they are installed.
import crypto from "node:crypto";
import { spawn } from "node:child_process";
import readline from "node:readline";
import * as standard from "standardwebhooks";
import * as svix from "svix";

const ROUNDS = 200;
const [program, seed = String(Date.now())] = process.argv.slice(2);
const ours = spawn(program, { stdio: ["pipe", "pipe", "inherit"] });
const answers = readline.createInterface({ input: ours.stdout })[Symbol.asyncIterator]();
const now = Math.floor(Date.now() / 1000);
let passed = 0;
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

const hex = (text) => (text.length === 0 ? "-" : Buffer.from(text).toString("hex"));

async function ask(...words) {
  ours.stdin.write(words.join(" ") + "\n");
  return (await answers.next()).value;
}

const sign = (message, ...secrets) => ask("sign", message.stamp, hex(message.id), hex(message.body), ...secrets);

const verify = (message, signature, family, ...secrets) =>
  ask("verify", now, hex(message.id), hex(String(message.stamp)), hex(signature), hex(message.body), family, ...secrets);

function check(what, found, expected, message) {
  if (found === expected) {
    passed++;
    return;
  }
  failed++;
  console.log(`${what}: found ${found}, expected ${expected} (seed ${seed}) ${JSON.stringify(message)}`);
}

const LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-:";
const PIECES = ['"', "\\", "\n", "\r\n", "\t", " ", "{", "}", "[", "]", ":", ",", ".", "0", "1e400", "é", "漢", "🙂", "\u0000", "\u2028", "\ufeff", "null"];

function randomId() {
  let id = "msg_";
  for (let size = 1 + below(40); size > 0; size--) {
    id += pick(LETTERS);
  }
  return id;
}

// JSON, because the packages parse what they have verified.
function randomBody() {
  let text = "";
  for (let size = below(4) === 0 ? below(2000) : below(60); size > 0; size--) {
    text += pick(PIECES);
  }
  return JSON.stringify({ n: below(2 ** 32), text });
}

const randomMessage = () => ({ id: randomId(), stamp: now - 250 + below(500), body: randomBody() });

function randomSecret() {
  const text = randomBytes(1 + below(64)).toString("base64");
  return below(3) === 0 ? text : "whsec_" + text;
}

function headersOf(message, signature, family) {
  return {
    [family + "-id"]: message.id,
    [family + "-timestamp"]: String(message.stamp),
    [family + "-signature"]: signature,
  };
}

function theirVerdict(webhook, message, signature, family) {
  try {
    webhook.verify(message.body, headersOf(message, signature, family));
    return "ok";
  } catch {
    return "refused";
  }
}

function flip(base64) {
  const bytes = Buffer.from(base64, "base64");
  bytes[below(bytes.length)] ^= 1 << below(8);
  return bytes.toString("base64");
}

// A copy of the message or signature with one thing changed.
function tamper(message, signature) {
  const [version, text] = signature.split(",");
  switch (below(4)) {
    case 0:
      return [{ ...message, id: message.id + "x" }, signature];
    case 1:
      return [{ ...message, stamp: message.stamp + (message.stamp < now ? 1 : -1) }, signature];
    case 2:
      return [{ ...message, body: message.body.replace('"n":', '"m":') }, signature];
    default:
      return [message, `${version},${flip(text)}`];
  }
}

async function symmetric(library, family) {
  const secret = randomSecret();
  const other = randomSecret() + "";
  const message = randomMessage();
  const webhook = new library.Webhook(secret);
  const theirs = webhook.sign(message.id, new Date(message.stamp * 1000), message.body);
  const mine = await sign(message, secret);
  const several = await sign(message, "whsec_" + randomBytes(24).toString("base64"), secret);

  check("same signature", mine, theirs, message);
  check("we verify theirs", await verify(message, theirs, family, secret), "ok", message);
  check("they verify ours", theirVerdict(webhook, message, mine, family), "ok", message);
  check("they find ours among several", theirVerdict(webhook, message, several, family), "ok", message);
  check("another secret", await verify(message, theirs, family, other), other === secret ? "ok" : "signature_mismatch", message);

  const [changed, signature] = tamper(message, theirs);
  check("we refuse tampered", await verify(changed, signature, family, secret), "signature_mismatch", changed);
  check("they refuse tampered", theirVerdict(webhook, changed, signature, family), "refused", changed);
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

async function asymmetric() {
  const { publicKey, privateKey } = randomPair();
  const whsk = "whsk_" + Buffer.concat([raw(privateKey, "d"), raw(publicKey, "x")]).toString("base64");
  const whpk = "whpk_" + raw(publicKey, "x").toString("base64");
  const message = randomMessage();
  const text = Buffer.from(`${message.id}.${message.stamp}.${message.body}`);
  const theirs = "v1a," + crypto.sign(null, text, privateKey).toString("base64");
  const mine = await sign(message, whsk);
  const [changed, signature] = tamper(message, theirs);

  check("same ed25519 signature", mine, theirs, message);
  check("we verify theirs by the public key", await verify(message, theirs, "webhook", whpk), "ok", message);
  check("we verify theirs by the secret key", await verify(message, theirs, "webhook", whsk), "ok", message);
  check("we refuse tampered ed25519", await verify(changed, signature, "webhook", whpk), "signature_mismatch", changed);
}

async function late(library, family) {
  const secret = randomSecret();
  const webhook = new library.Webhook(secret);
  for (const [offset, expected] of [[-400, "signature_old"], [400, "signature_new"]]) {
    const message = { ...randomMessage(), stamp: now + offset };
    const theirs = webhook.sign(message.id, new Date(message.stamp * 1000), message.body);
    check("we tell the time", await verify(message, theirs, family, secret), expected, message);
    check("they refuse the time", theirVerdict(webhook, message, theirs, family), "refused", message);
  }
}

for (let round = 0; round < ROUNDS; round++) {
  await symmetric(standard, "webhook");
  await symmetric(svix, "svix");
  await asymmetric();
}
await late(standard, "webhook");
await late(svix, "svix");
ours.stdin.end();
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
