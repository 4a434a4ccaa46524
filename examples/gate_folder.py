"""Judge every picture of a folder and say which ones to throw away.

    python examples/gate_folder.py examples/pictures

Exit code 1 if a picture was rejected, 3 if one could not be judged, 5 if there was none, else 0: as `limbfix check`.
"""

import sys

import limbfix
from limbfix.printing import printable


def main() -> int:
    folders = sys.argv[1:] or ["examples/pictures"]
    verdicts = []
    with limbfix.Gate() as gate:
        for inspection in gate.run(limbfix.find_pictures(folders)):
            score = "   -" if inspection.defect_score is None else f"{inspection.defect_score:.2f}"
            path = printable(inspection.record["path"])  # file names can hold terminal escapes
            print(f"{inspection.verdict:<10}  {score}  {path}  {printable(inspection.reason)}", flush=True)
            verdicts.append(inspection.verdict)
    print(f"{len(verdicts)} pictures, {verdicts.count('reject')} rejected", file=sys.stderr)
    return 5 if not verdicts else 1 if "reject" in verdicts else 3 if "unjudged" in verdicts else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except limbfix.LimbfixError as error:
        print(f"gate_folder: {error}", file=sys.stderr)
        sys.exit(2)
