// The name of a version, with its id as title.

import { useVersionName } from "../versions/details";

export function VersionName({ modelId }: { modelId: string }) {
  const nameOf = useVersionName();
  return <span title={modelId}>{nameOf(modelId)}</span>;
}
