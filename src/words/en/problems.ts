// What went wrong and what to do about it.

import type { KernelDefect } from '../../core/uapi/defects.ts';
import { code, count, grouped, has, num, type Params, type Sentences, txt } from './phrases.ts';

const because = (p: Params): string => (has(p, 'reason') ? ` (${txt(p, 'reason')})` : '');

/** What goes wrong in Linux itself, on which lines, and what to do instead. */
const DEFECTS: Readonly<Record<KernelDefect, string>> = {
  'svm.fence-under-mutex':
    '`svm_range_validate_svm_bo` waits until a buffer object is evicted, and holds the `migrate_mutex` for which the evicting thread waits. Both would wait for ever. Let the eviction end first, then move the range',
  'svm.page-left-behind':
    'two accesses held a page while its range came home, so that it stayed in private VRAM and nobody counted it. `svm_migrate_to_ram` takes it for being home, and the access would fault again for ever. Unmap that memory; another time, touch it when the move has ended',
  'svm.page-in-use':
    'the range gets its old buffer object back, where a page is still in use: another process has it mapped, or it was left behind. `svm_migrate_get_vram_page` does not look, and would hand it out a second time. End that use first: unmap the page, or let the other process exit',
  'svm.bo-freed':
    'an eviction took the range off the list of its buffer object and could not bring it home, so that the range still points to an object that was freed meanwhile. `svm_range_validate_svm_bo` would read it. Unmap that memory and map it anew',
  'svm.bo-null':
    'a page of VRAM is mapped in a range that has no buffer object, because an eviction left it behind or the process has it from its parent. `svm_range_dma_map_dev` would follow a null pointer. Bring the page home first: write to it, prefetch it to system memory or pin it long-term',
  'svm.own-fault-skipped':
    'GPUs of several hives are to map private VRAM, which one of them cannot reach. `hmm_range_fault` faults for it, `svm_migrate_to_ram` does nothing for the thread that maps the range itself, and the two would go round for ever. Prefetch the range to system memory first',
};
const isDefect = (id: string): id is KernelDefect => id in DEFECTS;
const defectText = (id: string): string => (isDefect(id) ? DEFECTS[id] : id);

export const problems: Sentences = {
  'problem.catalogue': (p) =>
    `The list of recordings could not be loaded${because(p)}. The scenes made by hand are still there; reload the page to try again.`,
  'problem.no-catalogue': (p) =>
    `${code(p, 'name')} cannot be opened, since the list of recordings could not be loaded. Reload the page to try again.`,
  'problem.unknown-scenario': (p) => `There is no scenario ${code(p, 'name')}. Choose one from the list.`,
  'problem.fetch': (p) => `The scenario ${code(p, 'name')} could not be loaded${because(p)}. Try again.`,
  'problem.not-json': (p) => `This is not a scenario file: it is not JSON${because(p)}.`,
  'problem.file-too-long': 'This file is too long for a scenario.',
  'problem.unfit': (p) =>
    `This scenario cannot be run: ${txt(p, 'reason')}. Change that in the file and open it again.`,
  'problem.unfit-step': (p) => `This step cannot be run: ${txt(p, 'reason')}. Change that and run it again.`,
  'problem.impossible': (p) =>
    `The step ${code(p, 'op')} is not possible: ${txt(p, 'reason')}. Nothing of it was done.`,
  'problem.defect': (p) =>
    `Linux 6.1 itself goes wrong at the step ${code(p, 'op')}: ${defectText(txt(p, 'defect'))}. Nothing of it was done.`,
  'problem.machine': (p) =>
    `This machine cannot run the scenario: ${txt(p, 'reason')}. Choose another machine.`,
  'problem.patches': (p) =>
    `No kernel can be built like this: ${txt(p, 'reason')}. What was on screen is still there.`,
  'problem.bug': (p) => `The simulated kernel stopped at one of its own checks: ${txt(p, 'reason')}.`,
  'problem.internal': (p) => `Something went wrong inside${because(p)}. What was on screen is still there.`,
  'problem.no-run': 'This run is not open any more. Open the scenario again.',
  'problem.too-many-cells': (p) =>
    `The map asked for ${grouped(num(p, 'cells'))} cells at once, which is too many.`,
  'problem.cancelled': 'Cancelled. Nothing of it was done.',
  'working.step': (p) =>
    `Step ${num(p, 'step')} of ${num(p, 'steps')} is running: ${grouped(num(p, 'pages'))} pages so far.`,
  'problem.no-later-call': (p) =>
    `${code(p, 'name')} is not called again behind this moment, and no breakpoint would stop there.`,
  'problem.no-detail': () =>
    'No process maps this page before or behind the step, so that there is nothing to tell.',
  'problem.worker': (p) => `The simulation has stopped${because(p)}. Reload the page to start it again.`,
  'link.damaged':
    'This link is damaged: it cannot be read. Ask for a new one, or choose a scenario from the list.',
  'link.too-long': 'This link holds more than a link may. Ask for the scenario as a file.',
  'link.newer': (p) =>
    `This link was made by a newer version (${txt(p, 'version')}). Reload the page to get that version.`,
  'link.unfit': (p) => `This link is damaged: ${txt(p, 'what')}.`,
  'link.scenario': (p) => `The link names a scenario that cannot be one: ${code(p, 'value')}.`,
  'link.machine': (p) =>
    `The link names a machine that does not exist: ${code(p, 'value')}. The scenario’s own is used.`,
  'link.patches': (p) =>
    `The link names a set of patches that cannot be: ${txt(p, 'reason')}. The scenario’s own is used.`,
  'link.config': (p) =>
    `The link sets a switch that does not exist: ${code(p, 'value')}. Write, for example, \`config=MIGRATION:n,CMA:n\`. The scenario’s own are used.`,
  'link.follow_page': (p) =>
    `The link names a reading of \`follow_page\` that does not exist: ${code(p, 'value')}. Write v6.1, v6.0 or FOLL_LRU.`,
  'link.longterm_check': (p) =>
    `The link names a check of long-term pins that does not exist: ${code(p, 'value')}. Write v6.1 or v6.0.`,
  'link.longterm_policy': (p) =>
    `The link names a policy for long-term pins that does not exist: ${code(p, 'value')}. Write on, intent or as-coded.`,
  'link.unknown': (p) =>
    `The link says something that this version does not know: ${code(p, 'name')}. It was left out.`,
  'link.more': (p) =>
    `${count(num(p, 'count'), 'more part')} of the link cannot be shown and ${num(p, 'count') === 1 ? 'was' : 'were'} left out.`,
  'link.lang': (p) =>
    `The link asks for a language that there is not: ${code(p, 'value')}. There is English.`,
  'link.no-bank': (p) =>
    `The link opens or moves the map ${code(p, 'bank')}, which this machine does not have; it has ${txt(p, 'banks')}. It was left out.`,
  'link.no-panel': (p) =>
    `The link arranges a panel that this version does not have: ${code(p, 'panel')}. The other panels are as the link has them.`,
  'link.no-frame': (p) =>
    `The link selects page frame \`0x${num(p, 'pfn').toString(16)}\`, at which this machine has no memory. Nothing is selected.`,
  'link.no-process': (p) =>
    `The link selects a page of process ${code(p, 'process')}, which this run does not have. Nothing is selected.`,
  'link.no-table': (p) =>
    `The link unfolds page tables of process ${code(p, 'process')}, which this run does not have. They were left out.`,
  'link.no-tree': (p) =>
    `The link shows the page-table tree of process ${code(p, 'process')}, which this run does not have. It shows the first one’s.`,
  'link.no-entry': (p) =>
    `The link lets ${code(p, 'entry')} stand out, which the legend does not have; by ${txt(p, 'mode')} it has ${txt(p, 'entries')}. It was left out.`,
  'link.no-splitter': (p) =>
    `The link moves a side that this version does not have: ${code(p, 'splitter')}. The other sides are as the link has them.`,
  'link.branches': (p) =>
    `The link unfolds page tables in a way that cannot be read: ${code(p, 'value')}. Write, for example, \`branches=A:pmd:0x7f0000000\`. None is unfolded.`,
  'link.no-handle': (p) =>
    `The link selects the pin ${code(p, 'name')}, which this run does not have. Nothing is selected.`,
  'link.no-stop': (p) =>
    `The link has the breakpoint ${code(p, 'value')}, which cannot be in this run: ${code(p, 'wrong')}. ${txt(p, 'mend')} The run does not stop there.`,
  'link.embed': (p) =>
    `The link embeds the page in a way that does not exist: ${code(p, 'value')}. Write \`embed=1\`. All of the page is shown.`,
  'link.controls': (p) =>
    `The link names controls that do not exist: ${code(p, 'value')}. Write \`controls=min\`. All controls are there.`,
  'link.motion': (p) =>
    `The link names a kind of motion that does not exist: ${code(p, 'value')}. Write \`motion=reduce\`. Yours is kept.`,
  'link.theme': (p) => `The link names a theme that does not exist: ${code(p, 'value')}. Yours is kept.`,
  'link.page': (p) => `The link names a page that cannot be one: ${code(p, 'value')}.`,
  'link.layout': (p) =>
    `The link names an arrangement of panels that does not exist: ${code(p, 'value')}. Yours is kept.`,
  'link.walk': (p) =>
    `The link reads the page-table tree in a way that does not exist: ${code(p, 'value')}. Write \`walk=5\` for five levels, \`walk=4,words\` for 64-bit words, \`walk=4,of:B\` for process B. It stays as it is.`,
  'link.extent': (p) =>
    `The link names a part of the timeline that does not exist: ${code(p, 'value')}. Yours is kept.`,
  'link.map': (p) =>
    `The link colours the maps by something that does not exist: ${code(p, 'value')}. Write, for example, \`map=owner\` or \`map=whole\`. They stay as they are.`,
  'link.windows': (p) =>
    `The link opens or moves a map in a way that cannot be: ${code(p, 'value')}. Write, for example, \`windows=device-1:open\`. The maps follow what happens.`,
  'link.as': (p) =>
    `The link names a form of the maps that does not exist: ${code(p, 'value')}. Write \`as=text\` or \`as=pictures\`. Yours is kept.`,
  'link.grain': (p) =>
    `The link names a size of steps that does not exist: ${code(p, 'value')}. Write beat, event, function or step. Yours is kept.`,
  'link.compare': (p) =>
    `The link compares with something that does not exist: ${code(p, 'value')}. Nothing is compared.`,
  'link.stop': (p) =>
    `The link names a breakpoint that cannot be read: ${code(p, 'value')}. The run does not stop there.`,
  'link.t': (p) =>
    `The link names a place in time that cannot be read: ${code(p, 'value')}. It opens at the start.`,
  'link.sel': (p) =>
    `The link names a selection that cannot be read: ${code(p, 'value')}. Nothing is selected.`,
};
