// List of review queues.

import { useQuery } from "@tanstack/react-query";
import { Pencil, Plus, Trash2 } from "lucide-react";
import { useState } from "react";
import { Link, useLocation } from "wouter";
import { request } from "../api/client";
import { queryClient, reviewProgress, reviewQueues } from "../api/queries";
import type { ReviewQueue } from "../api/types";
import { plural } from "../format";
import { Code } from "../text/Code";
import { ConfirmDialog } from "../ui/ConfirmDialog";
import { Problem } from "../ui/Problem";
import { useUrlState } from "../ui/url";
import { Progress } from "./Progress";
import { QueueForm } from "./QueueForm";
import { tracesOf } from "./ReviewPage";
import { useReviewer } from "./useReviewer";
import "../styles/review.css";

const LINES = `tracer.genai.create_review_queue(
    "refunds",
    filter_string="name = 'support agent' AND tags.topic = 'refund'",
    scores=[{"name": "correct", "kind": "yes_no", "question": "Is the answer right?"}],
)`;

export default function ReviewQueuesPage() {
  const [url, setUrl] = useUrlState();
  const query = useQuery(reviewQueues());
  const [reviewer] = useReviewer();
  const [deleting, setDeleting] = useState<ReviewQueue | null>(null);
  const [, navigate] = useLocation();
  const queues = query.data?.queues ?? [];
  const edit = url.get("edit");
  const edited = queues.find((queue) => queue.queue_id === edit) ?? null;
  const close = () => setUrl({ edit: null, filter: null }, true);
  return (
    <div className="page">
      <header className="page-head">
        <h1>Review</h1>
        <div className="page-tools">
          <button
            type="button"
            className="button"
            aria-expanded={edit === "new"}
            onClick={() => (edit === "new" ? close() : setUrl({ edit: "new" }, true))}
          >
            <Plus aria-hidden /> New queue
          </button>
        </div>
      </header>
      {(edit === "new" || edited) && (
        <QueueForm
          key={edit}
          queue={edited}
          filter={url.get("filter") ?? ""}
          known={queues}
          onCancel={close}
          onSaved={(queue) => {
            void queryClient.invalidateQueries({ queryKey: ["review-queues"] });
            void queryClient.invalidateQueries({ queryKey: ["review-progress", queue.queue_id] });
            queryClient.removeQueries({ queryKey: ["review-queue", queue.queue_id] });
            if (edited) close();
            else navigate(`/review/${encodeURIComponent(queue.queue_id)}`);
          }}
        />
      )}
      {query.isError && <Problem error={query.error} retry={() => void query.refetch()} />}
      {query.isPending && !query.isError && <p className="dim">Loading…</p>}
      {query.isSuccess && queues.length === 0 && edit !== "new" && (
        <div className="page-empty">
          <h2>No review queues yet</h2>
          <p>
            A queue is a saved filter and what you want to know of its traces. People answer with a key each, and their
            answers are feedback. Make one here, or in Python:
          </p>
          <Code code={LINES} language="python" />
        </div>
      )}
      {queues.length > 0 && (
        <ul className="queues">
          {queues.map((queue) => (
            <li key={queue.queue_id} className="card queue">
              <div className="queue-head">
                <h2>
                  <Link href={`/review/${encodeURIComponent(queue.queue_id)}`} dir="auto">
                    {queue.name}
                  </Link>
                </h2>
                <Far queue={queue} reviewer={reviewer} />
                <span className="push queue-actions">
                  <button
                    type="button"
                    className="button quiet square"
                    aria-label={`Edit ${queue.name}`}
                    title="Edit"
                    onClick={() => setUrl({ edit: queue.queue_id, filter: null }, true)}
                  >
                    <Pencil aria-hidden />
                  </button>
                  <button
                    type="button"
                    className="button quiet square"
                    aria-label={`Delete ${queue.name}`}
                    title="Delete…"
                    onClick={() => setDeleting(queue)}
                  >
                    <Trash2 aria-hidden />
                  </button>
                </span>
              </div>
              <p className="queue-facts">
                <Link className="mono queue-filter" href={tracesOf(queue)} title="The traces of this queue">
                  {queue.filter || "all traces"}
                </Link>
                {queue.experiment && <span className="badge">experiment {queue.experiment}</span>}
                {queue.reviewers > 1 && (
                  <span className="badge">{plural(queue.reviewers, "person", "people")} each</span>
                )}
                {queue.scores.map((score) => (
                  <span key={score.name} className="badge" title={score.question || score.name}>
                    {score.name}
                    <span className="dim">{score.kind.replace("_", "/")}</span>
                  </span>
                ))}
              </p>
            </li>
          ))}
        </ul>
      )}
      <ConfirmDialog
        open={deleting !== null}
        title="Delete this queue?"
        text="The feedback that was given in it stays."
        action="Delete"
        onCancel={() => setDeleting(null)}
        onConfirm={() =>
          request<void>(
            `/review-queues/${encodeURIComponent(deleting?.queue_id ?? "")}`,
            {},
            { method: "DELETE" },
          ).then(() => {
            setDeleting(null);
            void queryClient.invalidateQueries({ queryKey: ["review-queues"] });
          })
        }
      />
    </div>
  );
}

function Far({ queue, reviewer }: { queue: ReviewQueue; reviewer: string }) {
  const { data, isError } = useQuery(reviewProgress(queue.queue_id, reviewer));
  if (isError) return <span className="dim">progress unknown</span>;
  return data ? <Progress progress={data} /> : null;
}
