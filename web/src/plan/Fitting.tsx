/** The ways that the engine found for the card: those that no other beats in memory and speed, and why others are not. */
import { useState } from 'react';
import { useQuery } from '@tanstack/react-query';
import { Button } from '~/shared/controls/Button';
import { CommandLine } from '~/shared/command/Command';
import { bytes, figure, whole } from '~/shared/format/numbers';
import { useStrings } from '~/shared/i18n/i18n';
import { Failure, Loading } from '~/shared/states/States';
import { PlainTable } from '~/shared/table/PlainTable';
import type { Asked } from './asked';
import { fitCommandOf, type Found } from './fit';
import type { Subject } from './evaluated';
import type { Card } from './forms';
import css from './plan.module.css';
import { useSource } from './source';
import { words } from './strings';

interface Props {
  subject: Subject;
  asked: Asked;
  card: Card;
}

export function Fitting({ subject, asked, card }: Props) {
  const said = useStrings(words);
  const source = useSource();
  const [isOpen, setOpen] = useState(false);
  const { fit } = source;
  const question = {
    model: subject.model.name,
    config: asked.config ? subject.model.config : null,
    gpu: card.name,
    gpus: asked.gpus,
    length: asked.length,
  };
  const found = useQuery({
    queryKey: ['plan', 'fit', question],
    queryFn: ({ signal }) => fit?.(question, signal) ?? null,
    enabled: isOpen && fit !== undefined,
    staleTime: 60_000,
  });
  const command = fitCommandOf(asked, card);
  if (asked.mode === 'serve') return null;
  return (
    <section>
      <h2>{said.fitting}</h2>
      <p>{said.fittingAbout}</p>
      {!isOpen && fit && <Button onClick={() => setOpen(true)}>{said.findWays}</Button>}
      {isOpen && found.isPending && <Loading rows={4} />}
      {found.error && <Failure error={found.error} />}
      {isOpen && found.data && <Front found={found.data} />}
      <CommandLine line={command} />
    </section>
  );
}

function Front({ found }: { found: Found }) {
  const said = useStrings(words);
  return (
    <>
      <PlainTable label={said.fitting}>
        <thead>
          <tr>
            <th>{said.learns}</th>
            <th data-number>{said.atLeast}</th>
            <th data-number>{said.tokensAtOnce}</th>
            <th data-number>{said.rate}</th>
            <th>{said.settings}</th>
          </tr>
        </thead>
        <tbody>
          {found.front.map((way) => {
            const isTaken = way.settings.join(' ') === found.chosen?.settings.join(' ');
            return (
              <tr
                key={way.settings.join(' ')}
                aria-selected={isTaken}
                className={isTaken ? css.taken : undefined}
              >
                <td>
                  {way.learns} {isTaken && <strong>{said.taken}</strong>}
                </td>
                <td data-number>{bytes(way.least_bytes)}</td>
                <td data-number>{whole(way.micro_batch)}</td>
                <td data-number>{way.tokens_per_s === null ? '?' : figure(way.tokens_per_s)}</td>
                <td className={css.settings}>
                  <code>{way.settings.filter((one) => !one.startsWith('train.micro_batch')).join(' ')}</code>
                </td>
              </tr>
            );
          })}
        </tbody>
      </PlainTable>
      {found.front.length === 0 && <p>{said.nothingFits}</p>}
      {found.beaten > 0 && <p className={css.note}>{said.beaten(found.beaten)}</p>}
      {found.reasons.length > 0 && (
        <>
          <h3>{said.rejected}</h3>
          <ul className={css.reasons}>
            {found.reasons.map((one) => (
              <li key={one.learns}>
                <strong>{one.learns}</strong> ({said.waysOf(one.ways)}): {one.why_not}
              </li>
            ))}
          </ul>
        </>
      )}
      {found.meshes.length > 0 && (
        <>
          <h3>{said.meshes}</h3>
          <ul className={css.reasons}>
            {found.meshes.map((one) => (
              <li key={one.mesh}>
                <code>{one.mesh}</code>: {one.why}
              </li>
            ))}
          </ul>
        </>
      )}
    </>
  );
}
