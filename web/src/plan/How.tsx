/** How a model is trained or served: choices of the engine's own schema, those that go with the mode and the card. */
import { CheckField, SelectField } from '~/shared/controls/Field';
import { useStrings } from '~/shared/i18n/i18n';
import type { Schema } from '~/shared/form/schema';
import { type Asked, boundsOf, RECOMPUTES } from './asked';
import type { Card, Choices } from './forms';
import { NumberField } from './NumberField';
import css from './plan.module.css';
import { recomputeWords, words } from './strings';

interface Props {
  asked: Asked;
  card: Card;
  choices: Choices;
  onChange: (change: Partial<Asked>) => void;
}

export function How({ asked, card, choices, onChange }: Props) {
  const said = useStrings(words);
  const isCuda = card.device === 'cuda';
  const isPacked = card.vendor === 'nvidia';
  const select = (
    name: 'precision' | 'optimizer' | 'state' | 'weights' | 'cache',
    without: readonly string[] = [],
  ) => (
    <SelectField
      label={said[name]}
      value={asked[name]}
      onChange={(event) => onChange(changed(name, event.target.value, choices))}
    >
      {choicesOf(choices.form, name)
        .filter((one) => !without.includes(one) || one === asked[name])
        .map((one) => (
          <option key={one}>{one}</option>
        ))}
    </SelectField>
  );
  if (asked.mode === 'serve') {
    return (
      <div className={css.more}>
        {select('weights', isPacked ? [] : ['int8', 'nf4'])}
        {select('cache', card.figures.fp8 === undefined ? ['fp8'] : [])}
      </div>
    );
  }
  return (
    <>
      <div className={css.more}>
        {isCuda && select('precision', ['fp32'])}
        {asked.mode !== 'full' && (
          <NumberField
            label={said.rank}
            value={asked.rank}
            bounds={boundsOf('rank')}
            onChange={(rank) => onChange({ rank })}
          />
        )}
        {select('optimizer')}
        {choices.narrowed.includes(asked.optimizer) && select('state')}
      </div>
      <Kept asked={asked} onChange={onChange} />
    </>
  );
}

/** What of a step is not kept on the card: computed again, or on the host. */
function Kept({ asked, onChange }: Pick<Props, 'asked' | 'onChange'>) {
  const said = useStrings(words);
  const modes = useStrings(recomputeWords);
  return (
    <>
      <div className={css.more}>
        <SelectField
          label={said.recompute}
          value={asked.recompute}
          onChange={(event) => onChange({ recompute: event.target.value as Asked['recompute'] })}
        >
          {RECOMPUTES.map((one) => (
            <option key={one} value={one}>
              {modes[one]}
            </option>
          ))}
        </SelectField>
        <SelectField
          label={said.offload}
          value={asked.offload}
          onChange={(event) => onChange({ offload: Number(event.target.value) })}
        >
          {[...new Set([0, 25, 50, 75, 100, asked.offload])].map((share) => (
            <option key={share} value={share}>
              {share}%
            </option>
          ))}
        </SelectField>
      </div>
      <CheckField
        label={said.hostWeights}
        about={said.hostWeightsAbout}
        checked={asked.hostWeights}
        onChange={(event) => onChange({ hostWeights: event.target.checked })}
      />
      <CheckField
        label={said.hostActivations}
        checked={asked.hostActivations}
        onChange={(event) => onChange({ hostActivations: event.target.checked })}
      />
    </>
  );
}

/** A choice; with an optimizer whose state has one format, that of the state goes. */
function changed(name: string, value: string, choices: Choices): Partial<Asked> {
  const isFixed = name === 'optimizer' && !choices.narrowed.includes(value);
  return { [name]: value, ...(isFixed ? { state: 'fp32' as const } : {}) };
}

function choicesOf(schema: Schema, name: string): string[] {
  return (schema.properties?.[name]?.enum ?? []).map(String);
}
