/** The line above the table: filter, groups, columns, views. */
import { Button } from '~/shared/controls/Button';
import { Menu, MenuCheck } from '~/shared/controls/Menu';
import { useStrings } from '~/shared/i18n/i18n';
import { ColumnChooser } from '~/shared/table/ColumnChooser';
import { FilterInput } from '~/shared/table/FilterInput';
import { headOf } from './columns';
import css from './runs.module.css';
import { words } from './strings';
import { OWN, type View } from './view';
import { Views } from './Views';

const GROUPS = ['project', 'group', 'status', 'tags'];

interface Props {
  view: View;
  onChange: (change: Partial<View>) => void;
  names: readonly string[];
  values: Readonly<Record<string, readonly string[]>>;
  error: unknown;
}

export function Bar({ view, onChange, names, values, error }: Props) {
  const said = useStrings(words);
  const grouped = [...GROUPS, ...view.columns.filter((id) => !OWN.includes(id))];
  return (
    <div className={css.barLine}>
      <FilterInput
        value={view.filter}
        onChange={(filter) => onChange({ filter })}
        names={names}
        values={values}
        error={error}
      />
      <Menu
        label={said.groupBy}
        icon="down"
        text={view.group ? said.groupedBy(headOf(view.group, said)) : said.noGroup}
      >
        <MenuCheck checked={!view.group} onChange={() => onChange({ group: '' })}>
          {said.noGroup}
        </MenuCheck>
        {grouped.map((id) => (
          <MenuCheck key={id} checked={view.group === id} onChange={() => onChange({ group: id })}>
            {headOf(id, said)}
          </MenuCheck>
        ))}
      </Menu>
      <ColumnChooser
        chosen={view.columns}
        names={[...new Set([...OWN, ...names])]}
        nameOf={(id) => headOf(id, said)}
        onChange={(columns) => onChange({ columns: columns.length ? columns : ['name'] })}
      />
      <Views view={view} onChange={onChange} />
      <Button
        icon="archive"
        pressed={view.archived}
        title={said.showArchived}
        aria-label={said.showArchived}
        onClick={() => onChange({ archived: !view.archived })}
      />
    </div>
  );
}
