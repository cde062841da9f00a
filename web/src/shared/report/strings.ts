import { strings } from '~/shared/i18n/i18n';

export const words = strings({
  run: { en: 'Run', zh: '实验' },
  missing: { en: 'Not shown', zh: '未显示' },
  changed: { en: 'changed', zh: '修改于' },
});
