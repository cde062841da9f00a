/** Whose run the page shows. */
import { useParams } from '@tanstack/react-router';

/** The name of the run in the address. */
export function useRunName(): string {
  const { run } = useParams({ strict: false }) as { run?: string };
  if (run === undefined) throw new Error('this view is shown below a run');
  return run;
}
