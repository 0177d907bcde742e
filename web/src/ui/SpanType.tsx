// Icon and colour of a span type.

import {
  Bot,
  Box,
  Braces,
  Database,
  Gavel,
  Link2,
  ListOrdered,
  type LucideIcon,
  MessagesSquare,
  Search,
  ShieldCheck,
  Sparkles,
  Waypoints,
  Workflow,
  Wrench,
} from "lucide-react";

const LOOKS: Record<string, [LucideIcon, string]> = {
  LLM: [Sparkles, "model"],
  CHAT_MODEL: [MessagesSquare, "model"],
  EMBEDDING: [Waypoints, "embedding"],
  CHAIN: [Link2, "chain"],
  AGENT: [Bot, "agent"],
  TOOL: [Wrench, "tool"],
  RETRIEVER: [Search, "retrieval"],
  RERANKER: [ListOrdered, "retrieval"],
  PARSER: [Braces, "chain"],
  MEMORY: [Database, "retrieval"],
  WORKFLOW: [Workflow, "agent"],
  TASK: [Box, "chain"],
  GUARDRAIL: [ShieldCheck, "guard"],
  EVALUATOR: [Gavel, "guard"],
};

export const toneOf = (type: string) => LOOKS[type]?.[1] ?? "chain";

export function TypeIcon({ type }: { type: string }) {
  const [Icon, tone] = LOOKS[type] ?? [Box, "chain"];
  return <Icon aria-hidden className={`icon type-icon tone-${tone}`} />;
}

export const typeWord = (type: string) => (type === "UNKNOWN" ? "span" : type.toLowerCase().replaceAll("_", " "));
