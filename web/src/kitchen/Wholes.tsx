/** A slider over powers of two, and what it moves: parts of a whole beside what there is room for. */
import { useState } from 'react';
import { Shares } from '~/shared/chart/Shares';
import { SliderField } from '~/shared/controls/Field';
import { bytes, whole } from '~/shared/format/numbers';
import { useStrings } from '~/shared/i18n/i18n';
import css from './kitchen.module.css';
import { words } from './strings';

const TOKENS = Array.from({ length: 9 }, (_, power) => 1024 * 2 ** power);
const GIB = 2 ** 30;
const CARD = 24 * GIB;

export function Wholes() {
  const said = useStrings(words);
  const [tokens, setTokens] = useState(8192);
  const parts = [
    { id: 'weights', label: 'weights', value: 3 * GIB },
    { id: 'optimizer', label: 'optimizer', value: 6 * GIB },
    { id: 'activations', label: 'activations', value: tokens * 400_000 },
  ];
  return (
    <section className={css.part}>
      <div className={css.partHead}>
        <h2>{said.wholes}</h2>
        <p>{said.wholesAbout}</p>
      </div>
      <div className={css.slide}>
        <SliderField label={said.rows} values={TOKENS} value={tokens} onChange={setTokens} shown={whole} />
      </div>
      <Shares
        about={said.memory}
        shown={bytes}
        shares={parts}
        limit={{ at: CARD, text: said.card(bytes(CARD)) }}
      />
    </section>
  );
}
