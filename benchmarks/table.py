"""Does the README say what the results say? Rewrites its table from results/*.csv.

python benchmarks/table.py          # rewrites the block between the two marks
python benchmarks/table.py --check  # changes nothing; exit code 1 if the README is out of date
"""

from __future__ import annotations

import argparse
from pathlib import Path

from limbfix_bench import readme_block, result_rows
from limbfix_bench.result_rows import RESULTS, ROOT


def main(arguments: list[str] | None = None) -> int:
    """Rewrites or checks the table; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="only say whether the table is up to date")
    parser.add_argument("--readme", type=Path, default=ROOT / "README.md")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of CSV files")
    options = parser.parse_args(arguments)
    rows = [row for path in sorted(options.results.glob("*.csv")) for row in result_rows.read_rows(path)]
    try:
        before = options.readme.read_text(encoding="utf-8")
        after = readme_block.replace_block(before, readme_block.make_block(rows))
    except (OSError, ValueError) as error:
        print(f"table: {error}")
        return 1
    if before == after:
        print("table: the README is up to date")
        return 0
    if options.check:
        print("table: the README is out of date; run: python benchmarks/table.py")
        return 1
    options.readme.write_text(after, encoding="utf-8")
    print("table: the README was rewritten")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
