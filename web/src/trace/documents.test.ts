import { expect, test } from "vitest";
import type { Json } from "../api/types";
import { documentsIn } from "./documents";
import { ownFrames, shortPath } from "./frames";

test("documents are found in the shapes that libraries give them", () => {
  const lisbon = { text: "Lisbon is warm.", title: "Lisbon", source: "l.md", score: "0.9" };
  const meta = { source: "l.md", title: "Lisbon" };
  const outputs: Json[] = [
    [{ page_content: "Lisbon is warm.", metadata: { ...meta, score: 0.9 } }],
    [[{ page_content: "Lisbon is warm.", metadata: meta }, 0.9]],
    { documents: [{ content: "Lisbon is warm.", ...meta, score: 0.9 }] },
    [{ node: { text: "Lisbon is warm.", metadata: meta }, score: 0.9 }],
    { results: [{ document: { text: "Lisbon is warm.", ...meta }, relevance_score: 0.9 }] },
    { matches: [{ score: 0.9, metadata: { text: "Lisbon is warm.", ...meta } }] },
  ];
  for (const output of outputs) expect(documentsIn(output)).toEqual([lisbon]);
  expect(documentsIn([{ id: "d2", text: "Porto" }])).toEqual([
    { text: "Porto", title: null, source: "d2", score: null },
  ]);
  for (const output of [null, "text", [], [{ a: 1 }], ["a", "b"], { answer: 1 }, [[1, 2]]])
    expect(documentsIn(output)).toBeNull();
});

test("the user's own frames are told from those of libraries", () => {
  const python = `Traceback (most recent call last):
  File "/home/ann/shop/main.py", line 7, in <module>
    run()
  File "/home/ann/shop/agent.py", line 42, in look_up
    return client.get(url)
           ^^^^^^^^^^^^^^^
  File "/usr/lib/python3.11/site-packages/httpx/_client.py", line 900, in send
    raise exc
  File "<frozen importlib._bootstrap>", line 241, in _call
httpx.ConnectError: no answer`;
  expect(ownFrames(python)).toEqual([
    { file: "/home/ann/shop/agent.py", line: 42, name: "look_up", code: "return client.get(url)" },
    { file: "/home/ann/shop/main.py", line: 7, name: "<module>", code: "run()" },
  ]);
  const node = `Error: no
    at lookUp (file:///srv/shop/agent.js:42:7)
    at process.processTicksAndRejections (node:internal/process/task_queues:95:5)
    at Client.get (/srv/shop/node_modules/got/index.js:1:1)`;
  expect(ownFrames(node)).toEqual([{ file: "/srv/shop/agent.js", line: 42, name: "lookUp", code: "" }]);
  expect(shortPath("/home/ann/shop/agent.py")).toBe("shop/agent.py");
});
