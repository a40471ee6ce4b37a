// Our JSON.stringify against Node's, on drawn texts: numbers by their bits and by their digits, strings with every kind
// of escape, objects with names that JavaScript reorders or keeps once.
//
//   node interop_json.mjs PATH-OF-interop_json [SEED]
import crypto from "node:crypto";
import { spawnSync } from "node:child_process";

const [program, seed = String(Date.now())] = process.argv.slice(2);

// Chance that the same seed repeats: SHA-256 in counter mode.
let counter = 0;
let pool = Buffer.alloc(0);
function bytes(size) {
  while (pool.length < size) {
    pool = Buffer.concat([pool, crypto.createHash("sha512").update(`${seed}:${counter++}`).digest()]);
  }
  const taken = pool.subarray(0, size);
  pool = pool.subarray(size);
  return taken;
}
const below = (limit) => bytes(4).readUInt32BE() % limit;
const pick = (list) => list[below(list.length)];
const digits = (count) => Array.from({ length: count }, () => below(10)).join("");

// A number's text as what it means: its digits without zeros at the end, and a power of ten.
function decimal(text) {
  const [, sign, whole, fraction = "", exponent = "0"] = /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([-+]?\d+))?$/.exec(text);
  const all = `${whole}${fraction}`.replace(/^0+/, "");
  const cut = all.replace(/0+$/, "");
  return cut === "" ? "0" : `${sign}${cut}e${BigInt(exponent) - BigInt(fraction.length) + BigInt(all.length - cut.length)}`;
}

function double() {
  const view = Buffer.from(bytes(8));
  const kind = below(8);
  if (kind === 0) view.writeUInt16BE((view.readUInt16BE(0) & 0x8000), 0); // around zero
  if (kind === 1) view.fill(0, 2); // few bits
  if (kind === 2) { view.writeUInt16BE(view.readUInt16BE(0) & 0xfff0, 0); view.fill(0, 2); } // a power of two
  if (kind === 3) return below(2 ** 32) / pick([1, 2, 10, 100, 1000, 1e6]);
  if (kind === 4) return Number(`${digits(1 + below(17))}e${below(40) - 20}`);
  return view.readDoubleBE(0);
}

const spellings = [
  (number) => String(number),
  (number) => number.toExponential(),
  (number) => number.toExponential(16),
  (number) => number.toPrecision(17),
  (number) => number.toPrecision(17).toUpperCase(),
  (number) => (Number.isInteger(number) && Math.abs(number) < 1e21 ? `${number}.000` : String(number)),
  (number) => (Math.abs(number) < 1e21 ? `${BigInt(Math.trunc(number))}` : String(number)),
];

function number() {
  const kind = below(6);
  if (kind === 0) return `${pick(["", "-"])}${String(1 + below(9))}${digits(below(25))}`;
  if (kind === 1) return `${pick(["", "-"])}${below(1000)}.${digits(1 + below(25))}`;
  if (kind === 2) return pick(["-0", "0", "0.0", "-0.0e5", "1e400", "-1e999", "9007199254740992", "9007199254740993", "-9007199254740992",
    "9007199254740994", "1e21", "1e20", "123456789012345680000", "1e-6", "1e-7", "5e-324", "2e-324", "1.7976931348623157e308", "1.10", "0.1", "100e-2"]);
  let value = double();
  while (!Number.isFinite(value)) value = double();
  return pick(spellings)(value).replace("e+", pick(["e+", "e", "E+"]));
}

const pieces = ["a", "é", "漢", "🙂", "\\u00e9", "\\u00E9", "\\/", "/", '\\"', "\\\\", "\\b", "\\f", "\\n", "\\r", "\\t", "\\u0000", "\\u001F", "\\u000b",
  "\\u007f", "\u007f", "\\u2028", "\u2028", "\\ud83d\\ude00", "\\uD83D", "\\ude00", "\\ud83dx", "\\ud83d\\ud83d\\ude00", "\\u0041", "<", "\ufeff", "\uffff", "\\uffff"];
const string = () => `"${Array.from({ length: below(5) }, () => pick(pieces)).join("")}"`;
const names = ['"a"', '"b"', '"__proto__"', '"constructor"', '"01"', '"1.5"', '"-1"', '"é"', '"\\u00e9"', '""', '"0"', '"1"', '"10"', '"2"', '"\\u0032"',
  '"4294967294"', '"4294967295"', '"4294967296"', '"99999999999"', '" 1"', '"1e3"'];
const blank = () => pick(["", "", "", " ", "\t", "  "]);

function value(depth) {
  const kind = below(depth > 4 ? 5 : 8);
  if (kind < 2) return number();
  if (kind < 4) return string();
  if (kind === 4) return pick(["null", "true", "false"]);
  const list = Array.from({ length: below(5) }, () => kind === 5
    ? `${blank()}${value(depth + 1)}${blank()}`
    : `${blank()}${pick([string(), pick(names)])}${blank()}:${blank()}${value(depth + 1)}`);
  return kind === 5 ? `[${list.join(",")}]` : `{${list.join(",")}${blank()}}`;
}

// What a text means, told without JavaScript's numbers and objects: tokens, with numbers as decimals and strings as
// JavaScript writes them, which loses nothing of them. Blanks are gone.
function meaning(text) {
  return text.match(/"(?:\\.|[^"\\])*"|-?\d[\d.eE+-]*|[a-z]+|[[\]{}:,]/gu)
    .map((token) => (token[0] === '"' ? JSON.stringify(JSON.parse(token)) : /[-\d]/.test(token[0]) ? decimal(token) : token)).join(" ");
}

const texts = [];
for (let i = 0; i < 40000; i++) texts.push(i % 2 ? number() : value(0));
const done = spawnSync(program, { input: texts.join("\n") + "\n", encoding: "utf8", maxBuffer: 1 << 30 });
const answers = done.stdout.split("\n");
let passed = 0, failed = 0, kept = 0;
texts.forEach((text, i) => {
  const theirs = JSON.stringify(JSON.parse(text));
  const expected = meaning(theirs) === meaning(text) ? theirs : "?";
  kept += expected === "?";
  if (answers[i] === expected) {
    passed++;
  } else if (failed++ < 10) {
    console.log(`${text}\n  found    ${answers[i]}\n  expected ${expected} (seed ${seed})`);
  }
});
if (kept < 1000 || kept > texts.length / 2) {
  console.log(`${kept} of ${texts.length} would mean something else: not what was meant to be drawn`);
  failed++;
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed === texts.length && done.status === 0 ? 0 : 1;
