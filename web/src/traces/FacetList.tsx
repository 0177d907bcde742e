// Facets: values of the found traces with their counts; a click adds a condition.

import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import { facets } from "../api/queries";
import type { Facet, Selection } from "../api/types";
import { shortCount } from "../format";
import { stateWord } from "../ui/State";
import { versionAddress } from "../ui/VersionName";
import { useVersionName } from "../versions/details";
import { hasCondition, oneOf } from "./conditions";

const FIELDS = [
  "state",
  "failed_step",
  "exception",
  "name",
  "model",
  "provider",
  "user",
  "session",
  "version",
  "experiment",
];
const MOST_TAGS = 6;
const WORDS: Record<string, string> = {
  state: "State",
  failed_step: "Failed step",
  exception: "Exception",
  name: "Name",
  model: "Model",
  provider: "Provider",
  user: "User",
  session: "Session",
  version: "Version",
  experiment: "Experiment",
};

interface Props {
  selection: Selection;
  onToggle: (wanted: string) => void;
}

export function FacetList({ selection, onToggle }: Props) {
  const { data } = useQuery(facets(selection, FIELDS));
  // the first response has the keys of the tags, the second their values
  const tagFields = data?.tag_keys.slice(0, MOST_TAGS).map((key) => `tags.${key}`) ?? [];
  const { data: tags } = useQuery({ ...facets(selection, tagFields), enabled: tagFields.length > 0 });
  const all = [...(data?.facets ?? []), ...(tagFields.length ? (tags?.facets ?? []) : [])];
  const shown = all.filter((facet) => isTelling(facet, data?.counted ?? 0, selection.filter));
  return (
    <aside className="facets" aria-label="Narrow the list">
      {shown.map((facet) => (
        <FacetGroup key={facet.field} facet={facet} filter={selection.filter} onToggle={onToggle} />
      ))}
      {data && !data.complete && <p className="dim">Counted over the newest {shortCount(data.counted)}.</p>}
    </aside>
  );
}

/** A value of all traces says nothing, unless it is a condition of the filter. */
const isTelling = (facet: Facet, counted: number, filter: string) =>
  facet.values.some((one) => one.count < counted || hasCondition(filter, conditionOf(facet.field, one)));

const conditionOf = (field: string, { value, folded }: Facet["values"][number]) => oneOf(field, [value, ...folded]);

function shown(field: string, value: string, versionName: (modelId: string) => string) {
  if (field === "state") return stateWord(value as never);
  return (field === "version" ? versionName(value) : value) || "(none)";
}

function FacetGroup({ facet, filter, onToggle }: { facet: Facet; filter: string; onToggle: (wanted: string) => void }) {
  const versionName = useVersionName();
  const most = Math.max(...facet.values.map(({ count }) => count));
  return (
    <section>
      <h2>{WORDS[facet.field] ?? facet.field.replace(/^tags\./, "")}</h2>
      <ul className="facet-values">
        {facet.values.map((one) => {
          const { value, count, folded } = one;
          const wanted = conditionOf(facet.field, one);
          const isOn = hasCondition(filter, wanted);
          return (
            <li key={value}>
              <button
                type="button"
                aria-pressed={isOn}
                onClick={() => onToggle(wanted)}
                title={[value, ...folded].join("\n")}
              >
                <span className="facet-bar" style={{ width: `${(100 * count) / most}%` }} />
                <span className="facet-value">
                  <bdi>{shown(facet.field, value, versionName)}</bdi>
                </span>
                <span className="num dim">{shortCount(count)}</span>
              </button>
              {isOn && facet.field === "version" && value && (
                <Link className="facet-link" href={versionAddress(value)}>
                  Its page
                </Link>
              )}
            </li>
          );
        })}
      </ul>
    </section>
  );
}
