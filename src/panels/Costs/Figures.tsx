import { useState } from 'react';
import type { CostModel } from '../../core/uapi/cost-model.ts';
import { useActions } from '../../store/use-app.ts';
import { Button } from '../../ui/Button.tsx';
import { costsWords, figureClasses } from '../../words/index.ts';
import { type FigureRow, figureRows, fieldIdOf, parseFigure, refusedFigure } from './figure-rows.ts';

/** Every figure of the cost model: where it comes from, how far it can be trusted, and a field to put in another. */
export const Figures = ({ model }: { readonly model: CostModel }) => {
  const { resetFigures } = useActions();
  const rows = figureRows(model);
  const own = rows.filter(({ figure }) => figure.class === 'measured').length;
  return (
    <details className="costs-figures">
      <summary>
        Figures of the cost model ({rows.length}
        {own === 0 ? '' : `, ${own} of them your own`})
      </summary>
      <ul className="costs-classes">
        {Object.values(figureClasses).map(({ label, about }) => (
          <li key={label}>
            <span className="costs-tag">{label}</span> {about}
          </li>
        ))}
      </ul>
      <table className="costs-table" aria-label="Figures">
        <thead>
          <tr>
            <th scope="col">figure</th>
            <th scope="col">value</th>
            <th scope="col">source</th>
          </tr>
        </thead>
        <tbody>
          {rows.map((row) => (
            <FigureLine key={`${row.key} ${row.value}`} row={row} />
          ))}
        </tbody>
      </table>
      <Button disabled={own === 0} onClick={resetFigures}>
        {costsWords.reset}
      </Button>
    </details>
  );
};

const FigureLine = ({ row }: { readonly row: FigureRow }) => {
  const { setFigure } = useActions();
  const [text, setText] = useState(String(row.value));
  const [refused, setRefused] = useState(false);
  const id = fieldIdOf(row);
  const wanted = parseFigure(text, row);
  const keep = (): void => {
    if (wanted === undefined) {
      setText(String(row.value));
      setRefused(true);
    } else if (wanted !== row.figure.value) setFigure(row.id, wanted);
  };
  return (
    <tr data-own={row.figure.class === 'measured'}>
      <th scope="row">
        <label htmlFor={id}>{row.name}</label>
        <code className="costs-note">{row.key}</code>
      </th>
      <td>
        <form
          className="costs-field"
          onSubmit={(event) => {
            event.preventDefault();
            keep();
          }}
        >
          <input
            id={id}
            type="text"
            inputMode="decimal"
            value={text}
            aria-invalid={wanted === undefined}
            aria-describedby={refused ? `${id}-refused` : undefined}
            onChange={(event) => {
              setText(event.target.value);
              setRefused(false);
            }}
            onBlur={keep}
          />
          <span>{row.unit}</span>
        </form>
        {refused ? (
          <p id={`${id}-refused`} className="costs-note" role="status">
            {refusedFigure(row)}
          </p>
        ) : null}
      </td>
      <td>
        <span className="costs-tag" data-class={row.figure.class}>
          {figureClasses[row.figure.class].label}
        </span>{' '}
        {row.figure.source === 'assumed' ? '' : row.figure.source}
        {row.figure.class === 'measured' ? (
          <button
            type="button"
            className="costs-back"
            aria-label={`Reset: ${row.name}`}
            onClick={() => setFigure(row.id, undefined)}
          >
            reset
          </button>
        ) : null}
      </td>
    </tr>
  );
};
