// Images, audio and video of a payload, and files to download.

import { Download, ExternalLink } from "lucide-react";
import { useState } from "react";
import { bytes } from "../format";
import type { Source } from "./attachments";

export function Media({
  source,
  name,
  transcript,
}: {
  source: Source;
  name?: string | undefined;
  transcript?: string | undefined;
}) {
  const kind = source.mime.split("/")[0];
  const [isBroken, setBroken] = useState(false);
  if (!source.isHere)
    return (
      <a className="badge" href={source.url} target="_blank" rel="noopener noreferrer nofollow">
        <ExternalLink aria-hidden /> {kind} on another host: {source.url.slice(0, 80)}
      </a>
    );
  const about = `${source.mime}${source.size === null ? "" : `, ${bytes(source.size)}`}`;
  const isImage = kind === "image" && source.mime !== "image/svg+xml" && !isBroken;
  return (
    <figure className="media">
      {isImage && (
        <a
          href={source.url}
          target="_blank"
          rel="noopener noreferrer"
          aria-label={`Open ${name ?? "image"} in a new tab`}
        >
          <img
            src={source.url}
            alt={transcript ?? name ?? `Attached ${about}`}
            loading="lazy"
            onError={() => setBroken(true)}
          />
        </a>
      )}
      {kind === "audio" && (
        // biome-ignore lint/a11y/useMediaCaption: a recording has at most the transcript below it
        <audio controls preload="metadata" src={source.url} aria-label={name ?? "Audio"} />
      )}
      {kind === "video" && (
        // biome-ignore lint/a11y/useMediaCaption: a recording has at most the transcript below it
        <video controls preload="metadata" src={source.url} aria-label={name ?? "Video"} />
      )}
      <figcaption>
        {transcript && <span className="transcript">“{transcript}”</span>}
        <a href={source.url} download={name ?? ""}>
          <Download className="icon" aria-hidden /> {name ? `${name}, ` : ""}
          {about}
        </a>
      </figcaption>
    </figure>
  );
}
