import { useState, type ReactNode } from "react";
import { applyTheme, storedTheme, type Theme } from "../theme.js";

const NEXT: Record<Theme, Theme> = { system: "dark", dark: "light", light: "system" };
const SIGN: Record<Theme, string> = { system: "◐", dark: "●", light: "○" };

export function ThemeSwitch(): ReactNode {
  const [theme, setTheme] = useState(storedTheme);
  const next = NEXT[theme];
  return (
    <button
      className="quiet icon"
      aria-label={`Theme: ${theme}. Change to ${next}.`}
      title={`Theme: ${theme}`}
      onClick={() => {
        applyTheme(next);
        setTheme(next);
      }}
    >
      {SIGN[theme]}
    </button>
  );
}
