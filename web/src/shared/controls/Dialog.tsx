/** Dialogs: a question before what cannot be taken back, or a small form. */
import * as Radix from '@radix-ui/react-dialog';
import type { ReactNode } from 'react';
import { useStrings } from '~/shared/i18n/i18n';
import { Button, IconButton } from './Button';
import css from './layers.module.css';
import { words } from './strings';

interface Props {
  title: string;
  /** One sentence below the title. */
  about?: ReactNode;
  open: boolean;
  onClose: () => void;
  children?: ReactNode;
  /** Buttons at the foot. */
  foot?: ReactNode;
  wide?: boolean;
}

export function Dialog({ title, about, open, onClose, children, foot, wide }: Props) {
  const said = useStrings(words);
  return (
    <Radix.Root open={open} onOpenChange={(next) => !next && onClose()}>
      <Radix.Portal>
        <Radix.Overlay className={css.veil} />
        <Radix.Content
          className={wide ? css.wide : css.dialog}
          // What is told beside a dialog, with its way back, takes the focus and closes nothing.
          onInteractOutside={(event) => {
            if (event.target instanceof Element && event.target.closest('[aria-live]'))
              event.preventDefault();
          }}
          {...(about ? {} : { 'aria-describedby': undefined })}
        >
          <div className={css.dialogHead}>
            <Radix.Title className={css.dialogTitle}>{title}</Radix.Title>
            <Radix.Close asChild>
              <IconButton icon="close" label={said.close} />
            </Radix.Close>
          </div>
          {about && <Radix.Description className={css.about}>{about}</Radix.Description>}
          {children}
          {foot && <div className={css.foot}>{foot}</div>}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}

interface Question {
  title: string;
  about: ReactNode;
  /** What the button that does it says: a verb. */
  does: string;
  danger?: boolean;
  open: boolean;
  onClose: () => void;
  onYes: () => void;
}

/** A question with one thing to do and a way out. */
export function Confirm({ title, about, does, danger, open, onClose, onYes }: Question) {
  const said = useStrings(words);
  const yes = () => {
    onClose();
    onYes();
  };
  const foot = (
    <>
      <Button onClick={onClose}>{said.cancel}</Button>
      <Button kind={danger ? 'danger' : 'accent'} onClick={yes}>
        {does}
      </Button>
    </>
  );
  return <Dialog title={title} about={about} open={open} onClose={onClose} foot={foot} />;
}
