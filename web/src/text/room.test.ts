import { expect, test } from "vitest";
import { cutAt, ROOM, shared } from "./room";

const room = { characters: 100, lines: 5 };

test("what fits is not cut", () => {
  expect(cutAt("short", room)).toBe(5);
  expect(cutAt("x".repeat(105), room)).toBe(105);
  expect(cutAt("a\nb\n", room)).toBe(4);
});

test("a long text is cut at the end of a line, a long line within it", () => {
  expect(cutAt(`${"x".repeat(79)}\n${"y".repeat(500)}`, room)).toBe(80);
  expect(cutAt("x".repeat(500), room)).toBe(100);
  expect(cutAt("line\n".repeat(500), room)).toBe(25);
});

test("no character is cut in two", () => {
  expect(cutAt(`${"x".repeat(99)}${"😀".repeat(50)}`, room)).toBe(99);
});

test("many long texts share the room of a few", () => {
  expect(shared(ROOM, 1)).toEqual(ROOM);
  expect(shared(ROOM, 10)).toEqual({ characters: 2000, lines: 40, entries: 10, isClosed: false });
});
