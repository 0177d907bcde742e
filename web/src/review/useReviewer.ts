// Name of the person at this browser, which their feedback has as its source.

import { useRemembered } from "../ui/remembered";

export function useReviewer(): [string, (name: string) => void] {
  const [name, setName] = useRemembered("feedback.author", "");
  return [name.trim(), setName];
}
