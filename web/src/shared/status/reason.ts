/** Why a run ended, in the reader's language: what the loop says of itself is known by its form, all else stays. */
import type { Language } from '~/shared/i18n/i18n';
import { type Form, translated } from '~/shared/i18n/sentences';

const KNOWN: readonly Form[] = [
  [/^all (\S+) steps are done$/, '全部 $1 步已完成'],
  [/^why is not known: no launcher has told$/, '原因未知：没有启动器记录'],
  [/^signal (\S+)$/, '信号 $1'],
  [/^exit code (-?\d+), without a word in the log$/, '退出码 $1，日志中没有任何说明'],
  [
    /^out of memory: the kernel killed it \(SIGKILL\), as its cgroup says$/,
    '内存不足：内核将其终止（SIGKILL），见其 cgroup 记录',
  ],
];

export function reasonIn(language: Language, reason: string): string {
  return translated(KNOWN, language, reason);
}
