import { type Command, keyText } from './keys.ts';
import { useApp } from './use-app.ts';

/** The keys of an action, for its tooltip; undefined where none act. */
export const useKeys = (): ((command: Command) => string | undefined) => {
  const { ownKeys, singleKeys } = useApp((state) => state.settings);
  return (command) => {
    const text = keyText(command, ownKeys, singleKeys);
    return text === '' ? undefined : text;
  };
};
