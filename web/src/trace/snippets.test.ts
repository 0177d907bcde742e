import { expect, test } from "vitest";
import { curlFor, demoFor, pythonFor } from "./snippets";

const at = "http://10.0.0.1:5000";

test("what is copied names the server", () => {
  expect(curlFor("abc", at, { auth: "none" })).toBe("curl http://10.0.0.1:5000/api/v1/traces/abc/records");
  expect(pythonFor("abc", at, { auth: "none" }, "def")).toBe(
    'import tracer\n\ntracer.set_tracking_uri("http://10.0.0.1:5000")\n\ntrace = tracer.get_trace("abc")\n(span,) = trace.search_spans(span_id="def")\n',
  );
  expect(demoFor(at, { auth: "none" })).toContain("tracer demo --store http://10.0.0.1:5000");
});

test("the demo installs tracer from a clone, never from an index", () => {
  expect(demoFor(at, { auth: "none" })).toContain("# in a clone of tracer\npip install '.[openai]'\n");
});

test("a server that asks for a token gets it from the environment", () => {
  expect(curlFor("abc", at, { auth: "token" })).toContain('-H "Authorization: Bearer $TRACER_TOKEN"');
  expect(pythonFor("abc", at, { auth: "token" })).toContain("# TRACER_TOKEN");
});
