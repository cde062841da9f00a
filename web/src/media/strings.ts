import { strings } from '~/shared/i18n/i18n';

export const words = strings({
  step: { en: 'Step', zh: '步数' },
  find: { en: 'Find by name', zh: '按名称查找' },
  about: {
    en: (names: number, steps: number) => `${names} names at ${steps} steps`,
    zh: (names: number, steps: number) => `${names} 个名称，${steps} 个步数`,
  },
  loggedAt: { en: (step: string) => `step ${step}`, zh: (step: string) => `第 ${step} 步` },
  earlier: { en: (step: string) => `from step ${step}`, zh: (step: string) => `来自第 ${step} 步` },
  notYet: { en: 'Not logged yet at this step', zh: '此步之前尚未记录' },
  never: { en: 'This run logged nothing by this name', zh: '该实验没有以此名称记录' },
  beside: { en: 'Beside another run', zh: '与其他实验并列' },
  without: { en: (name: string) => `Without ${name}`, zh: (name: string) => `移除 ${name}` },
  rank: { en: (writer: string) => `by ${writer}`, zh: (writer: string) => `由 ${writer} 记录` },
  none: { en: 'No name holds that.', zh: '没有包含该文字的名称。' },
  empty: { en: 'No media were logged', zh: '没有记录媒体' },
  emptyHint: {
    en: 'Pictures, sound, video, tables, text and HTML stand here, by name and step, once a script logs them.',
    zh: '脚本记录图片、音频、视频、表格、文本或 HTML 后，会按名称与步数显示在这里。',
  },
  file: {
    en: (kind: string, size: string) => `${kind}, ${size}`,
    zh: (kind: string, size: string) => `${kind}，${size}`,
  },
  download: { en: 'Download', zh: '下载' },
  open: { en: 'Open alone', zh: '单独打开' },
  rowsShown: {
    en: (n: number, total: number) => `${n} of ${total} rows`,
    zh: (n: number, total: number) => `${total} 行中的 ${n} 行`,
  },
  page: { en: (name: string) => `Page ${name}`, zh: (name: string) => `页面 ${name}` },
  bars: {
    en: (n: string, from: string, to: string) => `${n} values from ${from} to ${to}`,
    zh: (n: string, from: string, to: string) => `${n} 个值，范围 ${from} 至 ${to}`,
  },
  points: {
    en: (n: string) => `${n} points; drag or press arrow keys to turn, + and - to zoom`,
    zh: (n: string) => `${n} 个点；拖动或按方向键旋转，按 + 和 - 缩放`,
  },
  noPoints: { en: 'These points cannot be read', zh: '无法读取这些点' },
  noTable: { en: 'This table cannot be read', zh: '无法读取该表格' },
});
