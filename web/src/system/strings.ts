import { strings } from '~/shared/i18n/i18n';

export const words = strings({
  times: { en: 'Where the time of a step goes', zh: '每步时间的去向' },
  timesAbout: { en: 'Seconds of each part; the mean of all steps beside it.', zh: '各部分用时（秒），附各步平均值。' },
  noTimes: { en: 'Scripts record no parts of a step.', zh: '脚本不记录每步的各部分。' },
  ranks: { en: 'Ranks', zh: '各 rank' },
  ranksAbout: {
    en: 'A line a rank, steps from left to right; the darker, the higher. A slow rank is a dark line.',
    zh: '每行一个 rank，步数从左到右；颜色越深数值越高，慢的 rank 呈深色一行。',
  },
  apart: {
    en: (rank: string, mean: string, others: string) => `Rank ${rank} stands out: ${mean} on average, the others ${others}.`,
    zh: (rank: string, mean: string, others: string) => `rank ${rank} 明显偏高：平均 ${mean}，其他 rank 为 ${others}。`,
  },
  at: {
    en: (rank: string, steps: string, value: string) => `Rank ${rank}, step ${steps}: ${value}`,
    zh: (rank: string, steps: string, value: string) => `rank ${rank}，第 ${steps} 步：${value}`,
  },
  mapAbout: {
    en: (ranks: number, columns: number) => `Heat map of ${ranks} ranks in ${columns} columns of steps; arrows move, Enter opens the console`,
    zh: (ranks: number, columns: number) => `${ranks} 个 rank、${columns} 列步数的热力图；方向键移动，回车打开控制台`,
  },
  mapHint: { en: 'Point at it to read it; a click shows what the rank printed then', zh: '指向可读数，点击查看该 rank 当时的输出' },
  metric: { en: 'Curve', zh: '曲线' },
  machine: { en: 'While it ran', zh: '运行期间' },
  machineAbout: { en: 'Load, memory and more of the machine, sampled while it ran.', zh: '运行期间采样的负载、内存等。' },
  whichMachine: { en: 'Machine', zh: '机器' },
  noMachine: { en: 'No hardware was sampled', zh: '没有硬件采样' },
  noMachineAbout: {
    en: 'A thread samples it every track.hardware_every_s seconds; short runs have no sample.',
    zh: '每 track.hardware_every_s 秒采样一次；很短的实验没有采样。',
  },
  hardware: { en: 'Hardware and versions', zh: '硬件与版本' },
  newest: { en: (count: number) => `Of the newest of ${count} starts.`, zh: (count: number) => `共启动 ${count} 次，此为最近一次。` },
  processor: { en: 'Processor', zh: '处理器' },
  processors: { en: 'Cores usable / there', zh: '可用 / 全部核数' },
  memory: { en: 'Memory', zh: '内存' },
  accelerators: { en: 'Accelerators', zh: '加速卡' },
  host: { en: 'Host', zh: '主机' },
  system: { en: 'System', zh: '系统' },
  python: { en: 'Python', zh: 'Python' },
  commit: { en: 'Commit', zh: '提交' },
  command: { en: 'Command', zh: '命令' },
  energy: { en: 'Energy', zh: '能耗' },
  cost: { en: 'Cost', zh: '费用' },
}); // prettier-ignore
