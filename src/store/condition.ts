// A condition to stop at as a person types it: in the words of the kernel, or in a sentence.

import { KERNEL_FUNCTIONS } from '../core/uapi/source-refs.ts';
import { BREAK_FIELDS, type Breakpoint } from '../worker/protocol-debug.ts';
import { parseBreakpoint } from './debug.ts';

const NUMBER = String.raw`0x[\da-f]{1,10}|-?\d{1,12}`;
const OPENING = /^(?:please )?(?:stop|break|halt|run|wait)\b(?: (?:when|in|at|on|to|if|until|for))?[: ]*/i;
const LOG = /^(?:(?:the )?kernel (?:writes to its |writes to the )?log|dmesg|(?:a |any )?warn(?:ing)?)$/i;
const PAGE = new RegExp(`^(?:struct page of |the )?(?:page|pfn) (${NUMBER})(?: changes)?$`, 'i');
/** `any page's`, `pfn 0x4804's`, `a` */
const WHOSE = `(?:(?:any page|a page|the page|some page|(?:page|pfn) (?<before>${NUMBER}))(?:['’]?s)? )?(?:the )?`;
const OF = `(?: of (?:any page|a page|(?:page|pfn) (?<behind>${NUMBER})))?`;
const BECOMES = '(?:(?:falls|drops|goes|rises|sinks|gets) to|becomes|reaches|is|==?)';
const FIELD = new RegExp(
  `^${WHOSE}_?(?<field>[a-z_]+)${OF} ?(?:${BECOMES} ?(?<becomes>${NUMBER}|zero)|changes)?$`,
  'i',
);

/** With or without the underscore that the kernel's own name has. */
const fieldNamed = (text: string) => BREAK_FIELDS.find((field) => field.replace(/^_/, '') === text);

const fieldCondition = (text: string): Breakpoint | undefined => {
  const { field = '', before, behind, becomes } = FIELD.exec(text)?.groups ?? {};
  const known = fieldNamed(field.toLowerCase());
  if (known === undefined) return undefined;
  const pfn = before ?? behind;
  return {
    kind: 'field',
    field: known,
    ...(becomes === undefined ? {} : { becomes: becomes.toLowerCase() === 'zero' ? 0 : Number(becomes) }),
    ...(pfn === undefined ? {} : { pfn: Number(pfn) }),
  };
};

/**
 * `fn:migrate_pages`, `stop in migrate_device_coherent_page`, `any page's refcount falls to 0`, `pfn 0x4804 changes`,
 * `kernel log`; undefined: nothing of the kind.
 */
export const readCondition = (text: string): Breakpoint | undefined => {
  const typed = parseBreakpoint(text);
  if (typed !== undefined) return typed;
  const wish = text.trim().replace(OPENING, '').trim();
  const inner = parseBreakpoint(wish);
  if (inner !== undefined) return inner;
  const name = wish.replace(/\(\)$| is (?:entered|called)$/, '');
  if (KERNEL_FUNCTIONS.some((known) => known.name === name)) return { kind: 'function', fn: name };
  if (LOG.test(wish)) return { kind: 'log' };
  const page = PAGE.exec(wish)?.[1];
  return page === undefined ? fieldCondition(wish) : { kind: 'page', pfn: Number(page) };
};
