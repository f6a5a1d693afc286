import react from '@vitejs/plugin-react';
import type { Plugin } from 'vite';
import { defineConfig } from 'vitest/config';

/** The built page loads nothing but its own files, runs no inline code and sends nothing anywhere. */
const CONTENT_SECURITY_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "font-src 'self'",
  "img-src 'self' data: blob:",
  "connect-src 'self'",
  "worker-src 'self'",
  "manifest-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
].join('; ');

/** Only in the build: the development server injects inline styles and scripts. */
function contentSecurityPolicy(): Plugin {
  return {
    name: 'content-security-policy',
    apply: 'build',
    transformIndexHtml: (html) =>
      html.replace(
        '<head>',
        `<head>\n    <meta http-equiv="Content-Security-Policy" content="${CONTENT_SECURITY_POLICY}" />`,
      ),
  };
}

/** Tests that have been built already (src/tools/unit.mjs). */
const builtTests = (process.env['BUILT_TESTS'] ?? '').split(',').filter((file) => file !== '');

export default defineConfig({
  // Relative addresses, so that the built app works below any path.
  base: './',
  plugins: [react(), contentSecurityPolicy()],
  worker: { format: 'es' },
  build: {
    target: 'es2023',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 1000,
  },
  test: {
    environment: 'node',
    // A busy machine is no failure; what hangs still ends.
    testTimeout: 60_000,
    // By itself it leaves a core to others, half of the machine that checks this.
    maxWorkers: '100%',
    // Modules keep nothing from one test file to the next, and the compiler knows them already: less than half the time.
    isolate: false,
    include: ['src/**/*.test.ts', ...(builtTests.length > 0 ? ['.built-tests/**/*.test.js'] : [])],
    exclude: ['node_modules/**', 'dist/**', 'e2e/**', ...builtTests],
  },
});
