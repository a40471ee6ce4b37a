// V8's side of bench_rule: the same filter and projection as a precompiled function between
// JSON.parse and JSON.stringify. What is received and sent is bytes; what V8 reads and writes
// is strings. CPU time of the whole process: its collector and compiler have threads of their
// own.
//
//   hello                      1
//   case, then two lines: the function's source, the payload
//   strings                    µs a payload, of one round, from string to string
//   bytes                      the same from bytes to bytes
import { createInterface } from 'node:readline';
import vm from 'node:vm';

const ROUND_US = 20000;
const WARM_UP = 50;
let apply;
let payload;
let bytes;
let kept = 0;

const strings = () => JSON.stringify(apply(JSON.parse(payload))).length;
const whole = () => Buffer.from(JSON.stringify(apply(JSON.parse(bytes.toString())))).length;

function round(way) {
  const start = process.cpuUsage();
  let count = 0;
  for (;;) {
    for (let i = 0; i < 16; i++) kept += way();
    count += 16;
    const spent = process.cpuUsage(start);
    if (spent.user + spent.system > ROUND_US) return (spent.user + spent.system) / count;
  }
}

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const next = async () => (await lines.next()).value;

for (let line = await next(); line !== undefined; line = await next()) {
  if (line === 'hello') console.log(1);
  else if (line === 'strings') console.log(round(strings));
  else if (line === 'bytes') console.log(round(whole));
  else if (line === 'case') {
    apply = new vm.Script(`(${await next()})`).runInNewContext();
    payload = await next();
    bytes = Buffer.from(payload);
    for (let i = 0; i < WARM_UP; i++) round(i % 2 ? strings : whole);
  }
}
process.exitCode = kept > 0 ? 0 : 1;
