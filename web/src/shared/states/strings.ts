import { strings } from '~/shared/i18n/i18n';

export const words = strings({
  loading: { en: 'Loading', zh: '加载中' },
  failed: { en: 'This could not be shown', zh: '无法显示' },
  retry: { en: 'Try again', zh: '重试' },
  copyError: { en: 'Copy the error', zh: '复制错误信息' },
  offline: { en: 'The server does not answer', zh: '服务器没有响应' },
  offlineHint: {
    en: 'It may have been stopped. What is shown elsewhere is what it said last. To start it again, type:',
    zh: '服务可能已停止，其他页面显示的是最后一次收到的数据。重新启动请输入：',
  },
  noToken: { en: 'A token is needed', zh: '需要访问令牌' },
  noTokenHint: {
    en: 'Open the address that `whet ui` printed when it started: the token is in it.',
    zh: '请打开 `whet ui` 启动时打印的地址，令牌就在其中。',
  },
  forbidden: { en: 'You may not see this', zh: '没有查看权限' },
  readOnly: { en: 'Only to read: nothing can be changed here.', zh: '只读：此处不能修改。' },
});
