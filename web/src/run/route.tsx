/** One run: its state in one glance, then a tab a question. */
import { useRunName } from '~/shared/shell/run';

export default function RunPage() {
  return <h1>{useRunName()}</h1>;
}
