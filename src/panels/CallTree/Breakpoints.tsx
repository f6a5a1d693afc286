import { type FormEvent, Fragment, useEffect, useId, useMemo, useRef, useState } from 'react';
import {
  ENTRY_STATES,
  FIELD_NAMES,
  type KnownNames,
  namesOf,
  PAGE_FLAGS,
  parseCondition,
} from '../../store/condition.ts';
import { breakpointText } from '../../store/debug.ts';
import { useActions, useApp } from '../../store/use-app.ts';
import { useWords } from '../../store/use-words.ts';
import { Button, IconButton } from '../../ui/Button.tsx';
import { Prose } from '../../ui/Prose.tsx';
import { breakpointWords, examples } from './words.ts';

const Codes = ({ names }: { readonly names: readonly string[] }) =>
  names.map((name, i) => (
    <Fragment key={name}>
      {i === 0 ? '' : ', '}
      <code>{name}</code>
    </Fragment>
  ));

/** Everything that a condition can name. */
const Names = ({ known: { processes, areas } }: { readonly known: KnownNames }) => {
  const places = [...areas].map(([name, pages]) => (pages === 1 ? `${name}+0` : `${name}+0…${pages - 1}`));
  return (
    <details className="break-names">
      <summary>What can be named</summary>
      <dl>
        <dt>a field</dt>
        <dd>
          <Codes names={FIELD_NAMES} />, of <code>any page</code>, a pfn or a place. <code>mapcount</code> is
          counted as <code>dump_page</code> does: 0 is not mapped. <code>pins</code> is what GUP’s counts say:
          of a small page its references in units of 1024, of a huge page its <code>compound_pincount</code>.
        </dd>
        <dt>a flag</dt>
        <dd>
          a page <code>becomes</code> or <code>is no longer</code> <code>pinned</code> or{' '}
          <Codes names={PAGE_FLAGS} />
        </dd>
        <dt>a page</dt>
        <dd>
          <code>page 0x4804</code> or <code>page 18436</code> by its pfn; or the page that a place has:{' '}
          <Codes names={places.length === 0 ? ['buf+1'] : places} />
          {processes.length > 1 ? (
            <>
              , with a process before it (<Codes names={processes} />) where it is not the first that has the
              area
            </>
          ) : null}
          ; or an address, <code>{processes[0] ?? 'A'} 0x7f0000001000</code>
        </dd>
        <dt>an entry</dt>
        <dd>
          <code>pte of</code> a place changes, is or is not <Codes names={ENTRY_STATES} />; or{' '}
          <code>any pte</code>, where entries that point to a table do not count
        </dd>
        <dt>how</dt>
        <dd>
          <code>changes</code>, or begins to be <Codes names={['=', '!=', '<', '<=', '>', '>=']} />
        </dd>
        <dt>besides</dt>
        <dd>
          the name of a kernel function, or <code>log</code>
        </dd>
      </dl>
    </details>
  );
};

/** What the last run to a condition could not show as a moment of its own, or not see. */
const Reservations = () => {
  const { inside, unseen } = useApp((state) => state.debug);
  const { pieces } = useWords();
  const one = unseen.length === 1;
  return (
    <>
      {inside === undefined ? null : (
        <p className="break-note">
          Inside of step {inside.step}, a big one, whose events have no moments of their own: this is where
          they can be seen together. It was: <Prose plain pieces={pieces(inside.text)} />
        </p>
      )}
      {unseen.length === 0 ? null : (
        <p className="break-note">
          {one ? 'Step' : 'Steps'} {unseen.join(', ')} {one ? 'works' : 'work'} on so many pages that single
          events are counted, not kept: what is about any page was not looked for inside. Name a page or a
          place, and {one ? 'the step is' : 'the steps are'} run again for it.
        </p>
      )}
    </>
  );
};

/** Conditions at which the run stops, forward and back. */
export const Breakpoints = () => {
  const { breakpoints, isAsked, lastHit, missed } = useApp((state) => state.debug);
  const hasRun = useApp((state) => state.scenario.run !== undefined);
  const { addBreakpoint, askBreakpoint, removeBreakpoint, switchBreakpoint, runToBreakpoint } = useActions();
  const [text, setText] = useState('');
  const [wrong, setWrong] = useState<{ readonly wrong: string; readonly mend: string }>();
  const steps = useApp((state) => state.scenario.run?.steps);
  const known = useMemo(() => namesOf(steps ?? []), [steps]);
  const area = [...known.areas.keys()][0] ?? 'buf';
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
    if (wrong !== undefined) help.current?.scrollIntoView({ block: 'nearest' });
  }, [wrong]);
  const add = (event: FormEvent): void => {
    event.preventDefault();
    const reading = parseCondition(text, known);
    const isRead = 'breakpoint' in reading;
    setWrong(isRead ? undefined : reading);
    if (!isRead) return;
    addBreakpoint(reading.breakpoint);
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
      <Reservations />
      <form className="break-form" onSubmit={add}>
        <label className="hidden-visually" htmlFor={`${id}-text`}>
          Condition
        </label>
        <input
          ref={field}
          id={`${id}-text`}
          list={`${id}-examples`}
          placeholder="refcount > 1024"
          value={text}
          aria-invalid={wrong !== undefined}
          aria-describedby={`${id}-help`}
          onChange={(event) => setText(event.target.value)}
        />
        <datalist id={`${id}-examples`}>
          {examples(area).map((example) => (
            <option key={example} value={example} />
          ))}
        </datalist>
        <Button type="submit">Add</Button>
      </form>
      <p ref={help} id={`${id}-help`} className={wrong === undefined ? 'muted break-help' : 'break-wrong'}>
        {wrong === undefined ? (
          <>
            Write a kernel function, <code>any page’s refcount &gt; 1024</code>,{' '}
            <code>pte of {area}+1 is a migration entry</code>, <code>page 0x100404</code> or <code>log</code>.
          </>
        ) : (
          <>
            “{wrong.wrong}” cannot be read. {wrong.mend}
          </>
        )}
      </p>
      <Names known={known} />
    </section>
  );
};
