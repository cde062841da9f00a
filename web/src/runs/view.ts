/** The view of the table: filter, order, columns, groups; all of it is in the address. */
import { listOf, listed, useAddress, writeSearch } from '~/shared/url/search';
import { quoted } from '~/shared/command/Command';

export interface View {
  filter: string;
  sort: string;
  columns: readonly string[];
  group: string;
  archived: boolean;
}

export const COLUMNS: readonly string[] = [
  'name',
  'status',
  'step',
  'loss',
  'spark',
  'tokens_per_s',
  'started',
  'duration_s',
  'tags',
  'project',
];
/** Columns that a row of the listing has by itself. */
export const OWN: readonly string[] = [...COLUMNS, 'group', 'notes', 'reason', 'attempts'];

/** The view that an address says. */
export function viewOf(address: Readonly<Record<string, string | undefined>>): View {
  const columns = listOf(address.columns);
  return {
    filter: address.filter ?? '',
    sort: address.sort ?? '',
    columns: columns.length ? columns : COLUMNS,
    group: address.group ?? '',
    archived: address.archived === 'yes',
  };
}

/** A view as parameters; what is as by default is left out. */
export function addressOf(view: View): Record<string, string | undefined> {
  return {
    filter: view.filter || undefined,
    sort: view.sort || undefined,
    columns: view.columns.join() === COLUMNS.join() ? undefined : listed(view.columns),
    group: view.group || undefined,
    archived: view.archived ? 'yes' : undefined,
  };
}

/** The view of the address, and a function that changes parts of it. */
export function useView(): [View, (change: Partial<View>) => void] {
  const [address, change] = useAddress();
  const view = viewOf(address);
  return [view, (part) => change(addressOf({ ...view, ...part }))];
}

/** The command that lists the same in the terminal. */
export function commandOf(view: View): string {
  const more = view.columns.filter((id) => !['name', 'spark'].includes(id));
  const parts = ['whet runs'];
  if (view.filter) parts.push(quoted(view.filter));
  if (view.sort) parts.push('--sort', quoted(view.sort));
  if (view.columns.join() !== COLUMNS.join()) parts.push('--columns', quoted(more.join(',')));
  return parts.join(' ');
}

const KEY = 'whet.views';

/** Views by the names under which this browser keeps them, each as an address. */
export function savedViews(): Record<string, string> {
  try {
    return JSON.parse(localStorage.getItem(KEY) ?? '{}') as Record<string, string>;
  } catch {
    return {};
  }
}

/** Keep a view, or with null forget it. */
export function saveView(name: string, view: View | null): void {
  const { [name]: _, ...rest } = savedViews();
  const next = view ? { ...rest, [name]: writeSearch(addressOf(view)) } : rest;
  try {
    localStorage.setItem(KEY, JSON.stringify(next));
  } catch {
    // A browser that keeps nothing: the address is the view all the same.
  }
}
