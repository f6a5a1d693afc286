import type { ComponentProps, ReactNode } from 'react';
import { Icon, type IconName } from './Icon.tsx';
import './button.css';

type ButtonProps = Omit<ComponentProps<'button'>, 'className'> & {
  /** `solid` for the one thing to do, `line` for a control, `bare` where the surface is quiet. */
  readonly look?: 'solid' | 'line' | 'bare';
  readonly icon?: IconName;
  readonly children: ReactNode;
};

export const Button = ({ look = 'line', icon, children, ...rest }: ButtonProps) => (
  <button type="button" {...rest} className={`button button-${look}`}>
    {icon === undefined ? null : <Icon name={icon} />}
    {children}
  </button>
);

type IconButtonProps = Omit<ComponentProps<'button'>, 'className' | 'children'> & {
  readonly look?: 'solid' | 'line' | 'bare';
  readonly icon: IconName;
  /** Its name, which also is its tooltip. */
  readonly label: string;
  /** Keys as the help sheet writes them. */
  readonly keys?: string | undefined;
};

/** A button with a picture instead of words. */
export const IconButton = ({ look = 'bare', icon, label, keys, ...rest }: IconButtonProps) => (
  <button
    type="button"
    {...rest}
    aria-label={label}
    data-tip={keys === undefined ? label : `${label}  ${keys}`}
    className={`button button-icon button-${look}`}
  >
    <Icon name={icon} />
  </button>
);
