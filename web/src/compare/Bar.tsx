/** The line above the charts: which curves, over what, smoothed how, against which run, and which seeds are one. */
import { Smoothing } from '~/shared/chart/Smoothing';
import { Button } from '~/shared/controls/Button';
import { Find, Pick } from '~/shared/controls/Inline';
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
      <Find label={said.findCurve} value={view.find} onChange={(find) => onChange({ find })} />
      <Pick
        label={said.axis}
        value={view.x}
        options={OVERS}
        shown={(one) => said[one]}
        onChange={(x) => onChange({ x })}
      />
      <Baseline view={view} onChange={onChange} />
      <Pick
        label={said.group}
        title={said.groupHint}
        value={view.group}
        options={['', ...(view.group && !settings.includes(view.group) ? [view.group] : []), ...settings]}
        shown={(one) => one || said.none}
        onChange={(group) => onChange({ group })}
      />
      {view.group && (
        <Pick
          label={said.band}
          value={view.band}
          options={BANDS}
          shown={(one) => said[one]}
          onChange={(band) => onChange({ band })}
        />
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

/** Which run the others are told against. */
export function Baseline({ view, onChange }: Omit<Props, 'settings'>) {
  const said = useStrings(words);
  return (
    <Pick
      label={said.baseline}
      value={view.baseline}
      options={['', ...view.runs]}
      shown={(one) => one || said.none}
      onChange={(baseline) => onChange({ baseline })}
    />
  );
}
