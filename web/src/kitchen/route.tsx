/** The kitchen: every shared part of the page in all of its states, to look at and to test. */
import { Charts } from './Charts';
import { Controls } from './Controls';
import { FormPart } from './FormPart';
import css from './kitchen.module.css';
import { StatesPart } from './StatesPart';
import { TablePart } from './TablePart';
import { Wholes } from './Wholes';
import { useStrings } from '~/shared/i18n/i18n';
import { words } from './strings';

export default function Kitchen() {
  const said = useStrings(words);
  return (
    <div className={css.kitchen}>
      <h1>{said.title}</h1>
      <Charts />
      <Controls />
      <Wholes />
      <TablePart />
      <FormPart />
      <StatesPart />
    </div>
  );
}
