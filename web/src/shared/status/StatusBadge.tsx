/** How a run stands, in a word and a colour; and why it ended. */
import type { Status } from '~/shared/api/runs';
import { strings, useLanguage, useStrings } from '~/shared/i18n/i18n';
import { reasonIn } from './reason';
import css from './status.module.css';

export const words = strings({
  running: { en: 'Running', zh: '运行中' },
  done: { en: 'Done', zh: '已完成' },
  stopped: { en: 'Stopped', zh: '已停止' },
  failed: { en: 'Failed', zh: '失败' },
  killed: { en: 'Killed', zh: '被终止' },
  new: { en: 'Not started', zh: '未开始' },
});

/** The word for a status. */
export function useStatusWord(): (status: Status) => string {
  const said: Record<string, string> = useStrings(words);
  return (status) => said[status] ?? status;
}

export function StatusBadge({ status, reason }: { status: Status; reason?: string }) {
  const word = useStatusWord();
  const language = useLanguage();
  return (
    <span className={css.badge} data-status={status} title={reason ? reasonIn(language, reason) : undefined}>
      {word(status)}
    </span>
  );
}
