/** What was done to a model, the latest first. */
import { useHistory } from '~/shared/api/registry';
import { Time } from '~/shared/format/Time';
import { useStrings } from '~/shared/i18n/i18n';
import { Failure, Loading } from '~/shared/states/States';
import css from './model.module.css';
import { changes, words } from './strings';
import { told } from './told';

export function History({ name }: { name: string }) {
  const said = useStrings(words);
  const named = useStrings(changes);
  const found = useHistory(name);
  if (found.isPending) return <Loading rows={4} />;
  if (!found.data) return <Failure error={found.error} onRetry={() => void found.refetch()} />;
  const { changes: shown, total } = found.data;
  return (
    <section>
      <h2>{said.history}</h2>
      <ol className={css.history}>
        {shown.map((change, index) => (
          <li key={total - index}>
            <Time time={change.time} />
            <span>
              {told(change, named)}
              <small>{change.by}</small>
            </span>
          </li>
        ))}
      </ol>
      {total > shown.length && <p className={css.small}>{said.more(total - shown.length)}</p>}
    </section>
  );
}
