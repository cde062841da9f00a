/** Data: rows as training renders them, how long they are, and those that were left out or changed. */
import { useDeferredValue } from 'react';
import { Command, quoted } from '~/shared/command/Command';
import { Find, PickNumber } from '~/shared/controls/Inline';
import { useStrings } from '~/shared/i18n/i18n';
import { useRunName } from '~/shared/shell/run';
import { useAddress } from '~/shared/url/search';
import css from './data.module.css';
import { Ledger } from './Ledger';
import type { Place } from './queries';
import { Rows } from './Rows';
import { words } from './strings';

export default function Data() {
  const said = useStrings(words);
  const run = useRunName();
  const [address, change] = useAddress();
  const offset = Math.max(0, Math.round(Number(address.row ?? 0)) || 0);
  const place = { source: address.source ?? '0', offset, q: useDeferredValue(address.find ?? '') };
  return (
    <div className={css.page}>
      <div className={css.bar}>
        <Find
          label={said.find}
          value={address.find ?? ''}
          onChange={(find) => change({ find: find || undefined })}
        />
        <PickNumber
          label={said.from}
          value={offset}
          onChange={(row) => change({ row: row === undefined ? undefined : String(row) })}
        />
      </div>
      <Rows
        run={run}
        place={place}
        onGo={(row) => change({ row: row ? String(row) : undefined }, { push: true })}
        onSource={(source) => change({ source, row: undefined })}
      />
      <Ledger
        run={run}
        search={address.refused ?? ''}
        onSearch={(refused) => change({ refused: refused || undefined })}
      />
      <Command line={commandOf(run, place)} />
    </div>
  );
}

/** The command that prints the same rows. */
function commandOf(run: string, { source, offset, q }: Place): string {
  const more = [
    source === '0' ? '' : ` --source ${quoted(source)}`,
    offset ? ` --from ${offset}` : '',
    q ? ` --find ${quoted(q)}` : '',
  ];
  return `whet show ${quoted(run)} --part data${more.join('')}`;
}
