// What somebody chose of the kernel, where it is not what the scenario asks for; and how an address writes it:
// `patches=1-5,7-14`, `config=MIGRATION:n,CMA:n`, `follow_page=v6.0`, `longterm_check=v6.0`, `longterm_policy=intent`.

import {
  FOLLOW_PAGE_READINGS,
  type FollowPageReading,
  KERNEL_SWITCHES,
  type KernelConfig,
  type KernelSwitch,
  LONGTERM_CHECKS,
  type LongtermCheck,
  LONGTERM_POLICIES,
  type LongtermPolicy,
} from '../core/uapi/config.ts';
import { parsePatches, PatchSetError, patchesText } from '../core/uapi/patches.ts';
import type { Message } from '../worker/protocol.ts';

/** Only what differs from the scenario's own kernel. */
export type KernelChoice = Partial<Omit<KernelConfig, 'version'>>;

/** The same as an address writes it. */
export interface KernelTexts {
  readonly patches?: string;
  readonly config?: string;
  readonly follow_page?: string;
  readonly longterm_check?: string;
  readonly longterm_policy?: string;
}

const differs = <Key extends keyof KernelConfig>(
  key: Key,
  wanted: KernelConfig,
  own: KernelConfig,
): Partial<KernelConfig> => (wanted[key] === own[key] ? {} : { [key]: wanted[key] });

/** What has to be chosen so that a scenario with a kernel of its own runs on another; undefined: nothing. */
export const kernelChoice = (wanted: KernelConfig, own: KernelConfig): KernelChoice | undefined => {
  const choice: KernelChoice = {
    ...(patchesText(wanted.patches) === patchesText(own.patches) ? {} : { patches: wanted.patches }),
    ...Object.assign({}, ...KERNEL_SWITCHES.map((name) => differs(name, wanted, own))),
    ...differs('followPage', wanted, own),
    ...differs('longtermCheck', wanted, own),
    ...differs('longtermPolicy', wanted, own),
  };
  return Object.keys(choice).length === 0 ? undefined : choice;
};

export const kernelTexts = (choice: KernelChoice): KernelTexts => {
  const switches = KERNEL_SWITCHES.filter((name) => choice[name] !== undefined);
  return {
    ...(choice.patches === undefined ? {} : { patches: patchesText(choice.patches) }),
    ...(switches.length === 0
      ? {}
      : {
          config: switches
            .map((name) => `${name.replace('CONFIG_', '')}:${choice[name] === true ? 'y' : 'n'}`)
            .join(','),
        }),
    ...(choice.followPage === undefined ? {} : { follow_page: choice.followPage }),
    ...(choice.longtermCheck === undefined ? {} : { longterm_check: choice.longtermCheck }),
    ...(choice.longtermPolicy === undefined ? {} : { longterm_policy: choice.longtermPolicy }),
  };
};

const isSwitch = (name: string): name is KernelSwitch => KERNEL_SWITCHES.some((known) => known === name);
const isReading = (text: string): text is FollowPageReading =>
  FOLLOW_PAGE_READINGS.some((reading) => reading === text);

const isCheck = (text: string): text is LongtermCheck => LONGTERM_CHECKS.some((check) => check === text);

const isPolicy = (text: string): text is LongtermPolicy =>
  LONGTERM_POLICIES.some((policy) => policy === text);

/** `MIGRATION:n,CMA:y`, also `CONFIG_MIGRATION=n`; undefined if it is neither. */
const parseSwitches = (text: string): KernelChoice | undefined => {
  const switches: Partial<Record<KernelSwitch, boolean>> = {};
  for (const part of text.split(',')) {
    const found = /^(?:CONFIG_)?(\w+)[:=]([yn])$/.exec(part.trim());
    const name = `CONFIG_${found?.[1] ?? ''}`;
    if (found === null || !isSwitch(name)) return undefined;
    switches[name] = found[2] === 'y';
  }
  return switches;
};

const MAX_CHARS = 200;

/** Reads what an address says of the kernel. What cannot be is left out, and said. */
export const readKernelTexts = (
  texts: KernelTexts,
): {
  readonly choice: KernelChoice | undefined;
  readonly problems: readonly { readonly place: string; readonly message: Message }[];
} => {
  const problems: { place: string; message: Message }[] = [];
  const refuse = (place: keyof KernelTexts, params: Message['params']): Record<never, never> => {
    problems.push({ place, message: { id: `link.${place}`, params } });
    return {};
  };
  const patches = (text: string): KernelChoice => {
    try {
      return { patches: parsePatches(text.slice(0, MAX_CHARS)) };
    } catch (error) {
      if (!(error instanceof PatchSetError)) throw error;
      return refuse('patches', { reason: error.message.slice(0, 300) });
    }
  };
  const config = (text: string): KernelChoice =>
    parseSwitches(text.slice(0, MAX_CHARS)) ?? refuse('config', { value: text.slice(0, 60) });
  const followPage = (text: string): KernelChoice =>
    isReading(text) ? { followPage: text } : refuse('follow_page', { value: text.slice(0, 60) });
  const longtermCheck = (text: string): KernelChoice =>
    isCheck(text) ? { longtermCheck: text } : refuse('longterm_check', { value: text.slice(0, 60) });
  const longtermPolicy = (text: string): KernelChoice =>
    isPolicy(text) ? { longtermPolicy: text } : refuse('longterm_policy', { value: text.slice(0, 60) });
  const choice: KernelChoice = {
    ...(texts.patches === undefined ? {} : patches(texts.patches)),
    ...(texts.config === undefined ? {} : config(texts.config)),
    ...(texts.follow_page === undefined ? {} : followPage(texts.follow_page)),
    ...(texts.longterm_check === undefined ? {} : longtermCheck(texts.longterm_check)),
    ...(texts.longterm_policy === undefined ? {} : longtermPolicy(texts.longterm_policy)),
  };
  return { choice: Object.keys(choice).length === 0 ? undefined : choice, problems };
};
