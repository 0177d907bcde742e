// What administrators ask of a server of projects.

import { queryOptions } from "@tanstack/react-query";
import { request } from "../api/client";

export const ROLES = ["write", "read", "metrics", "admin"] as const;
export type Role = (typeof ROLES)[number];

export interface Project {
  name: string;
  created_ns: number;
  requests_a_minute: number | null;
  bytes_a_minute: number | null;
}

export interface Key {
  id: string;
  name: string;
  project: string;
  roles: Role[];
  created_ns: number;
  last_used_ns: number | null;
  revoked_ns: number | null;
  /** Of a person's sign-in at the provider; null of a key. */
  expires_ns: number | null;
}

export interface Act {
  number: number;
  time_ns: number;
  who: string;
  did: string;
  what: string;
}

export const projectList = () =>
  queryOptions({
    queryKey: ["settings", "projects"],
    queryFn: async ({ signal }) => (await request<{ projects: Project[] }>("/projects", {}, { signal })).projects,
  });

export const keyList = () =>
  queryOptions({
    queryKey: ["settings", "keys"],
    queryFn: async ({ signal }) => (await request<{ keys: Key[] }>("/keys", {}, { signal })).keys,
  });

export const auditLog = () =>
  queryOptions({
    queryKey: ["settings", "log"],
    queryFn: async ({ signal }) => (await request<{ acts: Act[] }>("/audit-log", {}, { signal })).acts,
  });
