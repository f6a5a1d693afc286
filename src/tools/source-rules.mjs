// What architecture.test.ts asks of a source file: what it imports, which generators it calls and how, and whether
// its kernel functions say which function they stand for. Reads text, not syntax trees: TypeScript 7 has no API.

/**
 * The source with comments blanked out, and with the contents of strings too if `strings` is set. Length and line
 * breaks stay, so that positions hold for the original.
 *
 * @param {string} source
 * @param {{ strings: boolean }} what
 */
export function blank(source, { strings }) {
  const out = source.split('');
  /** @param {number} from @param {number} to */
  const erase = (from, to) => {
    for (let i = from; i < to; i++) if (out[i] !== '\n') out[i] = ' ';
  };
  /** For each open `${` the number of open braces inside it. @type {number[]} */
  const templates = [];
  // The last few characters before the current position, without comments: tell a regular expression from a division.
  let before = '';
  let at = 0;

  /** Reads the text of a template up to its end or the next `${`. @param {number} from */
  const templateText = (from) => {
    let end = from;
    while (end < source.length && source[end] !== '`' && !source.startsWith('${', end)) {
      end += source[end] === '\\' ? 2 : 1;
    }
    if (strings) erase(from, end);
    if (source[end] === '`') return end + 1;
    templates.push(0);
    return end + 2;
  };

  while (at < source.length) {
    const char = source[at] ?? '';
    let end = at + 1;
    if (source.startsWith('//', at)) {
      end = source.indexOf('\n', at);
      if (end < 0) end = source.length;
      erase(at, end);
    } else if (source.startsWith('/*', at)) {
      end = source.indexOf('*/', at + 2) + 2;
      if (end < 2) end = source.length;
      erase(at, end);
    } else if (char === "'" || char === '"') {
      while (end < source.length && source[end] !== char && source[end] !== '\n')
        end += source[end] === '\\' ? 2 : 1;
      if (strings) erase(at + 1, end);
      end += 1;
      before = char;
    } else if (char === '`') {
      end = templateText(at + 1);
      before = '`';
    } else if (char === '/' && /(^|[(,=:[!&|?{};+\-*%~^]|=>|\breturn|\bcase)$/.test(before.trimEnd())) {
      let inClass = false;
      while (end < source.length && source[end] !== '\n' && (inClass || source[end] !== '/')) {
        if (source[end] === '[') inClass = true;
        if (source[end] === ']') inClass = false;
        end += source[end] === '\\' ? 2 : 1;
      }
      if (strings) erase(at + 1, end);
      end += 1;
      before = '/';
    } else {
      const open = templates.length - 1;
      if (open >= 0 && char === '{') templates[open] = (templates[open] ?? 0) + 1;
      if (open >= 0 && char === '}') {
        if (templates[open] === 0) {
          templates.pop();
          end = templateText(at + 1);
        } else templates[open] = (templates[open] ?? 0) - 1;
      }
      before = (/\s/.test(char) ? `${before.trimEnd()} ` : before + char).slice(-9);
    }
    at = end;
  }
  return out.join('');
}

/** @param {string} source @param {number} position */
export const lineOf = (source, position) => source.slice(0, position).split('\n').length;

const IMPORTS = [
  /\b(?:import|export)\b(?![.(])[^'"`;()=]*?\bfrom\s*(['"])(?<to>[^'"]+)\1/g,
  /\bimport\s*(['"])(?<to>[^'"]+)\1/g,
  /\bimport\s*\(\s*(['"`])(?<to>[^'"`]+)\1/g,
  /\bnew\s+URL\s*\(\s*(['"`])(?<to>\.[^'"`]*\.(?:tsx?|m?js))\1\s*,\s*import\.meta\.url/g,
  /\bimport\.meta\.glob\b[^(]*\(\s*\[?\s*(['"`])(?<to>[^'"`]+)\1/g,
];

/**
 * All that a file imports, re-exports, loads later, or starts as a worker: as it is written there.
 *
 * @param {string} source
 * @returns {{ to: string, line: number }[]}
 */
export function importsOf(source) {
  const code = blank(source, { strings: false });
  const bare = blank(source, { strings: true });
  return IMPORTS.flatMap((pattern) =>
    [...code.matchAll(pattern)]
      // Blanked out: the word stands in a string.
      .filter(({ index }) => bare[index] !== ' ')
      .map((found) => ({ to: found.groups?.to ?? '', line: lineOf(source, found.index) })),
  );
}

/**
 * The path below src that an import means, or the package's name behind `npm:` or `node:`.
 *
 * @param {string} file path of the importing file, below src
 * @param {string} to
 */
export function resolveImport(file, to) {
  if (to.startsWith('node:')) return to;
  if (!to.startsWith('.')) {
    return `npm:${to
      .split('/')
      .slice(0, to.startsWith('@') ? 2 : 1)
      .join('/')}`;
  }
  const path = file.split('/').slice(0, -1);
  for (const part of to.replace(/\*.*$/, '').split('?')[0]?.split('/') ?? []) {
    if (part === '..') {
      // Above src there is nothing to name: what is left tells that it is outside.
      if (path.length === 0 || path.at(-1) === '..') path.push('..');
      else path.pop();
    } else if (part !== '.' && part !== '') path.push(part);
  }
  return path.join('/');
}

/** The position behind the bracket that closes the one at `open`. @param {string} code @param {number} open */
function behindBracket(code, open) {
  let depth = 0;
  for (let i = open; i < code.length; i++) {
    if ('([{'.includes(code[i] ?? '')) depth += 1;
    if (')]}'.includes(code[i] ?? '')) depth -= 1;
    if (depth === 0) return i + 1;
  }
  return code.length;
}

/** Whether a function (arrow or not) begins here. @param {string} code */
function isFunctionExpression(code) {
  if (/^(async\s+)?(function\b|\w+\s*=>)/.test(code)) return true;
  if (/^(atomic|sleepable)\b/.test(code)) return true;
  const generic = /^(async\s*)?<[^()]*>\s*(?=\()/.exec(code)?.[0].length ?? 0;
  const rest = code.slice(generic).replace(/^async\s*(?=\()/, '');
  return rest.startsWith('(') && /^\s*(=>|:)/.test(rest.slice(behindBracket(rest, 0)));
}

/**
 * Functions declared in a file that return a generator: `sleepable(...)`, `function*`, arrows typed `Sleeps<...>`;
 * and methods of interfaces that are typed so.
 *
 * @param {string} source
 * @returns {{ functions: Set<string>, methods: Set<string> }}
 */
export function sleepablesOf(source) {
  const code = blank(source, { strings: true });
  const functions = new Set();
  const methods = new Set();
  for (const found of code.matchAll(/\bfunction\s*\*\s*(\w+)/g)) {
    // the scheduler gives up the processor between slices, it does not sleep: nothing comes out of its `yield`
    const head = code.slice(found.index, code.indexOf('{', found.index));
    if (!/:\s*Generator<void,/.test(head)) functions.add(found[1]);
  }
  for (const found of code.matchAll(/\b(?:const|let)\s+(\w+)\s*(?::[^=;]*?(?:=>[^=;]*?)?)?=(?![=>])\s*/g)) {
    const value = code.slice(found.index + found[0].length);
    if (/^(sleepable\b|function\s*\*)/.test(value)) functions.add(found[1]);
  }
  // Anything else whose declared result is Sleeps<...>.
  for (const found of code.matchAll(/\)\s*:\s*Sleeps\s*</g)) {
    let open = found.index;
    for (let depth = 0; open >= 0; open--) {
      if (code[open] === ')') depth += 1;
      if (code[open] === '(') depth -= 1;
      if (depth === 0) break;
    }
    const head = code.slice(0, open);
    const constant = /\b(?:const|let)\s+(\w+)\s*=\s*(?:<[^()]*>\s*)?$/.exec(head)?.[1];
    const named = /\bfunction\s+(\w+)\s*(?:<[^()]*>)?\s*$/.exec(head)?.[1];
    const method = /(\w+)\s*\??\s*(?:<[^()]*>)?\s*$/.exec(head)?.[1];
    if (constant !== undefined) functions.add(constant);
    else if (named !== undefined) functions.add(named);
    else if (method !== undefined && method !== 'function') methods.add(method);
  }
  for (const found of code.matchAll(/(\w+)\s*\??\s*:\s*\([^()]*\)\s*=>\s*Sleeps\s*</g)) methods.add(found[1]);
  return { functions, methods };
}

/**
 * Names under which a file imports: `{ a, b as c }` and `* as d`, with the import as it is written.
 *
 * @param {string} source
 * @returns {{ to: string, imported: string, local: string }[]} imported is "*" for a whole module
 */
export function importedNames(source) {
  const code = blank(source, { strings: false });
  const statement = /\bimport\s+(?!type\b)(?<what>[^'"`;()=]*?)\bfrom\s*['"](?<to>[^'"]+)['"]/g;
  return [...code.matchAll(statement)].flatMap((found) => {
    const { what = '', to = '' } = found.groups ?? {};
    const whole = /\*\s*as\s+(\w+)/.exec(what)?.[1];
    if (whole !== undefined) return [{ to, imported: '*', local: whole }];
    const list = /\{([^}]*)\}/.exec(what)?.[1] ?? '';
    return list
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== '' && !item.startsWith('type '))
      .map((item) => {
        const [imported = '', local = imported] = item.split(/\s+as\s+/);
        return { to, imported, local };
      });
  });
}

/**
 * Calls of sleepable functions that `yield*` does not stand before. `names` are functions (`handleMmFault`) or
 * members of a module (`fault.handleMmFault`), `methods` are called on any object.
 *
 * @param {string} source
 * @param {{ names: Iterable<string>, methods: Iterable<string> }} sleepable
 * @returns {{ name: string, line: number }[]}
 */
export function callsWithoutYield(source, { names, methods }) {
  const code = blank(source, { strings: true });
  const escaped = [...names].map((name) => name.replace('.', String.raw`\s*\.\s*`));
  const functions = escaped.length > 0 ? `(?<![.\\w$])(?:${escaped.join('|')})` : '(?!)';
  const list = [...methods];
  // The object that a method is called on: names, indices and calls in a chain.
  const chain = String.raw`(?<![.\w$])\w+(?:\s*!?\??\.\s*\w+|\[[^\][]*\]|\([^()]*\))*?\s*!?\??\.\s*`;
  const members = list.length > 0 ? `${chain}(?:${list.join('|')})` : '(?!)';
  const call = new RegExp(String.raw`(?:${functions}|${members})\s*(?:\?\.\s*)?(?:<[^()=;]*>\s*)?\(`, 'g');
  // driveToEnd runs a task that nothing can make wait
  return [...code.matchAll(call)]
    .filter(
      ({ index }) => !/(\byield\s*\*|\bfunction\s*\*?|\bdriveToEnd\s*\()\s*$/.test(code.slice(0, index)),
    )
    .map(({ index, 0: text }) => ({
      name: text.replace(/\s*(\?\.)?\s*(<[^()=;]*>)?\s*\($/, '').replace(/\s/g, ''),
      line: lineOf(source, index),
    }));
}

const KERNEL_PATH = String.raw`(?:arch|block|drivers|fs|include|init|kernel|lib|mm|tools)/[\w./-]+\.[chS]`;
const KERNEL_NAME = String.raw`(?:struct |union |enum )?\w+`;
const KERNEL_PLACE = `\`${KERNEL_PATH}: ${KERNEL_NAME}(?:, ${KERNEL_NAME})*\``;
const KERNEL_LINE = new RegExp(
  `(?:^|[.;] )Kernel: ${KERNEL_PLACE}(?:(?:, | and )${KERNEL_PLACE})*(?=$|[.,; ])`,
);
const OURS_LINE = /(?:^|[.;)] )Ours: \S.{9,}/;

/**
 * What is wrong with the comments of a file's exported functions: each must name the kernel function it stands for
 * ("Kernel: `mm/gup.c: follow_page_pte`") or say why we need it ("Ours: ...").
 *
 * @param {string} source
 * @returns {{ name: string, line: number, problem: string }[]}
 */
export function kernelDocProblems(source) {
  const code = blank(source, { strings: true });
  const declaration =
    /\bexport\s+(?:(?:async\s+)?function\s*\*?\s*(?<fn>\w+)|const\s+(?<constant>\w+)\s*(?::(?:[^=;]|=>)*)?=(?![=>])\s*)/g;
  return [...code.matchAll(declaration)].flatMap((found) => {
    const { fn, constant } = found.groups ?? {};
    if (fn === undefined && !isFunctionExpression(code.slice(found.index + found[0].length))) return [];
    const problem = docProblem(source.slice(0, found.index));
    const name = fn ?? constant ?? '';
    return problem === undefined ? [] : [{ name, line: lineOf(source, found.index), problem }];
  });
}

/** @param {string} textBefore all that stands before the declaration */
function docProblem(textBefore) {
  const end = textBefore.trimEnd();
  const start = end.lastIndexOf('/**');
  if (!end.endsWith('*/') || start < 0 || end.indexOf('*/', start) !== end.length - 2)
    return 'has no TSDoc block';
  const lines = end
    .slice(start + 3, -2)
    .split('\n')
    .map((line) => line.replace(/^\s*\*?\s?/, '').trim());
  const kernelLines = lines.filter((line) => /\bKernel:/.test(line));
  const malformed = kernelLines.find((line) => !KERNEL_LINE.test(line));
  if (malformed !== undefined) return `has a malformed line "${malformed}"`;
  if (kernelLines.length > 0 || lines.some((line) => OURS_LINE.test(line))) return undefined;
  return 'has neither a line "Kernel: `path: function`" nor one "Ours: why it exists"';
}
