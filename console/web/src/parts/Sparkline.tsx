import type { ReactNode } from "react";

/** Points of the line in a box of 100 x 24; null breaks it. */
function segments(values: readonly (number | null)[], most: number, slots: number): string[] {
  const found: string[] = [];
  let current: string[] = [];
  values.forEach((value, index) => {
    if (value === null) {
      if (current.length > 1) found.push(current.join(" "));
      current = [];
      return;
    }
    const x = ((slots - values.length + index) / (slots - 1)) * 100;
    const y = 23 - (Math.min(value, most) / most) * 22;
    current.push(`${x.toFixed(1)},${y.toFixed(1)}`);
  });
  if (current.length > 1) found.push(current.join(" "));
  return found;
}

/** The last minutes of one or two figures; the newest at the right. */
export function Sparkline(props: {
  readonly label: string;
  readonly values: readonly (number | null)[];
  readonly under?: readonly (number | null)[];
  readonly slots?: number;
}): ReactNode {
  const slots = props.slots ?? 120;
  const shown = props.values.slice(-slots);
  const under = props.under?.slice(-slots) ?? [];
  const most = Math.max(1e-9, ...shown.map((value) => value ?? 0)) * 1.08;
  return (
    <svg
      className="spark"
      viewBox="0 0 100 24"
      preserveAspectRatio="none"
      role="img"
      aria-label={props.label}
    >
      {segments(under, most, slots).map((points) => (
        <polyline key={points} className="under" points={points} />
      ))}
      {segments(shown, most, slots).map((points) => (
        <polyline key={points} points={points} />
      ))}
    </svg>
  );
}
