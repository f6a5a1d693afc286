// Numbers as text. Thousands are set apart by a narrow no-break space, which no locale misreads.

const NARROW_SPACE = '\u202f';

/** `65 536` */
export const formatCount = (n: number): string =>
  Math.round(n)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, NARROW_SPACE);

/** `4 pages`, `1 page` */
export const formatCounted = (n: number, singular: string, plural = `${singular}s`): string =>
  `${formatCount(n)} ${n === 1 ? singular : plural}`;

/** `0x5fffd` */
export const formatHex = (n: number): string => (n < 0 ? '\u2212' : `0x${n.toString(16)}`);

const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

/** `256 MiB`, `1.5 GiB` */
export const formatBytes = (bytes: number): string => {
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < UNITS.length - 1) {
    value /= 1024;
    unit += 1;
  }
  const text = Number.isInteger(value) ? String(value) : value.toFixed(value < 10 ? 1 : 0);
  return `${text} ${UNITS[unit] ?? 'B'}`;
};

/** A user address with its halves set apart: `0x7f80_0000_2000` */
export const formatAddress = (bytes: number): string => {
  const digits = bytes.toString(16).padStart(12, '0');
  return `0x${digits.slice(0, -8)}_${digits.slice(-8, -4)}_${digits.slice(-4)}`;
};
