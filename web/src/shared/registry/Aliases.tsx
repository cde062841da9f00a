/** The aliases of a version, as chips. */
import css from './registry.module.css';

export function Aliases({ aliases }: { aliases: readonly string[] }) {
  return (
    <span className={css.chips}>
      {aliases.map((alias) => (
        <span key={alias}>@{alias}</span>
      ))}
    </span>
  );
}
