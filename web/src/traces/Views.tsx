// Views of the list that the user saved in this browser: filter, time, order and columns under a name.

import { Popover, PopoverDisclosure, PopoverProvider, usePopoverStore } from "@ariakit/react";
import { Bookmark, Trash2 } from "lucide-react";
import { type FormEvent, useState } from "react";
import { useLocation } from "wouter";
import { useRemembered } from "../ui/remembered";

interface View {
  name: string;
  search: string;
}

export function Views({ search }: { search: string }) {
  const [views, setViews] = useRemembered<View[]>("views", []);
  const [name, setName] = useState("");
  const [, navigate] = useLocation();
  const store = usePopoverStore({ placement: "bottom-end" });
  const open = (view: View) => {
    navigate(view.search ? `/traces?${view.search}` : "/traces");
    store.hide();
  };
  const save = (event: FormEvent) => {
    event.preventDefault();
    const wanted = name.trim();
    if (!wanted) return;
    setViews([...views.filter((view) => view.name !== wanted), { name: wanted, search }]);
    setName("");
    store.hide();
  };
  return (
    <PopoverProvider store={store}>
      <PopoverDisclosure className="button" aria-label="Saved views" title="Saved views">
        <Bookmark aria-hidden /> <span className="button-word">Views</span>
      </PopoverDisclosure>
      <Popover className="menu views" gutter={4} portal unmountOnHide aria-label="Saved views">
        {views.length > 0 && (
          <ul>
            {views.map((view) => (
              <li key={view.name}>
                <button
                  type="button"
                  className="button quiet"
                  aria-pressed={view.search === search}
                  onClick={() => open(view)}
                >
                  {view.name}
                </button>
                <button
                  type="button"
                  className="button quiet square"
                  aria-label={`Forget ${view.name}`}
                  title={`Forget ${view.name}`}
                  onClick={() => setViews(views.filter((one) => one !== view))}
                >
                  <Trash2 aria-hidden />
                </button>
              </li>
            ))}
          </ul>
        )}
        <form onSubmit={save}>
          <input
            className="field"
            aria-label="Name of this view"
            placeholder="Name of this view"
            value={name}
            onChange={(event) => setName(event.target.value)}
          />
          <button type="submit" className="button solid" disabled={!name.trim()}>
            Save
          </button>
        </form>
      </Popover>
    </PopoverProvider>
  );
}
