// A field for JSON. What is typed stays as it is typed; what is no JSON is marked, and the value before it stays.

import { useEffect, useRef, useState } from "react";
import type { Json } from "../api/types";
import { parseExact } from "../text/exact";

interface Props {
  label: string;
  value: Json;
  onChange: (value: Json) => void;
  onWrong: (isWrong: boolean) => void;
}

const pretty = (value: Json) => JSON.stringify(value, null, 2);

export function JsonField({ label, value, onChange, onWrong }: Props) {
  const [text, setText] = useState(() => pretty(value));
  const [problem, setProblem] = useState<string | null>(null);
  const sent = useRef(value);
  useEffect(() => {
    if (value === sent.current) return;
    sent.current = value; // changed elsewhere
    setText(pretty(value));
    setProblem(null);
  }, [value]);
  const latest = useRef(onWrong);
  latest.current = onWrong;
  useEffect(() => () => latest.current(false), []);
  const type = (next: string) => {
    setText(next);
    try {
      sent.current = parseExact(next);
      setProblem(null);
      onWrong(false);
      onChange(sent.current);
    } catch (error) {
      setProblem(error instanceof Error ? error.message : String(error));
      onWrong(true);
    }
  };
  return (
    <>
      <textarea
        className="field mono try-text"
        aria-label={label}
        aria-invalid={problem !== null}
        spellCheck={false}
        rows={rowsOf(text)}
        value={text}
        onChange={(event) => type(event.target.value)}
      />
      {problem && (
        <p className="bad" role="alert">
          No JSON: {problem}
        </p>
      )}
    </>
  );
}

const LEAST = 1;
const MOST = 14;

/** Rows of a text field that shows a text without much scrolling. */
export function rowsOf(text: string, width = 60): number {
  let rows = 0;
  for (const line of text.slice(0, 4_000).split("\n")) rows += 1 + Math.floor(line.length / width);
  return Math.min(MOST, Math.max(LEAST, rows));
}
