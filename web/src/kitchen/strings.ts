import { strings } from '~/shared/i18n/i18n';

export const words = strings({
  title: { en: 'Kitchen: every shared part, in all of its states', zh: '组件一览：所有共享组件及其各种状态' },
  charts: { en: 'Charts', zh: '图表' },
  chartsAbout: {
    en: 'The wheel zooms, dragging selects, a double click shows everything, dragging with shift measures.',
    zh: '滚轮缩放，拖动选择区间，双击还原，按住 Shift 拖动测量。',
  },
  table: { en: 'Table of 10,000 rows', zh: '一万行的表格' },
  form: { en: 'A form of a JSON Schema', zh: '由 JSON Schema 生成的表单' },
  controls: { en: 'Controls', zh: '控件' },
  wholes: { en: 'Parts of a whole, and a slider over listed values', zh: '整体的组成，以及离散取值的滑块' },
  wholesAbout: {
    en: 'The bar reaches as far as there is room, and says what goes beyond it.',
    zh: '条形图的长度对应可用容量，超出部分会标明。',
  },
  rows: { en: 'Tokens in a step', zh: '每步 token 数' },
  memory: { en: 'Memory of a step', zh: '一步的显存' },
  card: { en: (size: string) => `a card of ${size}`, zh: (size: string) => `单卡 ${size}` },
  states: { en: 'States', zh: '状态' },
  group: { en: 'In groups', zh: '分组' },
  dialog: { en: 'Ask', zh: '确认对话框' },
  dialogTitle: { en: 'Stop the run `first`?', zh: '停止实验 first？' },
  dialogAbout: {
    en: 'It writes a checkpoint and ends after the step that is running. `whet train first` goes on from there.',
    zh: '当前步结束后会写入检查点并退出，之后可用 `whet train first` 继续。',
  },
  stop: { en: 'Stop', zh: '停止' },
  toast: { en: 'Say something', zh: '显示通知' },
  archived: { en: '3 runs are archived', zh: '已归档 3 个实验' },
  partial: {
    en: 'Of 12,400 points 2,000 are shown: 310 lines of the log could not be read.',
    zh: '12,400 个点中显示了 2,000 个：日志中有 310 行无法读取。',
  },
  menu: { en: 'Menu', zh: '菜单' },
  remove: { en: 'Remove', zh: '删除' },
  empty: { en: 'No runs yet', zh: '还没有实验' },
  name: { en: 'Name', zh: '名称' },
  status: { en: 'Status', zh: '状态' },
  loss: { en: 'Loss', zh: '损失' },
  started: { en: 'Started', zh: '开始时间' },
  curve: { en: 'Curve', zh: '曲线' },
});
