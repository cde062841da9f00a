import { strings } from '~/shared/i18n/i18n';

export const words = strings({
  about: {
    en: (shown: number, total: number) => (shown === total ? `${total} runs` : `${shown} of ${total} runs`),
    zh: (shown: number, total: number) =>
      shown === total ? `共 ${total} 个实验` : `${total} 个实验中的 ${shown} 个`,
  },
  name: { en: 'Name', zh: '名称' },
  status: { en: 'Status', zh: '状态' },
  step: { en: 'Step', zh: '步数' },
  loss: { en: 'Loss', zh: '损失' },
  started: { en: 'Started', zh: '开始时间' },
  duration: { en: 'Duration', zh: '用时' },
  speed: { en: 'Tokens/s', zh: 'token/秒' },
  empty: { en: 'No runs yet', zh: '还没有实验' },
  emptyHint: {
    en: 'Runs of this folder stand here as soon as they start, from `whet train` or from a script with whet.track.',
    zh: '运行 `whet train`，或在脚本中使用 whet.track，实验开始后就会出现在这里。',
  },
});
