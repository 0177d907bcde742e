// Menu that chooses the columns of the list.

import { Menu as AriaMenu, MenuButton, MenuItem, MenuItemCheckbox, MenuProvider } from "@ariakit/react";
import { Check } from "lucide-react";
import type { ReactNode } from "react";
import { COLUMNS, DEFAULT_COLUMNS } from "./columns";

interface Props {
  chosen: string[];
  onChange: (ids: string[]) => void;
  icon: ReactNode;
}

export function ColumnMenu({ chosen, onChange, icon }: Props) {
  return (
    <MenuProvider
      placement="bottom-end"
      values={{ columns: chosen }}
      setValues={(values) => {
        const ids = values.columns as string[];
        onChange(COLUMNS.map((column) => column.id).filter((id) => ids.includes(id)));
      }}
    >
      <MenuButton className="button" aria-label="Columns" title="Columns">
        {icon}
      </MenuButton>
      <AriaMenu className="menu" gutter={4} portal unmountOnHide aria-label="Columns">
        {COLUMNS.map((column) => (
          <MenuItemCheckbox key={column.id} name="columns" value={column.id}>
            <span className="check">{chosen.includes(column.id) && <Check aria-hidden />}</span>
            {column.word}
          </MenuItemCheckbox>
        ))}
        <hr />
        <MenuItem hideOnClick={false} onClick={() => onChange(DEFAULT_COLUMNS)}>
          <span className="check" /> As they were
        </MenuItem>
      </AriaMenu>
    </MenuProvider>
  );
}
