// Who may import whom, as a table, and the rules of the core that the compiler does not know.

import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import {
  callsWithoutYield,
  importedNames,
  importsOf,
  kernelDocProblems,
  resolveImport,
  sleepablesOf,
} from './tools/source-rules.mjs';

/**
 * Data flows outward (scenario → kernel → trace → timeline → worker → store → map and panels), imports point inward.
 *
 * A room is a folder or file below src, or what begins with that name: `worker/client` is worker/client.ts. The most
 * specific room counts; `*` makes a room of each folder. What is not allowed here is forbidden, so a new room starts
 * closed. A room may always import itself. `npm` is any package, `npm:x` that one, `node` the built-ins of Node.
 * Tests may import anything.
 */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  'core/uapi': ['npm:valibot'],
  'core/trace': ['core/uapi'],
  'core/machine': ['core/uapi', 'core/trace'],
  'core/kernel/sched': ['core/uapi', 'core/trace', 'core/machine'],
  'core/kernel/mm': ['core/uapi', 'core/trace', 'core/machine', 'core/kernel/sched'],
  'core/kernel/drivers/test-hmm': [
    'core/uapi',
    'core/trace',
    'core/machine',
    'core/kernel/sched',
    'core/kernel/mm',
  ],
  'core/kernel/drivers/gup-test': [
    'core/uapi',
    'core/trace',
    'core/machine',
    'core/kernel/sched',
    'core/kernel/mm',
  ],
  'core/kernel/drivers/dax': [
    'core/uapi',
    'core/trace',
    'core/machine',
    'core/kernel/sched',
    'core/kernel/mm',
  ],
  'core/kernel/drivers/p2pdma': [
    'core/uapi',
    'core/trace',
    'core/machine',
    'core/kernel/sched',
    'core/kernel/mm',
  ],
  'core/kernel/drivers/ttm': [
    'core/uapi',
    'core/trace',
    'core/machine',
    'core/kernel/sched',
    'core/kernel/mm',
  ],
  'core/kernel/drivers/amdgpu': [
    'core/uapi',
    'core/trace',
    'core/machine',
    'core/kernel/sched',
    'core/kernel/mm',
    'core/kernel/drivers/ttm',
  ],
  'core/timeline': ['core/uapi', 'core/trace', 'core/machine', 'core/kernel'],
  'core/scenario': ['core/uapi', 'core/trace', 'core/machine', 'core/kernel', 'core/timeline'],
  'core/invariants': ['core/uapi', 'core/trace', 'core/machine', 'core/kernel', 'core/scenario'],
  'core/index': ['core'],

  scenarios: ['core/uapi'],
  words: ['core/uapi'],

  worker: ['core', 'scenarios', 'worker/protocol'],
  'worker/protocol': ['core/uapi'],
  'worker/client': ['core/uapi', 'worker/protocol', 'worker/transfer', 'worker/sim.worker'],

  store: ['worker/client', 'worker/protocol', 'scenarios', 'words', 'core/uapi', 'npm'],
  ui: ['npm'],
  map: ['store', 'ui', 'words', 'core/uapi', 'map/map.worker', 'npm'],
  'map/map.worker': ['map/layout', 'map/color', 'map/paint', 'map/painter', 'core/uapi'],
  'panels/*': ['store', 'ui', 'words', 'core/uapi', 'npm'],
  walkthrough: ['store', 'ui', 'words', 'core/uapi', 'npm'],
  // documents inside the app; each is a chunk of its own
  pages: ['store', 'ui', 'words', 'scenarios', 'core/uapi', 'npm'],
  app: ['map', 'panels', 'pages', 'walkthrough', 'store', 'ui', 'words', 'core/uapi', 'npm'],
  main: ['app', 'map', 'panels', 'walkthrough', 'store', 'ui', 'core/uapi', 'npm'],

  conformance: ['core', 'scenarios', 'node', 'npm:fast-check'],
  bench: [
    'core',
    'conformance',
    'scenarios',
    'worker/jobs',
    'worker/protocol',
    'worker/session',
    'node',
    'npm:immer',
    'npm:valibot',
  ],
  'bench/browser-cli': ['bench', 'map/painter-messages', 'tools', 'node', 'npm:playwright'],
  tools: ['node'],
  // what is measured is built as the app is
  'tools/run': ['tools', 'node', 'npm:vite'],
  'tools/built-tests': ['tools', 'node', 'npm:vite'],
  'tools/unit': ['tools', 'tools/built-tests', 'node'],
};

/** Imports that should not be, each with its reason. */
const DEBT: readonly { readonly from: string; readonly to: string; readonly reason: string }[] = [];

/** The files below src, by path, with their text. */
type Sources = ReadonlyMap<string, string>;

/** A test, or what several of them are set up with. */
const isTest = (file: string) => /(\.test|-fixture)\.tsx?$/.test(file);
const isWithin = (path: string, room: string) =>
  path === room || (path.startsWith(room) && '/.-'.includes(path.charAt(room.length)));
const nameOf = (path: string) => path.replace(/\.(tsx?|mjs|css|json)$/, '');

interface Room {
  readonly name: string;
  readonly allowed: readonly string[];
}

/** The most specific room that a path lies in. */
function roomOf(path: string): Room | undefined {
  const rooms = Object.entries(MAY_IMPORT).flatMap(([pattern, allowed]) => {
    const folder = pattern.replace(/\/\*$/, '');
    if (!isWithin(path, folder)) return [];
    const name =
      pattern === folder
        ? folder
        : path
            .split('/')
            .slice(0, folder.split('/').length + 1)
            .join('/');
    return [{ name, allowed }];
  });
  return rooms.toSorted((a, b) => b.name.length - a.name.length)[0];
}

const isAllowed = (target: string, { name, allowed }: Room) =>
  allowed.some((entry) => {
    if (entry === 'npm') return target.startsWith('npm:');
    if (entry === 'node') return target.startsWith('node:');
    return entry.includes(':') ? target === entry : isWithin(target, entry);
  }) || roomOf(target)?.name === name;

/** Imports that the table does not allow, and files that are in no room. */
function forbiddenImports(sources: Sources): string[] {
  return [...sources].flatMap(([file, source]) => {
    if (isTest(file)) return [];
    const room = roomOf(file);
    if (room === undefined) return [`${file} is in no room: give it one in src/architecture.test.ts`];
    return importsOf(source)
      .map(({ to, line }) => ({ line, target: resolveImport(file, to) }))
      .filter(({ target }) => !isAllowed(target, room))
      .filter(({ target }) => !DEBT.some(({ from, to }) => isWithin(file, from) && isWithin(target, to)))
      .map(
        ({ target, line }) =>
          `${nameOf(file)} imports ${nameOf(target)} (line ${line}): ${room.name} may not; it may import ` +
          (room.allowed.length > 0 ? room.allowed.join(', ') : 'nothing'),
      );
  });
}

/** Imports of the core from outside, whatever the table says. */
function importsOutOfCore(sources: Sources): string[] {
  return [...sources].flatMap(([file, source]) => {
    if (!isWithin(file, 'core') || isTest(file)) return [];
    return importsOf(source)
      .map(({ to, line }) => ({ line, target: resolveImport(file, to) }))
      .filter(({ target }) => !isWithin(target, 'core') && target !== 'npm:valibot')
      .map(({ target, line }) => `${file}:${line} imports ${target}: the core may import only valibot`);
  });
}

/** Calls in the core that only make a generator and never run it. TypeScript does not notice them. */
function forgottenYields(sources: Sources): string[] {
  const core = [...sources].filter(([file]) => isWithin(file, 'core') && !isTest(file));
  const declared = new Map(core.map(([file, source]) => [file, sleepablesOf(source)]));
  const methods = new Set([...declared.values()].flatMap((found) => [...found.methods]));
  return core.flatMap(([file, source]) => {
    const names = new Set(declared.get(file)?.functions);
    for (const { to, imported, local } of importedNames(source)) {
      const functions = declared.get(resolveImport(file, to))?.functions ?? new Set<string>();
      if (functions.has(imported)) names.add(local);
      if (imported === '*') for (const name of functions) names.add(`${local}.${name}`);
    }
    return callsWithoutYield(source, { names, methods }).map(
      ({ name, line }) => `${file}:${line} calls ${name} without yield*: it may sleep`,
    );
  });
}

/** Exported functions of the simulated kernel that do not say what they stand for. */
function undocumentedKernelFunctions(sources: Sources): string[] {
  return [...sources].flatMap(([file, source]) =>
    isWithin(file, 'core/kernel') && !isTest(file)
      ? kernelDocProblems(source).map(({ name, line, problem }) => `${file}:${line} ${name} ${problem}`)
      : [],
  );
}

function readSources(): Sources {
  const folder = new URL('./', import.meta.url);
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((file) => file.replaceAll('\\', '/'))
    .filter((file) => /\.(tsx?|mjs)$/.test(file))
    .toSorted();
  return new Map(files.map((file) => [file, readFileSync(new URL(file, folder), 'utf8')]));
}

describe('the source', () => {
  const sources = readSources();

  test('imports only what the table allows', () => expect(forbiddenImports(sources)).toEqual([]));
  test('keeps the core to itself', () => expect(importsOutOfCore(sources)).toEqual([]));
  test('calls what may sleep with yield*', () => expect(forgottenYields(sources)).toEqual([]));
  test('says which kernel function each exported one stands for', () =>
    expect(undocumentedKernelFunctions(sources)).toEqual([]));
});

// The rest shows on small examples that the rules above can fail.

const files = (contents: Record<string, string>): Sources => new Map(Object.entries(contents));

describe('the table of imports', () => {
  const forbidden = (file: string, source: string) => forbiddenImports(files({ [file]: source }));

  test('lets a panel import the store, a package and itself', () => {
    const source = `
      import { useApp } from '../../store/use-app.ts';
      import type { Pfn } from '../../core/uapi/units.ts';
      import { rows } from './rows.ts';
      import './trace.css';
      import { scaleLinear } from 'd3';`;
    expect(forbidden('panels/Trace/Trace.tsx', source)).toEqual([]);
  });

  test.each([
    ['a value', `import { gup } from '../../core/kernel/mm/gup.ts';`],
    ['a type', `import type { Gup } from '../../core/kernel/mm/gup.ts';`],
    [
      'several lines',
      `import {\n  type Gup,\n  gup as g, // the call\n} from '../../core/kernel/mm/gup.ts';`,
    ],
    ['side effects', `import '../../core/kernel/mm/gup.ts';`],
    ['later', `const gup = await import('../../core/kernel/mm/gup.ts');`],
    ['again', `export { gup } from '../../core/kernel/mm/gup.ts';`],
    ['all again', `export * from '../../core/kernel/mm/gup.ts';`],
    ['a type in place', `let gup: import('../../core/kernel/mm/gup.ts').Gup;`],
    ['a worker', `new Worker(new URL('../../core/kernel/mm/gup.ts', import.meta.url), { type: 'module' });`],
    ['many', `import.meta.glob('../../core/kernel/mm/gup.ts')`],
  ])('stops a panel that imports the kernel: %s', (_, source) => {
    expect(forbidden('panels/Trace/Trace.tsx', source)).toEqual([
      expect.stringMatching(
        /^panels\/Trace\/Trace imports core\/kernel\/mm\/gup \(line \d\): panels\/Trace may not/,
      ),
    ]);
  });

  test('is not misled by comments, strings and exports without a source', () => {
    const source = `
      // import { gup } from '../../core/kernel/mm/gup.ts';
      /* export * from '../../core/kernel/mm/gup.ts'; */
      const text = \`import x from "\${'// "'}"\`;
      spawn('--import', 'd4', 'import "d5"', new URL('../../core/', import.meta.url));
      const slash = /['"\`]/.test(text) ? 1 / 2 : 2;
      export interface Move { from: '../../core/kernel/mm/gup.ts' }`;
    expect(forbidden('panels/Trace/Trace.tsx', source)).toEqual([]);
  });

  test.each([
    ['panels/Trace/Trace.tsx', '../Inspector/rows.ts'],
    ['core/kernel/mm/hmm.ts', '../drivers/test-hmm.ts'],
    ['core/kernel/drivers/test-hmm.ts', './ttm.ts'],
    ['core/kernel/drivers/ttm.ts', './amdgpu-svm.ts'],
    ['core/machine/pages.ts', '../kernel/mm/gup.ts'],
    ['core/uapi/units.ts', '../trace/log.ts'],
    ['scenarios/cow/walkthrough.ts', '../../core/index.ts'],
    ['worker/protocol.ts', './session.ts'],
    ['worker/client.ts', '../core/index.ts'],
    ['store/trace.ts', '../worker/session.ts'],
    ['map/map.worker.ts', './camera.ts'],
    ['ui/Button.tsx', '../store/index.ts'],
    ['ui/Button.tsx', '../words/en.ts'],
    ['words/en.ts', 'react'],
    ['tools/start.mjs', 'vite'],
    ['conformance/cli.ts', '../worker/session.ts'],
    ['core/uapi/units.ts', 'node:fs'],
    ['app/App.tsx', '../../e2e/browser.ts'],
  ])('stops %s from importing %s', (file, to) => {
    expect(forbidden(file, `import { x } from '${to}';`)).toHaveLength(1);
  });

  test.each([
    ['core/kernel/drivers/amdgpu-svm.ts', './ttm.ts'],
    ['core/kernel/drivers/amdgpu-svm.ts', './amdgpu-migrate.ts'],
    ['core/kernel/drivers/test-hmm.ts', '../mm/hmm.ts'],
    ['core/uapi/scenario.ts', 'valibot'],
    ['worker/client.ts', './protocol.ts'],
    ['map/map.worker.ts', './paint.ts'],
    ['main.tsx', './app/App.tsx'],
    ['main.tsx', '@fontsource-variable/inter/index.css'],
    ['bench/cli.ts', '../conformance/replay.ts'],
    ['panels/Trace/rows.test.ts', '../../core/index.ts'],
  ])('lets %s import %s', (file, to) => {
    expect(forbidden(file, `import { x } from '${to}';`)).toEqual([]);
  });

  test('gives no room to a file that nobody thought of', () => {
    expect(forbidden('utils/misc.ts', '')).toHaveLength(1);
  });
});

test('the core may import valibot and nothing else from outside', () => {
  const source = `import * as v from 'valibot';\nimport { a } from './a.ts';\nimport { scaleLinear } from 'd3';`;
  expect(importsOutOfCore(files({ 'core/scenario/x.ts': source }))).toEqual([
    'core/scenario/x.ts:3 imports npm:d3: the core may import only valibot',
  ]);
  expect(importsOutOfCore(files({ 'core/x.ts': `import '../words/en.ts';` }))).toHaveLength(1);
});

describe('the rule of yield*', () => {
  const fault = `
    export const handleMmFault = sleepable('handle_mm_fault', function* (k: Machine) { return 0; });
    export function* plain(k: Machine): Sleeps<number> { return 0; }
    export const quick = atomic('quick', (k: Machine) => 0);
    export const later = (k: Machine): Sleeps<number> => plainly(k);
    export interface Ops { migrateToRam?(m: Machine, vmf: VmFault): Sleeps<number>; }`;
  const calls = (source: string) =>
    forgottenYields(files({ 'core/kernel/mm/fault.ts': fault, 'core/kernel/mm/gup.ts': source }));

  test.each([
    `import { handleMmFault } from './fault.ts';\nfunction* f() { const ret = handleMmFault(k); }`,
    `import { handleMmFault } from './fault.ts';\nfunction* f() { yield handleMmFault(k); }`,
    `import { handleMmFault } from './fault.ts';\nfunction* f() { yield* g(handleMmFault(k)); }`,
    `import { handleMmFault as h } from './fault.ts';\nfunction* f() { h(k); }`,
    `import * as fault from './fault.ts';\nfunction* f() { fault.handleMmFault(k); }`,
    `import { plain, quick } from './fault.ts';\nfunction* f() { quick(k); return plain(k); }`,
    `import { later } from './fault.ts';\nfunction* f() { later(k); }`,
    `function* own(k) {}\nconst f = atomic('f', (k) => own(k));`,
    `\nfunction* f(ops: Ops) { ops.table[0]!.migrateToRam?.(m, vmf); }`,
  ])('stops %j', (source) => {
    expect(calls(source)).toEqual([
      expect.stringMatching(/^core\/kernel\/mm\/gup\.ts:2 calls [\w.[\]!]+ without yield\*/),
    ]);
  });

  test('lets calls with yield*, declarations, imports, plain functions and mere mentions pass', () => {
    const source = `
      import { handleMmFault, plain, quick } from './fault.ts';
      import * as fault from './fault.ts';
      // handleMmFault(k) is called below
      const text = 'handleMmFault(k)';
      const table = { handleMmFault, plain };
      function* own(k: Machine) {
        quick(k);
        const a = yield* handleMmFault(k);
        const b = 1 + (yield* plain(k));
        const c = yield*
          fault.handleMmFault(k);
        const d = (yield* ops.table[0]!.migrateToRam?.(m, vmf)) ?? 0;
        const e = this.handleMmFault(k);
        run(handleMmFault, plain);
      }
      export const both = sleepable('both', function* (k) { return yield* own(k); });`;
    expect(calls(source)).toEqual([]);
  });
});

describe('the rule of comments', () => {
  const problems = (source: string) =>
    undocumentedKernelFunctions(files({ 'core/kernel/mm/gup.ts': source }));

  test.each([
    [`export const f = atomic('f', (k) => 0);`, 'has no TSDoc block'],
    [`// Kernel: \`mm/gup.c: f\`\nexport function* f(k) {}`, 'has no TSDoc block'],
    [
      `/** Kernel: \`mm/gup.c: f\` */\nconst g = 1;\nexport const f = (k: K): number => 0;`,
      'has no TSDoc block',
    ],
    [`/** Gets it. */\nexport const f = sleepable('f', function* (k) {});`, 'has neither'],
    [`/** Kernel: mm/gup.c: f */\nexport const f = (k) => 0;`, 'has a malformed line'],
    [`/** Kernel: \`gup: f\` */\nexport function f() {}`, 'has a malformed line'],
    [`/** Ours: yes. */\nexport const f = <T>(x: T) => x;`, 'has neither'],
    [`/** Sees Kernel: \`mm/gup.c: f\` */\nexport const f: F = k => 0;`, 'has a malformed line'],
  ])('stops %j', (source, problem) => {
    expect(problems(source)).toEqual([expect.stringContaining(` f ${problem}`)]);
  });

  test.each([
    `/**\n * Pins again.\n *\n * Kernel: \`mm/gup.c: f\`\n * Sleeps: page locks.\n */\nexport const f = sleepable('f', function* () {});`,
    `/** Kernel: \`include/linux/mm.h: f, g\`, \`mm/gup.c: h\`. Simplified: no folios. */\nexport const f = (k) => 0;`,
    `/** Pins again. Kernel: \`mm/gup.c: f\` */\nexport function* f() {}`,
    `/** Pages in a batch. Ours: for the invariants. */\nexport const f = (k: K): Pfn[] => [];`,
    `/** Ours: one place for a test of page flags. */\nexport function f() {}`,
    `export const LIMIT = (1 << 3) + 1;\nexport const TABLE = [1];\nexport type F = () => void;\nconst f = () => 0;`,
  ])('lets %j pass', (source) => {
    expect(problems(source)).toEqual([]);
  });
});
