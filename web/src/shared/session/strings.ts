import { strings } from '~/shared/i18n/i18n';

export const words = strings({
  signIn: { en: 'Sign in', zh: '登录' },
  name: { en: 'Name', zh: '用户名' },
  password: { en: 'Password', zh: '密码' },
  oidc: { en: 'Sign in with your organisation', zh: '使用组织账号登录' },
  none: {
    en: 'No account? Whoever runs this server adds people: `whet team add NAME`.',
    zh: '没有账号？请服务器管理员添加：`whet team add NAME`。',
  },
  welcome: { en: (name: string) => `Welcome, ${name}`, zh: (name: string) => `欢迎，${name}` },
  choose: { en: 'Choose a password to begin.', zh: '请设置密码以开始使用。' },
  newPassword: { en: 'New password', zh: '新密码' },
  again: { en: 'The same again', zh: '再次输入' },
  differs: { en: 'These are not the same.', zh: '两次输入不一致。' },
  length: {
    en: 'At least 10 letters; four words that go badly together are good.',
    zh: '至少 10 个字符；四个互不相关的词就很好。',
  },
  begin: { en: 'Begin', zh: '开始' },
  noInvitation: { en: 'This invitation does not hold', zh: '邀请已失效' },
  askAgain: {
    en: 'It was used, or is older than a week. Ask for a new one: `whet team invite NAME`.',
    zh: '它已被使用，或已超过一周。请索取新的邀请：`whet team invite NAME`。',
  },
});
