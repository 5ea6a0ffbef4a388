"""Score the judgement core on real cases and compare with the figures committed in docs/judgement.md.

    python benchmarks/judge.py [--cases FILE] [--show QUESTION] [--update]

Prints the score and what changed; exits with 1 when a figure fell, 2 when something is absent. The cases live beside
the repository (`../shared/cases`), since they are data of others and not shipped.
"""

import argparse
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared" / "cases"
FIGURES = ROOT / "docs" / "judgement.md"
MARKS = ("<!-- figures -->", "<!-- /figures -->")
ROW = re.compile(
    r"^(\w+)\s+(\d+)/(\d+)\s+([\d.]+)(?:\s+precision ([\d.]+)\s+recall ([\d.]+))?(?:\s+series invented (\d+))?"
)
COLUMNS = ("question", "right", "cases", "share", "precision", "recall", "invented")


def run_cases(cases: Path, answers: Path) -> float:
    """Answers all cases through the command, and returns the seconds that it took."""
    started = time.perf_counter()
    with cases.open() as source, answers.open("w") as target:
        command = [sys.executable, "manage.py", "answer_cases"]
        subprocess.run(command, cwd=ROOT, stdin=source, stdout=target, check=True)
    return time.perf_counter() - started


def run_score(cases: Path, answers: Path, show: str) -> str:
    command = [sys.executable, str(SHARED / "score.py"), str(cases), str(answers)]
    if show:
        command += ["--show", show]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def read_score(text: str) -> dict[str, dict[str, str]]:
    rows = {}
    for line in text.splitlines():
        if match := ROW.match(line):
            rows[match[1]] = dict(zip(COLUMNS, (group or "" for group in match.groups()), strict=True))
    return rows


def read_figures(text: str) -> dict[str, dict[str, str]]:
    """The committed table: a row per question between the marks."""
    block = text.partition(MARKS[0])[2].partition(MARKS[1])[0]
    rows = {}
    for line in block.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if len(cells) == len(COLUMNS) and cells[1].isdigit():
            rows[cells[0]] = dict(zip(COLUMNS, cells, strict=True))
    return rows


def write_figures(rows: dict[str, dict[str, str]]) -> None:
    text = FIGURES.read_text()
    table = ["| " + " | ".join(COLUMNS) + " |", "|" + "---|" * len(COLUMNS)]
    table += ["| " + " | ".join(row[column] for column in COLUMNS) + " |" for row in rows.values()]
    before, _, rest = text.partition(MARKS[0])
    FIGURES.write_text(f"{before}{MARKS[0]}\n" + "\n".join(table) + f"\n{MARKS[1]}{rest.partition(MARKS[1])[2]}")


def compare(now: dict[str, dict[str, str]], then: dict[str, dict[str, str]]) -> list[str]:
    """A sentence for every figure that fell; figures that rose are printed."""
    fallen = []
    for question, old in then.items():
        new = now.get(question)
        if new is None:
            fallen.append(f"{question}: no longer answered.")
            continue
        for column, sign in (("share", 1), ("precision", 1), ("recall", 1), ("invented", -1)):
            before, after = float(old[column] or 0), float(new[column] or 0)
            if old[column] and sign * (after - before) < 0:
                fallen.append(f"{question}: {column} fell from {before:g} to {after:g}.")
            elif before != after and (old[column] or new[column]):
                print(f"{question}: {column} was {before:g}, is {after:g}.")
    return fallen


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=Path, default=SHARED / "dev.jsonl")
    parser.add_argument("--show", default="", help="print the wrong cases of one question")
    parser.add_argument("--update", action="store_true", help="write the figures into docs/judgement.md")
    options = parser.parse_args()
    if not options.cases.exists():
        print(f"There are no cases at {options.cases}; give others with --cases.", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        answers = Path(folder) / "answers.jsonl"
        seconds = run_cases(options.cases, answers)
        output = run_score(options.cases, answers, options.show)
    print(output, end="")
    count = sum(1 for line in options.cases.open() if line.strip())
    print(f"{count} cases in {seconds:.1f} s ({seconds / max(count, 1) * 10_000:.0f} s per 10,000)")
    now = read_score(output)
    if options.update:
        write_figures(now)
        return 0
    fallen = compare(now, read_figures(FIGURES.read_text()))
    for sentence in fallen:
        print(sentence, file=sys.stderr)
    return 1 if fallen else 0


if __name__ == "__main__":
    sys.exit(main())
