// What dump_page prints of a page, line by line as in mm/debug.c, with every bit and every word explained.

import { Fragment } from 'react';
import type { PageDetailView, RawField, RawWord } from '../../store/views.ts';
import { formatHex } from '../../ui/format.ts';
import { Term } from '../../ui/Term.tsx';
import { flagTerm } from './terms.ts';

/** Bytes of a word, and words of a line of print_hex_dump. */
const WORD_BYTES = 8;
const WORDS_A_LINE = 4;

const NOT_KEPT = 'Not modelled.';

/** The name of a word in struct page, and what it is for. */
const RAW_WORDS: Readonly<Record<RawField, readonly [name: string, means: string]>> = {
  flags: ['flags', 'The flags, and above them node, zone and last_cpupid, as in the line of flags.'],
  'lru.next': [
    'lru.next',
    'The page behind it on its LRU list. On no list the kernel leaves what was there.',
  ],
  'lru.prev': [
    'lru.prev',
    'The page before it on its LRU list. On no list the kernel leaves what was there.',
  ],
  'buddy_list.next': ['buddy_list.next', 'The next free block of this order and migratetype.'],
  'buddy_list.prev': ['buddy_list.prev', 'The free block before it.'],
  __filler: ['__filler', 'An unevictable page is on no list; what is left of its link says nothing.'],
  mlock_count: ['mlock_count', 'How many mlocked areas map the page: an unevictable page is on no list.'],
  pgmap: ['pgmap', 'A page of ZONE_DEVICE is on no LRU list: here stands whose memory it is.'],
  zone_device_data: ['zone_device_data', 'The driver’s own word.'],
  compound_head: ['compound_head', 'Bit 0 says that this is a tail; the rest is where the head is.'],
  compound_order: [
    'compound_dtor, compound_order, compound_mapcount',
    'First tail: how the folio is freed, its order, and entries that map it as a whole, less one.',
  ],
  compound_nr: ['compound_pincount, compound_nr', 'First tail: pins of the folio, and its pages.'],
  _private_1: ['_private_1', 'First tail: the second private word of the folio.'],
  deferred_list: ['deferred_list', 'Second tail: the queue of huge pages to be split.'],
  unused: ['lru.prev', 'Nothing that a tail needs; the kernel leaves what was there.'],
  'tail-mapping': ['mapping', 'TAIL_MAPPING: a value that no mapping can have.'],
  _pt_pad_1: ['_pt_pad_1', 'A page table is on no list.'],
  pmd_huge_pte: ['pmd_huge_pte', 'Of a PMD table: page tables that stand ready for huge pages to be split.'],
  pt_mm: ['pt_mm', 'Of a PGD: the process.'],
  ptl: ['ptl', 'The lock of the page table.'],
  mapping: [
    'mapping',
    'Whose page it is: bit 0 says anonymous, and the rest is its anon_vma; bits 0 and 1 KSM; else a file.',
  ],
  index: ['index', 'Its place in the mapping, in pages; of an anonymous page its virtual page number.'],
  private: ['private', 'For the owner: the swap slot, buffers of the file system, or nothing.'],
  'buddy-order': ['private', 'The order of the free block.'],
  _mapcount: ['_mapcount, _refcount', 'Entries that map it, less one, in the low half; references above.'],
  page_type: ['page_type, _refcount', 'What it is used for instead of being mapped; references above.'],
  memcg_data: ['memcg_data', 'Its cgroup.'],
};

const isKept = ({ text }: RawWord): boolean => !text.startsWith('????????????????');

const RawLines = ({ prefix, words }: { readonly prefix: string; readonly words: readonly RawWord[] }) =>
  [words.slice(0, WORDS_A_LINE), words.slice(WORDS_A_LINE)].map((line, i) => (
    <p key={i === 0 ? 'first' : 'second'} className="dump-raw">
      {prefix}:
      {line.map(({ text }, at) => (
        <Fragment key={`${WORD_BYTES * at}`}>
          {' '}
          <span>{text}</span>
        </Fragment>
      ))}
    </p>
  ));

const RawTable = ({ prefix, words }: { readonly prefix: string; readonly words: readonly RawWord[] }) => (
  <dl aria-label={prefix === 'head' ? 'Words of its head' : 'Words of struct page'}>
    {words.map((word, i) => {
      const [name, means] = RAW_WORDS[word.field];
      return (
        <div key={`${WORD_BYTES * i}`}>
          <dt>
            <code>+{WORD_BYTES * i}</code> <code>{name}</code>
          </dt>
          <dd>
            {word.says === '' ? null : <code>{word.says}</code>} {means} {isKept(word) ? '' : NOT_KEPT}
          </dd>
        </div>
      );
    })}
  </dl>
);

/** What the upper bits of the flags say. */
const FIELD_NOTES: Readonly<Record<string, string>> = {
  node: 'the NUMA node, fixed for the life of the frame',
  zone: 'the zone: 0 DMA, 1 DMA32, 2 Normal, 3 Movable, 4 Device',
  lastcpupid: 'CPU and process that a NUMA hint saw last; 0x1fffff: none yet',
};

/** The kernel's lines about a page, and what each bit and word of them says. */
export const Dump = ({ view: { dump, pgmap } }: { readonly view: PageDetailView }) => (
  <section aria-labelledby="dump-heading">
    <h3 id="dump-heading" className="heading">
      <code>dump_page</code>
    </h3>
    <div className="dump">
      {dump.lines.map((line) => (
        <p key={line}>{line}</p>
      ))}
      <p>
        {dump.flagsPrefix}(
        {dump.flags.map(({ bit, name }) => (
          <Fragment key={bit}>
            <Term id={flagTerm(name.means) ?? 'page-flags'} code>
              {name.printed}
            </Term>
            |
          </Fragment>
        ))}
        {dump.fields.join('|')}){dump.cma ? ' CMA' : ''}
      </p>
      {dump.raw.map(({ prefix, words }) => (
        <RawLines key={prefix} prefix={prefix} words={words} />
      ))}
    </div>
    <ul className="dump-bits" aria-label="Bits that are set">
      {dump.flags.map(({ bit, name }) => (
        <li key={bit}>
          bit {bit}{' '}
          <Term id={flagTerm(name.means) ?? 'page-flags'} code>
            {name.printed}
          </Term>
          {name.means === name.printed ? null : ` means ${name.means} on an anonymous page`}
        </li>
      ))}
      {dump.fields.map((field) => (
        <li key={field}>
          <code>{field}</code> {FIELD_NOTES[field.split('=')[0] ?? '']}
        </li>
      ))}
    </ul>
    <details className="dump-words">
      <summary>What each word says</summary>
      {dump.raw.map(({ prefix, words }) => (
        <RawTable key={prefix} prefix={prefix} words={words} />
      ))}
    </details>
    {dump.flagsPrefix.startsWith('anon') && dump.lines[0]?.includes('mapping:0000') === true ? (
      <p className="muted detail-small">
        The mapping is printed as 0 for an anonymous page: it has no file. That it leads to an anon_vma is
        what “anon” says.
      </p>
    ) : null}
    {pgmap === undefined ? null : (
      <p className="detail-small">
        Its <Term id="pgmap">pgmap</Term>: {pgmap.type}, pfns {formatHex(pgmap.start)} to{' '}
        {formatHex(pgmap.end - 1)}
        {pgmap.device < 0 ? '' : `, device ${pgmap.device}`}.
      </p>
    )}
  </section>
);
