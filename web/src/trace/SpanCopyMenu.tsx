// Copying one step.

import { useQuery } from "@tanstack/react-query";
import { Braces, Check, Copy, Hash, SquareCode, Terminal } from "lucide-react";
import { useState } from "react";
import { serverInfo } from "../api/queries";
import type { Span } from "../api/types";
import { copyText } from "../ui/Copy";
import { Menu, MenuItem } from "../ui/Menu";
import { isRequest, toCurl, toPython } from "./request";
import { pythonFor } from "./snippets";

export function SpanCopyMenu({ traceId, span }: { traceId: string; span: Span }) {
  const [isDone, setDone] = useState(false);
  const copy = (text: string) =>
    void copyText(text).then(() => {
      setDone(true);
      window.setTimeout(() => setDone(false), 1200);
    });
  const { data: server } = useQuery(serverInfo());
  const python = () => pythonFor(traceId, window.location.origin, server, span.span_id);
  return (
    <Menu
      label="Copy this step"
      className="button quiet square"
      button={isDone ? <Check aria-hidden /> : <Copy aria-hidden />}
    >
      {isRequest(span) && (
        <>
          <MenuItem onClick={() => copy(toCurl(span))}>
            <Terminal aria-hidden /> Request as curl
          </MenuItem>
          <MenuItem onClick={() => copy(toPython(span))}>
            <SquareCode aria-hidden /> Request as Python
          </MenuItem>
          <hr />
        </>
      )}
      <MenuItem onClick={() => copy(JSON.stringify(span.inputs, null, 2))}>
        <Braces aria-hidden /> Input as JSON
      </MenuItem>
      <MenuItem onClick={() => copy(JSON.stringify(span.outputs, null, 2))}>
        <Braces aria-hidden /> Output as JSON
      </MenuItem>
      <MenuItem onClick={() => copy(JSON.stringify(span, null, 2))}>
        <Braces aria-hidden /> Whole step as JSON
      </MenuItem>
      <MenuItem onClick={() => copy(python())}>
        <SquareCode aria-hidden /> Python that reads it
      </MenuItem>
      <MenuItem onClick={() => copy(span.span_id)}>
        <Hash aria-hidden /> Span id
      </MenuItem>
    </Menu>
  );
}
