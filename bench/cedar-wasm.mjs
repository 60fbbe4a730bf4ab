#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// The official engine's WebAssembly side of bench/cedar: policies are prepared; entities and requests are handed over as ready
// text, since this interface parses them anew each time.
//
//   cedar-wasm.mjs DIR MS        $CEDAR_WASM names its nodejs/cedar_wasm.js, else @cedar-policy/cedar-wasm is looked up from here
import fs from 'node:fs';
import path from 'node:path';
import v8 from 'node:v8';
import { createRequire } from 'node:module';

v8.setFlagsFromString('--no-turbo-inline-js-wasm-calls');
const engine = createRequire(path.join(process.cwd(), 'x.js'))(process.env.CEDAR_WASM || '@cedar-policy/cedar-wasm/nodejs');
const [dir, ms] = process.argv.slice(2);
const read = (n) => fs.readFileSync(path.join(dir, n), 'utf8');

const stringify = JSON.stringify;
JSON.stringify = (v, ...rest) => (v && v.ready !== undefined ? v.ready : stringify(v, ...rest));
const parse = engine.preparsePolicySet('bench', { ready: `{"staticPolicies":${stringify(read('policies.cedar'))}}` });
if (parse.type !== 'success') throw new Error(stringify(parse));
const entities = read('entities.json');
const calls = read('requests.jsonl').split('\n').filter((l) => l).map((l) => {
  const r = JSON.parse(l);
  return { ready: `{"principal":${stringify(r.principal)},"action":${stringify(r.action)},"resource":${stringify(r.resource)},` +
    `"context":${stringify(r.context)},"preparsedPolicySetId":"bench","entities":${entities}}` };
});
let allowed = 0;
const times = [];
const end = process.hrtime.bigint() + BigInt(ms) * 1000000n;
for (let i = 0; process.hrtime.bigint() < end || times.length < 3; i = (i + 1) % calls.length) {
  const t = process.hrtime.bigint();
  const a = engine.statefulIsAuthorized(calls[i]);
  times.push(Number(process.hrtime.bigint() - t));
  if (a.type !== 'success') throw new Error(stringify(a));
  allowed += a.response.decision === 'allow' ? 1 : 0;
}
times.sort((a, b) => a - b);
console.log(stringify({ engine: 'wasm', median_ns: times[times.length >> 1], min_ns: times[0], samples: times.length, allowed: allowed > 0 }));
