// Projects and keys of a server, for its administrators.

import "../styles/datasets.css";
import "../styles/settings.css";
import { useQuery } from "@tanstack/react-query";
import { Plus } from "lucide-react";
import { useState } from "react";
import { request } from "../api/client";
import { queryClient, serverInfo } from "../api/queries";
import { ago, count, fullTime } from "../format";
import { ConfirmDialog } from "../ui/ConfirmDialog";
import { Problem } from "../ui/Problem";
import { NewKey, NewProject, Shown } from "./forms";
import { auditLog, type Key, keyList, type Project, projectList } from "./queries";

const renew = () => queryClient.invalidateQueries({ queryKey: ["settings"] });

export default function SettingsPage() {
  const { data: server } = useQuery(serverInfo());
  if (!server?.roles?.includes("admin"))
    return (
      <div className="page-empty">
        <h1>Settings</h1>
        <p>
          {server?.project
            ? "Projects and keys are for administrators: sign in with a key that has the role admin."
            : "This server has one store. A server that is started on a folder has projects, and keys for each."}
        </p>
      </div>
    );
  return (
    <div className="page settings">
      <h1>Settings</h1>
      <Projects own={server.project ?? ""} />
      <Keys own={server.project ?? ""} />
      <Log />
    </div>
  );
}

function Projects({ own }: { own: string }) {
  const list = useQuery(projectList());
  const [isMaking, setMaking] = useState(false);
  const [leaving, setLeaving] = useState<Project | null>(null);
  return (
    <section aria-labelledby="projects">
      <header className="page-head">
        <h2 id="projects">Projects</h2>
        <button type="button" className="button" aria-expanded={isMaking} onClick={() => setMaking(!isMaking)}>
          <Plus aria-hidden /> New project
        </button>
      </header>
      {isMaking && (
        <NewProject
          onCancel={() => setMaking(false)}
          onDone={() => {
            setMaking(false);
            void renew();
          }}
        />
      )}
      {list.isError && <Problem error={list.error} retry={() => void list.refetch()} />}
      {list.data && (
        <div className="table-scroll">
          <table className="plain list">
            <thead>
              <tr>
                <th scope="col">Project</th>
                <th scope="col">Made</th>
                <th scope="col" className="right">
                  Requests a minute
                </th>
                <th scope="col" className="right">
                  Bytes a minute
                </th>
                <th scope="col">
                  <span className="visually-hidden">Change</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {list.data.map((project) => (
                <tr key={project.name}>
                  <td className="strong nowrap">{project.name}</td>
                  <td className="nowrap num" title={fullTime(project.created_ns)}>
                    {ago(project.created_ns)}
                  </td>
                  <td className="right num">{count(project.requests_a_minute)}</td>
                  <td className="right num">{count(project.bytes_a_minute)}</td>
                  <td className="right">
                    {project.name !== own && (
                      <button type="button" className="button quiet" onClick={() => setLeaving(project)}>
                        Delete<span className="visually-hidden"> {project.name}</span>
                      </button>
                    )}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      <ConfirmDialog
        open={leaving !== null}
        title={`Delete ${leaving?.name}?`}
        text="Its keys, traces, datasets, prompts, versions and models are deleted for good."
        action="Delete"
        onCancel={() => setLeaving(null)}
        onConfirm={async () => {
          await request(`/projects/${leaving?.name}`, {}, { method: "DELETE" });
          setLeaving(null);
          await renew();
        }}
      />
    </section>
  );
}

function Keys({ own }: { own: string }) {
  const list = useQuery(keyList());
  const projects = useQuery(projectList());
  const [isMaking, setMaking] = useState(false);
  const [secret, setSecret] = useState<string | null>(null);
  const [leaving, setLeaving] = useState<Key | null>(null);
  const names = projects.data?.map(({ name }) => name) ?? [];
  return (
    <section aria-labelledby="keys">
      <header className="page-head">
        <h2 id="keys">Keys</h2>
        <button type="button" className="button" aria-expanded={isMaking} onClick={() => setMaking(!isMaking)}>
          <Plus aria-hidden /> New key
        </button>
      </header>
      {isMaking && (
        <NewKey
          projects={names}
          project={own}
          onCancel={() => setMaking(false)}
          onDone={(made) => {
            setMaking(false);
            setSecret(made);
            void renew();
          }}
        />
      )}
      {secret !== null && <Shown secret={secret} onDone={() => setSecret(null)} />}
      {list.isError && <Problem error={list.error} retry={() => void list.refetch()} />}
      {list.data && (
        <div className="table-scroll">
          <table className="plain list">
            <thead>
              <tr>
                <th scope="col">Key</th>
                <th scope="col">Project</th>
                <th scope="col">Roles</th>
                <th scope="col">Made</th>
                <th scope="col">Last used</th>
                <th scope="col">
                  <span className="visually-hidden">Change</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {list.data.map((key) => (
                <tr key={key.id} className={key.revoked_ns === null ? undefined : "dim"}>
                  <td title={key.id}>
                    <bdi className={key.revoked_ns === null ? "strong" : undefined}>{key.name}</bdi>{" "}
                    <span className="mono dim">{key.id}</span>
                    {key.expires_ns !== null && (
                      <span className="dim" title={`until ${fullTime(key.expires_ns)}`}>
                        {" "}
                        signed in
                      </span>
                    )}
                  </td>
                  <td>{key.project}</td>
                  <td>{key.roles.join(", ")}</td>
                  <td className="nowrap num" title={fullTime(key.created_ns)}>
                    {ago(key.created_ns)}
                  </td>
                  <td className="nowrap num" title={key.last_used_ns === null ? "" : fullTime(key.last_used_ns)}>
                    {key.last_used_ns === null ? "never" : ago(key.last_used_ns)}
                  </td>
                  <td className="right">
                    {key.revoked_ns === null ? (
                      <button type="button" className="button quiet" onClick={() => setLeaving(key)}>
                        Revoke<span className="visually-hidden"> {key.name}</span>
                      </button>
                    ) : (
                      <span title={fullTime(key.revoked_ns)}>revoked</span>
                    )}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      <ConfirmDialog
        open={leaving !== null}
        title={`Revoke the key of ${leaving?.name}?`}
        text="Programs and people with it are refused from their next request on. This cannot be undone."
        action="Revoke"
        onCancel={() => setLeaving(null)}
        onConfirm={async () => {
          await request(`/keys/${leaving?.id}`, {}, { method: "DELETE" });
          setLeaving(null);
          await renew();
        }}
      />
    </section>
  );
}

function Log() {
  const list = useQuery(auditLog());
  return (
    <section aria-labelledby="log">
      <header className="page-head">
        <h2 id="log">What administrators did</h2>
      </header>
      {list.isError && <Problem error={list.error} retry={() => void list.refetch()} />}
      {list.data && (
        <div className="table-scroll">
          <table className="plain list">
            <thead>
              <tr>
                <th scope="col">When</th>
                <th scope="col">Who</th>
                <th scope="col">What</th>
              </tr>
            </thead>
            <tbody>
              {list.data.map((act) => (
                <tr key={act.number}>
                  <td className="nowrap num" title={fullTime(act.time_ns)}>
                    {ago(act.time_ns)}
                  </td>
                  <td>
                    <bdi>{act.who}</bdi>
                  </td>
                  <td>
                    {act.did} <bdi>{act.what}</bdi>
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}
