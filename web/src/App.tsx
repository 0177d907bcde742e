// Frame of every page, and the routes.

import { useQuery } from "@tanstack/react-query";
import { useEffect } from "react";
import { Redirect, Route, Switch, useLocation } from "wouter";
import { ApiError } from "./api/client";
import { queryClient, serverInfo, wholeTrace } from "./api/queries";
import { ErrorBoundary } from "./shell/ErrorBoundary";
import { Header } from "./shell/Header";
import { lazyPage } from "./shell/lazyPage";
import { SignIn } from "./shell/SignIn";
import { Waiting } from "./shell/Waiting";
import { TracesPage } from "./traces/TracesPage";
import { Problem } from "./ui/Problem";

const TracePage = lazyPage("trace", () => import("./trace/TracePage"));
const SessionsPage = lazyPage("sessions", () => import("./sessions/SessionsPage"));
const SessionPage = lazyPage("session", () => import("./sessions/SessionPage"));
const VersionsPage = lazyPage("versions", () => import("./versions/VersionsPage"));
const VersionPage = lazyPage("version", () => import("./versions/VersionPage"));
const EvaluationsPage = lazyPage("evaluations", () => import("./evaluations/EvaluationsPage"));
const EvaluationPage = lazyPage("evaluation", () => import("./evaluations/EvaluationPage"));
const DashboardPage = lazyPage("dashboard", () => import("./dashboard/DashboardPage"));
const PromptsPage = lazyPage("prompts", () => import("./prompts/PromptsPage"));
const PromptPage = lazyPage("prompt", () => import("./prompts/PromptPage"));
const TryPage = lazyPage("try", () => import("./again/TryPage"));
const DatasetsPage = lazyPage("datasets", () => import("./datasets/DatasetsPage"));
const DatasetPage = lazyPage("dataset", () => import("./datasets/DatasetPage"));
const ReviewQueuesPage = lazyPage("reviewQueues", () => import("./review/ReviewQueuesPage"));
const ReviewPage = lazyPage("review", () => import("./review/ReviewPage"));
const AuditPage = lazyPage("audit", () => import("./audit/AuditPage"));
const AlertsPage = lazyPage("alerts", () => import("./alerts/AlertsPage"));
const SettingsPage = lazyPage("settings", () => import("./settings/SettingsPage"));
const ComparePage = lazyPage("compare", () => import("./compare/ComparePage"));

const PRELOAD_AFTER_MS = 400;

/** The trace of the address is asked for at once, beside its page and the sign-in: one after another they add up. */
function askEarly(): void {
  const opened = /^\/traces\/([^/]+)$/.exec(window.location.pathname)?.[1];
  if (!opened) return;
  void queryClient.prefetchQuery(TracePage.code);
  void queryClient.prefetchQuery(wholeTrace(decoded(opened)));
}

askEarly();

export function App() {
  const { data: server, error, refetch } = useQuery(serverInfo());
  const [path] = useLocation();
  useEffect(() => {
    document.title = `${titleOf(path)} · tracer`;
  }, [path]);
  // preload the page that is opened next, once the first one is shown
  useEffect(() => {
    if (!server?.signed_in) return;
    const wait = window.setTimeout(() => void queryClient.prefetchQuery(TracePage.code), PRELOAD_AFTER_MS);
    return () => window.clearTimeout(wait);
  }, [server?.signed_in]);
  if (error && !server && !(error instanceof ApiError && error.status === 401))
    return (
      <main className="page-empty">
        <h1>No answer</h1>
        <Problem error={error} retry={() => void refetch()} />
      </main>
    );
  if (!server) return null;
  if (!server.signed_in) return <SignIn provider={server.sign_in_with} />;
  return (
    <div className="shell">
      <a className="skip-link" href="#main">
        Skip to the content
      </a>
      <Header server={server} />
      <main id="main" tabIndex={-1}>
        <Waiting />
        <ErrorBoundary key={path}>
          <Switch>
            <Route path="/traces">
              <TracesPage />
            </Route>
            <Route path="/traces/:id">{({ id }) => <TracePage traceId={decoded(id)} />}</Route>
            <Route path="/sessions">
              <SessionsPage />
            </Route>
            <Route path="/sessions/:id">{({ id }) => <SessionPage key={id} sessionId={decoded(id)} />}</Route>
            <Route path="/versions">
              <VersionsPage />
            </Route>
            <Route path="/versions/:id">{({ id }) => <VersionPage key={id} modelId={decoded(id)} />}</Route>
            <Route path="/evaluations">
              <EvaluationsPage />
            </Route>
            <Route path="/evaluations/:id">{({ id }) => <EvaluationPage key={id} runId={decoded(id)} />}</Route>
            <Route path="/dashboard">
              <DashboardPage />
            </Route>
            <Route path="/prompts">
              <PromptsPage />
            </Route>
            <Route path="/prompts/:name">{({ name }) => <PromptPage key={name} name={decoded(name)} />}</Route>
            <Route path="/try">
              <TryPage />
            </Route>
            <Route path="/datasets">
              <DatasetsPage />
            </Route>
            <Route path="/datasets/:id">{({ id }) => <DatasetPage key={id} datasetId={decoded(id)} />}</Route>
            <Route path="/review">
              <ReviewQueuesPage />
            </Route>
            <Route path="/review/:id">{({ id }) => <ReviewPage key={id} queueId={decoded(id)} />}</Route>
            <Route path="/audit">
              <AuditPage />
            </Route>
            <Route path="/compare">
              <ComparePage />
            </Route>
            <Route path="/alerts">
              <AlertsPage />
            </Route>
            <Route path="/settings">
              <SettingsPage />
            </Route>
            <Route path="/">
              <Redirect to="/traces" replace />
            </Route>
            <Route>
              <div className="page-empty">
                <h1>There is no such page</h1>
                <p>
                  <a href="/traces">All traces</a>
                </p>
              </div>
            </Route>
          </Switch>
        </ErrorBoundary>
      </main>
    </div>
  );
}

/** A URL may contain a percent sign that is not an escape. */
function decoded(id: string): string {
  try {
    return decodeURIComponent(id);
  } catch {
    return id;
  }
}

function titleOf(path: string): string {
  const first = path.split("/")[1] ?? "";
  if (path.startsWith("/traces/")) return "Trace";
  if (path === "/try") return "Try again";
  return first ? (first[0]?.toUpperCase() ?? "") + first.slice(1) : "Traces";
}
