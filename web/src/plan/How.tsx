/** How a model is trained or served: choices of the engine's own schema, those that go with the mode and the card. */
import { CheckField, SelectField } from '~/shared/controls/Field';
import { useStrings } from '~/shared/i18n/i18n';
import type { Schema } from '~/shared/form/schema';
import type { Asked } from './asked';
import type { Card } from './forms';
import css from './plan.module.css';
import { words } from './strings';

interface Props {
  asked: Asked;
  card: Card;
  schema: Schema;
  onChange: (change: Partial<Asked>) => void;
}

export function How({ asked, card, schema, onChange }: Props) {
  const said = useStrings(words);
  const isCuda = card.device === 'cuda';
  const isPacked = card.vendor === 'nvidia';
  const select = (name: 'precision' | 'state' | 'weights' | 'cache', without: readonly string[] = []) => (
    <SelectField
      label={said[name]}
      value={asked[name]}
      onChange={(event) => onChange({ [name]: event.target.value })}
    >
      {choicesOf(schema, name)
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
        {select('state')}
      </div>
      <CheckField
        label={said.recompute}
        about={said.recomputeAbout}
        checked={asked.recompute}
        onChange={(event) => onChange({ recompute: event.target.checked })}
      />
    </>
  );
}

function choicesOf(schema: Schema, name: string): string[] {
  return (schema.properties?.[name]?.enum ?? []).map(String);
}
