// A section whose content is rendered when it is first opened.

import { type ReactNode, useState } from "react";

interface Props {
  className?: string;
  summary: ReactNode;
  children: () => ReactNode;
}

export function Disclosure({ className, summary, children }: Props) {
  const [isOpen, setOpen] = useState(false);
  return (
    <details className={className} onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{summary}</summary>
      {isOpen && children()}
    </details>
  );
}
