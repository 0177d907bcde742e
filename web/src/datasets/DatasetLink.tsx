// The name of a dataset, which leads to its page where there is one.

import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import { datasets } from "../api/queries";
import type { Dataset } from "../api/types";

export const datasetAddress = (dataset: Dataset) => `/datasets/${encodeURIComponent(dataset.dataset_id)}`;

export function DatasetLink({ name }: { name: string }) {
  const { data } = useQuery(datasets());
  const dataset = data?.datasets.find((each) => each.name === name);
  return dataset ? <Link href={datasetAddress(dataset)}>{name}</Link> : name;
}
