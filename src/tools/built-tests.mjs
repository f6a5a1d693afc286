// The run of all unit tests has them built first, as what they look at is for its users: module by module, nothing is
// known of what is imported, which takes a fifth to half of the time, and each module is read anew.

import { readdirSync } from 'node:fs';
import { join, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from './install.mjs';

/** Reads the sources and what their linter says of them, as they are written. */
const AS_WRITTEN = ['architecture'];

/** Below src, each without its ending. */
const names = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.test.ts'))
  .map((file) => file.replaceAll(sep, '/').slice(0, -'.test.ts'.length))
  .filter((name) => !AS_WRITTEN.includes(name));

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
export const buildTests = async () => {
  const { build } = await import('vite');
  const input = Object.fromEntries(names.map((name) => [name, join(root, 'src', `${name}.test.ts`)]));
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
  return names.map((name) => `src/${name}.test.ts`);
};
