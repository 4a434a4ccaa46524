"""How well are bodies read? Writes rows of results/bodies.csv.

    python benchmarks/bodies.py joints                        # PCK@0.2 on lsp_extended, beside MediaPipe's pose network
    python benchmarks/bodies.py people                        # people counted on coco_people
    python benchmarks/bodies.py made --shards DIR [DIR ...]   # made people with exact truth that no network was trained on
    python benchmarks/bodies.py false_arms                    # where is a third arm claimed among people in contact?

`made` wants shards of `python -m limbfix.synthesis bodies --seed S` with a seed that no training saw. The others take pictures of
../shared/data (`--data`), and measure nothing without it. `--weights FILE` tries other weights than those that come with limbfix. Our
network is judged alone: scenes hold what it read, and no other detector runs. See `limbfix_bench.body_joints` for what PCK favours.
`false_arms` prints its pictures and writes overlays below build/bodies/: a person must look whether the arm is there.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from limbfix_bench import body_joints, body_reading, body_sheets, data_folders, made_bodies, result_rows
from limbfix_bench.body_reading import BodyEyes, Seen
from limbfix_bench.result_rows import RESULTS, ROOT, Measured, Provenance

DATA = ROOT.parent / "shared" / "data"
OVERLAYS = ROOT / "build" / "bodies"
"""Overlays of an earlier run there are replaced."""

LSP, COCO = data_folders.BODIES
LIMITS = {"joints": 200, "people": 200, "made": 400, "false_arms": 200}
"""Pictures, where --limit does not say; each question then takes a few minutes on two cores."""

NEEDS = {"joints": (f"{LSP}.json", LSP), "people": (COCO,), "made": (), "false_arms": (COCO,)}
"""What must lie below the data folder."""


def joints(options: argparse.Namespace, eyes: BodyEyes) -> tuple[list[Measured], str]:
    """Measures our joints and a pose network's on the same pictures."""
    from limbfix.detectors.mediapipe_pose import MediaPipePose
    from limbfix.images import open_picture

    people = body_joints.read_labels(options.data / f"{LSP}.json")
    chosen = [people[i] for i in evenly(len(people), options.limit)]
    ours: list[body_joints.Hits] = []
    free: list[body_joints.Hits] = []
    sided: list[body_joints.Hits] = []
    seen = [0, 0]
    pose = MediaPipePose(crops=False, masks=False)
    for person in chosen:
        picture = open_picture(str(options.data / LSP / person.name))
        graphs = [body_joints.graph_points(graph) for graph in eyes.look(picture).reading.people]
        bodies = [part.keypoints for part in pose.detect(picture, ()) if part.keypoints is not None]
        seen[0] += bool(graphs)
        seen[1] += bool(bodies)
        ours.append(body_joints.nearest([body_joints.gaps_without_sides(one, person) for one in graphs], person))
        loose = [body_joints.gaps_without_sides(body_joints.free_points(one), person) for one in bodies]
        free.append(body_joints.nearest(loose, person))
        fixed = [body_joints.gaps_with_sides(body_joints.sided_points(one), person) for one in bodies]
        sided.append(body_joints.nearest(fixed, person))
    pose.close()
    rows = body_joints.measure(ours, f"{LSP}/limbfix", f"somebody found in {seen[0]} of {len(chosen)} pictures")
    theirs = f"somebody found in {seen[1]} of {len(chosen)} pictures"
    rows += body_joints.measure(free, f"{LSP}/mediapipe", f"sides at least cost; {theirs}")
    rows += body_joints.measure(sided, f"{LSP}/mediapipe_own_sides", f"its own sides; {theirs}")
    return rows, f"{len(chosen)} of {len(people)} labelled people of {LSP}"


def people(options: argparse.Namespace, eyes: BodyEyes) -> tuple[list[Measured], str]:
    """Counts people beside the boxes that others drew."""
    from limbfix.images import open_picture

    pairs = []
    paths = data_folders.pictures_of(options.data, COCO, options.limit)
    for path in paths:
        picture = open_picture(str(options.data / path))
        boxes = body_reading.boxes_of((options.data / path).with_suffix(".txt"), picture.width, picture.height)
        labelled = sum(max(box) >= body_reading.LEAST_PX for box in boxes)
        pairs.append((labelled, body_reading.people_in(eyes.look(picture).scene)))
    return body_reading.count_rows(
        pairs, COCO
    ), f"{len(paths)} pictures of {COCO}, people from {body_reading.LEAST_PX} px"


def made(options: argparse.Namespace, eyes: BodyEyes) -> tuple[list[Measured], str]:
    """Reads made people."""
    pictures = made_bodies.read_shards(options.shards, eyes, options.limit)
    names = ", ".join("/".join(folder.resolve().parts[-2:]) for folder in options.shards)
    return made_bodies.measure(pictures), f"{len(pictures)} pictures of {names}"


def false_arms(options: argparse.Namespace, eyes: BodyEyes) -> tuple[list[Measured], str]:
    """Lists the pictures on which a third arm is claimed, and draws them."""
    from limbfix.images import open_picture

    paths = data_folders.pictures_of(options.data, COCO, options.limit)
    if (options.data / data_folders.AI / "labels.csv").is_file():
        contact = body_reading.contact_pictures(options.data)
        paths += [contact[i] for i in evenly(len(contact), options.limit)]
    seen: dict[str, Seen] = {}
    for path in paths:
        seen[path] = eyes.look(open_picture(str(options.data / path)))
    folder = OVERLAYS
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.jpg"):
        old.unlink()
    print(f"a third arm is claimed on these pictures; overlays in {folder}")
    for path, score in body_reading.arm_claims(seen):
        print(f"  {score:.2f}  {path}")
        pixels = np.asarray(open_picture(str(options.data / path)).pixels)
        image = body_sheets.overlay(pixels, seen[path].reading, f"{score:.2f} {Path(path).name}")
        image.save(folder / f"{path.replace('/', '_').rsplit('.', 1)[0]}.jpg", quality=85)
    return body_reading.false_arm_rows(seen), f"{len(paths)} pictures of people, many in contact"


def evenly(n: int, limit: int) -> Sequence[int]:
    """Returns at most `limit` of `n` numbers, spread evenly, the same ones every time."""
    return range(n) if n <= limit else [int((index + 0.5) * n / limit) for index in range(limit)]


def main(arguments: list[str] | None = None) -> int:
    """Measures, prints and writes; returns the exit code."""
    options = _parser().parse_args(arguments)
    options.data = options.data.resolve()
    options.limit = options.limit or LIMITS[options.question]
    if reason := _obstacle(options):
        print(f"bodies: {reason}. Nothing was measured.")
        return 0
    eyes = BodyEyes(options.weights, options.search)
    origin = Provenance.of_now(options.label)
    question = {"joints": joints, "people": people, "made": made, "false_arms": false_arms}[options.question]
    found, data = question(options, eyes)
    data = f"{data}; {eyes.weights}, {options.search}"
    eyes.close()
    rows = [result_rows.make_row(row, origin, data) for row in found]
    result_rows.print_rows(rows)
    result_rows.replace_rows(options.out, rows, [row.source for row in found])
    return 0


def _obstacle(options: argparse.Namespace) -> str:
    """Returns why nothing can be measured, or an empty text."""
    from limbfix.shipped import sees_bodies

    if options.weights is None and not sees_bodies():
        return "this installation brings no body parser; name a file with --weights"
    if options.question == "made" and not options.shards:
        return "expected --shards of made people; make them with python -m limbfix.synthesis bodies"
    missing = [name for name in NEEDS[options.question] if not (options.data / name).exists()]
    return f"no {', '.join(missing)} in {options.data}; name a folder with --data" if missing else ""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("question", choices=tuple(LIMITS), nargs="?", default="joints")
    parser.add_argument("--weights", type=Path, help="of the body parser (.safetensors); else those of limbfix")
    parser.add_argument("--search", choices=("full", "single"), default="full")
    parser.add_argument("--shards", type=Path, nargs="+", default=[])
    parser.add_argument("--limit", type=int, help=f"pictures per folder ({LIMITS})")
    parser.add_argument("--data", type=Path, default=DATA, help="the data folder (%(default)s)")
    parser.add_argument("--label", default="bodies", help="kept in the column `search` (%(default)s)")
    parser.add_argument("--out", type=Path, default=RESULTS / "bodies.csv", help="results file (%(default)s)")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
