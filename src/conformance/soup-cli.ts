// npm run -s soup -- [--ops N] [--seed N] [--check-every N]
// Runs the stress soup with the whole series and without it; exits with 1 at the first problem.

import { parseArgs } from 'node:util';
import { ALL_PATCHES } from '../core/uapi/config.ts';
import { runSoup } from './soup.ts';

const { values } = parseArgs({
  options: {
    ops: { type: 'string', default: '100000' },
    seed: { type: 'string', default: '1' },
    'check-every': { type: 'string', default: '250' },
  },
});

let failed = false;
for (const [name, patches] of [
  ['series on', ALL_PATCHES],
  ['series off', []],
] as const) {
  const started = performance.now();
  const outcome = runSoup({
    ops: Number(values.ops),
    seed: Number(values.seed),
    patches,
    checkEvery: Number(values['check-every']),
  });
  for (const problem of outcome.problems.slice(0, 20)) console.log(problem);
  const { ops, succeeded, refused, checks, oomKills, hash } = outcome;
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  console.log(
    `${name}: ${ops} operations, ${succeeded} succeeded, ${outcome.failed} failed, ${refused} not possible, ` +
      `${oomKills} out of memory, ${checks} checks, hash ${hash.toString(16)}, ${seconds} s`,
  );
  failed ||= outcome.problems.length > 0;
}
console.log(failed ? 'the invariants do not hold' : 'all invariants hold');
process.exitCode = failed ? 1 : 0;
