import { useSyncExternalStore, type MouseEvent } from "react";

const CHANGED = "pathchange";

function watch(changed: () => void): () => void {
  window.addEventListener("popstate", changed);
  window.addEventListener(CHANGED, changed);
  return () => {
    window.removeEventListener("popstate", changed);
    window.removeEventListener(CHANGED, changed);
  };
}

export const usePath = (): string => useSyncExternalStore(watch, () => location.pathname);

/** For links: go there without loading the page anew, but let new tabs be new tabs. */
export function follow(event: MouseEvent<HTMLAnchorElement>): void {
  if (event.defaultPrevented || event.button !== 0) return;
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
  event.preventDefault();
  history.pushState(null, "", event.currentTarget.href);
  window.dispatchEvent(new Event(CHANGED));
  window.scrollTo(0, 0);
}
