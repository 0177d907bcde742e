// Facets and order on a narrow screen, over the list.

import { Dialog, DialogDismiss, DialogHeading } from "@ariakit/react";
import { PanelLeft } from "lucide-react";
import { useState } from "react";
import type { Selection } from "../api/types";
import { COLUMNS } from "./columns";
import { FacetList } from "./FacetList";

interface Props {
  selection: Selection;
  order: string;
  found: string;
  onOrder: (order: string) => void;
  onToggle: (wanted: string) => void;
}

export function FacetSheet({ selection, order, found, onOrder, onToggle }: Props) {
  const [isOpen, setOpen] = useState(false);
  return (
    <>
      <button
        type="button"
        className="button square"
        aria-label="Facets"
        title="Narrow and sort the list"
        onClick={() => setOpen(true)}
      >
        <PanelLeft aria-hidden />
      </button>
      <Dialog
        open={isOpen}
        onClose={() => setOpen(false)}
        className="sheet"
        backdrop={<div className="backdrop" />}
        unmountOnHide
      >
        <div className="sheet-head">
          <DialogHeading>Narrow the list</DialogHeading>
          <DialogDismiss className="button solid">{found ? `Show ${found}` : "Show"}</DialogDismiss>
        </div>
        <label className="sheet-order">
          Sort by
          <select className="field" value={order} onChange={(event) => onOrder(event.target.value)}>
            {COLUMNS.flatMap(({ sort, word }) =>
              sort
                ? ["desc", "asc"].map((direction) => (
                    <option key={sort + direction} value={`${sort} ${direction}`}>
                      {word}, {direction === "desc" ? "descending" : "ascending"}
                    </option>
                  ))
                : [],
            )}
          </select>
        </label>
        <FacetList selection={selection} onToggle={onToggle} />
      </Dialog>
    </>
  );
}
