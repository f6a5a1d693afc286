import { useMemo } from 'react';
import { runToHereText } from '../../store/debug.ts';
import { useActions, useApp } from '../../store/use-app.ts';
import { useKeys } from '../../store/use-keys.ts';
import { useView } from '../../store/use-view.ts';
import type { CallRow } from '../../store/views.ts';
import { IconButton } from '../../ui/Button.tsx';
import { Breakpoints } from './Breakpoints.tsx';
import { formatCount, formatCounted } from '../../ui/format.ts';
import './call-tree.css';

type Call = Extract<CallRow, { kind: 'call' }>;

const CallItem = ({ call }: { readonly call: Call }) => {
  const { chooseCall, runToHere, seek, unfoldCall } = useActions();
  const here = { kind: 'function', name: call.fn, begin: call.begin } as const;
  const running = call.state === 'running';
  return (
    <>
      {call.hasCalls ? (
        <button
          type="button"
          className="tree-fold"
          aria-expanded={call.isOpen}
          aria-label={`Calls of ${call.fn}`}
          // what runs is always open: its calls are where the cursor is
          disabled={running}
          onClick={() => unfoldCall(call.begin, !call.isOpen)}
        >
          {call.isOpen ? '▾' : '▸'}
        </button>
      ) : (
        <span className="tree-fold" aria-hidden="true" />
      )}
      <button
        type="button"
        className="tree-call"
        data-term={`fn:${call.fn}`}
        onFocus={() => chooseCall(here)}
        onClick={(event) => void (event.shiftKey ? runToHere(here) : seek(call.begin))}
      >
        <span className="tree-fn">{call.fn}</span>
        {call.args === '' ? null : <span className="tree-args">({call.args})</span>}
        {call.result === '' ? null : <span className="tree-result">→ {call.result}</span>}
      </button>
    </>
  );
};

/** The kernel functions of a step as a tree that unfolds, with a debugger's ways to move through it. */
export const CallTree = () => {
  const open = useApp((state) => state.debug.openCalls);
  const query = useMemo(() => ({ view: 'call-tree', open }) as const, [open]);
  const tree = useView(query);
  const { askBreakpoint, runToHere, stepBy } = useActions();
  const stops = useApp((state) => state.debug.breakpoints.length);
  const runText = useApp(runToHereText);
  const keys = useKeys();
  return (
    <section className="call-tree" aria-labelledby="call-tree-heading">
      <header className="tree-head">
        <h2 id="call-tree-heading" className="heading">
          Calls{tree === undefined || tree.step < 0 ? '' : ` of step ${tree.step}`}
        </h2>
        <div className="tree-moves" role="group" aria-label="Move by calls">
          <button type="button" className="button button-bare tree-stops" onClick={() => askBreakpoint(true)}>
            {stops === 0 ? 'Stop when…' : formatCounted(stops, 'stop')}
          </button>
          <IconButton icon="back" label="Back to the call before" onClick={() => void stepBy('over', -1)} />
          <IconButton icon="down" label="Into the next call" onClick={() => void stepBy('function', 1)} />
          <IconButton
            icon="forward"
            label="Over: past what this call calls"
            onClick={() => void stepBy('over', 1)}
          />
          <IconButton icon="out" label="Out: to the end of this call" onClick={() => void stepBy('out', 1)} />
          <IconButton
            icon="target"
            label={runText ?? 'Run to here: choose a call first'}
            keys={keys('runToHere')}
            disabled={runText === undefined}
            onClick={() => void runToHere()}
          />
        </div>
      </header>
      {tree === undefined ? null : tree.rows.length === 0 ? (
        <p className="muted">
          {tree.step === -1 ? 'No step has begun.' : 'This step calls no kernel function that is traced.'}
        </p>
      ) : (
        <ol className="tree-rows">
          {tree.rows.map((row, index) => (
            <li
              key={row.kind === 'call' ? row.begin : `more ${index}`}
              className="tree-row"
              data-state={row.kind === 'call' ? row.state : 'more'}
              style={{ paddingInlineStart: `calc(${Math.min(row.depth, 16)} * var(--tree-indent))` }}
            >
              {row.kind === 'call' ? (
                <CallItem call={row} />
              ) : (
                <span className="muted tree-more">
                  {row.count === 1 ? '1 more call' : `${formatCount(row.count)} more calls`}
                </span>
              )}
            </li>
          ))}
        </ol>
      )}
      <Breakpoints />
    </section>
  );
};
