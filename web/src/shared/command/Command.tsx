/** The line at a view's foot: the command that gives the same in the terminal. */
import { CopyButton } from '~/shared/controls/Copy';
import { Icon } from '~/shared/controls/icons';
import { strings, useStrings } from '~/shared/i18n/i18n';
import css from './command.module.css';

const words = strings({ same: { en: 'The same in the terminal', zh: '终端中的等价命令' } });

/** `line` as it is typed. */
export function Command({ line }: { line: string }) {
  const said = useStrings(words);
  return (
    <div className={css.command} title={said.same}>
      <Icon name="terminal" size={14} />
      <span className="hidden">{said.same}</span>
      {/* A line that is longer than the window scrolls, by the keyboard too. */}
      <code tabIndex={0}>{line}</code>
      <CopyButton text={line} />
    </div>
  );
}

/** A word of a command, in quotes where the shell would take it apart. */
export function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
