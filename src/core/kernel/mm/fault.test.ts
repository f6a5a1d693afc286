// Device pages that several processes share: who copies, who reuses, who comes back with whom.

import { expect, it } from 'vitest';
import { briefly } from '../../scenario/brief.ts';

const mmap = (pages: number): Record<string, unknown> => ({
  op: 'mmap',
  pages,
  prot: 'rw',
  kind: 'anon-private',
});
const WRITE = { op: 'write', value: 1 };
const writePage = (proc: string, page: number): Record<string, unknown> => ({
  op: 'write',
  proc,
  page,
  count: 1,
  value: 50,
});
const fork = (child: string): Record<string, unknown> => ({ op: 'fork', child });

// mm/memory.c: do_wp_page: more than three references: a copy at once; a page that is not on the LRU may be in a
// batch, so the batches are emptied before its references are counted
it('copies a coherent device page that others have, and reuses it after they left', () => {
  const steps = briefly(
    [
      mmap(1),
      WRITE,
      { op: 'migrate_to_dev', device: 0 },
      fork('B'),
      fork('C'),
      fork('D'),
      writePage('B', 0),
      writePage('C', 0),
      { op: 'exit', proc: 'D' },
      writePage('A', 0),
    ],
    ['coherent'],
  );
  const copy =
    'wp_page_copy page_add_new_anon_rmap lru_cache_add_inactive_or_unevictable folio_add_lru_vma folio_add_lru page_remove_rmap';
  expect(steps[5].frames).toEqual({ f2: 'device-coherent0 r4 m4 uptodate,dirty,swapbacked,reserved,anon' });
  expect(steps[6].calls).toBe(`handle_mm_fault do_wp_page vm_normal_page ${copy}`);
  expect(steps[7].calls).toBe(
    `handle_mm_fault do_wp_page vm_normal_page lru_add_drain mlock_page_drain_local ${copy}`,
  );
  expect(steps[9]).toMatchObject({
    vmstat: { pgfault: 1, pgreuse: 1 },
    calls:
      'handle_mm_fault do_wp_page vm_normal_page lru_add_drain mlock_page_drain_local page_move_anon_rmap',
    pages: { A: ['WDA f2'], B: ['WDA f3'], C: ['WDA f4'] },
    frames: { f2: 'device-coherent0 r1 m1 uptodate,dirty,swapbacked,reserved,anon,anon_exclusive' },
  });
});

// mm/gup.c: gup_must_unshare: a pin for reading takes a page of its own, unless nobody else has the device page
it('gives a pin for reading a page of its own', () => {
  const pin = (proc: string): Record<string, unknown> => ({
    op: 'gup',
    proc,
    call: 'pin_user_pages',
    flags: [],
    page: 0,
    count: 1,
    as: proc,
  });
  const steps = briefly(
    [mmap(1), WRITE, { op: 'migrate_to_dev', device: 0 }, fork('B'), pin('B'), pin('A')],
    ['coherent'],
  );
  expect(steps[4].pages).toEqual({ A: ['wDA f2'], B: ['wdA f3'] });
  expect(steps[4].frames).toMatchObject({
    f3: 'anon r1025 m1 pinned uptodate,lru,swapbacked,anon,anon_exclusive',
  });
  // wp_page_reuse for an unshare fault does not make the entry writable
  expect(steps[5].calls).toBe(
    '__gup_longterm_locked __get_user_pages follow_page_mask follow_page_pte vm_normal_page faultin_page ' +
      'handle_mm_fault do_wp_page vm_normal_page lru_add_drain mlock_page_drain_local page_move_anon_rmap ' +
      'follow_page_mask follow_page_pte vm_normal_page try_grab_page',
  );
  expect(steps[5].pages['A']).toEqual(['wDA f2']);
  expect(steps[5].frames['f2']).toBe(
    'device-coherent0 r1025 m1 pinned uptodate,dirty,swapbacked,reserved,anon,anon_exclusive',
  );
});

// lib/test_hmm.c: dmirror_devmem_fault; mm/rmap.c: try_to_migrate takes the entry of the other process along
it('brings a private device page back for all who have it, and then lets them part', () => {
  const steps = briefly(
    [
      mmap(3),
      WRITE,
      { op: 'migrate_to_dev', device: 0 },
      fork('B'),
      { op: 'read', proc: 'B', page: 0, count: 1 },
      writePage('B', 0),
      writePage('A', 0),
      { op: 'gup', call: 'pin_user_pages', flags: [], page: 1, count: 1, as: 'a' },
      writePage('B', 1),
      { op: 'exit', proc: 'A' },
      { op: 'write', proc: 'B', page: 2, count: 1, value: 7 },
    ],
    ['private'],
  );
  expect(steps[4]).toMatchObject({
    vmstat: { pgfault: 1 },
    pages: { A: ['wda f7', 'device-private w f5', 'device-private w f6'] },
    frames: { f7: 'anon r2 m2 uptodate,dirty,lru,swapbacked,anon' },
  });
  expect(steps[4].calls).toContain(
    'try_to_migrate try_to_migrate_one __mmu_notifier_invalidate_range_start ' +
      'dmirror_interval_invalidate dmirror_do_update page_remove_rmap __mmu_notifier_invalidate_range_end ' +
      'migrate_vma_check_page dmirror_devmem_fault_alloc_and_copy migrate_vma_pages __migrate_device_pages ' +
      'migrate_folio_extra folio_migrate_mapping folio_migrate_flags',
  );
  expect(steps[5].pages['B'][0]).toBe('WDA f8');
  expect(steps[6]).toMatchObject({ vmstat: { pgfault: 1, pgreuse: 1 } });
  // the page is back, shared and still in a batch: counted after the batches are emptied, then copied
  expect(steps[7].vmstat).toEqual({ pgfault: 2, nr_foll_pin_acquired: 1 });
  expect(steps[7].calls).toMatch(
    /do_wp_page vm_normal_page lru_add_drain mlock_page_drain_local wp_page_copy .* try_grab_page$/,
  );
  expect(steps[8].vmstat).toEqual({ pgfault: 1, pgreuse: 1 });
  // A is gone, so the last device page comes back as B's own; the entry is still read-only: a second fault
  expect(steps[10].vmstat).toEqual({ pgfault: 2, pgreuse: 1 });
  expect(steps[10].pages['B'][2]).toMatch(/^WDA /);
});

// mm/migrate_device.c: MIGRATE_VMA_SELECT_SYSTEM does not take pages of the other device; dmirror_do_read then finds
// nothing in the device's table
it('does not move pages from one device to another', () => {
  const steps = briefly(
    [mmap(2), WRITE, { op: 'migrate_to_dev', device: 0 }, { op: 'migrate_to_dev', device: 1 }],
    ['coherent', 'private'],
  );
  expect(steps[3]).toMatchObject({
    result: { ret: -1, errno: 'ENOENT' },
    calls:
      'dmirror_fops_unlocked_ioctl dmirror_migrate_to_device migrate_vma_setup migrate_vma_collect ' +
      '__mmu_notifier_invalidate_range_start dmirror_interval_invalidate dmirror_do_update ' +
      'dmirror_interval_invalidate migrate_vma_collect_pmd vm_normal_page×2 __mmu_notifier_invalidate_range_end ' +
      'dmirror_migrate_alloc_and_copy migrate_vma_pages __migrate_device_pages ' +
      'dmirror_migrate_finalize_and_map migrate_vma_finalize migrate_device_finalize ' +
      'dmirror_bounce_init dmirror_do_read dmirror_bounce_fini',
    pages: { A: ['WDA f3', 'WDA f4'] },
  });
});
