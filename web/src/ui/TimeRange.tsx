// Menu that chooses a time range.

import { Popover, PopoverDisclosure, PopoverProvider, usePopoverStore } from "@ariakit/react";
import { Calendar } from "lucide-react";
import { type FormEvent, useState } from "react";
import { minuteOf } from "../format";
import { msOf, RANGES } from "./range";

interface Props {
  url: URLSearchParams;
  onChange: (changes: Record<string, string | null>) => void;
}

export function TimeRange({ url, onChange }: Props) {
  const store = usePopoverStore({ placement: "bottom-end" });
  const choose = (changes: Record<string, string | null>) => {
    onChange({ range: null, since: null, until: null, ...changes });
    store.hide();
  };
  const range = url.get("range") ?? "";
  return (
    <PopoverProvider store={store}>
      <PopoverDisclosure className="button" aria-label={`Time range: ${wordOf(url)}`}>
        <Calendar aria-hidden /> <span className="range-word">{wordOf(url)}</span>
      </PopoverDisclosure>
      <Popover className="menu range" gutter={4} portal unmountOnHide aria-label="Time range">
        <ul className="range-list">
          {[["", "All time"] as const, ...Object.entries(RANGES).map(([key, [word]]) => [key, word] as const)].map(
            ([key, word]) => (
              <li key={key}>
                <button
                  type="button"
                  className="button quiet"
                  aria-pressed={key === range && !url.get("since")}
                  onClick={() => choose({ range: key })}
                >
                  {word}
                </button>
              </li>
            ),
          )}
        </ul>
        <Between url={url} onChange={choose} />
      </Popover>
    </PopoverProvider>
  );
}

function Between({ url, onChange }: Props) {
  const [since, setSince] = useState(() => local(url.get("since")));
  const [until, setUntil] = useState(() => local(url.get("until")));
  const submit = (event: FormEvent) => {
    event.preventDefault();
    onChange({
      since: since ? String(Math.max(0, new Date(since).getTime())) : null,
      until: until ? String(Math.max(0, new Date(until).getTime())) : null,
    });
  };
  return (
    <form className="range-form" onSubmit={submit}>
      <label>
        From
        <input
          className="field"
          type="datetime-local"
          value={since}
          onChange={(event) => setSince(event.target.value)}
        />
      </label>
      <label>
        To
        <input
          className="field"
          type="datetime-local"
          value={until}
          onChange={(event) => setUntil(event.target.value)}
        />
      </label>
      <button type="submit" className="button solid">
        Show
      </button>
    </form>
  );
}

function wordOf(url: URLSearchParams): string {
  const named = RANGES[url.get("range") ?? ""];
  if (named) return named[0];
  const [since, until] = [url.get("since"), url.get("until")].map((text) => {
    const ms = msOf(text);
    return ms === null ? "" : minuteOf(ms);
  });
  if (since && until) return `${since} – ${until}`;
  if (since) return `since ${since}`;
  return until ? `until ${until}` : "All time";
}

function local(text: string | null): string {
  const ms = msOf(text);
  if (ms === null) return "";
  const date = new Date(ms);
  return new Date(date.getTime() - date.getTimezoneOffset() * 60e3).toISOString().slice(0, 16);
}
