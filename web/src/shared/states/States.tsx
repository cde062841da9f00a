/** What stands where content would: nothing yet, loading, wrong, offline, not allowed, part of it, only to read. */
import type { ReactNode } from 'react';
import { ApiError, Offline } from '~/shared/api/client';
import { hintOf, linesOf, messageOf } from '~/shared/api/failure';
import { Button } from '~/shared/controls/Button';
import { CopyButton } from '~/shared/controls/Copy';
import { Icon, type IconName } from '~/shared/controls/icons';
import { Coded } from '~/shared/format/Coded';
import { useStrings } from '~/shared/i18n/i18n';
import css from './states.module.css';
import { words } from './strings';

interface Said {
  icon: IconName;
  title: string;
  children?: ReactNode;
  tone?: 'bad';
}

/** The one form of all states: an icon, what is so in one line, and what to do. */
function State({ icon, title, children, tone }: Said) {
  return (
    <div className={css.state} role={tone ? 'alert' : 'status'}>
      <span className={tone ? css.badIcon : css.icon}>
        <Icon name={icon} size={20} />
      </span>
      <h2 className={css.title}>{title}</h2>
      {children}
    </div>
  );
}

/** Nothing is there yet: say what would be, and what to type. */
export function Empty({
  title,
  command,
  children,
}: {
  title: string;
  command?: string;
  children?: ReactNode;
}) {
  return (
    <State icon="empty" title={title}>
      {children && (
        <p className={css.text}>{typeof children === 'string' ? <Coded>{children}</Coded> : children}</p>
      )}
      {command && (
        <p className={css.command}>
          <code tabIndex={0}>{command}</code>
          <CopyButton text={command} />
        </p>
      )}
    </State>
  );
}

/** Rows of grey where lines will stand; `rows` of them. `later` says why it takes long, where it does. */
export function Loading({ rows = 6, later }: { rows?: number; later?: string }) {
  const said = useStrings(words);
  return (
    <div className={css.loading} role="status" aria-label={said.loading}>
      {later && <p className={css.later}>{later}</p>}
      {Array.from({ length: rows }, (_, row) => (
        <span key={row} className={css.bone} style={{ width: `${90 - ((row * 37) % 45)}%` }} />
      ))}
    </div>
  );
}

/** Whatever went wrong, in the library's three lines. `onRetry` asks again. */
export function Failure({ error, onRetry }: { error: unknown; onRetry?: () => void }) {
  const said = useStrings(words);
  if (error instanceof Offline) return <OfflineState onRetry={onRetry} />;
  if (error instanceof ApiError && (error.status === 401 || error.status === 403))
    return <Forbidden error={error} />;
  const lines = linesOf(error);
  return (
    <State icon="warning" title={said.failed} tone="bad">
      <pre className={css.lines}>{lines}</pre>
      <div className={css.actions}>
        {onRetry && <Button onClick={onRetry}>{said.retry}</Button>}
        <CopyButton text={lines} label={said.copyError} />
      </div>
    </State>
  );
}

function OfflineState({ onRetry }: { onRetry?: () => void }) {
  const said = useStrings(words);
  return (
    <State icon="offline" title={said.offline} tone="bad">
      <p className={css.text}>{said.offlineHint}</p>
      <p className={css.command}>
        <code>whet ui</code>
      </p>
      {onRetry && <Button onClick={onRetry}>{said.retry}</Button>}
    </State>
  );
}

function Forbidden({ error }: { error: ApiError }) {
  const said = useStrings(words);
  return (
    <State icon="lock" title={error.status === 401 ? said.noToken : said.forbidden} tone="bad">
      <p className={css.text}>
        <Coded>{error.status === 401 ? said.noTokenHint : messageOf(error)}</Coded>
      </p>
      {error.hint && <p className={css.text}>{hintOf(error)}</p>}
    </State>
  );
}

/** A line above content that is not all of it: what is missing, and why. */
export function Partial({ children }: { children: ReactNode }) {
  return (
    <p className={css.partial} role="status">
      <Icon name="warning" size={14} />
      <span>{typeof children === 'string' ? <Coded>{children}</Coded> : children}</span>
    </p>
  );
}

/** A line that says that nothing can be changed here. */
export function ReadOnly() {
  const said = useStrings(words);
  return (
    <p className={css.partial} role="status">
      <Icon name="lock" size={14} />
      <span>{said.readOnly}</span>
    </p>
  );
}
