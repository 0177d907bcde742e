// The store's change number as it grows: one connection a browser, shared by its tabs.

import { useEffect, useRef } from "react";

type Listener = (seq: number) => void;

const listeners = new Set<Listener>();
let source: EventSource | null = null;
let channel: BroadcastChannel | null = null;
let release: (() => void) | null = null;

function tell(seq: number): void {
  for (const listener of listeners) listener(seq);
}

function connect(): void {
  channel = new BroadcastChannel("tracer-changes");
  channel.onmessage = (event: MessageEvent<number>) => tell(event.data);
  // the tab that holds the lock listens for all of them; when it closes, the next one takes over
  if (!navigator.locks) {
    listen();
    return;
  }
  const abort = new AbortController();
  release = () => abort.abort();
  navigator.locks
    .request("tracer-changes", { signal: abort.signal }, () => {
      listen();
      return new Promise<void>((resolve) => {
        release = resolve;
      });
    })
    .catch(() => undefined);
}

function listen(): void {
  source = new EventSource("/api/v1/events");
  source.addEventListener("change", (event) => {
    const { seq } = JSON.parse(event.data as string) as { seq: number };
    tell(seq);
    channel?.postMessage(seq);
  });
}

function disconnect(): void {
  source?.close();
  channel?.close();
  release?.();
  source = channel = release = null;
}

function subscribe(listener: Listener): () => void {
  listeners.add(listener);
  if (listeners.size === 1) connect();
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) disconnect();
  };
}

/** Call back when the store changed, at most once in `everyMs` and never for a page that is not looked at. */
export function useChanges(onChange: Listener, everyMs: number, enabled = true): void {
  const latest = useRef(onChange);
  latest.current = onChange;
  useEffect(() => {
    if (!enabled) return;
    let pending: number | null = null;
    let timer: number | undefined;
    const fire = () => {
      timer = undefined;
      if (pending === null || document.hidden) return;
      const seq = pending;
      pending = null;
      latest.current(seq);
      timer = window.setTimeout(fire, everyMs);
    };
    const unsubscribe = subscribe((seq) => {
      pending = seq;
      if (timer === undefined) fire();
    });
    document.addEventListener("visibilitychange", fire);
    return () => {
      unsubscribe();
      document.removeEventListener("visibilitychange", fire);
      window.clearTimeout(timer);
    };
  }, [everyMs, enabled]);
}
