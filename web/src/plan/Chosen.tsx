/** What is asked: the model, the card, what for, how much at once, and how. */
import { useState } from 'react';
import { Button } from '~/shared/controls/Button';
import { SelectField } from '~/shared/controls/Field';
import { useStrings } from '~/shared/i18n/i18n';
import { type Asked, MODES } from './asked';
import { LONGEST } from './evaluated';
import type { Card, Choices } from './forms';
import { Find, type Option } from './Find';
import { How } from './How';
import { Paste } from './Paste';
import css from './plan.module.css';
import { Slider, stepsOf } from './Slider';
import { useSource } from './source';
import { words } from './strings';

interface Props {
  asked: Asked;
  /** None where its name is not known. */
  card: Card | undefined;
  choices: Choices;
  models: readonly Option[];
  cards: readonly Option[];
  context: number | null;
  pasted: string | null;
  onChange: (change: Partial<Asked>) => void;
  onPaste: (config: string) => void;
}

export function Chosen(props: Props) {
  const { asked, card, choices, models, cards, context, pasted, onChange, onPaste } = props;
  const said = useStrings(words);
  const source = useSource();
  const [isPasting, setPasting] = useState(false);
  const isServed = asked.mode === 'serve';
  return (
    <div className={css.side}>
      <Find
        label={said.model}
        value={asked.model}
        options={models}
        onChoose={(model) => onChange({ model })}
      />
      {source.canPaste && (
        <Button className={css.paste} onClick={() => setPasting(true)}>
          {said.paste}
        </Button>
      )}
      {isPasting && <Paste start={pasted ?? ''} onUse={onPaste} onClose={() => setPasting(false)} />}
      <Modes mode={asked.mode} onChange={(mode) => onChange({ mode })} />
      <div className={css.more}>
        <Find label={said.card} value={asked.gpu} options={cards} onChoose={(gpu) => onChange({ gpu })} />
        <SelectField
          label={said.cards}
          value={asked.gpus}
          onChange={(event) => onChange({ gpus: Number(event.target.value) })}
        >
          {choices.gpus.map((one) => (
            <option key={one}>{one}</option>
          ))}
        </SelectField>
      </div>
      <Slider
        label={isServed ? said.lengthServed : said.length}
        value={asked.length}
        steps={stepsOf(128, Math.max(256, Math.min(context ?? LONGEST, LONGEST)))}
        onChange={(length) => onChange({ length })}
      />
      {isServed ? (
        <Slider
          label={said.users}
          value={asked.users}
          steps={stepsOf(1, 4096)}
          onChange={(users) => onChange({ users })}
        />
      ) : (
        <Slider
          label={said.samples}
          value={asked.samples}
          steps={stepsOf(1, 256)}
          onChange={(samples) => onChange({ samples })}
        />
      )}
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
