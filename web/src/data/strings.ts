import { strings } from '~/shared/i18n/i18n';

export const words = strings({
  source: { en: 'Source', zh: '来源' },
  find: { en: 'Find in the rows', zh: '在数据行中查找' },
  from: { en: 'From row', zh: '从第几行' },
  next: { en: 'Next rows', zh: '后面的行' },
  previous: { en: 'Previous rows', zh: '前面的行' },
  first: { en: 'First rows', zh: '最前面的行' },
  rows: { en: 'Rows as they are rendered', zh: '渲染后的数据行' },
  rowsAbout: {
    en: 'Marked tokens are learned; the others are context. Colours are roles.',
    zh: '带底色的 token 参与学习，其余仅作上下文；颜色表示角色。',
  },
  row: { en: 'Row', zh: '行' },
  size: {
    en: (tokens: string, trained: string) => `${tokens} tokens, ${trained} learned`,
    zh: (tokens: string, trained: string) => `${tokens} 个 token，学习 ${trained} 个`,
  },
  token: {
    en: (role: string, weight: string, id: number) => `${role} · weight ${weight} · ${id}`,
    zh: (role: string, weight: string, id: number) => `${role} · 权重 ${weight} · ${id}`,
  },
  more: { en: (n: string) => `Show ${n} more tokens`, zh: (n: string) => `再显示 ${n} 个 token` },
  steps: { en: 'Steps that saw it', zh: '见过它的步' },
  lengths: { en: 'Lengths', zh: '长度' },
  lengthsAbout: {
    en: (n: string, median: string, most: string, share: string) =>
      `${n} samples of this page: median ${median} tokens, longest ${most}; ${share} of all tokens are learned`,
    zh: (n: string, median: string, most: string, share: string) =>
      `本页 ${n} 个样本：中位数 ${median} 个 token，最长 ${most}；其中 ${share} 参与学习`,
  },
  context: { en: (n: string) => `context ${n}`, zh: (n: string) => `上下文 ${n}` },
  fit: {
    en: (n: string) => `. All fit into the model’s context of ${n} tokens.`,
    zh: (n: string) => `。全部在模型上下文（${n} 个 token）之内。`,
  },
  tooLong: {
    en: (n: string) => `. What lies beyond ${n} tokens does not fit into the model’s context.`,
    zh: (n: string) => `。超出 ${n} 个 token 的部分不在模型上下文之内。`,
  },
  bin: {
    en: (from: string, to: string, n: string) => `${from} to ${to} tokens: ${n} samples`,
    zh: (from: string, to: string, n: string) => `${from} 至 ${to} 个 token：${n} 个样本`,
  },
  none: { en: 'No row from here on holds that.', zh: '从这里起没有包含该内容的行。' },
  noRows: { en: 'There are no rows here', zh: '这里没有数据行' },
  reading: {
    en: 'Reading the data as training does; the first time takes some seconds.',
    zh: '正在按训练方式读取数据，首次需要几秒。',
  },
  unread: { en: 'The rows cannot be shown', zh: '无法显示数据行' },
  unreadHint: {
    en: 'Rows are shown of a run of `whet train` whose data files are still there.',
    zh: '只有由 whet train 启动且数据文件仍在的实验才能显示数据行。',
  },
  wouldRefuse: { en: 'Refused among these', zh: '其中被拒绝的行' },
  ledger: { en: 'Left out or changed', zh: '被略去或改动的行' },
  ledgerAbout: {
    en: (n: string) => `${n} rows did not come through whole, by what was done and why`,
    zh: (n: string) => `${n} 行未能完整通过，按处理方式与原因列出`,
  },
  ledgerEmpty: { en: 'No row is recorded as left out or changed.', zh: '没有记录到被跳过或改动的数据行。' },
  ledgerNone: { en: 'No such row was left out or changed.', zh: '没有符合条件的被略去或改动的行。' },
  ledgerFind: { en: 'Find among them', zh: '在其中查找' },
  partial: {
    en: (n: string, total: string) => `The first ${n} of ${total} are listed.`,
    zh: (n: string, total: string) => `列出 ${total} 行中的前 ${n} 行。`,
  },
  all: { en: 'All', zh: '全部' },
  action: { en: 'Done', zh: '处理' },
  reason: { en: 'Reason', zh: '原因' },
  detail: { en: 'Detail', zh: '详情' },
});
