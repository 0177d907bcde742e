// Retrieved documents as cards: rank, score, title, source, text.

import { Cut } from "../text/Cut";
import { DEFAULT_LIMITS, LimitsProvider } from "../text/displayLimits";
import { Markdown } from "../text/Markdown";
import { More } from "../ui/More";
import type { Document } from "./documents";

const TEXT = { ...DEFAULT_LIMITS, characters: 600, lines: 8 };
const FIRST = 20;

export function Documents({ documents }: { documents: Document[] }) {
  return (
    <ol className="documents" aria-label="Documents">
      <More items={documents} first={FIRST} step={100} isList>
        {(document, index) => (
          <li key={index} className="card document" dir="auto">
            <div className="document-head">
              <span className="badge num">{index + 1}</span>
              {document.title && <strong>{document.title}</strong>}
              {document.source && document.source !== document.title && <Source source={document.source} />}
              {document.score !== null && <span className="num dim push">score {short(document.score)}</span>}
            </div>
            <LimitsProvider value={TEXT}>
              <Cut text={document.text}>{(shown) => <Markdown text={shown} />}</Cut>
            </LimitsProvider>
          </li>
        )}
      </More>
    </ol>
  );
}

function Source({ source }: { source: string }) {
  if (!/^https?:\/\//i.test(source)) return <span className="mono dim long-id">{source}</span>;
  return (
    <a className="long-id" href={source} target="_blank" rel="noreferrer noopener nofollow">
      {source}
    </a>
  );
}

/** Four digits behind the point; the exact score is in the other forms. */
const short = (score: string) => (/^-?\d+\.\d{5,}$/.test(score) ? Number(score).toFixed(4) : score);
