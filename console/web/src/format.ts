const NONE = "–";

const grouped = new Intl.NumberFormat("en-IN", { maximumFractionDigits: 0 });
const priced = new Intl.NumberFormat("en-IN", { minimumFractionDigits: 2, maximumFractionDigits: 2 });

type Maybe = number | null | undefined;

export const price = (value: Maybe): string => (value == null ? NONE : priced.format(value));
export const count = (value: Maybe): string => (value == null ? NONE : grouped.format(value));

export function signed(value: Maybe, unit = ""): string {
  if (value == null) return NONE;
  return `${value > 0 ? "+" : value < 0 ? "−" : ""}${priced.format(Math.abs(value))}${unit}`;
}

export function rate(value: Maybe): string {
  if (value == null) return NONE;
  return value < 100 && value > 0 ? value.toFixed(1) : grouped.format(value);
}

/** Microseconds. */
export function latency(value: Maybe): string {
  if (value == null) return NONE;
  if (value < 1000) return `${value.toFixed(0)} µs`;
  if (value < 1e6) return `${(value / 1000).toPrecision(3)} ms`;
  return `${(value / 1e6).toFixed(1)} s`;
}

export function bytes(value: Maybe): string {
  return value == null ? NONE : `${(value / 1e6).toFixed(0)} MB`;
}

export function percent(value: Maybe): string {
  return value == null ? NONE : `${value.toFixed(value < 9.95 ? 1 : 0)} %`;
}

/** Seconds, in two units at most. */
export function duration(value: Maybe): string {
  if (value == null) return NONE;
  if (value < 60) return `${value.toFixed(0)} s`;
  const minutes = Math.floor(value / 60);
  if (minutes < 60) return `${minutes} m ${Math.floor(value % 60)} s`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${minutes % 60} m`;
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** Seconds ago. */
export function age(value: Maybe): string {
  if (value == null) return NONE;
  return value < 10 ? `${value.toFixed(1)} s` : duration(value);
}
