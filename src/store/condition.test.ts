import { expect, test } from 'vitest';
import { type KnownNames, namesOf, parseCondition, readCondition } from './condition.ts';

const KNOWN: KnownNames = {
  processes: ['A', 'B'],
  areas: new Map([
    ['buf', 4],
    ['ring', 1],
  ]),
};

const coherent = { kind: 'function', fn: 'migrate_device_coherent_page' };
const freed = { kind: 'field', field: '_refcount', is: ['=', 0] };
const buf1 = { area: 'buf', page: 1 };
const A = { process: 'A', ...buf1 };
const field = (name: string, is?: readonly [string, number | string], of?: object): object => ({
  kind: 'field',
  field: name,
  ...(is === undefined ? {} : { is }),
  ...(of === undefined ? {} : { of }),
});
const pte = (of?: object, ...is: readonly string[]): object => ({
  kind: 'pte',
  ...(of === undefined ? {} : { of }),
  ...(is.length === 0 ? {} : { is }),
});

test('a condition can be a sentence, as somebody would say it', () => {
  const read: readonly (readonly [text: string, condition: object])[] = [
    ['stop in migrate_device_coherent_page', coherent],
    ['migrate_device_coherent_page()', coherent],
    ['break on fn:wp_page_copy', { kind: 'function', fn: 'wp_page_copy' }],
    ['wp_page_copy is entered', { kind: 'function', fn: 'wp_page_copy' }],
    ['the kernel writes to its log', { kind: 'log' }],
    ['stop when any page’s refcount falls to 0', freed],
    ['Stop when: _refcount of any page becomes 0.', freed],
    ['refcount = 0', freed],
    ['refcount == 0', freed],
    ['refcount reaches zero', freed],
    ['refcount > 1024', field('_refcount', ['>', 1024])],
    ['refcount>0x400', field('_refcount', ['>', 1024])],
    ['the refcount of a page exceeds 1024', field('_refcount', ['>', 1024])],
    ['mapcount <= 0', field('_mapcount', ['<=', 0])],
    ['mapcount ≤ 0', field('_mapcount', ['<=', 0])],
    ['mapcount != 1', field('_mapcount', ['!=', 1])],
    ['mapcount is not 1', field('_mapcount', ['!=', 1])],
    ['refcount of buf+1 > 1024', field('_refcount', ['>', 1024], buf1)],
    ["A's buf+1's refcount is at least 2", field('_refcount', ['>=', 2], A)],
    ['buf+1’s content changes', field('content', undefined, buf1)],
    ['content of A buf[1] = 7', field('content', ['=', 7], A)],
    ['refcount of buf+1 of A falls below 2', field('_refcount', ['<', 2], A)],
    ["pfn 0x4804's mapcount changes", field('_mapcount', undefined, { pfn: 0x4804 })],
    ['mapcount of page 18436 = -1', field('_mapcount', ['=', -1], { pfn: 18436 })],
    ['compound_pincount of buf+0 > 0', field('compound_pincount', ['>', 0], { area: 'buf', page: 0 })],
    ['flags of page 0x4804', field('flags', undefined, { pfn: 0x4804 })],
    ['buf+1 becomes locked', field('flags', ['=', 'locked'], buf1)],
    ['stop when A buf+1 is no longer dirty', field('flags', ['!=', 'dirty'], A)],
    ['any page is no longer lru', field('flags', ['!=', 'lru'])],
    ['page 0x4804 has PG_writeback set', field('flags', ['=', 'writeback'], { pfn: 0x4804 })],
    ['PG_locked of buf+1 is cleared', field('flags', ['!=', 'locked'], buf1)],
    ['PG_locked of any page is set', field('flags', ['=', 'locked'])],
    ['flags of buf+1 has dirty', field('flags', ['=', 'dirty'], buf1)],
    ['buf+1 loses AnonExclusive', field('flags', ['!=', 'anon_exclusive'], buf1)],
    ['flags!=mlocked@A buf+1', field('flags', ['!=', 'mlocked'], A)],
    ['stop when page 0x4804 changes', { kind: 'page', of: { pfn: 0x4804 } }],
    ['page 18436', { kind: 'page', of: { pfn: 18436 } }],
    ['page A buf+1 changes', { kind: 'page', of: A }],
    ['struct page of buf+1 changes', { kind: 'page', of: buf1 }],
    ['page of A 0x7f0000001234', { kind: 'page', of: { process: 'A', vpn: 0x7f0000001 } }],
    ['the pte of buf+1 changes', pte(buf1)],
    ['pte of buf+1', pte(buf1)],
    ['stop when the pte of buf+1 is a migration entry', pte(buf1, '=', 'migration')],
    ['pte of buf+1 becomes device-private', pte(buf1, '=', 'device-private')],
    ['pte of buf+1 is a device private entry', pte(buf1, '=', 'device-private')],
    ['pte of A buf+1 is none', pte(A, '=', 'none')],
    ['pte of buf+1 is not present', pte(buf1, '!=', 'present')],
    ['pte of buf+1 != present', pte(buf1, '!=', 'present')],
    ['pte of buf+1 is read-only', pte(buf1, '!=', 'writable')],
    ["buf+1's pte is writable", pte(buf1, '=', 'writable')],
    ['pte of 0x7f0000001000 changes', pte({ vpn: 0x7f0000001 })],
    ['pte of B 0x7f0000001000 is present', pte({ process: 'B', vpn: 0x7f0000001 }, '=', 'present')],
    ['any pte is a migration entry', pte(undefined, '=', 'migration')],
    ['pte=migration@buf+1', pte(buf1, '=', 'migration')],
    ['any pte is present', pte(undefined, '=', 'present')],
    ['any pte is no longer writable', pte(undefined, '!=', 'writable')],
    ['an entry becomes none', pte(undefined, '=', 'none')],
    ['any pte changes', pte(undefined)],
    ['pte!=writable', pte(undefined, '!=', 'writable')],
    ['pins of buf+1 > 0', field('pins', ['>', 0], buf1)],
    ["buf+1's pin count reaches 2", field('pins', ['=', 2], buf1)],
    ['pins>=2@buf+1', field('pins', ['>=', 2], buf1)],
    ['any page’s pins fall to 0', field('pins', ['=', 0])],
    ['buf+1 becomes pinned', field('pins', ['>', 0], buf1)],
    ['any page is no longer pinned', field('pins', ['=', 0])],
  ];
  for (const [text, breakpoint] of read) expect(parseCondition(text, KNOWN), text).toEqual({ breakpoint });
});

test('what cannot be read names the words that are wrong, and what could stand there', () => {
  const wrong: readonly (readonly [text: string, wrong: string, mend: RegExp])[] = [
    ['', 'Nothing', /refcount > 1024/],
    ['refcont > 1', 'refcont', /Fields: refcount, mapcount, .*Did you mean refcount\?/],
    ['migrate_device_coherent_pag', 'migrate_device_coherent_pag', /mean migrate_device_coherent_page\?/],
    ['fn:no_such_function', 'no_such_function', /No kernel function/],
    ['refcount > many', 'many', /A number belongs here/],
    ['refcount >', 'the end', /A number belongs here/],
    ['refcount =< 3', '=<', /No comparison.*<=/],
    ['refcount of bfu+1 > 3', 'bfu', /there is buf, ring\. Did you mean buf\?/],
    ['refcount of buf > 3', 'buf', /Write buf\+0 to buf\+3/],
    ['refcount of buf+9 > 3', 'buf+9', /ends with buf\+3/],
    ['refcount of C buf+1 > 3', 'C', /there is A, B/],
    ['page nowhere changes', 'nowhere', /Write a pfn .*a place \(buf\+1\)/],
    ['any pte is presnt', 'presnt', /Did you mean present\?/],
    ['any pte > 3', '>', /An entry is something/],
    ['pisn of buf+1 > 0', 'pisn', /Did you mean pins\?/],
    ['bfu+1 becomes pinned', 'bfu', /there is buf/],
    ['pins of buf+1 > some', 'some', /A number belongs here/],
    ['pte of buf+1 is a migratoin entry', 'migratoin', /Did you mean migration\?/],
    ['pte of buf+1 > 3', '>', /An entry is something/],
    ['any page changes', 'any page', /which field/],
    ['page 0x4804 > 3', 'page 0x4804 > 3', /which field/],
    ['pte=migration@bfu+1', 'bfu', /there is buf/],
    ['refcount of 0x7f0000001000 = 1', '0x7f0000001000', /at most 40 bits/],
    ['any page becomes anon_exclusive', 'any page', /asked of one page.*buf\+1 becomes anon_exclusive/],
    ['flags=swapcache', 'any page', /asked of one page/],
    ['bfu+1 becomes locked', 'bfu', /Did you mean buf/],
    ['theme', 'theme', /Fields/],
    ['colour is 1', 'colour', /Fields/],
  ];
  for (const [text, words, mend] of wrong) {
    const reading = parseCondition(text, KNOWN);
    if ('breakpoint' in reading) throw new Error(`${text} was read`);
    expect({ text, wrong: reading.wrong.replace(/^a /, '').replace(/ entry$/, '') }).toEqual({
      text,
      wrong: words,
    });
    expect(reading.mend, text).toMatch(mend);
    expect(readCondition(text, KNOWN), text).toBeUndefined();
  }
});

test('names are those of all steps of the run, also of those that run at once', () => {
  const names = namesOf([
    { step: { op: 'mmap', proc: 'A', vma: 'buf', pages: 4 } },
    { step: { op: 'fork', proc: 'A', child: 'B' } },
    { step: { op: 'concurrent', proc: 'A', steps: [{ op: 'mmap', proc: 'C', vma: 'x', pages: 1 }] } },
  ]);
  expect(names.processes).toEqual(['A', 'B', 'C']);
  expect([...names.areas]).toEqual([
    ['buf', 4],
    ['x', 1],
  ]);
});
