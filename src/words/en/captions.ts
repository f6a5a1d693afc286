// One plain sentence for each stop of playback and for each decision of the kernel, and one for the reason.
// Kernel words stand between backticks and are spelled as in the kernel.

import { beats } from './captions/beats.ts';
import { decisions } from './captions/decisions.ts';
import { kernelLog } from './captions/kernel-log.ts';
import { origins } from './captions/origins.ts';
import type { Told } from './captions/told.ts';
import { gpuLogs } from './gpu/logs.ts';
import type { Sentences } from './phrases.ts';

const ALL: Readonly<Record<string, Told>> = { ...decisions, ...beats, ...kernelLog, ...gpuLogs, ...origins };

export const captions: Sentences = Object.fromEntries(
  Object.entries(ALL).map(([id, { what }]) => [id, what]),
);

export const whys: Sentences = Object.fromEntries(
  Object.entries(ALL).map(([id, { why }]) => [`why.${id}`, why]),
);
