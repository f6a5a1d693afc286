import type { MachinePresetName } from '../../core/uapi/config.ts';
import { useActions, useApp } from '../../store/use-app.ts';
import { Select } from '../../ui/Select.tsx';

const MACHINES: readonly { readonly preset: MachinePresetName; readonly label: string }[] = [
  { preset: 'guest', label: 'Recording guest, 2 GiB' },
  { preset: 'guest-movable', label: 'Guest with ZONE_MOVABLE' },
  { preset: 'guest-cma', label: 'Guest with CMA' },
  { preset: 'teaching', label: 'Teaching machine, 64 MiB' },
  { preset: 'lab-node', label: 'Lab node, 512 + 256 GiB' },
  { preset: 'frontier', label: 'Frontier node, 512 + 512 GiB' },
];
const OWN = 'own';

/** On which machine the scenario runs. */
export const MachinePicker = () => {
  const chosen = useApp((state) => state.scenario.machine);
  const machine = useApp((state) => state.scenario.run?.machine);
  const { setMachine } = useActions();
  if (machine === undefined) return null;
  return (
    <Select
      label="Machine"
      value={chosen ?? OWN}
      onChange={(value) => void setMachine(MACHINES.find(({ preset }) => preset === value)?.preset)}
    >
      <option value={OWN}>{chosen === undefined ? machine.title : 'As the scenario asks'}</option>
      {MACHINES.map(({ preset, label }) => (
        <option key={preset} value={preset}>
          {label}
        </option>
      ))}
    </Select>
  );
};
