import { SPEEDS, type Speed } from '../../store/playback.ts';
import type { Command } from '../../store/keys.ts';
import { useActions, useApp } from '../../store/use-app.ts';
import { useKeys } from '../../store/use-keys.ts';
import type { Grain } from '../../store/views.ts';
import { IconButton } from '../../ui/Button.tsx';
import { Segmented } from '../../ui/Segmented.tsx';
import { Select } from '../../ui/Select.tsx';
import './transport.css';

const GRAINS: readonly { readonly value: Grain; readonly label: string; readonly term: string }[] = [
  { value: 'beat', label: 'Moment', term: 'moment' },
  { value: 'event', label: 'Event', term: 'event' },
  { value: 'function', label: 'Function', term: 'span' },
  { value: 'step', label: 'Step', term: 'step' },
];
const COMMANDS: Readonly<Record<Grain, readonly [Command, Command]>> = {
  beat: ['momentBack', 'momentForward'],
  event: ['eventBack', 'eventForward'],
  function: ['functionBack', 'functionForward'],
  step: ['stepBack', 'stepForward'],
};

const speedText = (speed: Speed): string => (speed === 'readable' ? 'Reading pace' : `Speed ${speed}×`);

/** Play, pause, and step forward and back by a grain. */
export const Transport = () => {
  const grain = useApp((state) => state.choices.grain);
  const playing = useApp((state) => state.playback.playing);
  const chosen = useApp((state) => state.playback.chosen);
  const speed = useApp((state) => state.playback.speed);
  const hasRun = useApp((state) => state.scenario.run !== undefined);
  const actions = useActions();
  const noun = GRAINS.find(({ value }) => value === grain)?.label.toLowerCase() ?? '';
  const keys = useKeys();
  const [back, forward] = COMMANDS[grain];
  return (
    <div className="transport" role="group" aria-label="Playback">
      <div className="transport-buttons tips-start">
        <IconButton
          icon="toStart"
          label="To the start"
          keys={keys('toStart')}
          disabled={!hasRun}
          onClick={() => void actions.toStart()}
        />
        <IconButton
          icon="back"
          label={`Back one ${noun}`}
          keys={keys(back)}
          disabled={!hasRun}
          onClick={() => void actions.stepBy(grain, -1)}
        />
        <IconButton
          look="solid"
          icon={playing ? 'pause' : 'play'}
          label={playing ? 'Pause' : chosen === undefined ? 'Play' : `Play from step ${chosen}`}
          keys={keys('togglePlay')}
          disabled={!hasRun}
          onClick={actions.togglePlay}
        />
        <IconButton
          icon="forward"
          label={`Forward one ${noun}`}
          keys={keys(forward)}
          disabled={!hasRun}
          onClick={() => void actions.stepBy(grain, 1)}
        />
        <IconButton
          icon="toEnd"
          label="To the end"
          keys={keys('toEnd')}
          disabled={!hasRun}
          onClick={() => void actions.toEnd()}
        />
      </div>
      <Segmented
        label="Step by"
        options={GRAINS}
        value={grain}
        onChange={(chosen) => actions.choose({ grain: chosen })}
      />
      <Select
        label="Speed"
        value={String(speed)}
        onChange={(value) => {
          const found = SPEEDS.find((each) => String(each) === value);
          if (found !== undefined) actions.setSpeed(found);
        }}
      >
        {SPEEDS.map((each) => (
          <option key={each} value={String(each)}>
            {speedText(each)}
          </option>
        ))}
      </Select>
    </div>
  );
};
