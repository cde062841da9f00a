/** What is asked: the model, the card, what for, how much at once, and how. */
import { useState } from 'react';
import { Button } from '~/shared/controls/Button';
import { SelectField } from '~/shared/controls/Field';
import { figure } from '~/shared/format/numbers';
import { useStrings } from '~/shared/i18n/i18n';
import { type Asked, MODES, PASTED } from './asked';
import { LONGEST } from './evaluated';
import type { Card, Choices } from './forms';
import { How } from './How';
import { Paste } from './Paste';
import css from './plan.module.css';
import { Slider, stepsOf } from './Slider';
import { useSource } from './source';
import { words } from './strings';

interface Props {
  asked: Asked;
  card: Card;
  choices: Choices;
  context: number | null;
  pasted: string | null;
  onChange: (change: Partial<Asked>) => void;
  onPaste: (config: string) => void;
}

export function Chosen({ asked, card, choices, context, pasted, onChange, onPaste }: Props) {
  const said = useStrings(words);
  const source = useSource();
  const [isPasting, setPasting] = useState(false);
  const isServed = asked.mode === 'serve';
  return (
    <div className={css.side}>
      <SelectField
        label={said.model}
        value={asked.model}
        onChange={(event) => onChange({ model: event.target.value })}
      >
        {pasted && <option value={PASTED}>{said.pasted}</option>}
        {choices.models.map((one) => (
          <option key={one.name} value={one.short}>
            {one.short} · {figure(one.parameters)}
          </option>
        ))}
      </SelectField>
      {source.canPaste && (
        <Button className={css.paste} onClick={() => setPasting(true)}>
          {said.paste}
        </Button>
      )}
      {isPasting && <Paste start={pasted ?? ''} onUse={onPaste} onClose={() => setPasting(false)} />}
      <Modes mode={asked.mode} onChange={(mode) => onChange({ mode })} />
      <div className={css.more}>
        <Cards card={card} choices={choices} onChange={onChange} />
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
      <How asked={asked} card={card} schema={choices.form} onChange={onChange} />
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

/** Cards by their kind, the newest of each last, as the catalogue has them. */
function Cards({ card, choices, onChange }: Pick<Props, 'card' | 'choices' | 'onChange'>) {
  const said = useStrings(words);
  const kinds = [...new Set(choices.cards.map((one) => one.kind))];
  return (
    <SelectField
      label={said.card}
      value={card.name}
      onChange={(event) => onChange({ gpu: event.target.value })}
    >
      {kinds.map((kind) => (
        <optgroup key={kind} label={kind}>
          {choices.cards
            .filter((one) => one.kind === kind)
            .map((one) => (
              <option key={one.name}>{one.name}</option>
            ))}
        </optgroup>
      ))}
    </SelectField>
  );
}
