// The name of a version, with its id as title.

import type { MouseEvent } from "react";
import { Link } from "wouter";
import { useVersionName } from "../versions/details";

export function VersionName({ modelId }: { modelId: string }) {
  const nameOf = useVersionName();
  return <span title={modelId}>{nameOf(modelId)}</span>;
}

export const versionAddress = (modelId: string) => `/versions/${encodeURIComponent(modelId)}`;

/** Leads to the version's page; in the row of a list that opens something else, and is moved in by keys. */
export function VersionLink({ modelId, isInRow = false }: { modelId: string; isInRow?: boolean }) {
  const inRow = isInRow && { tabIndex: -1, onClick: (event: MouseEvent) => event.stopPropagation() };
  return (
    <Link href={versionAddress(modelId)} {...inRow}>
      <VersionName modelId={modelId} />
    </Link>
  );
}
