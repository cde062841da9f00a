/** Curves of one prefix, which can be folded away; those of the machine are until they are asked for. */
import { type ReactNode, useState } from 'react';
import { Icon } from '~/shared/controls/icons';
import { useStrings } from '~/shared/i18n/i18n';
import { MACHINE } from '../facts';
import css from '../run.module.css';
import { words } from '../strings';

export function Group({
  name,
  count,
  isFound,
  children,
}: {
  run: string;
  name: string;
  count: number;
  isFound: boolean;
  children: ReactNode;
}) {
  const said = useStrings(words);
  const [chosen, setChosen] = useState<boolean | null>(null);
  const isOpen = chosen ?? (isFound || !MACHINE.test(`${name}/`));
  return (
    <section className={css.group}>
      <h2>
        <button type="button" aria-expanded={isOpen} onClick={() => setChosen(!isOpen)}>
          <Icon name={isOpen ? 'down' : 'right'} size={14} />
          {name || said.main}
          <small>{said.curves(count)}</small>
        </button>
      </h2>
      {isOpen && <div className={css.charts}>{children}</div>}
    </section>
  );
}
