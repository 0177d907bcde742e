// Marks the searched words where they are shown, without touching the elements that show them.

import { useEffect } from "react";

const MOST = 500;

/** Marks the words inside an element, also in what it shows later, and brings the first place into view once. */
export function useHighlights(elementId: string, words: string): void {
  useEffect(() => {
    const element = document.getElementById(elementId);
    const needle = words.trim().toLowerCase();
    if (!element || needle.length < 2 || !("highlights" in CSS)) return;
    let isShown = false;
    const mark = () => {
      const ranges = rangesOf(element, needle);
      CSS.highlights.set("found", new Highlight(...ranges));
      const first = ranges[0]?.startContainer.parentElement;
      if (isShown || !first) return;
      isShown = true;
      first.scrollIntoView({ block: "nearest" });
    };
    mark();
    const observer = new MutationObserver(mark);
    observer.observe(element, { childList: true, subtree: true, characterData: true });
    return () => {
      observer.disconnect();
      CSS.highlights.delete("found");
    };
  }, [elementId, words]);
}

function rangesOf(element: Element, needle: string): Range[] {
  const ranges: Range[] = [];
  const walker = document.createTreeWalker(element, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node && ranges.length < MOST; node = walker.nextNode()) {
    const text = node.nodeValue?.toLowerCase() ?? "";
    if (text.length !== node.nodeValue?.length) continue; // letters whose small form is longer
    for (let at = text.indexOf(needle); at >= 0; at = text.indexOf(needle, at + needle.length)) {
      const range = new Range();
      range.setStart(node, at);
      range.setEnd(node, at + needle.length);
      ranges.push(range);
    }
  }
  return ranges;
}
