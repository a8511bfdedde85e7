/**
 * Says when nobody has seen the page for `afterMs`, and when it is seen again after that.
 *
 * Returns how to stop it. Where there is no page, it says nothing.
 */
export function watchVisibility(afterMs: number, hidden: () => void, seen: () => void): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isHidden = false;
  const changed = (): void => {
    clearTimeout(timer);
    if (globalThis.document.visibilityState === "hidden") {
      timer = setTimeout(() => {
        isHidden = true;
        hidden();
      }, afterMs);
    } else if (isHidden) {
      isHidden = false;
      seen();
    }
  };
  globalThis.document?.addEventListener("visibilitychange", changed);
  return () => {
    clearTimeout(timer);
    globalThis.document?.removeEventListener("visibilitychange", changed);
  };
}
