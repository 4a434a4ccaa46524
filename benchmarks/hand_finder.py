"""How many hands does the finder's network find by itself, and where does it see some that are none?

    python benchmarks/hand_finder.py --weights FILE [--data DIR] [--search 640 640+320 640+flip 640+tiles 1024] [--limit N]

Prints, for each way to search: false hands on held-out places, the threshold that keeps them at 0.01 per picture, and with it
hands found on AI pictures (source by source) and on real hands that were not trained on. Writes nothing.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from limbfix_bench.data_folders import AI, BACKGROUNDS, HANDS, pictures_of, read_hand_labels, read_picture_labels
from limbfix_bench.hand_matching import JUDGEABLE_PX, labelled_hands, match

from limbfix.images import open_picture
from limbfix.nets.hand_boxes import INPUT_MULTIPLE, decode, suppress
from limbfix.runtime.sessions import finder_network
from limbfix.training.finder_stock import HELD_OUT_PHOTOS, HELD_OUT_PLACES, held_out, photo_group

LEAST = 0.05
"""Scores below are not kept."""

Found = tuple[np.ndarray, np.ndarray]
"""Boxes (n, 4) in px of the picture, scores (n,)."""

Look = Callable[[np.ndarray], np.ndarray]
"""Pixels (h, w, 3) uint8, sides multiples of 32, to maps (5, h / 8, w / 8)."""


def network_look(weights: Path) -> Look:
    """Returns a look through the network as the gate runs it."""
    network = finder_network(weights)
    return lambda pixels: network.run(np.ascontiguousarray(pixels)[None])["maps"][0]


def look_at(look: Look, pixels: np.ndarray, side: int) -> Found:
    """Looks at a picture whose longer side is brought to `side` px; never enlarged."""
    height, width = pixels.shape[:2]
    scale = min(side / max(height, width), 1.0)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    padded = [-(-length // INPUT_MULTIPLE) * INPUT_MULTIPLE for length in (size[1], size[0])]
    canvas = np.full((*padded, 3), 127, np.uint8)
    canvas[: size[1], : size[0]] = small
    boxes, scores = decode(look(canvas), least_score=LEAST)
    boxes = boxes / np.tile(np.array(size) / (width, height), 2)
    return np.clip(boxes, 0, (width, height, width, height)), scores


def mirrored(look: Look) -> Look:
    """Returns a look that averages a picture's maps with those of its mirror image."""

    def both(pixels: np.ndarray) -> np.ndarray:
        maps, other = look(pixels), look(pixels[:, ::-1])[:, :, ::-1]
        return (maps + other[[0, 3, 2, 1, 4]]) / 2

    return both


def search(look: Look, pixels: np.ndarray, way: str) -> Found:
    """Looks at a picture in all steps of a way, such as `640+320` or `640+flip+tiles`, and joins what they found."""
    steps = way.split("+")
    look = mirrored(look) if "flip" in steps else look
    found = [look_at(look, pixels, int(step)) for step in steps if step.isdigit()]
    if "tiles" in steps:
        height, width = pixels.shape[:2]
        for top in (0, height - round(0.6 * height)):
            for left in (0, width - round(0.6 * width)):
                tile = pixels[top : top + round(0.6 * height), left : left + round(0.6 * width)]
                boxes, scores = look_at(look, tile, 640)
                found.append((boxes + np.array([left, top, left, top]), scores))
    boxes, scores = (np.concatenate(column) for column in zip(*found, strict=True))
    kept = suppress(boxes, scores)
    return boxes[kept], scores[kept]


def records(found: dict[str, Found], sizes: dict[str, tuple[int, int]], threshold: float) -> dict[str, dict[str, Any]]:
    """Returns what was found as records of the gate, as far as the measures need them."""
    return {
        path: {
            "width": sizes[path][0],
            "height": sizes[path][1],
            "hands": [{"box_xyxy": box.tolist()} for box in boxes[scores >= threshold]],
        }
        for path, (boxes, scores) in found.items()
    }


def threshold_for(found: dict[str, Found], rate: float) -> float:
    """Returns the least threshold with at most `rate` false hands per picture."""
    scores = np.sort(np.concatenate([[LEAST], *(scores for _, scores in found.values())]))[::-1]
    return float(scores[min(int(rate * len(found)), len(scores) - 1)]) + 1e-4


def report(
    groups: dict[str, dict[str, Found]], sizes: dict[str, tuple[int, int]], data: Path, threshold: float
) -> None:
    """Prints every measure at one threshold."""
    places = groups[BACKGROUNDS]
    false = sum(int((scores >= threshold).sum()) for _, scores in places.values())
    print(f"  threshold {threshold:.3f}: false hands {false} on {len(places)} places = {false / len(places):.3f}")
    for folder in HANDS:
        hits = sum(bool((scores >= threshold).any()) for _, scores in groups[folder].values())
        print(
            f"    {folder}: a hand found in {hits} of {len(groups[folder])} = {hits / max(1, len(groups[folder])):.3f}"
        )
    pictures, hands = read_picture_labels(data), read_hand_labels(data)
    judged = records(groups[AI], sizes, threshold)
    for source in (AI, *sorted({"/".join(path.split("/")[:2]) for path in judged})):
        mine = {path: record for path, record in judged.items() if path.startswith(f"{source}/")}
        visible = sum(pictures[path].hands_visible for path in mine)
        counted = sum(min(len(record["hands"]), pictures[path].hands_visible) for path, record in mine.items())
        total = sum(len(record["hands"]) for record in mine.values())
        known = {path: boxes for path, boxes in hands.items() if path in mine}
        large = [hand for hand in labelled_hands(known, mine) if hand.label.size_px >= JUDGEABLE_PX]
        line = f"    {source}: {counted}/{visible} of visible ({counted / max(visible, 1):.2f}), {total} boxes;"
        for status in ("defective", "ok", "unsure"):
            group = [hand for hand in large if hand.label.status == status]
            line += f" {status} {sum(hand.found is not None for hand in group)}/{len(group)}"
        asked = [path for path in mine if path in hands or pictures[path].hands_visible == 0]
        right = sum(hand is not None for path in asked for hand in match(hands.get(path, ()), mine[path]))
        shown = sum(len(mine[path]["hands"]) for path in asked)
        print(f"{line}; precision {right}/{shown} = {right / max(shown, 1):.2f}")


def chosen(data: Path, limit: int) -> dict[str, list[str]]:
    """Returns the pictures: all AI pictures, and at most `limit` of each other folder that were held out of training."""
    rules = {
        folder: lambda path: held_out(photo_group("/".join(path.split("/")[1:])), HELD_OUT_PHOTOS) for folder in HANDS
    }
    rules[BACKGROUNDS] = lambda path: held_out(Path(path).name, HELD_OUT_PLACES)
    groups = {AI: pictures_of(data, AI)}
    for folder, rule in rules.items():
        fitting = [path for path in pictures_of(data, folder) if rule(path)]
        step = max(1, len(fitting) / limit)
        groups[folder] = [fitting[int(index * step)] for index in range(min(limit, len(fitting)))]
    return groups


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--data", type=Path, default=Path(__file__).resolve().parents[2] / "shared" / "data")
    parser.add_argument("--search", nargs="+", default=["640"])
    parser.add_argument("--limit", type=int, default=400, help="pictures of each folder but ai_images")
    parser.add_argument("--threshold", type=float, help="instead of the one for 0.01 false hands per held-out place")
    options = parser.parse_args(arguments)
    if not options.data.is_dir():
        print(f"no pictures at {options.data}: nothing measured", file=sys.stderr)
        return 0
    look = network_look(options.weights)
    for way in options.search:
        sizes: dict[str, tuple[int, int]] = {}
        groups: dict[str, dict[str, Found]] = {}
        for folder, paths in chosen(options.data, options.limit).items():
            groups[folder] = {}
            for path in paths:
                picture = open_picture(options.data / path)
                sizes[path] = (picture.width, picture.height)
                groups[folder][path] = search(look, picture.pixels, way)
        print(f"{way}")
        report(groups, sizes, options.data, options.threshold or threshold_for(groups[BACKGROUNDS], 0.01))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
