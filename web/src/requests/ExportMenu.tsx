/** The requests that the filter takes, as a file of rows to train on. */
import { Menu, MenuItem } from '~/shared/controls/Menu';
import { useStrings } from '~/shared/i18n/i18n';
import { words } from './strings';

const FORMS = ['chat', 'preferences', 'labels', 'requests'] as const;

export function ExportMenu({ run, filter }: { run: string; filter: string }) {
  const said = useStrings(words);
  const save = (form: string, file: string) => {
    const query = new URLSearchParams({ filter, form, file });
    const link = document.createElement('a');
    link.href = `/api/v1/runs/${encodeURIComponent(run)}/requests/export?${query}`;
    link.download = '';
    link.click();
  };
  return (
    <Menu label={said.exported} text={said.exported} icon="download">
      {FORMS.flatMap((form) =>
        (['jsonl', 'parquet'] as const).map((file) => (
          <MenuItem key={form + file} onSelect={() => save(form, file)}>
            {said[form]} <small>.{file}</small>
          </MenuItem>
        )),
      )}
    </Menu>
  );
}
