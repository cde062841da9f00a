import { strings } from '~/shared/i18n/i18n';

export const words = strings({
  edit: { en: 'Describe', zh: '编辑说明' },
  description: { en: 'Description', zh: '说明' },
  tags: { en: 'Tags', zh: '标签' },
  tagsAbout: { en: 'KEY=VALUE, separated by commas', zh: '键=值，以逗号分隔' },
  badTag: {
    en: (text: string) => `\`${text}\` is no KEY=VALUE`,
    zh: (text: string) => `“${text}”不是“键=值”`,
  },
  save: { en: 'Save', zh: '保存' },
  cancel: { en: 'Cancel', zh: '取消' },
  compare: { en: 'Compare', zh: '对比' },
  compareOf: { en: (version: string) => `Compare ${version}`, zh: (version: string) => `对比 ${version}` },
  comparedTo: {
    en: (first: string, second: string) => `${first} and ${second}`,
    zh: (first: string, second: string) => `${first} 与 ${second}`,
  },
  compareOne: { en: 'Choose a second version to compare.', zh: '请再选择一个版本进行对比。' },
  factsSame: { en: 'What is known of them is the same.', zh: '两者的已知信息相同。' },
  difference: { en: 'Difference', zh: '差值' },
  paired: {
    en: (low: string, high: string, n: number) => `95 % ${low} to ${high}, ${n} pairs`,
    zh: (low: string, high: string, n: number) => `95 % ${low} 至 ${high}，${n} 对`,
  },
  filesAlike: {
    en: (n: number) => `${n} ${n === 1 ? 'file is' : 'files are'} the same to the byte`,
    zh: (n: number) => `${n} 个文件逐字节相同`,
  },
  changed: { en: 'changed', zh: '已改变' },
  onlyIn: { en: (version: string) => `only in ${version}`, zh: (version: string) => `仅在 ${version} 中` },
  step: { en: 'Step', zh: '步数' },
  versions: { en: 'Versions', zh: '版本' },
  version: { en: 'Version', zh: '版本' },
  aliases: { en: 'Aliases', zh: '别名' },
  kind: { en: 'Kind', zh: '类型' },
  base: { en: 'Base', zh: '基座' },
  run: { en: 'Run', zh: '实验' },
  size: { en: 'Size', zh: '大小' },
  made: { en: 'Made', zh: '创建时间' },
  by: { en: 'By', zh: '创建者' },
  none: { en: 'No version is left', zh: '已没有任何版本' },
  history: { en: 'History', zh: '历史' },
  more: { en: (n: number) => `${n} earlier changes`, zh: (n: number) => `更早的 ${n} 次变更` },
  facts: { en: 'Manifest', zh: '清单' },
  architecture: { en: 'Architecture', zh: '结构' },
  licence: { en: 'Licence', zh: '许可证' },
  tokenizer: { en: 'Tokenizer', zh: '分词器' },
  template: { en: 'Chat template', zh: '对话模板' },
  data: { en: 'Data', zh: '数据' },
  code: { en: 'Code', zh: '代码' },
  dirty: { en: 'changed since', zh: '有未提交的改动' },
  packaged: { en: 'Package', zh: '包' },
  source: { en: 'From', zh: '来源' },
  manifest: { en: 'Manifest SHA-256', zh: '清单 SHA-256' },
  stage: { en: 'Stage', zh: '阶段' },
  atStep: { en: (step: string) => `step ${step}`, zh: (step: string) => `第 ${step} 步` },
  figures: { en: 'Evaluations', zh: '评测' },
  figuresNone: { en: 'It was not measured yet.', zh: '尚未评测。' },
  files: {
    en: (n: number) => `${n} ${n === 1 ? 'file' : 'files'}`,
    zh: (n: number) => `${n} 个文件`,
  },
  file: { en: 'File', zh: '文件' },
  held: { en: 'Held as', zh: '保存方式' },
  hardlink: { en: 'second name', zh: '硬链接' },
  reflink: { en: 'shared blocks', zh: '共享数据块' },
  reference: { en: 'link', zh: '链接' },
  verify: { en: 'Verify files', zh: '校验文件' },
  verifying: { en: 'Reading every file …', zh: '正在读取所有文件……' },
  whole: { en: 'Every file is as it was.', zh: '所有文件均完好无损。' },
  damaged: { en: 'Not as it was:', zh: '与清单不符：' },
  referring: { en: 'Referred to by', zh: '引用者' },
  referringNone: { en: 'Nothing refers to it.', zh: '没有任何引用。' },
  promote: { en: 'Promote', zh: '晋升' },
  promoteAbout: {
    en: 'The alias moves here if the evaluations of this version hold what is required.',
    zh: '仅当此版本的评测满足要求时，别名才会指向它。',
  },
  to: { en: 'Alias', zh: '别名' },
  require: { en: 'Required', zh: '要求' },
  requireAbout: {
    en: 'A condition on its figures, such as accuracy >= 0.8 and loss < 2. Left empty, nothing is required.',
    zh: '对其指标的条件，如 accuracy >= 0.8 and loss < 2。留空则不作要求。',
  },
  policy: {
    en: (alias: string, text: string) => `The policy of @${alias} requires as well: ${text}`,
    zh: (alias: string, text: string) => `@${alias} 的策略还要求：${text}`,
  },
  policies: { en: 'What aliases require', zh: '别名的要求' },
  policiesAbout: {
    en: 'A version is promoted to an alias only if its figures hold the policy of the alias.',
    zh: '只有指标满足别名的策略时，版本才能晋升到该别名。',
  },
  policiesNone: {
    en: 'No alias requires anything of the versions that are promoted to it.',
    zh: '目前没有别名对晋升的版本提出要求。',
  },
  policySet: { en: 'Set a policy', zh: '设置策略' },
  policyChange: { en: 'Change', zh: '修改' },
  policyAwayOf: {
    en: (alias: string) => `Take the policy of @${alias} away`,
    zh: (alias: string) => `移除 @${alias} 的策略`,
  },
  policyExample: {
    en: 'A condition on its figures, such as accuracy >= 0.8 and loss < 2.',
    zh: '对其指标的条件，如 accuracy >= 0.8 and loss < 2。',
  },
  policyAway: { en: 'Take the policy away', zh: '移除策略' },
  policyGone: {
    en: (alias: string) => `@${alias} has no policy any more`,
    zh: (alias: string) => `@${alias} 不再有策略`,
  },
  pastPolicy: { en: 'Leave the policy out this once', zh: '本次忽略策略' },
  pastPolicyAbout: { en: 'The history tells that it was.', zh: '历史记录会注明。' },
  keep: { en: 'Keep it as the policy of the alias', zh: '保存为该别名的策略' },
  keepAbout: {
    en: 'Every later promotion to it has to hold it too.',
    zh: '以后每次晋升到该别名都须满足它。',
  },
  refused: { en: 'Not promoted', zh: '未能晋升' },
  promoted: {
    en: (alias: string, version: string) => `@${alias} is ${version}`,
    zh: (alias: string, version: string) => `@${alias} 现指向 ${version}`,
  },
  compared: {
    en: (name: string, by: string, low: string, high: string, n: number) =>
      `${name} differs by ${by} (95 % ${low} to ${high}, ${n} pairs)`,
    zh: (name: string, by: string, low: string, high: string, n: number) =>
      `${name} 相差 ${by}（95 % 区间 ${low} 至 ${high}，${n} 对）`,
  },
  setAlias: { en: 'Set alias', zh: '设置别名' },
  setAliasAbout: {
    en: 'The alias means this version from now on; nothing is required of it.',
    zh: '别名从此指向该版本，不检查任何要求。',
  },
  takeAway: { en: (alias: string) => `Take @${alias} away`, zh: (alias: string) => `移除 @${alias}` },
  takenAway: { en: (alias: string) => `@${alias} taken away`, zh: (alias: string) => `已移除 @${alias}` },
  remove: { en: 'Remove', zh: '删除' },
  removeAbout: {
    en: (version: string, size: string) =>
      `${version} (${size}) and its evaluations are deleted. This cannot be taken back.`,
    zh: (version: string, size: string) => `将删除 ${version}（${size}）及其评测，且无法恢复。`,
  },
  removeReferred: {
    en: 'It is referred to; whatever does so will not find it any more:',
    zh: '仍有以下引用，删除后它们将无法找到该版本：',
  },
  removeYes: { en: 'Remove for good', zh: '永久删除' },
  removed: {
    en: (version: string, freed: string) => `${version} removed; ${freed} of the disk are free again`,
    zh: (version: string, freed: string) => `已删除 ${version}，释放磁盘空间 ${freed}`,
  },
  use: { en: 'Use it as', zh: '使用方式' },
  path: { en: 'Copy the path', zh: '复制路径' },
});

/** What was done to a model, by the operation of the journal. */
export const changes = strings({
  model: { en: 'made', zh: '创建模型' },
  rename: { en: 'renamed', zh: '重命名' },
  version: { en: (n: number) => `version ${n} added`, zh: (n: number) => `添加版本 ${n}` },
  remove: { en: (n: number) => `version ${n} removed`, zh: (n: number) => `删除版本 ${n}` },
  alias: {
    en: (alias: string, n: number, before?: number) =>
      `@${alias} means version ${n}${before === undefined ? '' : ` instead of ${before}`}`,
    zh: (alias: string, n: number, before?: number) =>
      `@${alias} ${before === undefined ? '指向' : `由版本 ${before} 改为指向`}版本 ${n}`,
  },
  policy: {
    en: (alias: string, text: string) => `policy of @${alias}: ${text}`,
    zh: (alias: string, text: string) => `@${alias} 的策略：${text}`,
  },
  policyGone: {
    en: (alias: string) => `policy of @${alias} taken away`,
    zh: (alias: string) => `移除 @${alias} 的策略`,
  },
  pastPolicy: {
    en: (text: string) => `past the policy: ${text}`,
    zh: (text: string) => `忽略策略：${text}`,
  },
  required: { en: (text: string) => `required: ${text}`, zh: (text: string) => `要求：${text}` },
  aliasGone: {
    en: (alias: string, before: number) => `@${alias} taken away from version ${before}`,
    zh: (alias: string, before: number) => `从版本 ${before} 移除 @${alias}`,
  },
  ofModel: { en: 'the model', zh: '模型' },
  ofVersion: { en: (n: number) => `version ${n}`, zh: (n: number) => `版本 ${n}` },
  tag: {
    en: (key: string, what: string, value: string) => `tag ${key} of ${what} = ${value}`,
    zh: (key: string, what: string, value: string) => `${what}的标签 ${key} = ${value}`,
  },
  tagGone: {
    en: (key: string, what: string) => `tag ${key} of ${what} taken away`,
    zh: (key: string, what: string) => `移除${what}的标签 ${key}`,
  },
  describe: { en: (what: string) => `${what} described`, zh: (what: string) => `修改${what}的说明` },
  stage: {
    en: (what: string, stage: string) => `${what} is ${stage}`,
    zh: (what: string, stage: string) => `${what}的阶段设为 ${stage}`,
  },
  evaluated: {
    en: (what: string, task: string) => `${what} measured with ${task}`,
    zh: (what: string, task: string) => `以 ${task} 评测${what}`,
  },
});
