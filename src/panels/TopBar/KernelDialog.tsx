import { buildablePatches } from '../../core/uapi/patches.ts';
import { useId, useState } from 'react';
import {
  ALL_PATCHES,
  FOLLOW_PAGE_READINGS,
  KERNEL_SWITCHES,
  type KernelConfig,
  type PatchNumber,
} from '../../core/uapi/config.ts';
import { useActions, useApp } from '../../store/use-app.ts';
import type { RunInfo } from '../../store/views.ts';
import { Button } from '../../ui/Button.tsx';
import { Dialog } from '../../ui/Dialog.tsx';
import { Icon } from '../../ui/Icon.tsx';
import { Prose } from '../../ui/Prose.tsx';
import { Segmented } from '../../ui/Segmented.tsx';
import { followPageReadings, kernelWords, textPieces, wordsFor, withoutSwitch } from '../../words/index.ts';
import {
  completed,
  kconfigObjections,
  objections,
  type PatchRow,
  patchRows,
  presets,
  toggled,
} from './kernel.ts';
import './kernel.css';

interface KernelDialogProps {
  readonly run: RunInfo;
  readonly onClose: () => void;
}

/** Chooses the kernel. Nothing runs before it is asked for, and nothing that could not be built. */
export const KernelDialog = ({ run, onClose }: KernelDialogProps) => {
  const { setKernel } = useActions();
  const [draft, setDraft] = useState<KernelConfig>(run.kernel);
  const change = (part: Partial<KernelConfig>) => setDraft({ ...draft, ...part });
  return (
    <Dialog title="Kernel" place="wide" onClose={onClose}>
      <div className="kernel scroll">
        <Patches draft={draft} onChange={(patches) => change({ patches })} onClose={onClose} />
        <Switches draft={draft} onChange={change} />
      </div>
      <Outcome
        draft={draft}
        own={run.ownKernel}
        onChange={setDraft}
        onRun={() => {
          onClose();
          void setKernel(draft);
        }}
      />
    </Dialog>
  );
};

interface PatchesProps {
  readonly draft: KernelConfig;
  readonly onChange: (patches: readonly PatchNumber[]) => void;
  readonly onClose: () => void;
}

/** The 14 patches of the series, and sets of them that are worth a look. */
const Patches = ({ draft: { patches }, onChange, onClose }: PatchesProps) => {
  const catalogue = useApp((state) => state.scenario.catalogue.entries);
  return (
    <section className="kernel-patches" aria-labelledby="kernel-patches-heading">
      <h3 id="kernel-patches-heading" className="heading">
        The series “Add MEMORY_DEVICE_COHERENT”, merged in Linux 6.0
      </h3>
      <div className="kernel-presets" role="group" aria-label="Sets of patches">
        {presets(patches, catalogue).map(({ label, patches: wanted, isChosen }, index) => (
          <button
            key={label}
            type="button"
            className="button button-line"
            aria-pressed={isChosen}
            {...(index === 0 ? { 'data-first': true } : {})}
            onClick={() => onChange(wanted)}
          >
            {label}
          </button>
        ))}
      </div>
      <ul className="patch-list">
        {patchRows(patches, catalogue).map((row) => (
          <PatchItem
            key={row.number}
            row={row}
            onToggle={() => onChange(toggled(patches, row.number))}
            onClose={onClose}
          />
        ))}
      </ul>
    </section>
  );
};

interface PatchItemProps {
  readonly row: PatchRow;
  readonly onToggle: () => void;
  readonly onClose: () => void;
}

const PatchItem = ({ row, onToggle, onClose }: PatchItemProps) => {
  const { number, subject, role, without, isOn, lacks, see } = row;
  const { openByName } = useActions();
  const id = useId();
  return (
    <li className="patch" data-on={isOn} data-lacks={lacks !== ''}>
      <label>
        <input
          type="checkbox"
          checked={isOn}
          aria-label={`Patch ${number}: ${subject}`}
          aria-describedby={`${id}-lacks ${id}-without`}
          onChange={onToggle}
        />
        <span className="patch-number">{number}</span>
        <span className="patch-subject">{subject}</span>
        <span className="patch-role">{role}</span>
      </label>
      <p id={`${id}-lacks`} className="patch-lacks">
        {lacks === '' ? null : (
          <>
            <Icon name="warning" /> {lacks}
          </>
        )}
      </p>
      <p id={`${id}-without`} className="patch-without">
        <span className="patch-without-label">Without it:</span> <Prose plain pieces={textPieces(without)} />
        {see === undefined ? null : (
          <button
            type="button"
            className="patch-see"
            aria-label={`See it: without patch ${number}`}
            onClick={() => {
              onClose();
              const { scenario, patches } = see;
              void openByName(scenario, patches === undefined ? {} : { kernel: { patches } });
            }}
          >
            See it
          </button>
        )}
      </p>
    </li>
  );
};

interface SwitchesProps {
  readonly draft: KernelConfig;
  readonly onChange: (part: Partial<KernelConfig>) => void;
}

const READINGS = FOLLOW_PAGE_READINGS.map((value) => ({ value, label: followPageReadings[value].label }));

/** CONFIG switches, and how callers of follow_page turn device pages away. */
const Switches = ({ draft, onChange }: SwitchesProps) => {
  const id = useId();
  // as the kernel spells it that is being chosen
  const words = wordsFor(draft);
  return (
    <div className="kernel-switches">
      <section aria-labelledby={`${id}-config`}>
        <h3 id={`${id}-config`} className="heading">
          Switches
        </h3>
        <ul>
          {KERNEL_SWITCHES.map((name) => (
            <li key={name} className="switch">
              <label>
                <input
                  type="checkbox"
                  checked={draft[name]}
                  aria-describedby={`${id}-${name}`}
                  onChange={(event) => onChange({ [name]: event.target.checked })}
                />
                <code>{name}</code>
              </label>
              <p id={`${id}-${name}`}>
                <Prose plain pieces={words.textPieces(withoutSwitch[name])} />
              </p>
            </li>
          ))}
        </ul>
        <div role="status">
          {kconfigObjections(draft).map((note) => (
            <p key={note} className="kernel-note">
              <Prose pieces={words.textPieces(note)} />
            </p>
          ))}
        </div>
      </section>
      <section aria-labelledby={`${id}-follow`}>
        <h3 id={`${id}-follow`} className="heading">
          Callers of <code>follow_page</code> that meet a device page
        </h3>
        <Segmented
          label="Callers of follow_page"
          options={READINGS}
          value={draft.followPage}
          onChange={(followPage) => onChange({ followPage })}
        />
        <p>
          <Prose pieces={words.textPieces(followPageReadings[draft.followPage].text)} />
        </p>
      </section>
    </div>
  );
};

interface OutcomeProps {
  readonly draft: KernelConfig;
  readonly own: KernelConfig;
  readonly onChange: (kernel: KernelConfig) => void;
  readonly onRun: () => void;
}

/** What has been chosen, or why no kernel can be built like this and what to do about it. */
const Outcome = ({ draft, own, onChange, onRun }: OutcomeProps) => {
  const found = objections(draft.patches);
  const isPossible = found.length === 0;
  const id = useId();
  const use = (patches: readonly PatchNumber[]) => onChange({ ...draft, patches });
  return (
    <div className="kernel-outcome">
      <div id={id} className="kernel-verdict" role={isPossible ? 'status' : 'alert'}>
        {isPossible ? (
          <p>
            {kernelWords(draft)}
            {draft.patches.length === ALL_PATCHES.length ? '' : '; the recordings are of the whole series'}
          </p>
        ) : (
          found.map((sentence) => (
            <p key={sentence}>
              <Icon name="warning" /> {sentence}
            </p>
          ))
        )}
      </div>
      <div className="kernel-actions">
        {isPossible ? null : (
          <>
            <Button onClick={() => use(buildablePatches(draft.patches))}>Take those out, too</Button>
            <Button onClick={() => use(completed(draft.patches))}>Put back what they need</Button>
          </>
        )}
        {isPossible && kernelWords(draft) !== kernelWords(own) ? (
          <Button onClick={() => onChange(own)}>As the scenario asks: {kernelWords(own)}</Button>
        ) : null}
        <Button look="solid" icon="play" disabled={!isPossible} aria-describedby={id} onClick={onRun}>
          Run on this kernel
        </Button>
      </div>
    </div>
  );
};
