/** The files of a version with their SHA-256, and whether they are still what they were. */
import { useState } from 'react';
import { type VersionPage, useChanges } from '~/shared/api/registry';
import { Button } from '~/shared/controls/Button';
import { tellFailure } from '~/shared/controls/Toasts';
import { bytes } from '~/shared/format/numbers';
import { useStrings } from '~/shared/i18n/i18n';
import { PlainTable } from '~/shared/table/PlainTable';
import { Digest } from './Facts';
import css from './model.module.css';
import { words } from './strings';

export function Files({ page, mayVerify }: { page: VersionPage; mayVerify: boolean }) {
  const said = useStrings(words);
  const held: Readonly<Record<string, unknown>> = said;
  return (
    <section>
      <div className={css.between}>
        <h3>{said.files(page.files.length)}</h3>
        {mayVerify && <Verify page={page} />}
      </div>
      <PlainTable label={said.files(page.files.length)}>
        <thead>
          <tr>
            <th>{said.file}</th>
            <th data-number>{said.size}</th>
            <th>SHA-256</th>
            <th>{said.held}</th>
          </tr>
        </thead>
        <tbody>
          {page.files.map((file) => (
            <tr key={file.path}>
              <td>{file.path}</td>
              <td data-number>{bytes(file.bytes)}</td>
              <td>
                <span className={css.digest}>
                  <Digest value={file.sha256} />
                </span>
              </td>
              <td>{String(held[file.held] ?? file.held)}</td>
            </tr>
          ))}
        </tbody>
      </PlainTable>
    </section>
  );
}

function Verify({ page }: { page: VersionPage }) {
  const said = useStrings(words);
  const { verify } = useChanges(page.row.name);
  const [damage, setDamage] = useState<readonly string[] | null>(null);
  const [isReading, setReading] = useState(false);
  const look = () => {
    setReading(true);
    setDamage(null);
    verify(page.row.version)
      .then(setDamage, tellFailure)
      .finally(() => setReading(false));
  };
  return (
    <div className={css.verify}>
      <div role="status">
        {damage?.length === 0 && <span className={css.good}>{said.whole}</span>}
        {!!damage?.length && (
          <span className={css.bad}>
            {said.damaged} {damage.join('; ')}
          </span>
        )}
      </div>
      <Button icon="check" disabled={isReading} onClick={look}>
        {isReading ? said.verifying : said.verify}
      </Button>
    </div>
  );
}
