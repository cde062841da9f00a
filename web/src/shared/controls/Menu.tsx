/** A menu below a button: things to do, one of several to choose, or several to tick. */
import * as Radix from '@radix-ui/react-dropdown-menu';
import type { ReactNode } from 'react';
import { Button } from './Button';
import css from './layers.module.css';
import { Icon, type IconName } from './icons';

interface Props {
  label: string;
  icon?: IconName;
  /** What the button says; an icon alone without. */
  text?: ReactNode;
  align?: 'start' | 'end';
  children: ReactNode;
}

export function Menu({ label, icon, text, align = 'end', children }: Props) {
  return (
    <Radix.Root modal={false}>
      <Radix.Trigger asChild>
        <Button
          kind={text ? 'plain' : 'bare'}
          icon={icon}
          aria-label={text ? undefined : label}
          title={label}
        >
          {text}
        </Button>
      </Radix.Trigger>
      <Radix.Portal>
        <Radix.Content className={css.menu} align={align} sideOffset={4} collisionPadding={8}>
          {children}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  );
}

/** Something to do. */
export function MenuItem({
  onSelect,
  children,
  danger,
  disabled,
}: {
  onSelect: () => void;
  children: ReactNode;
  danger?: boolean;
  disabled?: boolean;
}) {
  return (
    <Radix.Item
      className={css.item}
      data-danger={danger || undefined}
      disabled={disabled}
      onSelect={onSelect}
    >
      {children}
    </Radix.Item>
  );
}

/** Something that is on or off; the menu stays. */
export function MenuCheck({
  checked,
  onChange,
  children,
}: {
  checked: boolean;
  onChange: (checked: boolean) => void;
  children: ReactNode;
}) {
  return (
    <Radix.CheckboxItem
      className={css.item}
      checked={checked}
      onCheckedChange={onChange}
      onSelect={(event) => event.preventDefault()}
    >
      <span className={css.tick}>
        <Radix.ItemIndicator>
          <Icon name="check" size={14} />
        </Radix.ItemIndicator>
      </span>
      {children}
    </Radix.CheckboxItem>
  );
}

/** A line between parts of a menu, and a heading of one. */
export const MenuLine = () => <Radix.Separator className={css.line} />;
export const MenuHead = ({ children }: { children: ReactNode }) => (
  <Radix.Label className={css.menuHead}>{children}</Radix.Label>
);
