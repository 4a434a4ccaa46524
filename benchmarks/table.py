"""Do the README, docs/limits.md and the data engine's README say what the results say? Rewrites their tables from results/*.csv.

python benchmarks/table.py          # rewrites the blocks between the two marks
python benchmarks/table.py --check  # changes nothing; exit code 1 if one is out of date
"""

from __future__ import annotations

import argparse
from pathlib import Path

from limbfix_bench import readme_block, result_rows, synthesis_block
from limbfix_bench.result_rows import RESULTS, ROOT

DOCUMENTS = {
    ROOT / "README.md": readme_block.make_headlines,
    ROOT / "docs" / "limits.md": readme_block.make_block,
    ROOT / "limbfix" / "synthesis" / "README.md": synthesis_block.make_block,
}
"""Each document with a table, and what makes it."""


def main(arguments: list[str] | None = None) -> int:
    """Rewrites or checks the table; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="only say whether the table is up to date")
    parser.add_argument("--document", type=Path, help="only this file, with the whole table")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of CSV files")
    options = parser.parse_args(arguments)
    rows = [row for path in sorted(options.results.glob("*.csv")) for row in result_rows.read_rows(path)]
    documents = {options.document: readme_block.make_block} if options.document else DOCUMENTS
    codes = [_renew(path, make_block(rows), only_check=options.check) for path, make_block in documents.items()]
    return max(codes)


def _renew(path: Path, block: str, *, only_check: bool) -> int:
    """Puts a table into one document, or says whether it is there; returns the exit code."""
    name = path.relative_to(ROOT) if path.is_relative_to(ROOT) else path
    try:
        before = path.read_text(encoding="utf-8")
        after = readme_block.replace_block(before, block)
    except (OSError, ValueError) as error:
        print(f"table: {name}: {error}")
        return 1
    if before == after:
        print(f"table: {name} is up to date")
        return 0
    if only_check:
        print(f"table: {name} is out of date; run: python benchmarks/table.py")
        return 1
    path.write_text(after, encoding="utf-8")
    print(f"table: {name} was rewritten")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
