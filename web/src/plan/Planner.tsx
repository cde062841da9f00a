/** The screen: what is asked at the side, and what it takes. Whoever shows it says who answers (`PlanSource`). */
import { CommandLine } from '~/shared/command/Command';
import { useStrings } from '~/shared/i18n/i18n';
import { Failure, Loading } from '~/shared/states/States';
import { useAddress } from '~/shared/url/search';
import { type Asked, PASTED, addressOf, askedOf, commandOf } from './asked';
import { Chosen } from './Chosen';
import { Fitting } from './Fitting';
import type { Card, Choices } from './forms';
import { meant } from './found';
import { Holding } from './Holding';
import { cardOptions, modelOptions } from './options';
import css from './plan.module.css';
import { Planned } from './Planned';
import { useChoices, useSource, useSubject } from './source';
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
function useAsked(choices: Choices) {
  const [address, change] = useAddress();
  const typed = askedOf(address);
  const [models, cards] = [modelOptions(choices), cardOptions(choices)];
  const model = typed.model === PASTED && typed.config ? PASTED : meant(models, typed.model)?.name;
  const card = choices.cards.find((one) => one.name === meant(cards, typed.gpu)?.name);
  // A model that is made for shorter texts is asked about with the longest of these.
  const context = choices.models.find((one) => one.short === model)?.context;
  const length = Math.min(typed.length, context ?? typed.length);
  const asked = { ...typed, length, model: model ?? typed.model, gpu: card?.name ?? typed.gpu };
  const onChange = (changed: Partial<Asked>) => change(addressOf(changed));
  return { typed, asked, models, cards, isKnown: model !== undefined, card, onChange };
}

function Asking({ choices }: { choices: Choices }) {
  const said = useStrings(words);
  const { typed, asked, models, cards, isKnown, card, onChange } = useAsked(choices);
  const found = useSubject(choices, isKnown && card ? asked : null);
  const model = found.data?.model;
  return (
    <>
      <div className={css.page}>
        <Chosen {...{ asked, card, choices, onChange, models, cards }} context={model?.context ?? null} />
        <div className={css.results}>
          {!isKnown && (
            <Unknown
              what={typed.model === PASTED ? said.pastedGone : said.unknownModel(typed.model)}
              all={models}
              typed={typed.model}
              onTake={(name) => onChange({ model: name, config: '' })}
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
          {found.error && <Failure error={found.error} />}
          {isKnown && card && !found.data && !found.error && <Loading rows={8} />}
          {card && found.data && (
            <>
              <Planned subject={found.data} {...{ asked, card, choices }} />
              <Ways subject={found.data} {...{ asked, card, choices }} onTake={onChange} />
              <Fitting subject={found.data} {...{ asked, card }} />
              <Holding subject={found.data} {...{ asked, card, choices, onChange }} />
            </>
          )}
        </div>
      </div>
      {isKnown && card && <SameCommand {...{ asked, card, choices }} />}
    </>
  );
}

function SameCommand({ asked, card, choices }: { asked: Asked; card: Card; choices: Choices }) {
  const isAlone = useSource().measured === undefined;
  return <CommandLine line={commandOf(asked, card, choices.words, isAlone)} />;
}
