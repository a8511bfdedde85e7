export type Theme = "system" | "light" | "dark";

const KEY = "openalgo-stream.theme";

export function storedTheme(): Theme {
  const stored = localStorage.getItem(KEY);
  return stored === "light" || stored === "dark" ? stored : "system";
}

export function applyTheme(theme: Theme): void {
  if (theme === "system") {
    delete document.documentElement.dataset["theme"];
    localStorage.removeItem(KEY);
  } else {
    document.documentElement.dataset["theme"] = theme;
    localStorage.setItem(KEY, theme);
  }
  window.dispatchEvent(new Event("themechange"));
}

/**
 * A colour of the style sheet as it is in force now, as rgb or rgba; `alpha` is 0 to 1.
 *
 * Read off an element: a variable by itself still has both themes' colours in it.
 */
export function colour(name: string, alpha = 1): string {
  const probe = document.createElement("span");
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return alpha === 1 ? color : color.replace("rgb(", "rgba(").replace(")", `, ${alpha})`);
}

/** Called when colours change, by hand or by the system. Returns how to stop that. */
export function onThemeChange(changed: () => void): () => void {
  const system = matchMedia("(prefers-color-scheme: dark)");
  system.addEventListener("change", changed);
  window.addEventListener("themechange", changed);
  return () => {
    system.removeEventListener("change", changed);
    window.removeEventListener("themechange", changed);
  };
}
