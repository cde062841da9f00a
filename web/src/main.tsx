/** The page's start. */
import { QueryClientProvider } from '@tanstack/react-query';
import { RouterProvider } from '@tanstack/react-router';
import { setNonce } from 'get-nonce';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import { queryClient } from '~/shared/api/query';
import { router } from '~/shared/shell/router';
import '@fontsource-variable/inter/wght.css';
import '~/shared/theme/base.css';

// Style elements that a library makes carry the nonce of this answer, or the policy forbids them.
setNonce(document.querySelector<HTMLMetaElement>('meta[name=whet-nonce]')?.content ?? '');

const place = document.getElementById('page');
if (place === null) throw new Error('index.html has no #page');
createRoot(place).render(
  <StrictMode>
    <QueryClientProvider client={queryClient()}>
      <RouterProvider router={router} />
    </QueryClientProvider>
  </StrictMode>,
);
