// Title of a page and its time range.

import type { ReactNode } from "react";
import { TimeRange } from "./TimeRange";

interface Props {
  title: string;
  url: URLSearchParams;
  onChange: (changes: Record<string, string | null>) => void;
  children?: ReactNode;
}

export function PageHead({ title, url, onChange, children }: Props) {
  return (
    <header className="page-head">
      <h1>{title}</h1>
      <div className="page-tools">
        {children}
        <TimeRange url={url} onChange={onChange} />
      </div>
    </header>
  );
}
