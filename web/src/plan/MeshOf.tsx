/** How cards share the model: an axis each, typed; what axes leave shares weights, or heads where it is served. */
import { CheckField, SelectField } from '~/shared/controls/Field';
import { useStrings } from '~/shared/i18n/i18n';
import { type Asked, boundsOf, meshOf, typedAxes } from './asked';
import { axesOf } from './engine/mesh';
import { NumberField } from './NumberField';
import css from './plan.module.css';
import { axisWords, words } from './strings';

export function MeshOf({ asked, onChange }: { asked: Asked; onChange: (change: Partial<Asked>) => void }) {
  const said = useStrings(words);
  const axes = useStrings(axisWords);
  const mesh = meshOf(asked);
  const isServed = asked.mode === 'serve';
  const shown = axesOf(mesh).map(([axis, size]) => `${axis} ${size}`);
  return (
    <details
      className={css.mesh}
      open={typedAxes(asked.mode).some((axis) => axis !== 'shard' && asked[axis] > 1)}
    >
      <summary>
        {said.mesh}: {shown.join(' × ') || said.oneRank}
      </summary>
      <p className={css.note}>{isServed ? said.meshServed : said.meshAbout}</p>
      <div className={css.more}>
        {typedAxes(asked.mode).map(
          (axis) =>
            axis !== 'shard' && (
              <NumberField
                key={axis}
                label={axes[axis]}
                value={asked[axis]}
                bounds={boundsOf(axis)}
                onChange={(size) => onChange({ [axis]: size })}
              />
            ),
        )}
        {!isServed && (
          <SelectField
            label={said.zero}
            value={asked.zero}
            onChange={(event) => onChange({ zero: Number(event.target.value) })}
          >
            {[1, 2, 3].map((stage) => (
              <option key={stage}>{stage}</option>
            ))}
          </SelectField>
        )}
      </div>
      {!isServed && asked.tensor > 1 && (
        <CheckField
          label={said.sequence}
          about={said.sequenceAbout}
          checked={asked.sequence}
          onChange={(event) => onChange({ sequence: event.target.checked })}
        />
      )}
    </details>
  );
}
