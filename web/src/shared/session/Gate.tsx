/** The gate before all views: on a team's server whoever has not signed in does so first. */
import { useLocation } from '@tanstack/react-router';
import type { ReactNode } from 'react';
import { useSession } from '~/shared/api/session';
import { SignIn } from './SignIn';

/** Views for those who have not signed in. */
const OPEN = ['/invitation', '/boards'];

export function Gate({ children }: { children: ReactNode }) {
  const session = useSession();
  const path = useLocation({ select: (location) => location.pathname });
  const isOpen = OPEN.some((open) => path === open || path.startsWith(`${open}/`));
  if (session.data?.is_team && !session.data.person && path !== '/invitation')
    return <SignIn session={session.data} />;
  // On a public server anyone reads boards; other views say for themselves what they lack.
  return session.isPending && !isOpen ? null : children;
}
