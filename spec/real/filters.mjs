// Filters and payloads by chance, as far as MongoDB's operators and ours mean the same, each with what mingo, which
// knows MongoDB's, says of the two, in a line: passes, filters, payload, tabs between.
//   node filters.mjs NODE_MODULES COUNT
import { createRequire } from "node:module";
const { Query } = createRequire(process.argv[2] + "/")("mingo");

let state = 20261130;
const below = (n) => ((state = (Math.imul(state, 1103515245) + 12345) >>> 0) >>> 8) % n;
const one = (list) => list[below(list.length)];

// No text that reads as a number, nothing empty, null of members alone: there the two differ, and ours is tested by
// itself.
const known = () => one([0, 1, 2, 3, 2.5, -1, "a", "b", "ab", "ba", true, false]);
const scalar = () => (below(12) ? known() : null);
const comparable = () => one([0, 1, 2, 2.5, -1, "a", "b", "ab"]);
const path = () => one(["x", "y", "x.y", "y.z", "z", "x.z"]);
const list = (make, least = 1) => Array.from({ length: least + below(3) }, make);

const value = (depth) => {
  const kind = below(depth > 0 ? 6 : 3);
  if (kind < 3) return scalar();
  if (kind < 5) return object(depth - 1);
  return below(2) ? list(scalar) : list(() => object(0)); // mingo does not look into arrays in arrays of objects
};
const object = (depth) =>
  Object.fromEntries(list(() => [one(["x", "y", "z"]), value(depth)]));

const condition = (depth, scalar) => {
  switch (below(depth > 0 ? 9 : 8)) {
    case 0: return { $ne: scalar() };
    case 1: return { $in: list(scalar) };
    case 2: return { $nin: list(scalar) };
    case 3: return { [one(["$gt", "$gte", "$lt", "$lte"])]: comparable() };
    case 4: return { $exists: below(2) === 1 };
    case 5: return { $eq: scalar() };
    case 8: return { $not: condition(0, scalar) };
    default: return scalar();
  }
};
const filters = (depth) =>
  Object.fromEntries(Array.from({ length: 1 + below(2) }, () => {
    const kind = below(depth > 0 ? 8 : 6);
    if (kind < 6) {
      const where = path();
      return [where, condition(1, where.length > 1 ? known : scalar)];
    }
    return [kind === 6 ? "$or" : "$and", list(() => filters(depth - 1))];
  }));

for (let i = 0; i < Number(process.argv[3]); i++) {
  const asked = filters(1 + below(2)), payload = object(2);
  console.log([new Query(asked).test(payload), JSON.stringify(asked), JSON.stringify(payload)].join("\t"));
}
