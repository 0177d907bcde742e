// Markdown as React elements. Output of a model is never turned into HTML: tags in it are shown as text.

import { lexer, type Token, type Tokens } from "marked";
import { createElement, memo, type ReactNode, useMemo } from "react";
import { Code } from "./Code";

const TOO_LONG = 200_000;

export const Markdown = memo(function Markdown({ text }: { text: string }) {
  const tokens = useMemo(() => (text.length > TOO_LONG ? null : parse(text)), [text]);
  if (!tokens)
    return (
      <div className="plain-text" dir="auto">
        {text}
      </div>
    );
  return <div className="markdown">{blocks(tokens)}</div>;
});

function parse(text: string): Token[] | null {
  try {
    return lexer(text, { gfm: true, breaks: true });
  } catch {
    return null;
  }
}

const blocks = (tokens: Token[] | undefined): ReactNode[] => (tokens ?? []).map((token, index) => block(token, index));

function block(token: Token, key: number): ReactNode {
  switch (token.type) {
    case "space":
    case "def":
      return null;
    case "heading":
      // headings of a message are below those of the page
      return createElement(
        `h${Math.min(6, (token as Tokens.Heading).depth + 2)}`,
        { key, dir: "auto" },
        inline(token.tokens),
      );
    case "paragraph":
      return (
        <p key={key} dir="auto">
          {inline(token.tokens)}
        </p>
      );
    case "code":
      return (
        <Code
          key={key}
          code={(token as Tokens.Code).text}
          language={((token as Tokens.Code).lang ?? "").split(/\s/)[0] ?? ""}
        />
      );
    case "blockquote":
      return (
        <blockquote key={key} dir="auto">
          {blocks(token.tokens)}
        </blockquote>
      );
    case "hr":
      return <hr key={key} />;
    case "list":
      return list(token as Tokens.List, key);
    case "table":
      return table(token as Tokens.Table, key);
    case "text":
      return token.tokens ? (
        <span key={key}>{inline(token.tokens)}</span>
      ) : (
        <span key={key}>{unescaped(token.raw)}</span>
      );
    default:
      return (
        <p key={key} className="raw-html" dir="auto">
          {token.raw.trim()}
        </p>
      );
  }
}

function list(token: Tokens.List, key: number): ReactNode {
  const items = token.items.map((item, index) => (
    // biome-ignore lint/suspicious/noArrayIndexKey: the items of a text have no other identity
    <li key={index} dir="auto">
      {item.task && (
        <input type="checkbox" disabled checked={item.checked ?? false} aria-label={item.checked ? "done" : "to do"} />
      )}
      {blocks(item.tokens)}
    </li>
  ));
  return token.ordered ? (
    <ol key={key} start={Number(token.start) || 1}>
      {items}
    </ol>
  ) : (
    <ul key={key}>{items}</ul>
  );
}

function table(token: Tokens.Table, key: number): ReactNode {
  return (
    <div className="table-scroll" key={key}>
      <table className="plain">
        <thead>
          <tr>
            {token.header.map((cell, index) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: columns of a text
              <th key={index} dir="auto">
                {inline(cell.tokens)}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {token.rows.map((row, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: rows of a text
            <tr key={index}>
              {row.map((cell, column) => (
                // biome-ignore lint/suspicious/noArrayIndexKey: columns of a text
                <td key={column} dir="auto">
                  {inline(cell.tokens)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const inline = (tokens: Token[] | undefined): ReactNode[] => (tokens ?? []).map((token, index) => piece(token, index));

function piece(token: Token, key: number): ReactNode {
  switch (token.type) {
    case "strong":
      return <strong key={key}>{inline(token.tokens)}</strong>;
    case "em":
      return <em key={key}>{inline(token.tokens)}</em>;
    case "del":
      return <del key={key}>{inline(token.tokens)}</del>;
    case "codespan":
      return <code key={key}>{(token as Tokens.Codespan).text}</code>;
    case "br":
      return <br key={key} />;
    case "link":
      return link(token as Tokens.Link, key);
    case "image":
      // a picture from another host would let that host see the reader
      return link(
        { ...(token as Tokens.Image), tokens: [] },
        key,
        (token as Tokens.Image).text || (token as Tokens.Image).href,
      );
    case "escape":
      return (token as Tokens.Escape).text;
    case "text":
      return token.tokens ? <span key={key}>{inline(token.tokens)}</span> : unescaped(token.raw);
    default:
      return token.raw;
  }
}

const isSafe = (href: string) => /^(https?:|mailto:)/i.test(href);

function link(token: Pick<Tokens.Link, "href" | "title" | "tokens">, key: number, text?: string): ReactNode {
  const content = text ?? inline(token.tokens);
  if (!isSafe(token.href)) return <span key={key}>{content}</span>;
  return (
    <a key={key} href={token.href} target="_blank" rel="noopener noreferrer nofollow" title={token.title ?? token.href}>
      {content}
    </a>
  );
}

const ENTITIES: Record<string, string> = {
  "&amp;": "&",
  "&lt;": "<",
  "&gt;": ">",
  "&quot;": '"',
  "&#39;": "'",
  "&nbsp;": "\u00a0",
};

const unescaped = (text: string) =>
  text.replace(/&(?:amp|lt|gt|quot|#39|nbsp);/g, (entity) => ENTITIES[entity] ?? entity);
