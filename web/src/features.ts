/**
 * The list of features. A new one is a folder and an entry here; its code is loaded when it is first opened.
 * `path` is where it lives, in the form of TanStack Router (`$name` is a parameter, `{-$name}` an optional one).
 */
import type { ComponentType } from 'react';
import type { IconName } from '~/shared/controls/icons';
import type { Words } from '~/shared/i18n/i18n';

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
  load: () => Promise<{ default: ComponentType }>;
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
    id: 'playground',
    path: 'playground',
    title: { en: 'Playground', zh: '对话试用' },
    rail: { icon: 'playground', key: 't' },
    load: () => import('./playground/route'),
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

/** Where `/` leads; and where whoever sees only what is public is led. */
export const START = '/runs';
export const PUBLIC_START = '/boards';
