/**
 * The list of features. A new one is a folder and an entry here; its code is loaded when it is first opened.
 * `path` is where it lives, in the form of TanStack Router (`$name` is a parameter, `{-$name}` an optional one).
 */
import type { ComponentType } from 'react';
import type { IconName } from '~/shared/controls/icons';
import type { Words } from '~/shared/i18n/i18n';

type Loaded = Promise<{ default: ComponentType }>;

export interface Feature {
  /** The folder's name. */
  id: string;
  path: string;
  title: Words;
  /** The feature that it is one thing of: the line at the top leads there. */
  home?: string;
  /** Where it has one, its icon in the rail; and the key that goes there after `g`. */
  rail?: { icon: IconName; key: string };
  /** Whether anyone sees it on a public server. */
  isPublic?: boolean;
  load: () => Loaded;
}

/** A tab of the run page: its component is given nothing and asks `useRunName()` whose run it shows. */
export interface RunTab {
  id: string;
  title: Words;
  /** Whether it shows one step by `?step=N`: then points and marks of curves lead there. */
  hasSteps?: boolean;
  load: () => Loaded;
}

export const features: readonly Feature[] = [
  {
    id: 'runs',
    path: 'runs',
    title: { en: 'Runs', zh: '实验' },
    rail: { icon: 'runs', key: 'r' },
    load: () => import('./runs/route'),
  },
  {
    id: 'run',
    home: 'runs',
    path: 'runs/$run/{-$tab}',
    title: { en: 'Run', zh: '单次实验' },
    load: () => import('./run/route'),
  },
  {
    id: 'compare',
    path: 'compare',
    title: { en: 'Compare', zh: '对比' },
    rail: { icon: 'compare', key: 'c' },
    load: () => import('./compare/route'),
  },
  {
    id: 'registry',
    path: 'registry',
    title: { en: 'Models', zh: '模型' },
    rail: { icon: 'registry', key: 'm' },
    load: () => import('./registry/route'),
  },
  {
    id: 'model',
    home: 'registry',
    path: 'registry/$model',
    title: { en: 'Model', zh: '模型' },
    load: () => import('./model/route'),
  },
  {
    id: 'reports',
    path: 'reports',
    title: { en: 'Reports', zh: '报告' },
    rail: { icon: 'reports', key: 'p' },
    load: () => import('./reports/route'),
  },
  {
    id: 'report',
    home: 'reports',
    path: 'reports/$report',
    title: { en: 'Report', zh: '报告' },
    load: () => import('./report/route'),
  },
  {
    id: 'boards',
    path: 'boards',
    title: { en: 'Boards', zh: '榜单' },
    rail: { icon: 'boards', key: 'b' },
    isPublic: true,
    load: () => import('./boards/route'),
  },
  {
    id: 'board',
    home: 'boards',
    path: 'boards/$board',
    title: { en: 'Board', zh: '榜单' },
    load: () => import('./board/route'),
  },
  {
    id: 'plan',
    path: 'plan',
    title: { en: 'What fits', zh: '显存计算' },
    rail: { icon: 'plan', key: 'f' },
    load: () => import('./plan/route'),
  },
  {
    id: 'settings',
    path: 'settings',
    title: { en: 'Settings', zh: '设置' },
    rail: { icon: 'settings', key: 's' },
    load: () => import('./settings/route'),
  },
  {
    id: 'invitation',
    path: 'invitation',
    title: { en: 'Invitation', zh: '邀请' },
    load: () => import('./invitation/route'),
  },
  {
    id: 'kitchen',
    path: 'kitchen',
    title: { en: 'Kitchen', zh: '组件' },
    load: () => import('./kitchen/route'),
  },
];

export const runTabs: readonly RunTab[] = [
  {
    id: 'diagnosis',
    title: { en: 'Diagnosis', zh: '诊断' },
    load: () => import('./diagnosis/route'),
  },
  {
    id: 'samples',
    title: { en: 'Samples', zh: '样本' },
    hasSteps: true,
    load: () => import('./samples/route'),
  },
  {
    id: 'console',
    title: { en: 'Console', zh: '控制台' },
    hasSteps: true,
    load: () => import('./console/route'),
  },
  {
    id: 'system',
    title: { en: 'System', zh: '系统' },
    load: () => import('./system/route'),
  },
  {
    id: 'memory',
    title: { en: 'Memory', zh: '显存' },
    load: () => import('./plan/OfRun'),
  },
  {
    id: 'data',
    title: { en: 'Data', zh: '数据' },
    load: () => import('./data/route'),
  },
  {
    id: 'evaluations',
    title: { en: 'Evaluations', zh: '评测' },
    load: () => import('./evaluations/route'),
  },
  {
    id: 'rollouts',
    title: { en: 'Rollouts', zh: 'Rollout' },
    hasSteps: true,
    load: () => import('./rollouts/route'),
  },
  {
    id: 'lineage',
    title: { en: 'Lineage', zh: '血缘' },
    hasSteps: true,
    load: () => import('./lineage/route'),
  },
  {
    id: 'media',
    title: { en: 'Media', zh: '媒体' },
    hasSteps: true,
    load: () => import('./media/route'),
  },
];

/** Where `/` leads; and where whoever sees only what is public is led. */
export const START = '/runs';
export const PUBLIC_START = '/boards';
