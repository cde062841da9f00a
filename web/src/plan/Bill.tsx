/** What a training of so many tokens takes: hours, power, and money where a price is given. It stands in the address. */
import { duration, figure } from '~/shared/format/numbers';
import { useStrings } from '~/shared/i18n/i18n';
import { useAddress } from '~/shared/url/search';
import { billOf } from './billed';
import css from './plan.module.css';
import { words } from './strings';

/** Tokens that are to be learned from, in millions, at the start. */
const TOKENS = 10;

interface Props {
  cards: number;
  /** Tokens a second of all cards. */
  rate: number;
  /** Of one card. */
  watts?: number;
}

export function Bill({ cards, rate, watts }: Props) {
  const said = useStrings(words);
  const [address, change] = useAddress();
  const positive = (text: string | undefined) => (Number(text) > 0 ? Number(text) : undefined);
  const [millions, price] = [positive(address.tokens) ?? TOKENS, positive(address.price)];
  const bill = billOf({ tokens: millions * 1e6, rate, cards, watts, price });
  const told = [
    duration(bill.seconds),
    bill.energy === null ? '' : `${figure(Number(bill.energy.toPrecision(3)))} kWh`,
    bill.price === null ? '' : said.money(figure(Number(bill.price.toPrecision(3)))),
  ].filter(Boolean);
  const field = (name: 'tokens' | 'price', label: string, value: number | undefined) => (
    <label>
      {label}
      <input
        type="number"
        min={0}
        step="any"
        defaultValue={value}
        onChange={(event) => change({ [name]: positive(event.target.value)?.toString() })}
      />
    </label>
  );
  return (
    <div className={css.bill}>
      {field('tokens', said.toLearn, millions)}
      {field('price', said.price, price)}
      <output>{told.join(' · ')}</output>
    </div>
  );
}
