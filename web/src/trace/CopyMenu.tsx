// Copying a trace, as a command, as Python, or as JSON.

import { useQuery } from "@tanstack/react-query";
import { Braces, Check, CircleAlert, Copy, Download, Hash, Link2, SquareCode, Terminal } from "lucide-react";
import { useState } from "react";
import { serverInfo } from "../api/queries";
import type { Trace } from "../api/types";
import { copyText } from "../ui/Copy";
import { Menu, MenuItem } from "../ui/Menu";
import { saveTraces, traceJson } from "./export";
import { curlFor, pythonFor } from "./snippets";

export function CopyMenu({ trace }: { trace: Trace }) {
  const { data: server } = useQuery(serverInfo());
  const [said, setSaid] = useState<string | null>(null);
  const tell = (word: string) => {
    setSaid(word);
    window.setTimeout(() => setSaid(null), 1200);
  };
  const copy = (text: string | Promise<string>) =>
    void Promise.resolve(text)
      .then(copyText)
      .then(
        () => tell("Copied"),
        () => tell("Failed"),
      );
  const id = trace.trace_id;
  const Icon = said === "Copied" ? Check : said === "Failed" ? CircleAlert : Copy;
  return (
    <Menu
      label="Copy this trace"
      button={
        <>
          <Icon aria-hidden /> <span className="wide-only">{said ?? "Copy"}</span>
        </>
      }
    >
      <MenuItem onClick={() => copy(window.location.href)}>
        <Link2 aria-hidden /> Link
      </MenuItem>
      <MenuItem onClick={() => copy(id)}>
        <Hash aria-hidden /> Trace id
      </MenuItem>
      <MenuItem onClick={() => copy(curlFor(id, window.location.origin, server))}>
        <Terminal aria-hidden /> curl for this trace
      </MenuItem>
      <MenuItem onClick={() => copy(pythonFor(id, window.location.origin, server))}>
        <SquareCode aria-hidden /> Python that reads it
      </MenuItem>
      <MenuItem onClick={() => copy(traceJson(id))}>
        <Braces aria-hidden /> JSON
      </MenuItem>
      <hr />
      <MenuItem onClick={() => void saveTraces([id]).catch(() => tell("Failed"))}>
        <Download aria-hidden /> Save for tracer import
      </MenuItem>
    </Menu>
  );
}
