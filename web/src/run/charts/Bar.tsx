/** The line above the charts: what is looked for, the axis, smoothing, the window. */
import { Button } from '~/shared/controls/Button';
import { Find, Pick } from '~/shared/controls/Inline';
import { STEPS } from '~/shared/chart/curve';
import { Smoothing } from '~/shared/chart/Smoothing';
import { placeText } from '~/shared/chart/scales';
import { useStrings } from '~/shared/i18n/i18n';
import css from '../run.module.css';
import { words } from '../strings';
import { type ChartView, OVERS } from './view';

export function Bar({ view, onChange }: { view: ChartView; onChange: (change: Partial<ChartView>) => void }) {
  const said = useStrings(words);
  const names = {
    step: said.overStep,
    tokens: said.overTokens,
    time: said.overTime,
    flops: said.overFlops,
    cost: said.overCost,
    energy: said.overEnergy,
  };
  const unit = view.x === 'time' ? 's' : view.x === 'step' ? STEPS : '';
  return (
    <div className={css.bar}>
      <Find label={said.find} value={view.find} onChange={(find) => onChange({ find })} />
      <Pick
        label={said.axis}
        value={view.x}
        options={OVERS}
        shown={(one) => names[one]}
        onChange={(x) => onChange({ x })}
      />
      <Button pressed={view.isLog} onClick={() => onChange({ isLog: !view.isLog })}>
        {said.log}
      </Button>
      <Smoothing value={view.smoothing} onChange={(smoothing) => onChange({ smoothing })} />
      {view.names.length > 0 && (
        <Button icon="close" onClick={() => onChange({ names: [] })} title={view.names.join(', ')}>
          {said.onlyNamed(view.names.length)}
        </Button>
      )}
      {view.window && (
        <Button icon="zoomOut" onClick={() => onChange({ window: null })} title={said.all}>
          {said.windowOf(placeText(view.window[0], unit), placeText(view.window[1], unit))}
        </Button>
      )}
    </div>
  );
}
