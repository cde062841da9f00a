/** How is asked: the system's words, tools, and how tokens are drawn, as a form of the server's JSON Schema. */
import { useId } from 'react';
import { CheckField } from '~/shared/controls/Field';
import { SchemaForm } from '~/shared/form/SchemaForm';
import type { Schema } from '~/shared/form/schema';
import { useLanguage, useStrings } from '~/shared/i18n/i18n';
import type { Values } from './conversation';
import css from './playground.module.css';
import { words } from './strings';
import { inChinese } from './settings';

interface Props {
  form: Schema;
  settings: Values;
  onSettings: (settings: Values) => void;
  system: string;
  onSystem: (text: string) => void;
  tools: string;
  onTools: (text: string) => void;
  toolsAreWrong: boolean;
  hasChances: boolean;
  onChances: (isOn: boolean) => void;
}

export function How(props: Props) {
  const said = useStrings(words);
  const form = useLanguage() === 'zh' ? inChinese(props.form) : props.form;
  return (
    <aside className={css.how} aria-label={said.settings}>
      <CheckField
        label={said.chances}
        checked={props.hasChances}
        onChange={(event) => props.onChances(event.target.checked)}
      />
      <Area label={said.system} value={props.system} onChange={props.onSystem} rows={3} />
      <Area
        label={said.tools}
        value={props.tools}
        onChange={props.onTools}
        rows={4}
        isCode
        about={said.toolsAbout}
        error={props.toolsAreWrong ? said.toolsWrong : undefined}
      />
      <h2>{said.sampling}</h2>
      <SchemaForm schema={form} value={props.settings} onChange={props.onSettings} />
    </aside>
  );
}

interface AreaProps {
  label: string;
  value: string;
  onChange: (text: string) => void;
  rows: number;
  isCode?: boolean;
  about?: string;
  error?: string;
}

function Area({ label, value, onChange, rows, isCode, about, error }: AreaProps) {
  const id = useId();
  return (
    <div className={css.area}>
      <label htmlFor={id}>{label}</label>
      <textarea
        id={id}
        rows={rows}
        value={value}
        spellCheck={isCode ? false : undefined}
        className={isCode ? css.mono : undefined}
        aria-invalid={!!error}
        aria-describedby={`${id}-about`}
        onChange={(event) => onChange(event.target.value)}
      />
      <p id={`${id}-about`} className={error ? css.wrong : css.quiet}>
        {error ?? about}
      </p>
    </div>
  );
}
