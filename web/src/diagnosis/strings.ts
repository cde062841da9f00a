import { strings } from '~/shared/i18n/i18n';

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
  step: { en: (first: number, last: number) => (first === last ? `step ${first}` : `steps ${first} to ${last}`), zh: (first: number, last: number) => (first === last ? `第 ${first} 步` : `第 ${first} 至 ${last} 步`) },
  remedy: { en: 'What to do', zh: '处理方法' },
  look: { en: 'Look at it', zh: '查看' },
  evidence: { en: 'Evidence', zh: '依据' },
  row: { en: (source: string, row: string) => `row ${row} of ${source}`, zh: (source: string, row: string) => `${source} 第 ${row} 行` },
  loss: { en: 'loss', zh: '损失' },
}); // prettier-ignore
