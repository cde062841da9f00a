/** What is asked: the model, the card, what for, how much at once, and how. */
import { useState } from 'react';
import { Button } from '~/shared/controls/Button';
import { useStrings } from '~/shared/i18n/i18n';
import { type Asked, boundsOf, MODES, PASTED } from './asked';
import { LONGEST } from './evaluated';
import type { Card, Choices } from './forms';
import { Find, type Option } from './Find';
import { How } from './How';
import { MeshOf } from './MeshOf';
import { NumberField } from './NumberField';
import { Paste } from './Paste';
import css from './plan.module.css';
import { Slider, stepsOf } from './Slider';
import { words } from './strings';

interface Props {
  asked: Asked;
  /** None where its name is not known. */
  card: Card | undefined;
  choices: Choices;
  models: readonly Option[];
  cards: readonly Option[];
  context: number | null;
  onChange: (change: Partial<Asked>) => void;
}

export function Chosen({ asked, card, choices, models, cards, context, onChange }: Props) {
  const said = useStrings(words);
  const [isPasting, setPasting] = useState(false);
  const isServed = asked.mode === 'serve';
  const at = (name: 'length' | 'users' | 'samples', label: string, steps: readonly number[]) => (
    <Slider
      label={label}
      value={asked[name]}
      steps={steps}
      onChange={(value) => onChange({ [name]: value })}
    />
  );
  return (
    <div className={css.side}>
      <Find
        label={said.model}
        value={asked.model}
        options={models}
        onChoose={(model) => onChange({ model, config: '' })}
      />
      <Button className={css.paste} onClick={() => setPasting(true)}>
        {said.paste}
      </Button>
      {isPasting && (
        <Paste
          start={asked.model === PASTED ? asked.config : ''}
          choices={choices}
          onUse={onChange}
          onClose={() => setPasting(false)}
        />
      )}
      <Modes mode={asked.mode} onChange={(mode) => onChange({ mode })} />
      <div className={css.more}>
        <Find label={said.card} value={asked.gpu} options={cards} onChoose={(gpu) => onChange({ gpu })} />
        <NumberField
          label={said.cards}
          value={asked.gpus}
          bounds={boundsOf('gpus')}
          onChange={(gpus) => onChange({ gpus })}
        />
      </div>
      {asked.gpus > 1 && <MeshOf asked={asked} onChange={onChange} />}
      {at(
        'length',
        isServed ? said.lengthServed : said.length,
        stepsOf(128, Math.max(256, Math.min(context ?? LONGEST, LONGEST))),
      )}
      {isServed ? at('users', said.users, stepsOf(1, 4096)) : at('samples', said.samples, stepsOf(1, 256))}
      {card && <How asked={asked} card={card} choices={choices} onChange={onChange} />}
    </div>
  );
}

function Modes({ mode, onChange }: { mode: string; onChange: (mode: Asked['mode']) => void }) {
  const said = useStrings(words);
  return (
    <fieldset>
      <legend>{said.mode}</legend>
      <div className={css.modes} role="radiogroup" aria-label={said.modes}>
        {MODES.map((one) => (
          <label key={one}>
            <input type="radio" name="mode" checked={mode === one} onChange={() => onChange(one)} />
            {said[one]}
          </label>
        ))}
      </div>
    </fieldset>
  );
}
