/** One report: to read, to write, and to take away as a file. */
import { useNavigate, useParams } from '@tanstack/react-router';
import { useState } from 'react';
import { may, useSession } from '~/shared/api/session';
import { Command } from '~/shared/command/Command';
import { Button } from '~/shared/controls/Button';
import { Confirm } from '~/shared/controls/Dialog';
import { tellFailure } from '~/shared/controls/Toasts';
import { Time } from '~/shared/format/Time';
import { useLanguage, useStrings } from '~/shared/i18n/i18n';
import { Body } from '~/shared/report/Body';
import type { Frozen } from '~/shared/report/frozen';
import { useShown, useWriting } from '~/shared/report/queries';
import { Empty, Failure, Loading } from '~/shared/states/States';
import { useAddress } from '~/shared/url/search';
import { PageHead } from '~/shared/page/PageHead';
import { Editor } from './Editor';
import css from './report.module.css';
import { words } from './strings';

export default function ReportPage() {
  const { report: id = '' } = useParams({ strict: false }) as { report?: string };
  const found = useShown(id);
  const [address, change] = useAddress();
  if (found.isPending) return <Loading rows={8} />;
  if (found.isError && !found.data)
    return <Failure error={found.error} onRetry={() => void found.refetch()} />;
  const done = () => change({ edit: undefined });
  return (
    <div className={css.page}>
      {address.edit ? (
        <Editor key={found.data.report.version} report={found.data.report} onDone={done} />
      ) : (
        <Read frozen={found.data} onEdit={() => change({ edit: '1' })} />
      )}
      <Command line={`whet reports export ${id}`} />
    </div>
  );
}

function Read({ frozen, onEdit }: { frozen: Frozen; onEdit: () => void }) {
  const said = useStrings(words);
  const language = useLanguage();
  const { remove } = useWriting();
  const navigate = useNavigate();
  const mayWrite = may(useSession().data, 'editor');
  const [isLeaving, setLeaving] = useState(false);
  const { report } = frozen;
  const gone = () => remove(report.id).then(() => void navigate({ to: '/reports' }), tellFailure);
  return (
    <>
      <PageHead
        title={report.title}
        about={
          <p>
            {report.author && `${report.author} · `}
            <Time time={report.changed} /> · {said.version(report.version)}
          </p>
        }
      >
        {mayWrite && (
          <Button kind="accent" onClick={onEdit}>
            {said.edit}
          </Button>
        )}
        <a className={css.file} href={`/api/v1/reports/${report.id}/file?language=${language}`} download>
          {said.share}
        </a>
        {mayWrite && (
          <Button
            icon="remove"
            aria-label={said.remove}
            title={said.remove}
            onClick={() => setLeaving(true)}
          />
        )}
      </PageHead>
      {report.blocks.some((block) => block.kind !== 'text' || block.text) ? (
        <Body frozen={frozen} />
      ) : (
        <Empty title={said.empty} />
      )}
      <Confirm
        title={said.removeSure}
        about={said.removeAbout}
        does={said.remove}
        danger
        open={isLeaving}
        onClose={() => setLeaving(false)}
        onYes={() => void gone()}
      />
    </>
  );
}
