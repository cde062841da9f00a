/** The screen of the plan in files of its own: its tables stand in the page, and nothing is asked of anybody. */
import { QueryClientProvider } from '@tanstack/react-query';
import { createHashHistory, createRootRoute, createRouter, RouterProvider } from '@tanstack/react-router';
import { createRoot } from 'react-dom/client';
import { PlanSource } from '~/plan/source';
import { Standing } from '~/plan/Standing';
import { sourceOf, type Tables } from '~/plan/tables';
import { queryClient } from '~/shared/api/query';
import { parseSearch, writeSearch } from '~/shared/url/search';
import '~/shared/theme/base.css';
import '~/planner.css';

function kept(name: string): string | null {
  try {
    return localStorage.getItem(`whet.${name}`);
  } catch {
    return null;
  }
}

const isDark = matchMedia('(prefers-color-scheme: dark)').matches;
document.documentElement.dataset.theme = kept('theme') ?? (isDark ? 'dark' : 'light');
document.documentElement.lang = kept('language') ?? (navigator.language.startsWith('zh') ? 'zh' : 'en');

const place = document.getElementById('plan');
const data = document.getElementById('plan-tables')?.textContent;
if (place && data) {
  const source = sourceOf(JSON.parse(data) as Tables);
  const router = createRouter({
    routeTree: createRootRoute({ component: Standing }),
    history: createHashHistory(),
    parseSearch,
    stringifySearch: writeSearch,
    defaultNotFoundComponent: Standing,
  });
  createRoot(place).render(
    <QueryClientProvider client={queryClient()}>
      <PlanSource value={source}>
        {/* The type of a router is declared once, of the page's own. */}
        <RouterProvider router={router as never} />
      </PlanSource>
    </QueryClientProvider>,
  );
}
