/** The screen: what is asked at the side, and what it takes. Whoever shows it says who answers (`PlanSource`). */
import { useState } from 'react';
import { CommandLine } from '~/shared/command/Command';
import { useStrings } from '~/shared/i18n/i18n';
import { Failure, Loading } from '~/shared/states/States';
import { useAddress } from '~/shared/url/search';
import { type Asked, PASTED, addressOf, askedOf, commandOf } from './asked';
import { Chosen } from './Chosen';
import type { Choices } from './forms';
import { meant } from './found';
import { Holding } from './Holding';
import { cardOptions, modelOptions } from './options';
import css from './plan.module.css';
import { Results } from './Results';
import { questionOf, useChoices, useForms } from './source';
import { words } from './strings';
import { Unknown } from './Unknown';
import { Ways } from './Ways';

export function Planner() {
  const choices = useChoices();
  if (choices.isPending) return <Loading rows={10} />;
  if (!choices.data) return <Failure error={choices.error} onRetry={() => void choices.refetch()} />;
  return <Asking choices={choices.data} />;
}

/** What the address asks, by names that are known: an id on the hub, or a card as it is sold, is one too. */
function useAsked(choices: Choices, pasted: string | null) {
  const [address, change] = useAddress();
  const typed = askedOf(address);
  const [models, cards] = [modelOptions(choices), cardOptions(choices)];
  const model = typed.model === PASTED && pasted ? PASTED : meant(models, typed.model)?.name;
  const card = choices.cards.find((one) => one.name === meant(cards, typed.gpu)?.name);
  // A model that is made for shorter texts is asked about with the longest of these.
  const context = choices.models.find((one) => one.short === model)?.context;
  const length = Math.min(typed.length, context ?? typed.length);
  return { typed: { ...typed, length }, models, cards, model, card, change };
}

function Asking({ choices }: { choices: Choices }) {
  const said = useStrings(words);
  const [pasted, setPasted] = useState<string | null>(null);
  const { typed, models, cards, model, card, change } = useAsked(choices, pasted);
  const onChange = (changed: Partial<Asked>) => change(addressOf(changed));
  const asked = { ...typed, model: model ?? typed.model, gpu: card?.name ?? typed.gpu };
  const known = model !== undefined && card !== undefined ? card : undefined;
  const [found] = useForms(known ? [questionOf(asked, pasted)] : []);
  const side = { asked, card, choices, pasted, onChange };
  return (
    <>
      <div className={css.page}>
        <Chosen
          {...side}
          models={models}
          cards={cards}
          context={found?.data?.model.context ?? null}
          onPaste={(config) => {
            setPasted(config);
            onChange({ model: PASTED });
          }}
        />
        <div className={css.results}>
          {model === undefined && (
            <Unknown
              what={typed.model === PASTED ? said.pastedGone : said.unknownModel(typed.model)}
              all={models}
              typed={typed.model}
              onTake={(name) => onChange({ model: name })}
            />
          )}
          {card === undefined && (
            <Unknown
              what={said.unknownCard(typed.gpu)}
              all={cards}
              typed={typed.gpu}
              onTake={(gpu) => onChange({ gpu })}
            />
          )}
          {known && found?.isError && <Failure error={found.error} />}
          {known && !found?.isError && !found?.data && <Loading rows={8} />}
          {known && !found?.isError && found?.data && (
            <Results forms={found.data} asked={asked} card={known} assumed={choices.assumed} />
          )}
          {known && (
            <>
              <Ways asked={asked} card={known} choices={choices} pasted={pasted} onTake={onChange} />
              <Holding
                asked={asked}
                card={known}
                choices={choices}
                pasted={pasted}
                onTake={(gpu) => onChange({ gpu })}
              />
            </>
          )}
        </div>
      </div>
      {known && (
        <CommandLine
          line={commandOf(
            asked,
            known,
            choices.words,
            found?.data?.kind === 'training' ? found.data.precision : undefined,
          )}
        />
      )}
    </>
  );
}
