/** A form made of a JSON Schema, and the value that it gives. */
import { useState } from 'react';
import { SchemaForm } from '~/shared/form/SchemaForm';
import { useStrings } from '~/shared/i18n/i18n';
import css from './kitchen.module.css';
import { SCHEMA } from './made';
import { words } from './strings';

export function FormPart() {
  const said = useStrings(words);
  const [value, setValue] = useState<Readonly<Record<string, unknown>>>({
    optimizer: { kind: 'adamw', lr: -1 },
  });
  return (
    <section className={css.part}>
      <h2>{said.form}</h2>
      <SchemaForm
        schema={SCHEMA}
        value={value}
        onChange={setValue}
        errors={{ model: 'no model `qwen`: did you mean `Qwen/Qwen3-0.6B`?' }}
      />
      <pre className={css.value}>{JSON.stringify(value)}</pre>
    </section>
  );
}
