import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

/** What the app needs to know of a recording before it opens it. */
interface RecordingHead {
  readonly name: string;
  readonly title: string;
  readonly boot: string;
  readonly devices: readonly { readonly id: number; readonly kind: string }[];
  readonly steps: readonly unknown[];
}

const folder = new URL('../../public/recordings/', import.meta.url);

function readHead(file: string): RecordingHead {
  return JSON.parse(readFileSync(new URL(file, folder), 'utf8')) as RecordingHead;
}

const files = readdirSync(folder).filter((file) => file.endsWith('.json') && file !== 'index.json');

test('each recording bears the name of its file', () => {
  expect(files.length).toBeGreaterThan(0);
  for (const file of files) expect(`${readHead(file).name}.json`).toBe(file);
});

test('index.json lists all recordings, sorted by name', async () => {
  const entries = files
    .map(readHead)
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
    .map(({ name, title, boot, devices, steps }) => ({
      name,
      title,
      boot,
      devices: devices.map(({ id, kind }) => ({ id, kind })),
      steps: steps.length,
    }));
  const lines = entries.map((entry) => JSON.stringify(entry)).join(',\n');
  await expect(`[\n${lines}\n]\n`).toMatchFileSnapshot('../../public/recordings/index.json');
});
