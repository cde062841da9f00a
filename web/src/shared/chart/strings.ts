import { strings } from '~/shared/i18n/i18n';

export const words = strings({
  menu: { en: 'Save or change this chart', zh: '保存或调整图表' },
  png: { en: 'Save as PNG', zh: '保存为 PNG' },
  svg: { en: 'Save as SVG', zh: '保存为 SVG' },
  csv: { en: 'Save as CSV', zh: '保存为 CSV' },
  log: { en: 'Logarithmic axis', zh: '对数坐标' },
  linear: { en: 'Linear axis', zh: '线性坐标' },
  reset: { en: 'Show everything', zh: '显示全部' },
  large: { en: 'Enlarge', zh: '放大' },
  small: { en: 'Make small again', zh: '还原大小' },
  nothing: { en: 'No points yet', zh: '暂无数据' },
  toggle: { en: (name: string) => `Show or hide ${name}`, zh: (name: string) => `显示或隐藏 ${name}` },
  about: {
    en: (name: string, points: number) => `${name}: a curve of ${points} points or buckets`,
    zh: (name: string, points: number) => `${name}：共 ${points} 个点或分桶的曲线`,
  },
  smoothing: { en: 'Smoothing', zh: '平滑' },
});
