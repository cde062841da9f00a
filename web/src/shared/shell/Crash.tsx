/** What stands where a view broke, or where there is none. */
import { Link, useRouter } from '@tanstack/react-router';
import { START } from '~/features';
import { Empty, Failure } from '~/shared/states/States';
import { useStrings } from '~/shared/i18n/i18n';
import { words } from './strings';

/** A view that broke; the rest of the page stands. */
export function Crash({ error, reset }: { error: unknown; reset?: () => void }) {
  const router = useRouter();
  return (
    <Failure
      error={error}
      onRetry={() => {
        reset?.();
        void router.invalidate();
      }}
    />
  );
}

/** An address that leads nowhere. */
export function Nowhere() {
  const said = useStrings(words);
  return (
    <Empty title={said.nowhere}>
      <Link to={START}>{said.toRuns}</Link>
    </Empty>
  );
}
