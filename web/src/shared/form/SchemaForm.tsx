/** A form made of a JSON Schema: a field a property, with its type, bounds, default and docstring. */
import { useStrings } from '~/shared/i18n/i18n';
import { CheckField, SelectField, TextField } from '~/shared/controls/Field';
import css from './form.module.css';
import { type Schema, choicesOf, kindOf, resolved, typedNumber, wrongWith } from './schema';
import { words } from './strings';

type Values = Readonly<Record<string, unknown>>;

interface Props {
  schema: Schema;
  value: Values;
  onChange: (value: Values) => void;
  /** What the server says, by path (`optimizer.lr`). */
  errors?: Readonly<Record<string, string>>;
}

export function SchemaForm({ schema, value, onChange, errors = {} }: Props) {
  return (
    <Properties schema={schema} root={schema} value={value} onChange={onChange} errors={errors} path="" />
  );
}

interface Inner extends Props {
  root: Schema;
  path: string;
  errors: Readonly<Record<string, string>>;
}

function Properties({ schema, root, value, onChange, errors, path }: Inner) {
  return (
    <div className={css.form}>
      {Object.entries(schema.properties ?? {})
        .filter(([name]) => name !== 'kind')
        .map(([name, one]) => (
          <Property
            key={name}
            name={name}
            schema={resolved(one, root)}
            root={root}
            path={path ? `${path}.${name}` : name}
            isRequired={schema.required?.includes(name) ?? false}
            value={value[name]}
            errors={errors}
            onChange={(next) => {
              const { [name]: _, ...rest } = value;
              onChange(next === undefined ? rest : { ...rest, [name]: next });
            }}
          />
        ))}
    </div>
  );
}

interface One {
  name: string;
  schema: Schema;
  root: Schema;
  path: string;
  isRequired: boolean;
  value: unknown;
  onChange: (value: unknown) => void;
  errors: Readonly<Record<string, string>>;
}

function Property(props: One) {
  const { name, schema, root, path, isRequired, value, onChange, errors } = props;
  const said = useStrings(words);
  const choices = choicesOf(schema, root);
  const single =
    choices.length === 1
      ? { ...choices[0], default: schema.default, description: schema.description }
      : schema;
  const shared = { label: name, about: single.description, error: errors[path] ?? wrongWith(value, single) };
  const placeholder = isRequired
    ? said.required
    : schema.default === undefined || schema.default === null
      ? ''
      : String(schema.default);
  if (choices.length > 1 && choices.some(kindOf)) return <Union {...props} choices={choices} />;
  if (single.properties) {
    return (
      <fieldset className={css.group}>
        <legend>{name}</legend>
        {single.description && <p className={css.about}>{single.description}</p>}
        <Properties
          schema={single}
          root={root}
          path={path}
          value={asValues(value)}
          onChange={onChange}
          errors={errors}
        />
      </fieldset>
    );
  }
  if (single.enum) {
    return (
      <SelectField
        {...shared}
        value={value === undefined ? '' : String(value)}
        onChange={(event) => onChange(event.target.value || undefined)}
      >
        <option value="">{said.byDefault(placeholder)}</option>
        {single.enum.map((one) => (
          <option key={String(one)}>{String(one)}</option>
        ))}
      </SelectField>
    );
  }
  if (single.type === 'boolean') {
    return (
      <CheckField
        {...shared}
        checked={Boolean(value ?? schema.default)}
        onChange={(event) => onChange(event.target.checked)}
      />
    );
  }
  const isNumber =
    single.type === 'number' ||
    single.type === 'integer' ||
    choices.some((one) => one.type === 'number' || one.type === 'integer');
  const isList = single.type === 'array';
  const shown = isList && Array.isArray(value) ? value.join(', ') : value === undefined ? '' : String(value);
  const read = (text: string) => {
    if (isList) return text.trim() ? text.split(',').map((one) => one.trim()) : undefined;
    return isNumber ? typedNumber(text) : text || undefined;
  };
  return (
    <TextField
      {...shared}
      placeholder={placeholder}
      required={isRequired}
      inputMode={isNumber ? 'decimal' : undefined}
      defaultValue={shown}
      onChange={(event) => onChange(read(event.target.value))}
    />
  );
}

/** One of several kinds, each with settings of its own. */
function Union({ name, schema, root, path, value, onChange, errors, choices }: One & { choices: Schema[] }) {
  const said = useStrings(words);
  const values = asValues(value);
  const kinds = choices.map(kindOf).filter((kind) => kind !== undefined);
  const kind = typeof value === 'string' ? value : (values.kind as string | undefined);
  const chosen = choices.find((one) => kindOf(one) === kind);
  return (
    <fieldset className={css.group}>
      <legend>{name}</legend>
      <SelectField
        label={said.kind}
        about={chosen?.description ?? schema.description}
        error={errors[path]}
        value={kind ?? ''}
        onChange={(event) => onChange(event.target.value ? { kind: event.target.value } : undefined)}
      >
        <option value="">{said.byDefault('')}</option>
        {kinds.map((one) => (
          <option key={one}>{one}</option>
        ))}
      </SelectField>
      {chosen && (
        <Properties
          schema={chosen}
          root={root}
          path={path}
          value={values}
          onChange={(next) => onChange({ ...next, kind })}
          errors={errors}
        />
      )}
    </fieldset>
  );
}

function asValues(value: unknown): Values {
  return typeof value === 'object' && value !== null ? (value as Values) : {};
}
