import { type RefObject, useEffect, useRef } from 'react';
import { useActions, useApp } from '../../store/use-app.ts';
import { standingSentence, standingTask } from '../../words/index.ts';
import type { StackFrame, StandingView } from '../../store/views.ts';
import { breakable } from '../../ui/breakable.tsx';
import { keepCurrentInSight } from '../../ui/keep-in-sight.ts';
import './call-stack.css';

const NONE: readonly never[] = [];

interface FramesProps {
  readonly stack: readonly StackFrame[];
  /** Gets the row of the function that runs. */
  readonly innermost?: RefObject<HTMLLIElement | null>;
}

const Frames = ({ stack, innermost }: FramesProps) => {
  const { seek } = useActions();
  return stack.map((frame, depth) => (
    <li
      key={frame.begin}
      ref={depth === stack.length - 1 ? innermost : undefined}
      aria-current={depth === stack.length - 1 ? 'true' : undefined}
    >
      <button
        type="button"
        className="call"
        style={{ paddingInlineStart: `calc(var(--gap-4) + ${Math.min(depth, 14) * 0.2}rem)` }}
        data-term={`fn:${frame.fn}`}
        onClick={() => void seek(frame.begin)}
      >
        <span className="call-name">{breakable(frame.fn)}</span>
        <span className="call-args">{frame.args[0]?.value}</span>
      </button>
    </li>
  ));
};

/** Tasks that never go on, each with the calls in which it stands. */
const Standing = ({ tasks }: { readonly tasks: readonly StandingView[] }) => (
  <div className="call-stack-standing scroll">
    {tasks.map((task) => (
      <section key={task.task} aria-label={standingTask(task)}>
        <p className="call-stack-why">
          <strong>{standingTask(task)}</strong> {standingSentence(task)}
        </p>
        <ol className="call-stack-list">
          <Frames stack={task.stack} />
        </ol>
      </section>
    ))}
  </div>
);

/** The kernel functions that are being executed, outermost first. */
export const CallStack = () => {
  const stack = useApp((state) => state.trace.moment?.stack) ?? NONE;
  const standing = useApp((state) => state.trace.moment?.standing);
  const innermost = useRef<HTMLLIElement>(null);
  useEffect(() => {
    // with the next frame, whose layout is done anyway: now it would be done twice
    const frame = requestAnimationFrame(() => innermost.current?.scrollIntoView({ block: 'nearest' }));
    return () => cancelAnimationFrame(frame);
  }, [stack]);
  return (
    <section className="call-stack" aria-labelledby="call-stack-heading">
      <h2 id="call-stack-heading" className="heading">
        Kernel call stack
      </h2>
      {standing !== undefined ? (
        <Standing tasks={standing} />
      ) : stack.length === 0 ? (
        <p className="call-stack-empty muted">No kernel function is running.</p>
      ) : (
        <ol ref={keepCurrentInSight} className="call-stack-list scroll">
          <Frames stack={stack} innermost={innermost} />
        </ol>
      )}
    </section>
  );
};
