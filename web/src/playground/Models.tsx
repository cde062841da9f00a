/** The models of a conversation: one or two, chosen and started here, and those that are served already. */
import type { ReactNode } from 'react';
import { Button } from '~/shared/controls/Button';
import { useStrings } from '~/shared/i18n/i18n';
import { Chooser } from './Chooser';
import css from './playground.module.css';
import type { Engine } from './queries';
import { words } from './strings';
import type { useView } from './view';

/** The engine of a model: one that answers or will, else the last one that did. */
export function engineOf(engines: readonly Engine[], model: string): Engine | undefined {
  const all = engines.filter((one) => one.model === model);
  return all.find((one) => one.state === 'ready' || one.state === 'starting') ?? all.at(-1);
}

interface Props {
  engines: readonly Engine[];
  view: ReturnType<typeof useView>[0];
  change: ReturnType<typeof useView>[1];
  /** What else can be done. */
  children: ReactNode;
}

export function Models({ engines, view, change, children }: Props) {
  const said = useStrings(words);
  const beside = engines.filter((one) => !one.is_ours);
  const served = engines.filter((one) => one.state === 'ready' && !view.models.includes(one.model));
  return (
    <>
      <div className={css.choosers}>
        {view.models.map((model, place) => (
          <Chooser
            key={place}
            label={place ? said.second : said.model}
            value={model}
            engine={engineOf(engines, model)}
            beside={beside}
            onChange={(name) => change(place ? { second: name } : { model: name })}
            onRemove={
              place ? () => change({ pair: undefined, second: undefined, blind: undefined }) : undefined
            }
          />
        ))}
        <div className={css.actions}>
          {view.models.length < 2 ? (
            <Button icon="compare" onClick={() => change({ pair: 'yes' })}>
              {said.addSecond}
            </Button>
          ) : (
            <Button
              pressed={view.isBlind}
              onClick={() => change({ blind: view.isBlind ? undefined : 'yes' })}
            >
              {said.blind}
            </Button>
          )}
          {children}
        </div>
      </div>
      {served.length > 0 && (
        <p className={css.served}>
          {said.served}
          {served.map((one) => (
            <button
              key={one.id}
              type="button"
              onClick={() =>
                change(view.models[0] ? { pair: 'yes', second: one.model } : { model: one.model })
              }
            >
              {one.model}
            </button>
          ))}
        </p>
      )}
    </>
  );
}
