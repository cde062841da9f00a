import { strings } from '~/shared/i18n/i18n';

const EN = { error: ['error', 'errors'], warning: ['warning', 'warnings'], info: ['note', 'notes'] } as const;
const ZH = { error: '错误', warning: '警告', info: '提示' } as const;

export const words = strings({
  fine: { en: 'Nothing looks wrong', zh: '未发现问题' },
  fineAbout: {
    en: 'Rules looked for spikes, divergence, stalls, stragglers, growing memory, dead layers, leaks and more.',
    zh: '规则检查了损失尖峰、发散、数据停顿、慢 rank、内存增长、失效层、数据泄漏等。',
  },
  live: {
    en: 'The run goes on: rules that read all of its rows are asked once it has ended.',
    zh: '实验仍在运行：需要读取全部数据行的规则将在结束后检查。',
  },
  error: { en: 'Error', zh: '错误' },
  warning: { en: 'Warning', zh: '警告' },
  info: { en: 'Note', zh: '提示' },
  count: {
    en: (severity: keyof typeof EN, count: number) => `${count} ${EN[severity][count === 1 ? 0 : 1]}`,
    zh: (severity: keyof typeof ZH, count: number) => `${count} 条${ZH[severity]}`,
  },
  more: {
    en: (count: number) => `${count} more are not shown: \`whet diagnose\` lists all of them.`,
    zh: (count: number) => `另有 ${count} 条未显示：\`whet diagnose\` 会全部列出。`,
  },
  step: { en: (first: number, last: number) => (first === last ? `step ${first}` : `steps ${first} to ${last}`), zh: (first: number, last: number) => (first === last ? `第 ${first} 步` : `第 ${first} 至 ${last} 步`) },
  remedy: { en: 'What to do', zh: '处理方法' },
  look: { en: 'Look at it', zh: '查看' },
  evidence: { en: 'Evidence', zh: '依据' },
  row: { en: (source: string, row: string) => `row ${row} of ${source}`, zh: (source: string, row: string) => `${source} 第 ${row} 行` },
  moreRows: { en: (count: number) => `and ${count} more`, zh: (count: number) => `另有 ${count} 行` },
  loss: { en: 'loss', zh: '损失' },
}); // prettier-ignore
