// Short words on the memory maps.

/** Why a page stayed where it is, by the decision that kept it there. */
export const stayedBecause: Readonly<Record<string, string>> = {
  'migrate.expected-count': 'somebody else holds a reference',
  'migrate.no-destination': 'there was no free page to move to',
  'migrate.file-refused': 'its file does not allow it',
  'migrate.isolation-failed': 'it is on no LRU list',
  'migrate.trylock-failed': 'somebody else holds its lock',
  'migrate.maybe-pinned': 'it is probably pinned',
  'migrate.not-selected': 'it was not collected',
};
