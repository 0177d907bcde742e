// Binary content of payloads: its URL, and whether a browser may show it.

export interface Source {
  url: string;
  mime: string;
  size: number | null;
  isHere: boolean;
}

const REFERENCE = /^(?:data:[\w.+-]+\/[\w.+-]+;base64,)?tracer-attachment:([0-9a-f]{64});([\w.+-]+\/[\w.+-]+);(\d+)$/;
const DATA_URL = /^data:((?:image|audio|video)\/[\w.+-]+)(?:;[\w=.+-]+)*;base64,([A-Za-z0-9+/=_-]+)$/;

/** The attachment, data URL or web URL that a text is. */
export function attachmentIn(text: string): Source | null {
  const reference = REFERENCE.exec(text);
  if (reference)
    return {
      url: `/api/v1/attachments/${reference[1]}`,
      mime: reference[2] ?? "",
      size: Number(reference[3]),
      isHere: true,
    };
  const data = DATA_URL.exec(text.length < 4_000_000 ? text : "");
  if (data) return { url: text, mime: data[1] ?? "", size: Math.floor((data[2]?.length ?? 0) * 0.75), isHere: true };
  return null;
}

/** Location of a part's content: an attachment, inline as base64, or on another host, which is never contacted. */
export function sourceOf(part: {
  content?: unknown;
  uri?: unknown;
  mime_type?: unknown;
  modality?: unknown;
}): Source | null {
  const mime = typeof part.mime_type === "string" ? part.mime_type : "";
  for (const text of [part.content, part.uri]) {
    if (typeof text !== "string" || !text) continue;
    const found = attachmentIn(text) ?? attachmentIn(`data:${mime};base64,${text}`);
    if (found) return found;
    if (/^https?:/i.test(text))
      return { url: text, mime: mime || `${part.modality ?? "file"}/*`, size: null, isHere: false };
  }
  return null;
}
