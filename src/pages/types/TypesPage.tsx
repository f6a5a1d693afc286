import { Fragment, useEffect } from 'react';
import {
  MEMORY_PROPERTY_GROUPS,
  MEMORY_TYPES,
  type MemoryPropertyGroup,
  type MemoryTypeRow,
} from '../../core/uapi/memory-types.ts';
import { useActions, useApp } from '../../store/use-app.ts';
import { breakable } from '../../ui/breakable.tsx';
import { Prose } from '../../ui/Prose.tsx';
// not through the door of the catalogue: the words of a page come with its chunk
import {
  memoryOutcome,
  memoryProperties,
  memoryPropertyGroups,
  memoryTypes,
  type OutcomeWords,
} from '../../words/en/memory-types.ts';
import { textPieces } from '../../words/index.ts';
import { Document, type DocumentSection } from '../Document.tsx';
import './types-page.css';

const SIGNS: Readonly<Record<OutcomeWords['sign'], string>> = {
  yes: '✓',
  no: '✕',
  moves: '→',
  absent: '–',
  value: '',
};

/** The five types of device memory side by side. Every cell was computed by the mechanisms, in the worker, just now. */
const TypesPage = () => {
  const rows = useApp((state) => state.memoryTypes.rows);
  const { askMemoryTypes } = useActions();
  useEffect(() => void askMemoryTypes(), [askMemoryTypes]);
  const groups = MEMORY_PROPERTY_GROUPS.map(
    (group): DocumentSection => ({
      id: group,
      title: memoryPropertyGroups[group].title,
      body: <Group group={group} rows={rows?.filter((row) => row.group === group)} />,
    }),
  );
  return (
    <Document
      lead={
        <>
          <p>
            Linux knows five types of memory that belong to a device and still have a <code>struct page</code>
            . The series that this app is about added the second. Each answer below is what the simulated
            kernel gives: the operation runs on a small machine with memory of that type, and the result, with
            its error, is put in the table.
          </p>
          <p role="status">
            {rows === undefined
              ? 'Asking the simulation…'
              : `${rows.length} questions, ${rows.length * MEMORY_TYPES.length} answers.`}
          </p>
        </>
      }
      sections={[{ id: 'types', title: 'The types', body: <Types /> }, ...groups]}
    />
  );
};

const Types = () => {
  const { openByName } = useActions();
  return (
    <dl className="memory-types">
      {MEMORY_TYPES.map((type) => {
        const { about, users, scene } = memoryTypes[type];
        return (
          <div key={type}>
            <dt>
              <code>{type}</code>
            </dt>
            <dd>
              <Prose pieces={textPieces(about)} />
            </dd>
            <dd className="muted">
              Used by <Prose pieces={textPieces(users)} />
            </dd>
            <dd>
              <button
                type="button"
                className="page-link"
                aria-label={`See it run: ${type}`}
                onClick={() => void openByName(scene)}
              >
                See it run
              </button>
            </dd>
          </div>
        );
      })}
    </dl>
  );
};

interface GroupProps {
  readonly group: MemoryPropertyGroup;
  readonly rows: readonly MemoryTypeRow[] | undefined;
}

const Group = ({ group, rows }: GroupProps) => (
  <>
    <p>
      <Prose pieces={textPieces(memoryPropertyGroups[group].about)} />
    </p>
    {rows === undefined ? null : (
      // wider than a phone: it scrolls by itself, also by keys
      <div className="page-table" tabIndex={0} role="group" aria-label={memoryPropertyGroups[group].title}>
        <table className="type-table">
          <thead>
            <tr>
              <td />
              {MEMORY_TYPES.map((type) => (
                <th key={type} scope="col">
                  <code>
                    {type.split('_').map((part, index) => (
                      <Fragment key={part}>
                        {index === 0 ? null : (
                          <>
                            _<wbr />
                          </>
                        )}
                        {part}
                      </Fragment>
                    ))}
                  </code>
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map((row) => (
              <PropertyRow key={row.property} row={row} />
            ))}
          </tbody>
        </table>
      </div>
    )}
  </>
);

const PropertyRow = ({ row: { property, cells } }: { readonly row: MemoryTypeRow }) => {
  const { name, source } = memoryProperties[property];
  return (
    <tr>
      <th scope="row">
        <Prose pieces={textPieces(name)} />
        <code className="page-source">{source}</code>
      </th>
      {MEMORY_TYPES.map((type, index) => {
        const { text, sign } = memoryOutcome(cells[index] ?? '');
        return (
          <td key={type} data-sign={sign}>
            <span aria-hidden="true">{SIGNS[sign]} </span>
            {breakable(text)}
          </td>
        );
      })}
    </tr>
  );
};

export default TypesPage;
