/** The router: one route a feature of `features.ts`, below the shell. */
import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Navigate,
} from '@tanstack/react-router';
import { PUBLIC_START, START, features } from '~/features';
import { isStranger, useSession } from '~/shared/api/session';
import { Gate } from '~/shared/session/Gate';
import { parseSearch, writeSearch } from '~/shared/url/search';
import { Crash, Nowhere } from './Crash';
import { Shell } from './Shell';

/** The frame of all views, for whoever is let in. */
function Gated() {
  return (
    <Gate>
      <Shell />
    </Gate>
  );
}

const root = createRootRoute({ component: Gated, notFoundComponent: Nowhere });

const start = createRoute({
  getParentRoute: () => root,
  path: '/',
  component: function Start() {
    const session = useSession().data;
    return <Navigate to={isStranger(session) ? PUBLIC_START : START} replace />;
  },
});

const routes = features.map((feature) =>
  createRoute({
    getParentRoute: () => root,
    path: feature.path,
    component: lazyRouteComponent(feature.load),
    staticData: { feature: feature.id },
  }),
);

export const router = createRouter({
  routeTree: root.addChildren([start, ...routes]),
  parseSearch,
  stringifySearch: writeSearch,
  defaultPreload: 'intent',
  defaultErrorComponent: Crash,
  scrollRestoration: true,
});

declare module '@tanstack/react-router' {
  interface StaticDataRouteOption {
    /** The id of the feature that the route shows. */
    feature?: string;
  }
}
