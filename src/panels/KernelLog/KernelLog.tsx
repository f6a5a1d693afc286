import { useMemo } from 'react';
import { useActions, useApp } from '../../store/use-app.ts';
import { useWords } from '../../store/use-words.ts';
import type { KernelLogLine } from '../../store/views.ts';
import { Icon } from '../../ui/Icon.tsx';
import { Prose } from '../../ui/Prose.tsx';
import { type LogRow, logRows } from './rows.ts';
import './kernel-log.css';

const NO_LINES: readonly KernelLogLine[] = [];

/** What the kernel has printed up to the cursor, as `dmesg` would show it. */
export const KernelLog = () => {
  const log = useApp((state) => state.scenario.run?.kernelLog) ?? NO_LINES;
  const position = useApp((state) => state.playback.position);
  const isOpen = useApp((state) => state.scenario.run !== undefined);
  const { seek, openPanel } = useActions();
  const { printed, next, toCome } = useMemo(() => logRows(log, position), [log, position]);
  if (!isOpen) return null;
  return (
    <section className="kernel-log" aria-labelledby="kernel-log-heading">
      <h2 id="kernel-log-heading" className="heading">
        Kernel log{' '}
        {log.length === 0 ? null : (
          <small>
            {printed.length} of {log.length}
          </small>
        )}
      </h2>
      <ol>
        {printed.map((row) => (
          <LogLine key={row.key} row={row} isCurrent={row.position === position} />
        ))}
      </ol>
      {printed.length > 0 ? null : (
        <p className="muted">
          {log.length === 0
            ? 'The kernel prints nothing in this run. What dmesg would show stands here, warnings above all: the scenes under “The kernel log” have some.'
            : 'Nothing yet.'}
        </p>
      )}
      {log.length > 0 ? null : (
        <button
          type="button"
          className="button button-line kernel-log-choose"
          onClick={() => openPanel('scenarios')}
        >
          Choose a scene
        </button>
      )}
      {printed.some(({ dmesg }) => dmesg.length > 0) ? (
        <p className="muted kernel-log-note">
          Warnings are headed as in dmesg, by the lines of Linux 6.1.192. Process ids and offsets in functions
          (?), modules, registers, code bytes and the addresses of the call trace are not simulated; the calls
          stand in the call stack.
        </p>
      ) : null}
      {next === undefined ? null : (
        <button
          type="button"
          className="button button-bare kernel-log-next"
          onClick={() => void seek(next.position)}
        >
          {toCome === 1 ? 'Go to the next line' : `Go to the next of ${toCome} lines`} <Icon name="next" />
        </button>
      )}
    </section>
  );
};

const LogLine = ({ row, isCurrent }: { readonly row: LogRow; readonly isCurrent: boolean }) => {
  const { pieces } = useWords();
  const { seek } = useActions();
  return (
    <li data-kind={row.kind}>
      <button
        type="button"
        className="kernel-log-line"
        aria-current={isCurrent ? 'true' : undefined}
        onClick={() => void seek(row.position)}
      >
        <span className="kernel-log-head">
          <span className="kernel-log-step">step {row.step}</span>
          {row.mark === '' ? null : (
            <span className="kernel-log-mark">
              {row.kind === 'WARN' ? <Icon name="warning" /> : null}
              {row.mark}
            </span>
          )}
        </span>
        {row.dmesg.length === 0 ? null : (
          <span className="kernel-log-dmesg">
            {row.dmesg.map((line) => (
              <code key={line}>{line}</code>
            ))}
          </span>
        )}
        <span className="kernel-log-text">
          <Prose plain pieces={pieces(row.text)} />
        </span>
        {row.again ? (
          <span className="kernel-log-note">
            Linux warns here once after boot: it would not print this a second time.
          </span>
        ) : null}
        {row.place === '' ? null : <code className="kernel-log-place">{row.place}</code>}
      </button>
    </li>
  );
};
