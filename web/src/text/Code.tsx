// Code with syntax highlighting. Grammars are loaded with the first piece of code.

import type { RootContent } from "hast";
import { type ReactNode, useEffect, useState } from "react";
import { CopyButton } from "../ui/Copy";
import { Cut } from "./Cut";

type Highlight = (code: string, language: string) => RootContent[] | null;

let loaded: Highlight | null = null;
const TOO_LONG = 20_000;

function useHighlight(): Highlight | null {
  const [highlight, setHighlight] = useState<Highlight | null>(() => loaded);
  useEffect(() => {
    if (loaded) return;
    let isGone = false;
    import("./grammars").then(
      (grammars) => {
        loaded = grammars.highlight;
        if (!isGone) setHighlight(() => grammars.highlight);
      },
      () => undefined, // the server has gone: the text stays as it is
    );
    return () => {
      isGone = true;
    };
  }, []);
  return highlight;
}

export function Code({ code, language = "" }: { code: string; language?: string }) {
  return (
    <div className="code-block">
      <Cut text={code}>{(shown) => <Coloured code={shown} language={language} />}</Cut>
      <CopyButton className="copy" text={code} label="Copy code" />
    </div>
  );
}

function Coloured({ code, language }: { code: string; language: string }) {
  const highlight = useHighlight();
  const tokens = highlight && code.length < TOO_LONG ? highlight(code, language) : null;
  return (
    <pre tabIndex={0}>
      <code>{tokens ? tokens.map(toNode) : code}</code>
    </pre>
  );
}

function toNode(token: RootContent, index: number): ReactNode {
  if (token.type === "text") return token.value;
  if (token.type !== "element") return null;
  const names = token.properties.className;
  return (
    <span key={index} className={Array.isArray(names) ? names.join(" ") : undefined}>
      {token.children.map(toNode)}
    </span>
  );
}
