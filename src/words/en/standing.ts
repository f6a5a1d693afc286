// What is said of a task that never goes on, above the calls that it is in.

/** How a task stands, as the worker tells it. */
export interface Standing {
  readonly task: number;
  /** Empty: a kernel thread. */
  readonly process: string;
  readonly how: 'circle' | 'sleep' | 'stop';
  readonly what: string;
}

/** Who it is: `Thread 2, of process A`. */
export const standingTask = ({ task, process }: Standing): string =>
  process === '' ? `Thread ${task}, of the kernel` : `Thread ${task}, of process ${process}`;

/** What Linux would do where the simulation stops. */
const wouldGoOn = (defect: string): string => {
  switch (defect) {
    case 'svm.bo-freed':
      return 'Linux would read what was freed, and go on with whatever is there now.';
    case 'svm.bo-null':
      return 'Linux would follow a null pointer: it prints an Oops and ends the thread, with its locks held.';
    default:
      return 'Linux would go on from here with counts that are no longer true.';
  }
};

/** Where it stands, and that it never returns. */
export const standingSentence = ({ how, what }: Standing): string => {
  switch (how) {
    case 'circle':
      return `accesses ${what} and goes round and round: each fault comes back as if it were repaired, and the access faults again. It never gets on. Its last round:`;
    case 'sleep':
      return `sleeps in the last of these calls, for ${what === 'fence' ? 'a fence' : what}. Nobody will wake it: the call never returns.`;
    case 'stop':
      return `stands in the last of these calls. ${wouldGoOn(what)} The simulation follows it no further, and the call never returns.`;
  }
};
