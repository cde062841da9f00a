/** The view of the models: filter, order, columns; all of it is in the address. */
import { quoted } from '~/shared/command/Command';
import { listOf, listed, useAddress } from '~/shared/url/search';

export interface View {
  filter: string;
  sort: string;
  /** None: those that suit what there is. */
  columns: readonly string[];
  isEvery: boolean;
}

/** The view of the address, and a function that changes parts of it. */
export function useView(): [View, (change: Partial<View>) => void] {
  const [address, change] = useAddress();
  const view = {
    filter: address.filter ?? '',
    sort: address.sort ?? '',
    columns: listOf(address.columns),
    isEvery: address.versions === 'yes',
  };
  return [
    view,
    (part) => {
      const next = { ...view, ...part };
      change({
        filter: next.filter || undefined,
        sort: next.sort || undefined,
        columns: listed(next.columns),
        versions: next.isEvery ? 'yes' : undefined,
      });
    },
  ];
}

/** The command that lists the same in the terminal. */
export function commandOf(view: View): string {
  const filter = view.filter ? ` ${quoted(view.filter)}` : '';
  return `whet registry list${filter}${view.isEvery ? ' --versions' : ''}`;
}
