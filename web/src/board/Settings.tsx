/** Settings by name: those of the task, or those that an entry has of its own. */
import css from './board.module.css';

export function Settings({ told, label }: { told: readonly [string, unknown][]; label?: string }) {
  return (
    <dl className={css.frozen} aria-label={label}>
      {told.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{typeof value === 'string' ? value : JSON.stringify(value)}</dd>
        </div>
      ))}
    </dl>
  );
}
