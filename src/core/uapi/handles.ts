// Steps that give back what a call took, by the name of its handle.

type StepFields = Readonly<Record<string, unknown>>;

const isStep = (value: unknown): value is StepFields =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const drops = (step: StepFields, handle: string): boolean =>
  step.op === 'concurrent' && Array.isArray(step.steps)
    ? step.steps.some((each: unknown) => isStep(each) && drops(each, handle))
    : (step.op === 'unpin' || step.op === 'put') && step.handle === handle;

/** The first step that ends behind a position and drops the handle, alone or as one of several tasks. */
export const stepThatDrops = <Of extends { readonly end: number; readonly step: StepFields }>(
  steps: readonly Of[],
  position: number,
  handle: string,
): Of | undefined => steps.find(({ end, step }) => end > position && drops(step, handle));
