import { expect, test } from "vitest";
import { commitOf } from "./git";

const SHA = "9f3c2a1b7d";

const address = (repository: string) => commitOf({ "git.commit": SHA, "git.repository": repository })?.address;

test("a commit leads to the page of its repository", () => {
  expect(address("https://github.com/shop/agent.git")).toBe(`https://github.com/shop/agent/commit/${SHA}`);
  expect(address("git@github.com:shop/agent.git")).toBe(`https://github.com/shop/agent/commit/${SHA}`);
  expect(address("ssh://git@git.example.org:2222/shop/agent")).toBe(`https://git.example.org/shop/agent/commit/${SHA}`);
  expect(address("https://gitlab.com/a/b/c/")).toBe(`https://gitlab.com/a/b/c/-/commit/${SHA}`);
  expect(address("git@bitbucket.org:shop/agent.git")).toBe(`https://bitbucket.org/shop/agent/commits/${SHA}`);
});

test("a repository that is no page of the web is no link", () => {
  for (const elsewhere of ["/srv/git/agent.git", "file:///srv/git/agent", "javascript:alert(1)//x", "", "../agent"])
    expect(address(elsewhere)).toBe(null);
  expect(commitOf({ "git.commit": "no sha", "git.repository": "https://github.com/a/b" })?.address).toBe(null);
});

test("a version without a commit has none", () => {
  expect(commitOf({ "git.branch": "main" })).toBe(null);
  expect(commitOf({ "git.commit": SHA, "git.dirty": "true", "git.branch": "main" })).toEqual({
    commit: SHA,
    branch: "main",
    isDirty: true,
    address: null,
  });
});
