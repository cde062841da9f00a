import { strings } from '~/shared/i18n/i18n';

export const words = strings({
  required: { en: 'has to be given', zh: '必填' },
  byDefault: {
    en: (value: string) => (value ? `default: ${value}` : 'default'),
    zh: (value: string) => (value ? `默认：${value}` : '默认'),
  },
  kind: { en: 'kind', zh: '类型' },
});
