/** A small panel below a button, for what needs more than a menu. */
import * as Radix from '@radix-ui/react-popover';
import type { ReactNode } from 'react';
import { Button } from './Button';
import css from './layers.module.css';
import type { IconName } from './icons';

export function Popover({
  label,
  icon,
  text,
  children,
}: {
  label: string;
  icon?: IconName;
  text?: ReactNode;
  children: ReactNode;
}) {
  return (
    <Radix.Root>
      <Radix.Trigger asChild>
        <Button icon={icon} title={label} aria-label={text ? undefined : label}>
          {text}
        </Button>
      </Radix.Trigger>
      <Radix.Portal>
        <Radix.Content
          className={css.popover}
          align="end"
          sideOffset={4}
          collisionPadding={8}
          aria-label={label}
        >
          {children}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}
