/** A new board: what it asks for, and which settings of a run every entry has to have. */
import { useNavigate } from '@tanstack/react-router';
import { useId, useState } from 'react';
import { useMaking } from '~/shared/api/boards';
import { messageOf } from '~/shared/api/failure';
import { useRun } from '~/shared/api/run';
import { Button } from '~/shared/controls/Button';
import { Dialog } from '~/shared/controls/Dialog';
import { SelectField, TextField } from '~/shared/controls/Field';
import { useStrings } from '~/shared/i18n/i18n';
import { RunField } from '~/shared/run/RunField';
import { Form, Offers } from '~/shared/controls/Form';
import { idOf, namesOf, settingsOf } from './asked';
import { words } from './strings';

export function NewBoard({ onClose }: { onClose: () => void }) {
  const said = useStrings(words);
  const lists = useId();
  const navigate = useNavigate();
  const make = useMaking();
  const [asked, setAsked] = useState({
    title: '',
    about: '',
    metric: 'loss',
    order: 'lower',
    like: '',
    settings: '',
  });
  const [failure, setFailure] = useState('');
  const set = (part: Partial<typeof asked>) => setAsked({ ...asked, ...part });
  const submit = async () => {
    const { title, about, metric, like } = asked;
    const id = idOf(title);
    const is_lower_better = asked.order === 'lower';
    try {
      await make(id, {
        title,
        about,
        metric,
        is_lower_better,
        like,
        settings: namesOf(asked.settings),
        curves: [metric],
      });
      void navigate({ to: `/boards/${id}` });
    } catch (error) {
      setFailure(messageOf(error));
    }
  };
  return (
    <Dialog title={said.make} about={said.makeAbout} open onClose={onClose}>
      <Form onSubmit={() => void submit()}>
        <TextField
          label={said.name}
          required
          value={asked.title}
          error={failure}
          onChange={(event) => set({ title: event.target.value })}
        />
        <TextField
          label={said.task}
          value={asked.about}
          onChange={(event) => set({ about: event.target.value })}
        />
        <RunField
          label={said.like}
          value={asked.like}
          onChange={(like, isKnown) => set({ like: isKnown ? like : '' })}
        />
        {asked.like && (
          <Settings run={asked.like} text={asked.settings} onChange={(settings) => set({ settings })} />
        )}
        <Metric run={asked.like} list={lists} value={asked.metric} onChange={(metric) => set({ metric })} />
        <SelectField
          label={said.order}
          value={asked.order}
          onChange={(event) => set({ order: event.target.value })}
        >
          <option value="lower">{said.lower}</option>
          <option value="higher">{said.higher}</option>
        </SelectField>
        <Button type="submit" kind="accent">
          {said.make}
        </Button>
      </Form>
    </Dialog>
  );
}

interface SettingsProps {
  run: string;
  text: string;
  onChange: (text: string) => void;
}

/** Settings by name, each that the run has as a button that adds it. */
function Settings({ run, text, onChange }: SettingsProps) {
  const said = useStrings(words);
  const config = useRun(run).data?.config ?? {};
  const chosen = namesOf(text);
  const rest = settingsOf(config).filter((name) => !chosen.includes(name));
  return (
    <div>
      <TextField
        label={said.settings}
        about={said.settingsAbout}
        value={text}
        onChange={(event) => onChange(event.target.value)}
      />
      <Offers names={rest} onChoose={(name) => onChange([...chosen, name].join(', '))} />
    </div>
  );
}

interface MetricProps {
  run: string;
  list: string;
  value: string;
  onChange: (metric: string) => void;
}

function Metric({ run, list, value, onChange }: MetricProps) {
  return run ? (
    <MetricOf run={run} list={list} value={value} onChange={onChange} />
  ) : (
    <MetricField list={list} value={value} onChange={onChange} names={[]} />
  );
}

function MetricOf(props: MetricProps) {
  return <MetricField {...props} names={useRun(props.run).data?.metrics ?? []} />;
}

function MetricField({
  list,
  value,
  onChange,
  names,
}: Omit<MetricProps, 'run'> & { names: readonly string[] }) {
  const said = useStrings(words);
  return (
    <>
      <TextField
        label={said.metric}
        list={list}
        required
        autoComplete="off"
        value={value}
        onChange={(event) => onChange(event.target.value)}
      />
      <datalist id={list}>
        {names.map((name) => (
          <option key={name} value={name} />
        ))}
      </datalist>
    </>
  );
}
