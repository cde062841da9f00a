/** The form of one block. */
import { useDeferredValue, useState } from 'react';
import { useRuns } from '~/shared/api/runs';
import { CheckField, SelectField, TextField } from '~/shared/controls/Field';
import { useStrings } from '~/shared/i18n/i18n';
import type { Block, ChartBlock } from '~/shared/report/frozen';
import { Offers } from '~/shared/controls/Form';
import { namesOf } from './blocks';
import { PictureForm } from './PictureForm';
import css from './report.module.css';
import { words } from './strings';

interface Props {
  block: Block;
  onChange: (block: Block) => void;
}

export function BlockForm({ block, onChange }: Props) {
  const said = useStrings(words);
  switch (block.kind) {
    case 'text':
      return (
        <textarea
          className={css.text}
          aria-label={said.markdown}
          placeholder={said.markdown}
          rows={Math.min(24, Math.max(4, block.text.split('\n').length + 1))}
          value={block.text}
          onChange={(event) => onChange({ ...block, text: event.target.value })}
        />
      );
    case 'chart':
      return <ChartForm block={block} onChange={onChange} />;
    case 'table':
      return (
        <div className={css.fields}>
          <TextField
            label={said.title}
            value={block.title}
            onChange={(e) => onChange({ ...block, title: e.target.value })}
          />
          <RunNames names={block.runs} onChange={(runs) => onChange({ ...block, runs })} />
          <Names
            label={said.columns}
            about={said.columnsAbout}
            names={block.columns}
            onChange={(columns) => onChange({ ...block, columns })}
          />
        </div>
      );
    case 'picture':
      return <PictureForm block={block} onChange={onChange} />;
  }
}

function ChartForm({ block, onChange }: { block: ChartBlock; onChange: (block: Block) => void }) {
  const said = useStrings(words);
  return (
    <div className={css.fields}>
      <TextField
        label={said.title}
        value={block.title}
        onChange={(e) => onChange({ ...block, title: e.target.value })}
      />
      <RunNames names={block.runs} onChange={(runs) => onChange({ ...block, runs })} />
      <Names
        label={said.metrics}
        about={said.metricsAbout}
        names={block.metrics}
        onChange={(metrics) => onChange({ ...block, metrics })}
      />
      <SelectField
        label={said.x}
        value={block.x}
        onChange={(event) => onChange({ ...block, x: event.target.value as ChartBlock['x'] })}
      >
        {(['step', 'tokens', 'time', 'flops', 'cost', 'energy'] as const).map((one) => (
          <option key={one}>{one}</option>
        ))}
      </SelectField>
      <TextField
        label={said.smoothing}
        type="number"
        min={0}
        max={0.99}
        step={0.01}
        value={block.smoothing}
        onChange={(event) => onChange({ ...block, smoothing: Number(event.target.value) })}
      />
      <CheckField
        label={said.logY}
        checked={block.log_y}
        onChange={(event) => onChange({ ...block, log_y: event.target.checked })}
      />
    </div>
  );
}

function RunNames({ names, onChange }: { names: readonly string[]; onChange: (names: string[]) => void }) {
  const said = useStrings(words);
  // What was typed last is looked for, unless it is a run already.
  const last = useDeferredValue(names.at(-1) ?? '');
  const found =
    useRuns({ q: last.slice(0, LONGEST), limit: OFFERED }).data?.runs.map((run) => run.name) ?? [];
  const latest = useRuns({ limit: OFFERED }).data?.runs.map((run) => run.name) ?? [];
  const isRun = found.includes(last);
  return (
    <Names
      label={said.runs}
      about={said.runsAbout}
      names={names}
      onChange={onChange}
      known={isRun ? latest : found}
      part={isRun ? undefined : last}
    />
  );
}

interface NamesProps {
  label: string;
  about: string;
  names: readonly string[];
  onChange: (names: string[]) => void;
  /** Names to choose from: each is a button that adds it. */
  known?: readonly string[];
  /** The one that is a part of a name as yet, in whose place what is chosen comes. */
  part?: string;
}

const OFFERED = 24;
// The server looks for no longer words.
const LONGEST = 200;

function Names({ label, about, names, onChange, known = [], part }: NamesProps) {
  const [text, setText] = useState(names.join(', '));
  const type = (next: string) => {
    setText(next);
    onChange(namesOf(next));
  };
  const rest = known.filter((name) => !names.includes(name)).slice(0, 6);
  return (
    <div>
      <TextField label={label} about={about} value={text} onChange={(event) => type(event.target.value)} />
      <Offers
        names={rest}
        onChoose={(name) => type([...names.filter((one) => one !== part), name].join(', '))}
      />
    </div>
  );
}
