import { strings } from '~/shared/i18n/i18n';

export const words = strings({
  times: { en: 'Where the time of a step goes', zh: '每步时间的去向' },
  timesAbout: { en: 'Seconds of each part; the mean of all steps beside it.', zh: '各部分用时（秒），附各步平均值。' },
  noTimes: { en: 'Scripts record no parts of a step.', zh: '脚本不记录每步的各部分。' },
  ranks: { en: 'Ranks', zh: '各 rank' },
  ranksAbout: {
    en: 'A line a rank, time from left to right; the darker, the higher. A slow rank is a dark line.',
    zh: '每行一个 rank，时间从左到右；颜色越深数值越高，慢的 rank 呈深色一行。',
  },
  metric: { en: 'Curve', zh: '曲线' },
  rank: { en: 'Rank', zh: 'Rank' },
  machine: { en: 'Machine', zh: '机器' },
  machineAbout: { en: 'Sampled while it ran.', zh: '运行期间采样。' },
  noMachine: { en: 'No hardware was sampled', zh: '没有硬件采样' },
  noMachineAbout: {
    en: 'A thread samples it every track.hardware_every_s seconds; short runs have no sample.',
    zh: '每 track.hardware_every_s 秒采样一次；很短的实验没有采样。',
  },
}); // prettier-ignore
