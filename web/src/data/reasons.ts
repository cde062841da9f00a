/** What was done with a row and why, in words: the ledger holds one word of each. */
import { strings } from '~/shared/i18n/i18n';

export const actions = strings({
  skipped: { en: 'skipped', zh: '跳过' },
  truncated: { en: 'cut', zh: '截断' },
  deduplicated: { en: 'dropped as a duplicate', zh: '去重' },
});

export const reasons = strings({
  empty: { en: 'empty', zh: '空' },
  too_long: { en: 'too long', zh: '过长' },
  nothing_to_train: { en: 'nothing to learn', zh: '没有可学习的内容' },
  bad_row: { en: 'not readable', zh: '无法解析' },
  bad_label: { en: 'wrong label', zh: '标签有误' },
  unknown_label: { en: 'unknown label', zh: '未知标签' },
  bad_sample: { en: 'wrong sample', zh: '样本有误' },
  kind: { en: 'of another kind', zh: '类型不符' },
  no_prompt: { en: 'no prompt', zh: '没有提示词' },
  nothing_left: { en: 'nothing left', zh: '没有剩余内容' },
  template_error: { en: 'the template failed', zh: '模板出错' },
  unknown_format: { en: 'of no known format', zh: '格式未知' },
  turns: { en: 'turns out of order', zh: '轮次顺序有误' },
});

/** The word of a code, or the code where it has none. */
export function wordOf(known: Readonly<Record<string, unknown>>, code: string): string {
  const word = known[code];
  return typeof word === 'string' ? word : code;
}
