import { otherGpu } from '../../store/compare.ts';
import { openOnOtherPreset } from '../../store/gpu-preset.ts';
import { useActions, useApp } from '../../store/use-app.ts';
import { Button } from '../../ui/Button.tsx';
import { gpuPresets } from '../../words/gpu-presets.ts';

/** Which device the scenario runs on, and the same steps on the other one. */
export const Preset = () => {
  const scenario = useApp((state) => state.scenario);
  const playback = useApp((state) => state.playback);
  const actions = useActions();
  const to = otherGpu(scenario.given);
  if (to === undefined) return null;
  const { label, about } = gpuPresets[to === 'mi250x-gcd' ? 'generic-accelerator' : 'mi250x-gcd'];
  return (
    <div className="gpu-preset">
      <p>
        <b>{label}</b>: {about}
      </p>
      <Button
        id="gpu-preset"
        icon="compare"
        disabled={scenario.opening !== undefined}
        onClick={() => void openOnOtherPreset({ scenario, playback }, actions)}
      >
        {gpuPresets[to].go}
      </Button>
    </div>
  );
};
