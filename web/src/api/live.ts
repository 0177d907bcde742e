// The store's change number, and whether the server still sends it: one connection a browser, shared by its
// tabs.

import { useEffect, useRef, useSyncExternalStore } from "react";
import { request } from "./client";
import { queryClient } from "./queries";
import type { ServerInfo } from "./types";

type Listener = (seq: number) => void;
type TabMessage = { seq: number } | { connected: boolean } | { asks: true };

const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 30_000;
/** A restarted server or a page that is being left is not reported. */
const GRACE_MS = 1_500;

const listeners = new Set<Listener>();
const watchers = new Set<() => void>();
let source: EventSource | null = null;
let channel: BroadcastChannel | null = null;
let release: (() => void) | null = null;
let retry: number | undefined;
let pause = FIRST_PAUSE_MS;
let isConnected = true;
let showTimer: number | undefined;
let isLost = false;
let isBack = false;
let newest = 0;

function notify(seq: number): void {
  // the change number of a store does not fall: a file of the same name has replaced it
  if (isBack && seq < newest) window.location.reload();
  // nothing was heard before the connection broke, so what is shown may be of another store
  if (isBack && newest === 0) void queryClient.resetQueries();
  isBack = false;
  newest = seq;
  for (const listener of listeners) listener(seq);
}

function setConnected(connected: boolean): void {
  if (connected === isConnected) return;
  isConnected = connected;
  if (source || retry !== undefined) post({ connected });
  window.clearTimeout(showTimer);
  const show = () => {
    isLost = !isConnected;
    for (const watcher of watchers) watcher();
  };
  if (connected) {
    show();
    isBack = true;
    void checkStore();
  } else showTimer = window.setTimeout(show, GRACE_MS);
}

const post = (message: TabMessage) => channel?.postMessage(message);

function connect(): void {
  channel = new BroadcastChannel("tracer-changes");
  channel.onmessage = ({ data }: MessageEvent<TabMessage>) => {
    if ("seq" in data) notify(data.seq);
    else if ("connected" in data) setConnected(data.connected);
    else if (source || retry !== undefined) post({ connected: isConnected });
  };
  post({ asks: true });
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
  retry = undefined;
  const opened = new EventSource("/api/v1/events");
  source = opened;
  opened.onopen = () => {
    pause = FIRST_PAUSE_MS;
    setConnected(true);
  };
  opened.addEventListener("change", (event) => {
    const { seq } = JSON.parse(event.data as string) as { seq: number };
    notify(seq);
    post({ seq });
  });
  opened.onerror = () => {
    setConnected(false);
    // the browser reconnects by itself, unless the connection was refused
    if (opened.readyState !== EventSource.CLOSED || source !== opened) return;
    source = null;
    retry = window.setTimeout(listen, pause);
    pause = Math.min(LONGEST_PAUSE_MS, pause * 2);
    void askForSignIn();
  };
}

/** Begins anew where the server that is back serves another store. */
async function checkStore(): Promise<void> {
  const before = queryClient.getQueryData<ServerInfo>(["server"]);
  const now = await request<ServerInfo>("/server").catch(() => null);
  if (!now) return;
  if (before && before.store !== now.store) window.location.reload();
  else queryClient.setQueryData(["server"], now);
}

/** The connection is refused after a sign-in expired, too: the query for the server then shows the form. */
async function askForSignIn(): Promise<void> {
  const info = await request<ServerInfo>("/server").catch(() => null);
  if (info && !info.signed_in) queryClient.setQueryData(["server"], info);
}

function disconnect(): void {
  window.clearTimeout(retry);
  window.clearTimeout(showTimer);
  retry = undefined;
  source?.close();
  channel?.close();
  release?.();
  source = channel = release = null;
  isConnected = true;
  isLost = false;
}

function subscribe(listener: Listener): () => void {
  listeners.add(listener);
  if (listeners.size === 1) connect();
  return () => {
    listeners.delete(listener);
    if (listeners.size === 0) disconnect();
  };
}

/** Whether the server has sent nothing for a while: the page may be stale. */
export function useIsLost(): boolean {
  return useSyncExternalStore(watch, () => isLost);
}

function watch(watcher: () => void): () => void {
  watchers.add(watcher);
  const unsubscribe = subscribe(() => undefined);
  return () => {
    watchers.delete(watcher);
    unsubscribe();
  };
}

/** Call back when the store has changed, at most once in `everyMs` and never for a hidden page. */
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
