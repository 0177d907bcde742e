// Documents that a retriever or a reranker gave back, in the shapes that libraries use.

import type { Json } from "../api/types";
import { isContainer } from "../text/exact";

export interface Document {
  text: string;
  title: string | null;
  source: string | null;
  score: string | null;
}

type Fields = { [key: string]: Json | undefined };

const TEXTS = ["page_content", "pageContent", "content", "text", "document", "chunk", "body", "snippet"];
const TITLES = ["title", "name", "heading"];
const SOURCES = ["source", "url", "uri", "file_path", "file_name", "filename", "path", "document_id", "doc_id", "id"];
const SCORES = ["score", "relevance_score", "similarity", "_score", "distance"];
const LISTS = ["documents", "docs", "results", "matches", "nodes", "chunks", "hits", "output", "data"];

/** The documents in an output, best first as they came; null if it holds something else. */
export function documentsIn(output: Json): Document[] | null {
  if (!isContainer(output)) return null;
  if (!Array.isArray(output)) {
    for (const key of LISTS) {
      const list = (output as Fields)[key];
      if (Array.isArray(list)) return documentsIn(list);
    }
    return null;
  }
  const found = output.map(documentOf);
  return found.length && found.every((one) => one !== null) ? (found as Document[]) : null;
}

function documentOf(item: Json): Document | null {
  if (Array.isArray(item)) {
    // a document and its score, as vector stores give them
    const [first, score] = item;
    const found = item.length === 2 && first !== undefined ? documentOf(first) : null;
    return found && { ...found, score: written(score) ?? found.score };
  }
  if (!isContainer(item)) return null;
  const outer = item as Fields;
  const inner = nested(outer, "node") ?? nested(outer, "document") ?? {};
  const about = [outer, inner, nested(outer, "metadata") ?? {}, nested(inner, "metadata") ?? {}];
  const text = first(about, TEXTS, (value) => (typeof value === "string" ? value : null));
  if (text === null) return null;
  return {
    text,
    title: first(about, TITLES, written),
    source: first(about, SOURCES, written),
    score: first(about, SCORES, written),
  };
}

function nested(fields: Fields, key: string): Fields | null {
  const value = fields[key];
  return isContainer(value) && !Array.isArray(value) ? (value as Fields) : null;
}

function first(about: Fields[], keys: string[], read: (value: Json | undefined) => string | null): string | null {
  for (const key of keys)
    for (const fields of about) {
      const found = read(fields[key]);
      if (found !== null) return found;
    }
  return null;
}

const written = (value: Json | undefined): string | null =>
  value === null || value === undefined || value === "" || isContainer(value) ? null : String(value);
