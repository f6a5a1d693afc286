import { type FormEvent, useEffect, useId, useRef, useState } from 'react';
import { readCondition } from '../../store/condition.ts';
import { breakpointText } from '../../store/debug.ts';
import { useActions, useApp } from '../../store/use-app.ts';
import { Button, IconButton } from '../../ui/Button.tsx';
import { breakpointWords, EXAMPLES } from './words.ts';

/** Conditions at which the run stops, forward and back. */
export const Breakpoints = () => {
  const { breakpoints, isAsked, lastHit, missed } = useApp((state) => state.debug);
  const hasRun = useApp((state) => state.scenario.run !== undefined);
  const { addBreakpoint, askBreakpoint, removeBreakpoint, switchBreakpoint, runToBreakpoint } = useActions();
  const [text, setText] = useState('');
  const [wrong, setWrong] = useState(false);
  const id = useId();
  const field = useRef<HTMLInputElement>(null);
  const help = useRef<HTMLParagraphElement>(null);
  useEffect(() => {
    if (!isAsked) return;
    field.current?.focus();
    askBreakpoint(false);
  }, [isAsked, askBreakpoint]);
  // the words on what is wrong stand below the field, where a low panel ends
  useEffect(() => {
    if (wrong) help.current?.scrollIntoView({ block: 'nearest' });
  }, [wrong]);
  const add = (event: FormEvent): void => {
    event.preventDefault();
    const breakpoint = readCondition(text);
    setWrong(breakpoint === undefined);
    if (breakpoint === undefined) return;
    addBreakpoint(breakpoint);
    setText('');
  };
  const canRun = hasRun && breakpoints.some(({ on }) => on);
  return (
    <section className="breakpoints" aria-labelledby={`${id}-heading`}>
      <header className="tree-head">
        <h3 id={`${id}-heading`} className="heading">
          Stop when
        </h3>
        <div className="tree-moves" role="group" aria-label="Run to a condition">
          <Button icon="previous" disabled={!canRun} onClick={() => void runToBreakpoint(-1)}>
            Run back
          </Button>
          <Button icon="next" disabled={!canRun} onClick={() => void runToBreakpoint(1)}>
            Run on
          </Button>
        </div>
      </header>
      <ul className="break-list">
        {breakpoints.map(({ breakpoint, on }, index) => (
          <li key={breakpointText(breakpoint)} className="break-item" data-hit={index === lastHit}>
            <label>
              <input type="checkbox" checked={on} onChange={() => switchBreakpoint(index, !on)} />
              {breakpointWords(breakpoint)}
            </label>
            {index === lastHit ? <span className="break-hit">stopped here</span> : null}
            <IconButton
              icon="close"
              label={`Remove: ${breakpointWords(breakpoint)}`}
              onClick={() => {
                // the row goes with its button
                field.current?.focus();
                removeBreakpoint(index);
              }}
            />
          </li>
        ))}
      </ul>
      <p className="break-missed" role="status">
        {missed === 0
          ? ''
          : `Nothing of the kind ${missed === 1 ? 'comes after this' : 'came before this'} moment.`}
      </p>
      <form className="break-form" onSubmit={add}>
        <label className="hidden-visually" htmlFor={`${id}-text`}>
          Condition
        </label>
        <input
          ref={field}
          id={`${id}-text`}
          list={`${id}-examples`}
          placeholder="_refcount=0"
          value={text}
          aria-invalid={wrong}
          aria-describedby={`${id}-help`}
          onChange={(event) => setText(event.target.value)}
        />
        <datalist id={`${id}-examples`}>
          {EXAMPLES.map((example) => (
            <option key={example} value={example} />
          ))}
        </datalist>
        <Button type="submit">Add</Button>
      </form>
      <p ref={help} id={`${id}-help`} className={wrong ? 'break-wrong' : 'muted break-help'}>
        {wrong ? 'That is no condition. ' : ''}
        Write a kernel function such as <code>migrate_device_coherent_page</code>,{' '}
        <code>any page’s refcount falls to 0</code>, <code>flags of page 0x100404</code>,{' '}
        <code>page 0x100404</code> or <code>log</code>.
      </p>
    </section>
  );
};
