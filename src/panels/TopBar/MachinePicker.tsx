import { useActions, useApp } from '../../store/use-app.ts';
import { Select } from '../../ui/Select.tsx';
import { MACHINES } from './machines.ts';

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
