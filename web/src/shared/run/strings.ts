import { strings } from '~/shared/i18n/i18n';

export const words = strings({
  part: { en: 'a part of its name', zh: '名称的一部分' },
  noRun: { en: 'No run is called that', zh: '没有这样的实验' },
  offered: {
    en: (n: number, total: number) => `The latest ${n} of ${total} runs are offered; type to find others`,
    zh: (n: number, total: number) => `列出 ${total} 个实验中最近的 ${n} 个，输入名称可查找其他`,
  },
});
