import { expect, test } from "vitest";
import { preview } from "./preview";

test("Markdown is read as its words", () => {
  expect(preview("## Yes\n\nPut it into the *original* **box**, 3 * 4 * 5.")).toBe(
    "Yes Put it into the original box, 3 * 4 * 5.",
  );
  expect(preview("Two sizes:\n\n| size | days |\n|---|---|\n| 30 cm | 2 |")).toBe("Two sizes: size | days 30 cm | 2");
});

test("a reply that only calls tools says which", () => {
  const call = { type: "tool_call", id: "c", name: "find_order", arguments: { number: "12" } };
  expect(preview(JSON.stringify([{ role: "assistant", parts: [call] }]))).toBe('→ find_order({"number":"12"})');
  const text = { type: "text", content: "One moment." };
  expect(preview(JSON.stringify([{ role: "assistant", parts: [text] }]))).toBe("One moment.");
});

test("inputs are read by their telling field, and a cut JSON stays as it is", () => {
  expect(preview('{"question": "Why?", "k": 3}')).toBe("Why?");
  expect(preview('{"question": "Wh')).toBe('{"question": "Wh');
});
