/** The line above the charts: which curves, over what, smoothed how, against which run, and which seeds are one. */
import { Smoothing } from '~/shared/chart/Smoothing';
import { Button } from '~/shared/controls/Button';
import { useStrings } from '~/shared/i18n/i18n';
import { BANDS } from './bands';
import css from './compare.module.css';
import { words } from './strings';
import { type CompareView, OVERS } from './view';

interface Props {
  view: CompareView;
  onChange: (change: Partial<CompareView>) => void;
  /** Names of settings that differ. */
  settings: readonly string[];
}

export function Bar({ view, onChange, settings }: Props) {
  const said = useStrings(words);
  return (
    <div className={css.bar}>
      <input
        className={css.find}
        type="search"
        value={view.find}
        placeholder={said.findCurve}
        aria-label={said.findCurve}
        onChange={(event) => onChange({ find: event.target.value })}
      />
      <label className={css.pick}>
        {said.axis}
        <select
          value={view.x}
          onChange={(event) => onChange({ x: OVERS.find((one) => one === event.target.value) ?? 'step' })}
        >
          {OVERS.map((one) => (
            <option key={one} value={one}>
              {said[one]}
            </option>
          ))}
        </select>
      </label>
      <Choice
        label={said.baseline}
        none={said.none}
        value={view.baseline}
        options={view.runs}
        onChange={(baseline) => onChange({ baseline })}
      />
      <Choice
        label={said.group}
        title={said.groupHint}
        none={said.none}
        value={view.group}
        options={view.group && !settings.includes(view.group) ? [view.group, ...settings] : settings}
        onChange={(group) => onChange({ group })}
      />
      {view.group && (
        <label className={css.pick}>
          {said.band}
          <select
            value={view.band}
            onChange={(event) =>
              onChange({ band: BANDS.find((one) => one === event.target.value) ?? 'range' })
            }
          >
            {BANDS.map((one) => (
              <option key={one} value={one}>
                {said[one]}
              </option>
            ))}
          </select>
        </label>
      )}
      <Button pressed={view.isLog} onClick={() => onChange({ isLog: !view.isLog })}>
        {said.log}
      </Button>
      <Smoothing value={view.smoothing} onChange={(smoothing) => onChange({ smoothing })} />
      {view.window && (
        <Button icon="zoomOut" onClick={() => onChange({ window: null })}>
          {said.all}
        </Button>
      )}
    </div>
  );
}

interface ChoiceProps {
  label: string;
  title?: string;
  none: string;
  value: string;
  options: readonly string[];
  onChange: (value: string) => void;
}

export function Choice({ label, title, none, value, options, onChange }: ChoiceProps) {
  return (
    <label className={css.pick} title={title}>
      {label}
      <select value={value} onChange={(event) => onChange(event.target.value)}>
        <option value="">{none}</option>
        {options.map((one) => (
          <option key={one}>{one}</option>
        ))}
      </select>
    </label>
  );
}
