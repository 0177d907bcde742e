// Snippets to copy that reach the server of this page.

import type { ServerInfo } from "../api/types";

type Server = Pick<ServerInfo, "auth"> | undefined;

const needsToken = (server: Server) => server?.auth === "token";
const TOKEN_LINE = "# TRACER_TOKEN in the environment holds the server's token\n";

export function curlFor(traceId: string, origin: string, server: Server): string {
  const sign = needsToken(server) ? ' \\\n  -H "Authorization: Bearer $TRACER_TOKEN"' : "";
  return `curl ${origin}/api/v1/traces/${traceId}/records${sign}`;
}

export function pythonFor(traceId: string, origin: string, server: Server, spanId?: string): string {
  const span = spanId ? `(span,) = trace.search_spans(span_id="${spanId}")\n` : "";
  return `${pythonStart(origin, server)}\ntrace = tracer.get_trace("${traceId}")\n${span}`;
}

/** First lines of a program whose traces are sent to this server. */
export const pythonStart = (origin: string, server: Server): string =>
  `import tracer\n\n${needsToken(server) ? TOKEN_LINE : ""}tracer.set_tracking_uri("${origin}")\n`;

/** For a machine that has a clone of tracer: it is not on PyPI, and an index could answer with another package. */
export const demoFor = (origin: string, server: Server): string =>
  `# in a clone of tracer\npip install '.[openai]'\n${needsToken(server) ? "export TRACER_TOKEN=…\n" : ""}tracer demo --store ${origin}`;
