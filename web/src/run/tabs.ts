/** The list of what a run's page shows beside its charts. A new tab is a folder and an entry here. */
import type { ComponentType } from 'react';
import type { Words } from '~/shared/i18n/i18n';

/** A tab of the run page: its component is given nothing and asks `useRunName()` whose run it shows. */
export interface RunTab {
  id: string;
  title: Words;
  /** Whether it shows one step by `?step=N`: then points and marks of curves lead there. */
  hasSteps?: boolean;
  load: () => Promise<{ default: ComponentType }>;
}

export const runTabs: readonly RunTab[] = [
  {
    id: 'diagnosis',
    title: { en: 'Diagnosis', zh: '诊断' },
    load: () => import('../diagnosis/route'),
  },
  {
    id: 'samples',
    title: { en: 'Samples', zh: '样本' },
    hasSteps: true,
    load: () => import('../samples/route'),
  },
  {
    id: 'console',
    title: { en: 'Console', zh: '控制台' },
    hasSteps: true,
    load: () => import('../console/route'),
  },
  {
    id: 'system',
    title: { en: 'System', zh: '系统' },
    load: () => import('../system/route'),
  },
  {
    id: 'memory',
    title: { en: 'Memory', zh: '显存' },
    load: () => import('../plan/OfRun'),
  },
  {
    id: 'data',
    title: { en: 'Data', zh: '数据' },
    load: () => import('../data/route'),
  },
  {
    id: 'evaluations',
    title: { en: 'Evaluations', zh: '评测' },
    load: () => import('../evaluations/route'),
  },
  {
    id: 'rollouts',
    title: { en: 'Rollouts', zh: 'Rollout' },
    hasSteps: true,
    load: () => import('../rollouts/route'),
  },
  {
    id: 'requests',
    title: { en: 'Requests', zh: '请求' },
    load: () => import('../requests/route'),
  },
  {
    id: 'lineage',
    title: { en: 'Lineage', zh: '血缘' },
    hasSteps: true,
    load: () => import('../lineage/route'),
  },
  {
    id: 'media',
    title: { en: 'Media', zh: '媒体' },
    hasSteps: true,
    load: () => import('../media/route'),
  },
];
