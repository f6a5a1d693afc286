import { use, useState } from 'react';
import { useWords } from '../../store/use-words.ts';
import { Prose } from '../../ui/Prose.tsx';
import { functionEntries, loadGlossary, type TermGroup, type TermText } from '../../words/index.ts';
import { Document } from '../Document.tsx';
import './glossary.css';

const GROUPS: readonly { readonly group: TermGroup; readonly id: string; readonly title: string }[] = [
  { group: 'memory', id: 'memory', title: 'Memory' },
  { group: 'machine', id: 'machine', title: 'Machine and devices' },
  { group: 'pinning', id: 'pinning', title: 'Pinning' },
  { group: 'migration', id: 'migration', title: 'Migration' },
  { group: 'page', id: 'page', title: 'struct page' },
  { group: 'page flags', id: 'page-flags', title: 'Page flags' },
  { group: 'page tables', id: 'page-tables', title: 'Page tables' },
  { group: 'FOLL_ flags', id: 'foll-flags', title: 'FOLL_ flags' },
  { group: 'error numbers', id: 'error-numbers', title: 'Error numbers' },
  { group: 'words of ours', id: 'ours', title: 'Words of ours' },
];
const FUNCTIONS = { id: 'functions', title: 'Kernel functions' };

const loaded = loadGlossary();

const fits = ({ term, text }: TermText, filter: string): boolean =>
  `${term} ${text}`.toLowerCase().includes(filter.trim().toLowerCase());

/** A term has a name under which it is found; a kernel function has none. */
type Row = TermText & { readonly id?: string };

const Terms = ({ terms }: { readonly terms: readonly Row[] }) => {
  const { textPieces } = useWords();
  return (
    <dl className="glossary">
      {terms.map(({ id, term, text, source }) => (
        <div key={`${term} ${source ?? ''}`}>
          <dt
            id={id === undefined ? undefined : `section-term-${id}`}
            tabIndex={id === undefined ? undefined : -1}
          >
            {term}
          </dt>
          <dd>
            <Prose plain pieces={textPieces(text)} />
            {source === undefined ? null : <code className="glossary-source">{source}</code>}
          </dd>
        </div>
      ))}
    </dl>
  );
};

/** Every term that the app explains, and every kernel function that it can name. */
const GlossaryPage = () => {
  const terms = use(loaded);
  const functions = functionEntries();
  const [filter, setFilter] = useState('');
  const inGroup = (id: string): readonly TermText[] =>
    (id === FUNCTIONS.id
      ? functions
      : terms.filter(({ group }) => group === GROUPS.find((each) => each.id === id)?.group)
    ).filter((term) => fits(term, filter));
  const groups = [...GROUPS, FUNCTIONS].map(({ id, title }) => ({ id, title, found: inGroup(id) }));
  const count = groups.reduce((sum, { found }) => sum + found.length, 0);
  const all = terms.length + functions.length;
  return (
    <Document
      lead={
        <>
          <p>
            The words on the screen, each with the place in Linux 6.1 where one reads on. They are also
            explained where they stand: point at a dotted word, focus it or tap it.
          </p>
          <input
            id="glossary-filter"
            type="search"
            className="glossary-filter"
            aria-label="Filter words"
            placeholder="Filter: pin, FOLL_LONGTERM, migrate…"
            value={filter}
            onChange={(event) => setFilter(event.target.value)}
          />
          <p role="status" className="muted">
            {count === all ? `${all} words` : `${count} of ${all} words`}
          </p>
        </>
      }
      sections={groups
        .filter(({ found }) => found.length > 0)
        .map(({ id, title, found }) => ({ id, title, body: <Terms terms={found} /> }))}
      count={(id) => inGroup(id).length}
    />
  );
};

export default GlossaryPage;
