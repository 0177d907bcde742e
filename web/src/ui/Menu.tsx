// A button that opens a menu.

import { Menu as AriaMenu, MenuButton, MenuItem, MenuProvider } from "@ariakit/react";
import type { ReactNode } from "react";

interface Props {
  label: string;
  title?: string;
  className?: string;
  button: ReactNode;
  children: ReactNode;
}

export function Menu({ label, title, className = "button quiet", button, children }: Props) {
  return (
    <MenuProvider placement="bottom-end">
      <MenuButton className={className} aria-label={label} title={title ?? label}>
        {button}
      </MenuButton>
      <AriaMenu className="menu" gutter={4} portal unmountOnHide aria-label={label}>
        {children}
      </AriaMenu>
    </MenuProvider>
  );
}

export { MenuItem };
