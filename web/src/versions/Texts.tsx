// Feedback in words: how often which was given.

import type { Version } from "../api/types";
import { count } from "../format";
import { scoresOf } from "./figures";

export function Texts({ version, name }: { version: Version; name: string }) {
  const texts = scoresOf(version, name)?.texts ?? [];
  if (!texts.length) return <span className="dim">–</span>;
  return (
    <ul className="text-scores">
      {texts.slice(0, 4).map(({ text, count: times }) => (
        <li key={text} className="badge" title={text}>
          <span className="long-id">{text}</span> {count(times)}
        </li>
      ))}
      {texts.length > 4 && <li className="dim">and {texts.length - 4} more</li>}
    </ul>
  );
}
