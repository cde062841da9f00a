/** The screen: what is asked at the side, and what it takes. Whoever shows it says who answers (`PlanSource`). */
import { useMemo, useState } from 'react';
import { CommandLine } from '~/shared/command/Command';
import { bytes, figure, percent, whole } from '~/shared/format/numbers';
import { useStrings } from '~/shared/i18n/i18n';
import { Failure, Loading } from '~/shared/states/States';
import { useAddress } from '~/shared/url/search';
import { type Asked, PASTED, addressOf, askedOf, commandOf } from './asked';
import { Bar, Components } from './Bar';
import { Chosen } from './Chosen';
import { evaluated, longest, mostAtOnce } from './evaluated';
import type { Card, Choices, Forms } from './forms';
import { Holding } from './Holding';
import css from './plan.module.css';
import { questionOf, useChoices, useForms } from './source';
import { words } from './strings';
import { Timeline, useMoment } from './Timeline';
import { Ways } from './Ways';

export function Planner() {
  const choices = useChoices();
  if (choices.isPending) return <Loading rows={10} />;
  if (!choices.data) return <Failure error={choices.error} onRetry={() => void choices.refetch()} />;
  return <Asking choices={choices.data} />;
}

function Asking({ choices }: { choices: Choices }) {
  const [address, change] = useAddress();
  const [pasted, setPasted] = useState<string | null>(null);
  const typed = askedOf(address);
  const start = choices.models[0]?.short ?? '';
  const isKnown =
    choices.models.some((one) => one.short === typed.model) || (typed.model === PASTED && pasted);
  const asked = isKnown ? typed : { ...typed, model: start };
  const card = choices.cards.find((one) => one.name === asked.gpu) ?? choices.cards[0];
  const [found] = useForms([questionOf(asked, pasted)]);
  if (!card || !found) return null;
  const onChange = (changed: Partial<Asked>) => change(addressOf(changed));
  const command = commandOf(
    asked,
    card,
    choices.words,
    found.data?.kind === 'training' ? found.data.precision : undefined,
  );
  return (
    <>
      <div className={css.page}>
        <Chosen
          asked={asked}
          card={card}
          choices={choices}
          context={found.data?.model.context ?? null}
          pasted={pasted}
          onChange={onChange}
          onPaste={(config) => {
            setPasted(config);
            onChange({ model: PASTED });
          }}
        />
        <div className={css.results}>
          {found.isError && <Failure error={found.error} />}
          {!found.isError && !found.data && <Loading rows={8} />}
          {!found.isError && found.data && (
            <Results
              forms={found.data}
              asked={asked}
              card={card}
              choices={choices}
              onTake={(gpu) => onChange({ gpu })}
            />
          )}
          <Ways asked={asked} card={card} assumed={choices.assumed} pasted={pasted} onTake={onChange} />
        </div>
      </div>
      <CommandLine line={command} />
    </>
  );
}

interface Shown {
  forms: Forms;
  asked: Asked;
  card: Card;
  choices: Choices;
  onTake: (gpu: string) => void;
}

function Results({ forms, asked, card, choices, onTake }: Shown) {
  const said = useStrings(words);
  const name = useMoment();
  const { assumed } = choices;
  const { moments, peak, fits, tokensPerSecond, times } = useMemo(
    () => evaluated(forms, asked, card, assumed),
    [forms, asked, card, assumed],
  );
  const most = mostAtOnce(forms, asked, card, assumed);
  const far = longest(forms, asked, card, assumed);
  const isServed = forms.kind === 'serving';
  const share = peak.total / card.usable_bytes;
  return (
    <>
      <section>
        <div className={css.verdict}>
          <strong>{bytes(peak.total)}</strong>
          <span>
            {asked.gpus > 1 && `${said.onEach} `}
            {said.of(bytes(card.usable_bytes))}
          </span>
          <span className={fits ? css.fits : css.fitsNot} role="status">
            {fits ? said.fits(percent(share)) : said.fitsNot(figure(Number(share.toPrecision(3))))}
          </span>
          <span>{said.peakIn(name(peak))}</span>
        </div>
        <Bar parts={peak.parts} limit={card.usable_bytes} />
        <p>
          {forms.model.name}: {said.facts(figure(forms.model.parameters), forms.model.layers)}.{' '}
          {most > 0 &&
            (isServed ? said.limitsServed : said.limits)(
              whole(most),
              whole(isServed ? asked.users : asked.samples),
              whole(far),
            )}{' '}
          {tokensPerSecond !== null && said.speed(figure(tokensPerSecond), times)}
        </p>
        <Components parts={peak.parts} />
      </section>
      <section>
        <h2>{isServed ? said.timelineServed : said.timeline}</h2>
        {!isServed && <p>{said.timelineAbout(moments.length)}</p>}
        <Timeline moments={moments} peak={peak} limit={card.usable_bytes} components={assumed.components} />
      </section>
      <Holding forms={forms} asked={asked} card={card} choices={choices} onTake={onTake} />
    </>
  );
}
