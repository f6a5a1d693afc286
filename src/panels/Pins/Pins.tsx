import { useActions, useApp } from '../../store/use-app.ts';
import { Chip } from '../../ui/Chip.tsx';
import { pinRows } from './rows.ts';
import { formatCount } from '../../ui/format.ts';
import './pins.css';

/** References that somebody holds under a name. */
export const Pins = () => {
  const moment = useApp((state) => state.trace.moment);
  const selected = useApp(({ selection }) =>
    selection.selected?.kind === 'handle' ? selection.selected.name : undefined,
  );
  const { select } = useActions();
  const ranges = useApp((state) => state.scenario.run?.machine.ranges);
  const rows = moment === undefined || ranges === undefined ? [] : pinRows(moment, ranges);
  if (rows.length === 0) return null;
  return (
    <section className="pins" aria-labelledby="pins-heading">
      <h3 id="pins-heading" className="heading">
        Held references
      </h3>
      <ul>
        {rows.map((row) => (
          <li key={row.name}>
            <button
              type="button"
              className="pin"
              data-term="handle"
              aria-pressed={row.name === selected}
              onClick={() => select({ kind: 'handle', name: row.name })}
            >
              <svg className="pin-nail" viewBox="0 0 12 14" aria-hidden="true" data-solid={row.longterm}>
                {row.pin ? <path d="M2 2h8v3H7.2L6 12 4.8 5H2z" /> : <circle cx="6" cy="7" r="3" />}
              </svg>
              <span className="pin-name">{row.name}</span>
              <span className="pin-call">
                {row.call} <span className="muted">{row.about}</span>
              </span>
              <span className="pin-frames">
                {row.frames.map(({ key, text, tone }) => (
                  <Chip key={key} tone={tone}>
                    {text}
                  </Chip>
                ))}
                {row.more > 0 ? <span className="muted">and {formatCount(row.more)} more</span> : null}
              </span>
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
};
