/** What stands where content would. */
import { ApiError, Offline } from '~/shared/api/client';
import { useStrings } from '~/shared/i18n/i18n';
import { Empty, Failure, Loading, Partial, ReadOnly } from '~/shared/states/States';
import css from './kitchen.module.css';
import { words } from './strings';

const WRONG = new ApiError(
  'INVALID_PARAMETER_VALUE',
  'no run has `los`',
  'did you mean `loss`?',
  'los < 2',
  400,
);
const FORBIDDEN = new ApiError(
  'PERMISSION_DENIED',
  'this needs the role editor',
  'ask an admin of the project',
  '',
  403,
);
const again = () => undefined;

export function StatesPart() {
  const said = useStrings(words);
  return (
    <section className={css.part}>
      <h2>{said.states}</h2>
      <Partial>{said.partial}</Partial>
      <ReadOnly />
      <div className={css.states}>
        <Empty title={said.empty} command="whet train --model Qwen/Qwen3-0.6B --data chat.jsonl" />
        <Loading />
        <Failure error={WRONG} onRetry={again} />
        <Failure error={new Offline()} onRetry={again} />
        <Failure error={FORBIDDEN} />
        <Failure error={new ApiError('UNAUTHENTICATED', '', '', '', 401)} />
      </div>
    </section>
  );
}
