"""A step for continuous integration: judge only the pictures that a branch adds or changes.

    python examples/ci_step.py origin/main

Writes limbfix.xml (JUnit, which most dashboards show) and ends with the exit code of `limbfix check`: 2 where model files are
missing, because nobody reads what a passing step says on stderr.
"""

import subprocess
import sys
from pathlib import Path

PICTURES = tuple(f":(icase)*.{suffix}" for suffix in ("png", "jpg", "jpeg", "webp"))


def main() -> int:
    base = sys.argv[1] if len(sys.argv) > 1 else "origin/main"
    diff = ["git", "diff", "--name-only", "-z", "--relative", "--diff-filter=d", f"{base}...HEAD", "--", *PICTURES]
    asked = subprocess.run(diff, stdout=subprocess.PIPE)
    if asked.returncode:
        print(f"git does not know what changed since {base}; a shallow clone needs `git fetch` first", file=sys.stderr)
        return 2
    changed = asked.stdout
    if not changed:
        print("no picture added or changed", file=sys.stderr)
        return 0
    command = [sys.executable, "-m", "limbfix", "check", "-", "--require-models", "--format", "junit", "--no-progress"]
    with Path("limbfix.xml").open("wb") as report:
        return subprocess.run(command, input=changed, stdout=report).returncode


if __name__ == "__main__":
    sys.exit(main())
