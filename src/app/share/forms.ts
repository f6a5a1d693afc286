// The forms in which a moment is handed on besides its link.

/** Past this, programs that carry links cut them. */
export const LONG_CHARS = 8000;

export const EMBED_SIZES = [
  { value: '960x540', label: '960 × 540' },
  { value: '640x400', label: '640 × 400' },
  { value: '390x500', label: '390 × 500' },
  { value: '100%x540', label: 'Full width' },
] as const;
export type EmbedSize = (typeof EMBED_SIZES)[number]['value'];

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('"', '&quot;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');

/** What a page's author pastes. */
export const embedSnippet = (address: string, title: string, size: EmbedSize): string => {
  const [width, height] = size.split('x');
  const name = title === '' ? 'Migrascope' : `Migrascope: ${title}`;
  return `<iframe src="${escaped(address)}" title="${escaped(name)}" width="${width}" height="${height}" loading="lazy" style="border: 0"></iframe>`;
};

/** A scenario with the steps that were added, as a file has it. */
export const scenarioFile = (given: unknown, added: readonly unknown[]): string | undefined => {
  if (typeof given !== 'object' || given === null) return undefined;
  const steps: unknown = Reflect.get(given, 'steps');
  if (!Array.isArray(steps)) return undefined;
  return JSON.stringify({ ...given, steps: [...steps, ...added.map((step) => ({ step }))] }, null, 1);
};
