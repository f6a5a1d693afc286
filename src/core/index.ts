// The only door of the core.

export {
  createSimulation,
  Simulation,
  type SimulationOverrides,
  type StepRecord,
} from './scenario/simulation.ts';
export { StepError, type StepResult } from './scenario/runner.ts';
export { parseScenario, parseStep, type Scenario, ScenarioError, type Step } from './uapi/scenario.ts';
export { compareRecording, type RecordingComparison, type RecordingDifference } from './scenario/compare.ts';
export { recordingOf, type Recording } from './scenario/recording.ts';
export { PatchSetError, parsePatches } from './uapi/patches.ts';
