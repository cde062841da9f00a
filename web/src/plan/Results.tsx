/** What was asked takes: the peak against the card, what it is made of, how fast it goes, and the step as a timeline. */
import { useMemo } from 'react';
import { bytes, duration, figure, percent, whole } from '~/shared/format/numbers';
import { useStrings } from '~/shared/i18n/i18n';
import type { Asked } from './asked';
import { Bar, Components } from './Bar';
import { Bill } from './Bill';
import { evaluated, longest, mostAtOnce } from './evaluated';
import type { Assumed, Card, Forms } from './forms';
import { parameters } from './options';
import css from './plan.module.css';
import { words } from './strings';
import { Timeline, useMoment } from './Timeline';

interface Props {
  forms: Forms;
  asked: Asked;
  card: Card;
  assumed: Assumed;
}

export function Results({ forms, asked, card, assumed }: Props) {
  const said = useStrings(words);
  const name = useMoment();
  const found = useMemo(() => evaluated(forms, asked, card, assumed), [forms, asked, card, assumed]);
  const { moments, peak, fits, tokensPerSecond } = found;
  const isServed = forms.kind === 'serving';
  const share = peak.total / card.usable_bytes;
  const { model } = forms;
  const active = model.active < model.parameters ? parameters(model.active) : '';
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
          {model.name}: {said.facts(parameters(model.parameters), active, model.layers)}{' '}
          <Limits forms={forms} asked={asked} card={card} assumed={assumed} />
        </p>
        {tokensPerSecond !== null && (
          <p>
            {isServed
              ? said.speedServed(
                  figure(tokensPerSecond),
                  figure(tokensPerSecond / asked.users),
                  duration(found.first ?? 0),
                )
              : said.speed(figure(tokensPerSecond), found.times)}
          </p>
        )}
        {!isServed && tokensPerSecond !== null && (
          <Bill cards={asked.gpus} rate={tokensPerSecond} watts={card.figures.watts} />
        )}
        <Components parts={peak.parts} />
      </section>
      <section>
        <h2>{isServed ? said.timelineServed : said.timeline}</h2>
        {!isServed && <p>{said.timelineAbout(moments.length)}</p>}
        <Timeline moments={moments} peak={peak} limit={card.usable_bytes} components={assumed.components} />
      </section>
    </>
  );
}

/** How far the sliders may go. */
function Limits({ forms, asked, card, assumed }: Props) {
  const said = useStrings(words);
  const most = useMemo(() => mostAtOnce(forms, asked, card, assumed), [forms, asked, card, assumed]);
  const far = useMemo(() => longest(forms, asked, card, assumed), [forms, asked, card, assumed]);
  if (most === 0) return null;
  const isServed = forms.kind === 'serving';
  const now = isServed ? asked.users : asked.samples;
  return (isServed ? said.limitsServed : said.limits)(whole(most), whole(now), whole(far));
}
