// English. The only door to the catalogue: a message id with parameters becomes a sentence.

/** As the worker and the store send it. */
export interface Message {
  readonly id: string;
  readonly params: Readonly<Record<string, string | number>>;
}

/** A piece of a sentence: prose, or a kernel word to be set in the mono face. */
export interface Piece {
  readonly kind: 'text' | 'code';
  readonly text: string;
}

/** The sentence in pieces; kernel words stand between backticks in the catalogue. */
export const pieces = (message: Message): Piece[] =>
  sentence(message)
    .split('`')
    .map((text, index): Piece => ({ kind: index % 2 === 0 ? 'text' : 'code', text }))
    .filter(({ text }) => text !== '');

/** The sentence as plain text: for the live region, titles, exports. */
export const say = (message: Message): string => sentence(message).replaceAll('`', '');

const sentence = (message: Message): string => message.id;
