// What is said of versions apart from their traces: names, params, tags.

import { useQuery } from "@tanstack/react-query";
import { modelList } from "../api/queries";
import type { Model, Version } from "../api/types";

const UNSHOWN_TAGS = ["git.diff", "git.repository"];
const SHORT_ID = 8;

/** A version's name by its id; with the first digits of the id where several versions have the name. */
export function useVersionName(): (modelId: string) => string {
  const { data } = useQuery(modelList());
  const models = data?.models ?? [];
  return (modelId) => {
    const model = models.find((one) => one.model_id === modelId);
    if (!model) return modelId;
    const name = `${model.name}${model.deleted ? " (deleted)" : model.status === "FAILED" ? " (failed)" : ""}`;
    const isOnly = models.filter((one) => one.name === model.name).length === 1;
    return isOnly ? name : `${name} ${modelId.slice(0, SHORT_ID)}`;
  };
}

export interface Detail {
  word: string;
  of: (version: Version) => string | undefined;
}

/** A row for each param and tag that one of the versions has. */
export function useDetails(versions: Version[]): Detail[] {
  const { data } = useQuery(modelList());
  const byId = new Map((data?.models ?? []).map((model) => [model.model_id, model]));
  const keys = (group: (model: Model) => Record<string, string>) =>
    [...new Set(versions.flatMap((version) => Object.keys(group(byId.get(version.model_id) ?? NO_MODEL))))].sort();
  const details = (word: string, group: (model: Model) => Record<string, string>) =>
    keys(group).map((key) => ({
      word: `${word}: ${key}`,
      of: (version: Version) => group(byId.get(version.model_id) ?? NO_MODEL)[key],
    }));
  return [
    ...details("Param", (model) => model.params),
    ...details("Tag", (model) =>
      Object.fromEntries(Object.entries(model.tags).filter(([key]) => !UNSHOWN_TAGS.includes(key))),
    ),
  ];
}

const NO_MODEL = { params: {}, tags: {} } as Model;
