import { buildablePatches } from '../../core/uapi/patches.ts';
import { type ReactNode, useEffect, useId, useState } from 'react';
import {
  ALL_PATCHES,
  FOLLOW_PAGE_READINGS,
  KERNEL_SWITCHES,
  type KernelConfig,
  LONGTERM_CHECKS,
  LONGTERM_POLICIES,
  type PatchNumber,
} from '../../core/uapi/config.ts';
import { useActions, useApp } from '../../store/use-app.ts';
import type { RunInfo } from '../../store/views.ts';
import { Button } from '../../ui/Button.tsx';
import { Dialog } from '../../ui/Dialog.tsx';
import { Icon } from '../../ui/Icon.tsx';
import { Prose } from '../../ui/Prose.tsx';
import { Segmented } from '../../ui/Segmented.tsx';
import {
  followPageReadings,
  kernelWords,
  longtermChecks,
  longtermPolicies,
  pinnableReasons,
  type PinnableReason,
  textPieces,
  withoutSwitch,
  wordsFor,
} from '../../words/index.ts';
import {
  completed,
  kconfigObjections,
  objections,
  type PatchRow,
  patchRows,
  presets,
  SEE_OF_CHECK,
  SEE_OF_POLICY,
  SEE_OF_REASON,
  SEE_OF_SWITCH,
  type See,
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
        <div className="kernel-switches">
          <Switches draft={draft} onChange={change} onClose={onClose} />
          <Policy draft={draft} onChange={change} onClose={onClose} />
          <Reasons onClose={onClose} />
        </div>
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
  const { loadCatalogue } = useActions();
  useEffect(() => void loadCatalogue(), [loadCatalogue]);
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
  const { number, subject, role, without, isOn, lacks, see, withIt } = row;
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
        <span className="patch-without-label">Without it:</span> <Prose plain pieces={textPieces(without)} />{' '}
        {see === undefined ? null : (
          <SeeButton see={see} label={`See it: without patch ${number}`} onClose={onClose}>
            See it
          </SeeButton>
        )}
        {withIt === undefined ? null : (
          <SeeButton see={withIt} label={`The same with patch ${number}`} onClose={onClose}>
            The same with it
          </SeeButton>
        )}
      </p>
    </li>
  );
};

interface SeeButtonProps {
  readonly see: See;
  readonly label: string;
  readonly onClose: () => void;
  readonly children: ReactNode;
}

/** Closes the dialog and opens what shows it, on the kernel that shows it. */
const SeeButton = ({ see: { scenario, kernel }, label, onClose, children }: SeeButtonProps) => {
  const { openByName } = useActions();
  return (
    <button
      type="button"
      className="patch-see"
      aria-label={label}
      onClick={() => {
        onClose();
        void openByName(scenario, kernel === undefined ? {} : { kernel });
      }}
    >
      {children}
    </button>
  );
};

const REASONS = Object.keys(pinnableReasons) as readonly PinnableReason[];

interface SwitchesProps {
  readonly draft: KernelConfig;
  readonly onClose: () => void;
  readonly onChange: (part: Partial<KernelConfig>) => void;
}

interface ReadingProps<Value extends string> {
  readonly heading: ReactNode;
  readonly label: string;
  readonly options: readonly { readonly value: Value; readonly label: string }[];
  readonly value: Value;
  readonly onChange: (value: Value) => void;
  /** What the chosen one does. */
  readonly children: ReactNode;
}

/** One of the ways in which versions did the same thing. */
const Reading = <Value extends string>({ heading, children, ...choice }: ReadingProps<Value>) => {
  const id = useId();
  return (
    <section aria-labelledby={id}>
      <h3 id={id} className="heading">
        {heading}
      </h3>
      <Segmented {...choice} />
      <p>{children}</p>
    </section>
  );
};

const CHECKS = LONGTERM_CHECKS.map((value) => ({ value, label: longtermChecks[value].label }));
const READINGS = FOLLOW_PAGE_READINGS.map((value) => ({ value, label: followPageReadings[value].label }));

/** CONFIG switches, and what another version does in another way: the check of long-term pins, callers of follow_page. */
const Switches = ({ draft, onChange, onClose }: SwitchesProps) => {
  const id = useId();
  // as the kernel spells it that is being chosen
  const words = wordsFor(draft);
  return (
    <>
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
                <Prose plain pieces={words.textPieces(withoutSwitch[name])} />{' '}
                <SeeButton see={SEE_OF_SWITCH[name]} label={`See it: ${name} off`} onClose={onClose}>
                  See it
                </SeeButton>
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
      <Reading
        heading="How a long-term pin looks for pages that may not stay"
        label="Check of long-term pins"
        options={CHECKS}
        value={draft.longtermCheck}
        onChange={(longtermCheck) => onChange({ longtermCheck })}
      >
        <Prose pieces={words.textPieces(longtermChecks[draft.longtermCheck].text)} />{' '}
        <SeeButton
          see={SEE_OF_CHECK[draft.longtermCheck]}
          label={`See it: the check of ${longtermChecks[draft.longtermCheck].label}`}
          onClose={onClose}
        >
          See it
        </SeeButton>
      </Reading>
      <Reading
        heading={
          <>
            Callers of <code>follow_page</code> that meet a device page
          </>
        }
        label="Callers of follow_page"
        options={READINGS}
        value={draft.followPage}
        onChange={(followPage) => onChange({ followPage })}
      >
        <Prose pieces={words.textPieces(followPageReadings[draft.followPage].text)} />
      </Reading>
    </>
  );
};

const POLICIES = LONGTERM_POLICIES.map((value) => ({ value, label: longtermPolicies[value].label }));

/** What a long-term pin does with a coherent page. Two of the three worlds are thought experiments. */
const Policy = ({ draft, onChange, onClose }: SwitchesProps) => {
  const id = useId();
  const { longtermPolicy: policy } = draft;
  const { label, text } = longtermPolicies[policy];
  return (
    <section aria-labelledby={id}>
      <h3 id={id} className="heading">
        Long-term pins of coherent pages
      </h3>
      <Segmented
        label="Long-term pins of coherent pages"
        options={POLICIES}
        value={policy}
        onChange={(longtermPolicy) => onChange({ longtermPolicy })}
      />
      <p className="kernel-policy">
        {policy === 'on' ? null : <span className="kernel-hypothetical">hypothetical</span>}{' '}
        <Prose pieces={wordsFor(draft).textPieces(text)} />{' '}
        <SeeButton see={SEE_OF_POLICY[policy]} label={`See it: ${label}`} onClose={onClose}>
          See it
        </SeeButton>
      </p>
    </section>
  );
};

/** Who may stay pinned, in the order in which the kernel asks. */
const Reasons = ({ onClose }: Pick<SwitchesProps, 'onClose'>) => {
  const id = useId();
  return (
    <section aria-labelledby={id}>
      <h3 id={id} className="heading">
        May a page stay pinned for long?
      </h3>
      <ul>
        {REASONS.map((reason) => (
          <li key={reason} className="switch switch-none">
            <p>
              {pinnableReasons[reason]}{' '}
              <SeeButton
                see={SEE_OF_REASON[reason]}
                label={`See it: ${pinnableReasons[reason]}`}
                onClose={onClose}
              >
                See it
              </SeeButton>
            </p>
          </li>
        ))}
      </ul>
    </section>
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
