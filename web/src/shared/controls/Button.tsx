/** Buttons: plain, accent for the one thing to do, danger for what cannot be taken back, bare within lines. */
import type { ButtonHTMLAttributes } from 'react';
import css from './controls.module.css';
import { Icon, type IconName } from './icons';

interface Props extends ButtonHTMLAttributes<HTMLButtonElement> {
  kind?: 'plain' | 'accent' | 'danger' | 'bare';
  icon?: IconName;
  /** Shown pressed: a toggle that is on. */
  pressed?: boolean;
}

export function Button({ kind = 'plain', icon, pressed, className = '', children, ...rest }: Props) {
  return (
    <button
      type="button"
      aria-pressed={pressed}
      className={`${css.button} ${css[kind]} ${children ? '' : css.square} ${className}`}
      {...rest}
    >
      {icon && <Icon name={icon} />}
      {children}
    </button>
  );
}

/** A button that is an icon alone: `label` is what it says to a reader and on hover. */
export function IconButton({ label, ...rest }: Props & { icon: IconName; label: string }) {
  return <Button kind="bare" aria-label={label} title={label} {...rest} />;
}
