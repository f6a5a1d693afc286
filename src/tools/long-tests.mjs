// Unit tests that take most of the time of all: the run of all tests has them built first, as what they look at is for its
// users. That takes half the time: module by module, nothing is known of what is imported.

import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from './install.mjs';

/** Below src. */
const LONG_TESTS = [
  'conformance/big-steps',
  'conformance/gpu-big-steps',
  'conformance/gpu-generic',
  'conformance/gpu-soup',
  'conformance/programs',
  'conformance/selftests',
  'conformance/series-off',
  'core/kernel/drivers/test-hmm-bulk',
  'core/kernel/mm/gup-bulk',
  'core/kernel/mm/migrate-range-bulk',
  'core/kernel/mm/unmap-bulk',
  'core/scenario/slices',
  'worker/kernels',
  'worker/views/pyramid',
  'worker/views/retell',
];

/** Where they are put; relative to the root. */
const BUILT_TESTS = '.built-tests';

/** Modules find files beside themselves, wherever their code has been put. */
const ownAddress = {
  name: 'own-address',
  /** @param {string} code @param {string} id */
  transform: (code, id) =>
    code.includes('import.meta.url')
      ? { code: code.replaceAll('import.meta.url', JSON.stringify(pathToFileURL(id).href)), map: null }
      : undefined,
};

/** @returns {Promise<readonly string[]>} the tests that need not be run as they are written, relative to the root */
export const buildLongTests = async () => {
  const { build } = await import('vite');
  const input = Object.fromEntries(LONG_TESTS.map((name) => [name, join(root, 'src', `${name}.test.ts`)]));
  await build({
    root,
    logLevel: 'warn',
    plugins: [ownAddress],
    ssr: { noExternal: true, external: ['vitest'] },
    publicDir: false,
    build: {
      ssr: true,
      outDir: join(root, BUILT_TESTS),
      emptyOutDir: true,
      minify: false,
      sourcemap: 'inline',
      rollupOptions: {
        input,
        output: { entryFileNames: '[name].test.js', chunkFileNames: 'chunks/[name]-[hash].js' },
      },
    },
  });
  return LONG_TESTS.map((name) => `src/${name}.test.ts`);
};
