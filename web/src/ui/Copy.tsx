// A button that copies a text and confirms it.

import { Check, Copy } from "lucide-react";
import { useState } from "react";

export async function copyText(text: string): Promise<void> {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  // plain http on another address than localhost has no clipboard
  const area = document.createElement("textarea");
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

export function CopyButton({
  text,
  label,
  className = "",
}: {
  text: string | (() => string);
  label: string;
  className?: string;
}) {
  const [isDone, setDone] = useState(false);
  const copy = () => {
    void copyText(typeof text === "string" ? text : text()).then(() => {
      setDone(true);
      window.setTimeout(() => setDone(false), 1200);
    });
  };
  return (
    <button
      type="button"
      className={`button quiet square ${className}`}
      aria-label={isDone ? "Copied" : label}
      title={label}
      onClick={copy}
    >
      {isDone ? <Check aria-hidden /> : <Copy aria-hidden />}
    </button>
  );
}
