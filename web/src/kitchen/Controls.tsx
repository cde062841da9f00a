/** Buttons, menus, dialogs, toasts, badges, times, commands. */
import { useState } from 'react';
import { Command } from '~/shared/command/Command';
import { Button, IconButton } from '~/shared/controls/Button';
import { Confirm } from '~/shared/controls/Dialog';
import { Find, Pick, PickNumber, StepButtons } from '~/shared/controls/Inline';
import { Menu, MenuCheck, MenuItem, MenuLine } from '~/shared/controls/Menu';
import { tell } from '~/shared/controls/Toasts';
import { Time } from '~/shared/format/Time';
import { useStrings } from '~/shared/i18n/i18n';
import { StatusBadge } from '~/shared/status/StatusBadge';
import css from './kitchen.module.css';
import { words } from './strings';

const STATUSES = ['new', 'running', 'done', 'stopped', 'failed', 'killed'] as const;

export function Controls() {
  const said = useStrings(words);
  const [isOpen, setOpen] = useState(false);
  const [isOn, setOn] = useState(true);
  const [found, setFound] = useState('');
  const [status, setStatus] = useState<(typeof STATUSES)[number]>('done');
  const [step, setStep] = useState<number | undefined>(0);
  return (
    <section className={css.part}>
      <h2>{said.controls}</h2>
      <div className={css.line}>
        <Button kind="accent" onClick={() => setOpen(true)}>
          {said.dialog}
        </Button>
        <Button icon="save" onClick={() => tell(said.archived, () => tell('↶'))}>
          {said.toast}
        </Button>
        <Button kind="danger" icon="stop">
          {said.stop}
        </Button>
        <Button pressed={isOn} onClick={() => setOn(!isOn)}>
          {said.group}
        </Button>
        <Button disabled>{said.stop}</Button>
        <IconButton icon="pin" label={said.group} />
        <Menu label={said.menu} text={said.menu} icon="down">
          <MenuCheck checked={isOn} onChange={setOn}>
            {said.group}
          </MenuCheck>
          <MenuLine />
          <MenuItem danger onSelect={() => setOpen(true)}>
            {said.remove}
          </MenuItem>
        </Menu>
        {STATUSES.map((one) => (
          <StatusBadge key={one} status={one} />
        ))}
        <Time time={Date.now() / 1000 - 200} />
      </div>
      <div className={css.line}>
        <Find label={said.find} value={found} onChange={setFound} />
        <Pick label={said.status} value={status} options={STATUSES} onChange={setStatus} />
        <PickNumber label={said.step} value={step} onChange={setStep} />
        <StepButtons index={step ?? 0} count={10} onGo={setStep} />
      </div>
      <Command line={`whet runs 'loss < 2 and tag == "best"' --sort loss`} />
      <Confirm
        title={said.dialogTitle}
        about={said.dialogAbout}
        does={said.stop}
        danger
        open={isOpen}
        onClose={() => setOpen(false)}
        onYes={() => tell(said.stop)}
      />
    </section>
  );
}
