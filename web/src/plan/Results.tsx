/** What was asked takes: the peak against the card, what it is made of, how fast it goes, and the step as a timeline. */
import { useMemo } from 'react';
import { bytes, duration, figure, percent, whole } from '~/shared/format/numbers';
import { useStrings } from '~/shared/i18n/i18n';
import type { Asked } from './asked';
import { Bar, Components } from './Bar';
import { Bill } from './Bill';
import { parametersOf } from './engine/model';
import { cardOf, evaluated, longest, mostAtOnce, type Task } from './evaluated';
import type { Assumed } from './forms';
import { Measured } from './Measured';
import { parameters } from './options';
import css from './plan.module.css';
import { words } from './strings';
import { Timeline, useMoment } from './Timeline';

interface Props {
  task: Task;
  asked: Asked;
  assumed: Assumed;
}

export function Results({ task, asked, assumed }: Props) {
  const said = useStrings(words);
  const name = useMoment();
  const found = useMemo(() => evaluated(task), [task]);
  const { moments, peak, fits } = found;
  const card = cardOf(task);
  const isServed = task.kind === 'serving';
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
          <span className={css.where}>
            {said.peakIn(name(peak))}
            {found.stage && `, ${said.onStage(found.stage)}`}
          </span>
        </div>
        <Bar parts={peak.parts} limit={card.usable_bytes} />
        <p>
          <Facts task={task} /> <Limits task={task} asked={asked} />
        </p>
        <Rate task={task} asked={asked} />
        {found.hostBytes > 0 && <p>{said.host(bytes(found.hostBytes))}</p>}
        {task.kind === 'training' && <Measured job={task.job} />}
        {!isServed && found.tokensPerSecond !== null && (
          <Bill cards={asked.gpus} rate={found.tokensPerSecond} watts={card.figures.watts} />
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

function Facts({ task: { model } }: { task: Task }) {
  const said = useStrings(words);
  const { all, active } = useMemo(() => parametersOf(model), [model]);
  const some = active < all ? parameters(active) : '';
  return `${model.name}: ${said.facts(parameters(all), some, model.layers.length)}`;
}

function Rate({ task, asked }: { task: Task; asked: Asked }) {
  const said = useStrings(words);
  const { tokensPerSecond: rate, first, how, times } = useMemo(() => evaluated(task), [task]);
  if (rate === null) return <p>{said.noRate}</p>;
  if (task.kind === 'serving')
    return <p>{said.speedServed(figure(rate), figure(rate / asked.users), duration(first ?? 0))}</p>;
  const known = {
    estimated: said.estimated,
    measured: said.measuredHere,
    'measured alone': said.measuredAlone,
  };
  return <p>{said.speed(figure(rate), known[how], times)}</p>;
}

/** How far the sliders may go. */
function Limits({ task, asked }: { task: Task; asked: Asked }) {
  const said = useStrings(words);
  const most = useMemo(() => mostAtOnce(task), [task]);
  const far = useMemo(() => longest(task), [task]);
  if (most === 0) return null;
  const isServed = task.kind === 'serving';
  const now = isServed ? asked.users : asked.samples;
  return (isServed ? said.limitsServed : said.limits)(whole(most), whole(now), whole(far));
}
