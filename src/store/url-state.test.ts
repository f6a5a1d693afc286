import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parameterWords, say } from '../words/index.ts';
import { initialLayout } from './layout.ts';
import {
  isAllReadable,
  PARAMETERS,
  readableOf,
  type LinkState,
  parsePlace,
  parseSelection,
  readLink,
  selectionText,
  writeLink,
} from './url-state.ts';

const split = (address: string): [string, string] => {
  const at = address.indexOf('#');
  return at < 0 ? [address, ''] : [address.slice(0, at), address.slice(at)];
};
const roundTrip = async (link: LinkState) => await readLink(...split(await writeLink(link)));

const FULL: LinkState = {
  scenario: 'coherent-longterm-pin-fast',
  machine: 'teaching',
  kernel: {
    patches: [1, 2, 3, 4, 5, 7, 8],
    CONFIG_MIGRATION: false,
    CONFIG_CMA: true,
    followPage: 'v6.0',
    longtermCheck: 'v6.0',
    longtermPolicy: 'intent',
  },
  theme: 'dark',
  at: { step: 3, offset: 47 },
  selected: { kind: 'page', pfn: 0x5fffd },
  page: { page: 'model', section: 'gup' },
  added: [{ op: 'read', proc: 'A', vma: 'buf' }],
  maps: { mode: 'state', only: ['coherent', 'longterm'], whole: true },
  windows: {
    banks: { 'device 1': true, 'node 0': false },
    looks: { 'node 0': { x: 120.5, y: -3, k: 0.00421 }, whole: { x: 1, y: 2, k: 3 } },
  },
  asText: true,
  grain: 'event',
  walk: { walkLevels: '5', walkRaw: true, walkProcess: 'B-1' },
  extent: 'step',
  compare: 'without-patch-6',
  breakpoints: ['fn:migrate_pages', '_refcount=0@0x5fffd'],
};

describe('an address', () => {
  test('can be read where a teacher would type it', async () => {
    expect(await writeLink(FULL)).toMatch(
      /^\?page=model\/gup&scenario=coherent-longterm-pin-fast&machine=teaching&patches=1-5,7-8&config=MIGRATION:n,CMA:y&follow_page=v6\.0&longterm_check=v6\.0&longterm_policy=intent&theme=dark&map=whole,state:coherent,longterm&windows=device-1:open,node-0:closed@120\.5\/-3\/0\.00421,whole@1\/2\/3&as=text&grain=event&walk=5,words,of:B-1&extent=step&compare=without-patch-6&stop=fn:migrate_pages&stop=_refcount=0@0x5fffd&t=3\.47&sel=page:0x5fffd#v1\.[\w-]+$/,
    );
  });

  test('gives back what went in', async () => {
    expect(await roundTrip(FULL)).toEqual({ link: FULL, problems: [] });
  });

  test('the packed part alone is enough', async () => {
    const [, hash] = split(await writeLink(FULL));
    const { theme: _typed, page: _alsoTyped, ...packed } = FULL;
    expect(await readLink('', hash)).toEqual({ link: packed, problems: [] });
  });

  test('what is typed outranks what is packed, and another scenario drops its commands', async () => {
    const [, hash] = split(await writeLink(FULL));
    const { link } = await readLink('?scenario=first-touch&t=1', hash);
    expect(link).toMatchObject({ scenario: 'first-touch', at: { step: 1, offset: 0 } });
    expect(link.added).toBeUndefined();
    expect(link.kernel).toBeUndefined();
  });

  test("carries a scenario of one's own", async () => {
    const own = { devices: [], steps: [{ step: { op: 'exit', proc: 'A' } }] };
    expect((await roundTrip({ own })).link).toEqual({ own });
  });

  test('thirty commands stay short', async () => {
    const added = Array.from({ length: 30 }, (_, i) => ({
      op: 'write',
      proc: 'A',
      vma: 'buf',
      page: i,
      count: 1,
      value: i,
    }));
    expect((await writeLink({ scenario: 'first-touch', added })).length).toBeLessThan(1000);
  });
});

describe('windows on memory', () => {
  test('all maps of a node, moved, fit into a link', async () => {
    const banks = Array.from({ length: 12 }, (_, i) => `device ${i}`);
    const windows = {
      banks: Object.fromEntries(banks.map((bank) => [bank, true])),
      looks: Object.fromEntries(banks.map((bank) => [bank, { x: 12_345.678, y: 0.125, k: 0.00123456 }])),
    };
    expect(await roundTrip({ windows })).toEqual({ link: { windows }, problems: [] });
  });

  test.each([
    ['windows', ''],
    ['windows', 'device-1'],
    ['windows', 'device-1:ajar'],
    ['windows', 'node-0@1/2'],
    ['windows', 'node-0@1/2/0'],
    ['windows', 'node-0@1/2/1e9'],
    ['windows', '<b>:open'],
    ['windows', 'node-0:open,'.repeat(50)],
    ['as', 'film'],
    ['grain', 'sand'],
  ])('%s=%s is refused with a sentence', async (name, value) => {
    const { link, problems } = await readLink(`?${name}=${value}`, '');
    expect(link).toEqual({});
    expect(problems.map(({ message }) => message.id)).toEqual([`link.${name}`]);
    expect(say(problems[0]?.message ?? { id: '', params: {} })).toMatch(/\.$/);
  });
});

describe('places and selections', () => {
  test.each([
    ['3', { step: 3, offset: 0 }],
    ['3.47', { step: 3, offset: 47 }],
    ['-1', { step: -1, offset: 0 }],
  ])('%s is a place', (text, place) => expect(parsePlace(text)).toEqual(place));

  test.each(['', 'x', '3.', '.4', '3.4.5', '1e9', '99999999', '-2'])('%s is none', (text) =>
    expect(parsePlace(text)).toBeUndefined(),
  );

  test.each([
    { kind: 'page', pfn: 0x3ffffffff } as const,
    { kind: 'pte', process: 'A', vpn: 0x7f0000002 } as const,
    { kind: 'vma', process: 'B', vpn: 12 } as const,
    { kind: 'handle', name: 'h1' } as const,
  ])('a selection of the kind $kind survives', (selection) => {
    expect(parseSelection(selectionText(selection))).toEqual(selection);
  });

  test.each([
    'page:',
    'page:x',
    'page:1:2',
    'pte:A',
    'pte:<b>:1',
    'handle:a b',
    'all',
    'page:0xfffffffffffffffff',
  ])('%s is no selection', (text) => expect(parseSelection(text)).toBeUndefined());
});

describe('the readable part', () => {
  test('every parameter is explained, and each example can be typed', async () => {
    for (const name of PARAMETERS) {
      const { about, example } = parameterWords[name] ?? { about: '', example: '' };
      expect(about, name).toMatch(/\.$/);
      expect(readableOf(`?${example}`), name).toEqual([[name, example.slice(name.length + 1)]]);
      const { problems } = await readLink(`?${example}`, '');
      expect(problems, name).toEqual([]);
    }
  });

  test('says all of it unless there is something of one’s own', () => {
    expect(isAllReadable({ scenario: 'lab-node', layout: 'teach', breakpoints: ['_refcount=0'] })).toBe(true);
    for (const link of [{ own: {} }, { added: [{ op: 'read' }] }, { layout: { ...initialLayout } }])
      expect(isAllReadable(link)).toBe(false);
  });
});

test('what only another version knows is named, and the rest is read', async () => {
  const written = await writeLink({ scenario: 'lab-node' });
  const { link, problems } = await readLink(
    '?scenario=lab-node&colour=red&colour=blue&lang=fr',
    written.replace(/^.*#/, '#'),
  );
  expect(link).toEqual({ scenario: 'lab-node' });
  expect(problems.map(({ message }) => say(message))).toEqual([
    'The link says something that this version does not know: colour. It was left out.',
    'The link asks for a language that there is not: fr. There is English.',
  ]);
  const stream = new Blob(['{"scenario":"lab-node","toString":1}']).stream();
  const bytes = await new Response(stream.pipeThrough(new CompressionStream('deflate-raw'))).arrayBuffer();
  const newer = await readLink('', `#v1.${Buffer.from(bytes).toString('base64url')}`);
  expect(newer.link).toEqual({ scenario: 'lab-node' });
  expect(newer.problems.map(({ message }) => message.params)).toEqual([{ name: 'toString' }]);
});

describe('hostile addresses', () => {
  const deflated = async (text: string): Promise<string> => {
    const stream = new Blob([text]).stream().pipeThrough(new CompressionStream('deflate-raw'));
    return Buffer.from(await new Response(stream).arrayBuffer()).toString('base64url');
  };

  test.each([
    ['a newer version', '#v2.AAAA', 'link.newer'],
    ['no version', '#hello', 'link.damaged'],
    ['no base64', '#v1.%%%', 'link.damaged'],
    ['an array', `#v1.${Buffer.from([0x8b, 0x8e, 0x05, 0x00]).toString('base64url')}`, 'link.damaged'],
    ['no deflate', '#v1.AAAAAAAA', 'link.damaged'],
    ['far too long', `#v1.${'A'.repeat(200_000)}`, 'link.too-long'],
  ])('%s gives one problem and nothing else', async (_name, hash, id) => {
    const { link, problems } = await readLink('', hash);
    expect(link).toEqual({});
    expect(problems.map(({ message }) => message.id)).toEqual([id]);
    expect(say(problems[0]?.message ?? { id: '', params: {} })).toMatch(/\.$/);
  });

  test('a bomb is not unpacked', async () => {
    const { problems } = await readLink('', `#v1.${await deflated('0'.repeat(20_000_000))}`);
    expect(problems.map(({ message }) => message.id)).toEqual(['link.too-long']);
  });

  test.each([
    ['{"scenario":"<script>"}', 'scenario'],
    ['{"own":7}', 'own'],
    ['{"added":"many"}', 'added'],
    [`{"added":[${'{},'.repeat(1000)}{}]}`, 'added'],
    ['{"machine":"toaster"}', 'machine'],
  ])('%s does not fit', async (json, place) => {
    const { problems } = await readLink('', `#v1.${await deflated(json)}`);
    expect(problems.map((problem) => `${problem.message.id} ${problem.place}`)).toEqual([
      `link.unfit ${place}`,
    ]);
  });

  test('whatever is typed, reading never throws', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), async (search, hash) => {
        const { problems } = await readLink(`?scenario=${search}&t=${hash}&sel=${search}`, `#v1.${hash}`);
        for (const { message } of problems) expect(say(message)).not.toBe(message.id);
      }),
      { numRuns: 60 },
    );
  }, 30_000);
});
