// npm run unit: all unit tests, built first. `npx vitest run FILE` runs one as it is written.

import { spawnSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { ensureInstalled, root } from './install.mjs';
import { buildTests } from './built-tests.mjs';

ensureInstalled();
const built = await buildTests();
const vitest = join(
  dirname(createRequire(join(root, 'package.json')).resolve('vitest/package.json')),
  'vitest.mjs',
);
const { status } = spawnSync(process.execPath, [vitest, 'run', ...process.argv.slice(2)], {
  cwd: root,
  stdio: 'inherit',
  env: { ...process.env, BUILT_TESTS: built.join(',') },
});
process.exit(status ?? 1);
