/** The line at a view's foot: the command that gives the same in the terminal. */
import { useSession } from '~/shared/api/session';
import { CopyButton } from '~/shared/controls/Copy';
import { Icon } from '~/shared/controls/icons';
import { strings, useStrings } from '~/shared/i18n/i18n';
import css from './command.module.css';

const words = strings({ same: { en: 'The same in the terminal', zh: '终端中的等价命令' } });

// Where commands look for runs, unless they are told.
const ROOT = 'runs';
const PIPE = ' | grep ';

/** A command that reads runs. */
export function Command({ line }: { line: string }) {
  return <CommandLine line={useTyped(line)} />;
}

/** A command as it is typed: with the name of the folder that the server reads, where that is another one. */
export function useTyped(line: string): string {
  const root = useSession().data?.root ?? ROOT;
  const end = line.includes(PIPE) ? line.indexOf(PIPE) : line.length;
  const where = root === ROOT ? '' : ` --root ${quoted(root)}`;
  return line.slice(0, end) + where + line.slice(end);
}

/** A command that reads no runs: as it is given. */
export function CommandLine({ line }: { line: string }) {
  const said = useStrings(words);
  return (
    <div className={css.command} title={said.same}>
      <Icon name="terminal" size={14} />
      <span className="hidden">{said.same}</span>
      {/* What is very long scrolls, by the keyboard too. */}
      <code tabIndex={0}>{wordsOf(line)}</code>
      <CopyButton text={line} />
    </div>
  );
}

/** A line that breaks between its words alone: not behind a hyphen, where an option would look like two. */
function wordsOf(line: string) {
  return line.split(/( )/).map((word, index) => (word === ' ' ? word : <span key={index}>{word}</span>));
}

/** A word of a command, in quotes where the shell would take it apart. */
export function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
