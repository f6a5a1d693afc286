import { type SyntheticEvent, useState } from 'react';
import { useActions, useApp } from '../../store/use-app.ts';
import { Button } from '../../ui/Button.tsx';
import { EXAMPLES, parseCommand } from './command.ts';

/** A field to do something next: the step is added at the end of the run. */
export const NextStep = () => {
  const { addStep } = useActions();
  const hasRun = useApp((state) => state.scenario.run !== undefined);
  const last = useApp(({ scenario: { run }, trace: { moment } }) =>
    run === undefined || moment === undefined || moment.position === run.length ? -1 : run.steps.length - 1,
  );
  const [text, setText] = useState('');
  const [problem, setProblem] = useState('');
  const submit = (event: SyntheticEvent) => {
    event.preventDefault();
    const parsed = parseCommand(text);
    if (parsed.kind === 'problem') {
      setProblem(parsed.text);
      return;
    }
    setProblem('');
    void addStep(parsed.step).then((added) => {
      if (added) setText('');
    });
  };
  return (
    <form className="next-step" onSubmit={submit}>
      <label className="heading" htmlFor="next-step">
        Next step
      </label>
      <div className="next-step-field">
        <input
          id="next-step"
          list="next-step-examples"
          placeholder="read buf"
          autoComplete="off"
          spellCheck={false}
          value={text}
          disabled={!hasRun}
          aria-describedby="next-step-problem"
          onChange={(event) => {
            setText(event.target.value);
            setProblem('');
          }}
        />
        <Button type="submit" disabled={!hasRun || text.trim() === ''}>
          Run
        </Button>
      </div>
      <datalist id="next-step-examples">
        {EXAMPLES.map((example) => (
          <option key={example} value={example} />
        ))}
      </datalist>
      <p id="next-step-problem" className="next-step-problem" role="status">
        {problem === '' && text.trim() !== '' && last >= 0
          ? `It runs behind step ${last}, the last one.`
          : problem}
      </p>
    </form>
  );
};
