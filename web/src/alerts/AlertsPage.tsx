// Rules of alerts, which of them hold, and the channels by which they are told.

import "../styles/alerts.css";
import { useQuery } from "@tanstack/react-query";
import { Bell, CircleAlert, CircleCheck } from "lucide-react";
import { useState } from "react";
import { Link } from "wouter";
import { queryClient, serverInfo } from "../api/queries";
import { ago, fullTime, plural } from "../format";
import { Code } from "../text/Code";
import { Problem } from "../ui/Problem";
import { alerts, type Channel, type Rule, tryChannel } from "./queries";

const LINES = `[[rule]]
name = "Many errors"
when = "errors > 5 %"
window = "10m"

[channels.team]
slack = "$SLACK_URL"`;

export default function AlertsPage() {
  const { data: server } = useQuery(serverInfo());
  const list = useQuery(alerts());
  const hasProjects = list.data?.alerts.some((rule) => rule.project !== null) ?? false;
  return (
    <div className="page alerts">
      <h1>Alerts</h1>
      {list.isError && <Problem error={list.error} retry={() => void list.refetch()} />}
      {list.isPending && !list.isError && <p className="dim">Loading…</p>}
      {list.data?.alerts.length === 0 && <None has={server?.alerts ?? false} />}
      {list.data && list.data.alerts.length > 0 && (
        <section aria-labelledby="rules">
          <h2 id="rules">Rules</h2>
          <div className="table-scroll">
            <table className="plain list">
              <thead>
                <tr>
                  <th scope="col">Rule</th>
                  {hasProjects && <th scope="col">Project</th>}
                  <th scope="col">State</th>
                  <th scope="col" className="right">
                    Now
                  </th>
                  <th scope="col">Last told</th>
                  <th scope="col">Tells</th>
                </tr>
              </thead>
              <tbody>
                {list.data.alerts.map((rule) => (
                  <RuleRow key={rule.name} rule={rule} hasProjects={hasProjects} />
                ))}
              </tbody>
            </table>
          </div>
        </section>
      )}
      {list.data && list.data.channels.length > 0 && (
        <Channels channels={list.data.channels} mayTry={server?.roles?.includes("admin") ?? true} />
      )}
    </div>
  );
}

function RuleRow({ rule, hasProjects }: { rule: Rule; hasProjects: boolean }) {
  return (
    <tr>
      <td>
        <bdi className="strong">{rule.name}</bdi>
        <div className="about">
          {rule.when} {rule.window === "today" ? "today" : `in ${rule.window}`}
          {rule.at_least > 0 && ` of at least ${plural(rule.at_least, "trace")}`}
          {rule.filter && (
            <>
              {", "}
              <Link className="mono" href={`/traces?${new URLSearchParams({ filter: rule.filter })}`}>
                {rule.filter}
              </Link>
            </>
          )}
        </div>
      </td>
      {hasProjects && <td>{rule.project}</td>}
      <td>
        <State rule={rule} />
      </td>
      <td className="right num nowrap">{rule.shown ?? "–"}</td>
      <td className="nowrap num">{rule.told_ns === null ? "never" : <Ago ns={rule.told_ns} />}</td>
      <td>
        <bdi>{rule.tell.join(", ")}</bdi>
      </td>
    </tr>
  );
}

function State({ rule }: { rule: Rule }) {
  return (
    <>
      {rule.since_ns !== null ? (
        <span className="badge error" title={fullTime(rule.since_ns)}>
          <CircleAlert aria-hidden /> holds, began {ago(rule.since_ns)}
        </span>
      ) : (
        rule.fault === null && (
          <span className="badge ok">
            <CircleCheck aria-hidden /> does not hold
          </span>
        )
      )}
      {rule.fault !== null && <div className="fault">cannot be looked at: {rule.fault}</div>}
    </>
  );
}

function Channels({ channels, mayTry }: { channels: Channel[]; mayTry: boolean }) {
  return (
    <section aria-labelledby="channels">
      <h2 id="channels">Channels</h2>
      <div className="table-scroll">
        <table className="plain list">
          <thead>
            <tr>
              <th scope="col">Channel</th>
              <th scope="col">Last took</th>
              <th scope="col">Last error</th>
              <th scope="col" className="right">
                Waiting
              </th>
              {mayTry && (
                <th scope="col">
                  <span className="visually-hidden">Try</span>
                </th>
              )}
            </tr>
          </thead>
          <tbody>
            {channels.map((channel) => (
              <tr key={channel.name}>
                <td>
                  <bdi className="strong">{channel.name}</bdi> <span className="dim">{channel.kind}</span>
                </td>
                <td className="nowrap num">{channel.told_ns === null ? "never" : <Ago ns={channel.told_ns} />}</td>
                <td>
                  {channel.failed_ns === null ? (
                    <span className="dim">none</span>
                  ) : (
                    <span className={channel.failed_ns > (channel.told_ns ?? 0) ? "fault" : "dim"}>
                      {channel.fault}, <Ago ns={channel.failed_ns} />
                    </span>
                  )}
                </td>
                <td className="right num">{channel.waiting}</td>
                {mayTry && (
                  <td className="right">
                    <Try name={channel.name} />
                  </td>
                )}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}

function Try({ name }: { name: string }) {
  const [isSending, setSending] = useState(false);
  const [said, setSaid] = useState<string | null>(null);
  const send = async () => {
    setSending(true);
    setSaid(null);
    try {
      const { told, fault } = await tryChannel(name);
      setSaid(told ? "took the trial" : `did not take it: ${fault}`);
    } catch (error) {
      setSaid(error instanceof Error ? error.message : String(error));
    }
    setSending(false);
    await queryClient.invalidateQueries({ queryKey: ["alerts"] });
  };
  return (
    <span className="try">
      <span role="status">{said}</span>
      <button type="button" className="button" disabled={isSending} onClick={() => void send()}>
        {isSending ? "Sending…" : "Send a trial"}
        <span className="visually-hidden"> to {name}</span>
      </button>
    </span>
  );
}

function None({ has }: { has: boolean }) {
  return (
    <div className="page-empty">
      <Bell aria-hidden />
      <h2>{has ? "No rule is about this project" : "No alerts"}</h2>
      <p>
        {has
          ? "Rules are in the file that the server was started with; each names its project."
          : "A rule says what to look for, and tells people once when it begins and once when it ends. Rules are in a file that the server is started with, tracer server --alerts alerts.toml:"}
      </p>
      {!has && <Code code={LINES} language="toml" />}
    </div>
  );
}

const Ago = ({ ns }: { ns: number }) => <span title={fullTime(ns)}>{ago(ns)}</span>;
