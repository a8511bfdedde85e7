"""The tables of docs/metrics.md, made from the code. Run it to bring the page up to date."""

from pathlib import Path

from console.metrics.catalogue import LABELS, METRICS, PREFIX, SYSTEM

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "metrics.md"
BEGIN, END = "<!-- made by tests/support/metrics_page.py -->", "<!-- end -->"


def tables():
    lines = ["| metric | kind | labels | of | meaning |", "|---|---|---|---|---|"]
    for one in SYSTEM:
        kind = "gauge" if one.kind == "info" else one.kind
        labels = "`version`" if one.kind == "info" else ""
        lines.append(f"| `{PREFIX}{one.name}` | {kind} | {labels} | the system | {one.help} |")
    for one in METRICS:
        labels = ", ".join(f"`{label}`" for label in (*LABELS, *one.labels))
        roles = ", ".join(one.roles) or "all that have it"
        lines.append(f"| `{one.full_name}` | {one.kind} | {labels} | {roles} | {one.help} |")
    return "\n".join(lines)


def made(page):
    before, rest = page.split(BEGIN)
    return f"{before}{BEGIN}\n{tables()}\n{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    PAGE.write_text(made(PAGE.read_text()))
