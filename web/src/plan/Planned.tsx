/** What was asked takes, or why it cannot be planned: the arithmetic of a mesh, what a card has no units for. */
import { useMemo } from 'react';
import { useStrings } from '~/shared/i18n/i18n';
import { Empty, Failure } from '~/shared/states/States';
import type { Asked } from './asked';
import { needsStep, type Subject, taskOf } from './evaluated';
import type { Card, Choices } from './forms';
import { Results } from './Results';
import { attempt } from './source';
import { words } from './strings';

interface Props {
  subject: Subject;
  asked: Asked;
  card: Card;
  choices: Choices;
}

export function Planned({ subject, asked, card, choices }: Props) {
  const said = useStrings(words);
  const task = useMemo(
    () => attempt(() => taskOf(subject, asked, card, choices)),
    [subject, asked, card, choices],
  );
  if (needsStep(asked)) return <Empty title={said.byStep}>{said.byStepAbout}</Empty>;
  if (!task.data) return <Failure error={task.error} />;
  return <Results task={task.data} asked={asked} assumed={choices.assumed} />;
}
