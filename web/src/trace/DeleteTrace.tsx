// Deleting the trace on screen.

import { Trash2 } from "lucide-react";
import { useState } from "react";
import { useLocation } from "wouter";
import { request } from "../api/client";
import { queryClient } from "../api/queries";
import { ConfirmDialog } from "../ui/ConfirmDialog";
import { listAddress } from "./neighbours";

export function DeleteTrace({ traceId }: { traceId: string }) {
  const [isAsking, setAsking] = useState(false);
  const [, navigate] = useLocation();
  const remove = () =>
    request<void>(`/traces/${encodeURIComponent(traceId)}`, {}, { method: "DELETE" }).then(() => {
      navigate(listAddress());
      void queryClient.invalidateQueries();
    });
  return (
    <>
      <button
        type="button"
        className="button quiet square"
        aria-label="Delete this trace"
        title="Delete this trace…"
        onClick={() => setAsking(true)}
      >
        <Trash2 aria-hidden />
      </button>
      <ConfirmDialog
        open={isAsking}
        title="Delete this trace?"
        text="Its steps, payloads and feedback are gone for good."
        action="Delete"
        onCancel={() => setAsking(false)}
        onConfirm={remove}
      />
    </>
  );
}
