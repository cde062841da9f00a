/** The aliases of a version, each with a way to take it away. */
import { type RegisteredModel, useChanges } from '~/shared/api/registry';
import { IconButton } from '~/shared/controls/Button';
import { tell, tellFailure } from '~/shared/controls/Toasts';
import { useStrings } from '~/shared/i18n/i18n';
import css from './model.module.css';
import { words } from './strings';

interface Props {
  model: RegisteredModel;
  aliases: readonly string[];
  mayChange: boolean;
}

export function VersionAliases({ model, aliases, mayChange }: Props) {
  const said = useStrings(words);
  const { removeAlias, restoreAlias } = useChanges(model.name);
  if (!aliases.length) return null;
  const away = (alias: string) => {
    const before = model.aliases[alias];
    const undo = before === undefined ? undefined : () => void restoreAlias(alias, before).catch(tellFailure);
    removeAlias(alias).then(() => tell(said.takenAway(alias), undo), tellFailure);
  };
  return (
    <ul className={css.aliases} aria-label={said.aliases}>
      {aliases.map((alias) => (
        <li key={alias}>
          @{alias}
          {mayChange && <IconButton icon="close" label={said.takeAway(alias)} onClick={() => away(alias)} />}
        </li>
      ))}
    </ul>
  );
}
