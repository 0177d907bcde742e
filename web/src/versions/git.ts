// The state of the code that a version was made from, from its tags.

export interface Commit {
  commit: string;
  branch: string | null;
  isDirty: boolean;
  /** The commit's page, where the repository is one of the web; null elsewhere. */
  address: string | null;
}

export function commitOf(tags: Record<string, string>): Commit | null {
  const commit = tags["git.commit"];
  if (!commit) return null;
  return {
    commit,
    branch: tags["git.branch"] ?? null,
    isDirty: tags["git.dirty"] === "true",
    address: commitAddress(tags["git.repository"] ?? "", commit),
  };
}

const SSH = /^(?:ssh:\/\/)?(?:[\w.-]+@)([\w.-]+)(?::\d+(?=\/))?[:/]([\w./~-]+?)(?:\.git)?\/?$/;
const WEB = /^https?:\/\/(?:[^/@\s]*@)?([\w.:-]+)\/([\w./~-]+?)(?:\.git)?\/?$/;

function commitAddress(repository: string, commit: string): string | null {
  const [, host, path] = WEB.exec(repository) ?? SSH.exec(repository) ?? [];
  if (!host || !path || !/^[0-9a-f]{7,64}$/.test(commit)) return null;
  const place = host.includes("gitlab") ? "-/commit" : host.includes("bitbucket") ? "commits" : "commit";
  return `https://${host}/${path}/${place}/${commit}`;
}
