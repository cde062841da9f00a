/** The runs table: what was run, with what, and how it ended. */
import { Link } from '@tanstack/react-router';
import { real } from '~/shared/api/numbers';
import { useRuns } from '~/shared/api/runs';
import { Command } from '~/shared/command/Command';
import { duration, figure } from '~/shared/format/numbers';
import { Time } from '~/shared/format/Time';
import { useStrings } from '~/shared/i18n/i18n';
import { Empty, Failure, Loading } from '~/shared/states/States';
import { words } from './strings';

export default function Runs() {
  const said = useStrings(words);
  const found = useRuns({});
  if (found.isPending) return <Loading rows={10} />;
  if (found.isError && !found.data)
    return <Failure error={found.error} onRetry={() => void found.refetch()} />;
  if (!found.data.runs.length) {
    return (
      <Empty title={said.empty} command="whet train --model Qwen/Qwen3-0.6B --data chat.jsonl">
        {said.emptyHint}
      </Empty>
    );
  }
  return (
    <>
      <table>
        <thead>
          <tr>
            {[said.name, said.status, said.step, said.loss, said.started, said.duration].map((head) => (
              <th key={head}>{head}</th>
            ))}
          </tr>
        </thead>
        <tbody>
          {found.data.runs.map((run) => (
            <tr key={run.name}>
              <td>
                <Link to="/runs/$run/{-$tab}" params={{ run: run.name } as never}>
                  {run.name}
                </Link>
              </td>
              <td>{run.status}</td>
              <td>{run.step}</td>
              <td>{figure(real(run.loss))}</td>
              <td>
                <Time time={run.started} />
              </td>
              <td>{duration(run.duration_s)}</td>
            </tr>
          ))}
        </tbody>
      </table>
      <Command line="whet runs" />
    </>
  );
}
