/** A picture of a run: chosen among those that it logged, or by its path in the run folder. */
import { useQuery } from '@tanstack/react-query';
import { type Answered, answer, api } from '~/shared/api/client';
import { SelectField, TextField } from '~/shared/controls/Field';
import { whole } from '~/shared/format/numbers';
import { useStrings } from '~/shared/i18n/i18n';
import type { PictureBlock } from '~/shared/report/frozen';
import { RunField } from '~/shared/run/RunField';
import css from './report.module.css';
import { words } from './strings';

interface Props {
  block: PictureBlock;
  onChange: (block: PictureBlock) => void;
}

export function PictureForm({ block, onChange }: Props) {
  const said = useStrings(words);
  const pictures = usePictures(block.run);
  const isOther = block.path !== '' && !pictures.some((one) => one.path === block.path);
  return (
    <div className={css.fields}>
      <RunField
        label={said.run}
        value={block.run}
        onChange={(run, isKnown) => onChange({ ...block, run: isKnown ? run : '', path: '' })}
      />
      {pictures.length > 0 && (
        <SelectField
          label={said.logged}
          value={isOther ? '' : block.path}
          onChange={(event) => onChange({ ...block, path: event.target.value })}
        >
          <option value="" />
          {pictures.map((one) => (
            <option key={`${one.name} ${one.step} ${one.path}`} value={one.path}>
              {said.loggedAt(one.name, whole(one.step))}
            </option>
          ))}
        </SelectField>
      )}
      <TextField
        label={said.path}
        value={block.path}
        onChange={(event) => onChange({ ...block, path: event.target.value })}
      />
      <TextField
        label={said.caption}
        value={block.caption}
        onChange={(event) => onChange({ ...block, caption: event.target.value })}
      />
    </div>
  );
}

type Media = Answered<'/api/v1/runs/{run}/media'>;

/** Pictures that a run has logged, the latest first. */
function usePictures(run: string): { name: string; step: number; path: string }[] {
  const found = useQuery({
    queryKey: ['run', run, 'media'],
    queryFn: ({ signal }) =>
      answer<Media>(api.GET('/api/v1/runs/{run}/media', { params: { path: { run } }, signal })),
    enabled: run !== '',
  });
  return (found.data?.media ?? [])
    .flatMap(({ name, step, entries }) =>
      entries
        .filter((one) => one.type === 'image' && typeof one.path === 'string')
        .map((one) => ({ name, step, path: String(one.path) })),
    )
    .reverse();
}
