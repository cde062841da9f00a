import { strings } from '~/shared/i18n/i18n';

export const words = strings({
  copy: { en: 'Copy', zh: '复制' },
  copied: { en: 'Copied', zh: '已复制' },
  close: { en: 'Close', zh: '关闭' },
  cancel: { en: 'Cancel', zh: '取消' },
  before: { en: 'Step before', zh: '上一步' },
  after: { en: 'Step after', zh: '下一步' },
  undo: { en: 'Undo', zh: '撤销' },
});
