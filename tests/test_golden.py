"""Every example picture keeps its record: who is there, what was found, and the verdict. `RENEW_GOLDEN=1 pytest tests/test_golden.py`
writes them anew after a change that is meant to change them; look at the difference before it is committed.

Numbers may differ a little between processors, so boxes and scores are compared within a margin, and everything else to the letter.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from limbfix.gate import Gate

ROOT = Path(__file__).parents[1]
PICTURES = sorted(
    path for path in (ROOT / "examples" / "pictures").iterdir() if path.suffix in (".png", ".jpg", ".webp")
)
GOLDEN = Path(__file__).parent / "golden"
BOX_PX, SCORE = 6.0, 0.08

pytestmark = pytest.mark.models


@pytest.fixture(scope="module")
def gate():
    with Gate() as made:
        yield made


def kept(record: dict) -> dict:
    """What of a record is golden: not the time, the hashes or the machine's last digits."""
    return {
        "verdict": record["verdict"],
        "defect_score": record["defect_score"],
        "people": [{"box_xyxy": one["box_xyxy"], "limbs": one["limbs"]} for one in record["people"]],
        "hands": [
            {
                "person_index": one["person_index"],
                "side": one["side"],
                "box_xyxy": one["box_xyxy"],
                "defect_score": one["defect_score"],
                "count": one["digits"]["count"],
                "visible": one["digits"]["visible"],
                "cannot_tell": one["digits"]["cannot_tell"],
            }
            for one in record["hands"]
        ],
        "codes": sorted({one["code"] for one in record["findings"] if one["defect_score"] >= 0.5}),
        "exceptions": record["exceptions"],
    }


def differences(found: object, golden: object, at: str = "record") -> list[str]:
    """Names every place at which a record left its golden one."""
    if isinstance(found, dict) and isinstance(golden, dict):
        return [line for key in golden for line in differences(found.get(key), golden[key], f"{at}.{key}")]
    if isinstance(found, list) and isinstance(golden, list) and len(found) == len(golden):
        return [
            line for i, (a, b) in enumerate(zip(found, golden, strict=True)) for line in differences(a, b, f"{at}[{i}]")
        ]
    margin = BOX_PX if "box" in at else SCORE if "score" in at else 0.0
    if isinstance(found, float) and isinstance(golden, float) and margin:
        return [] if abs(found - golden) <= margin else [f"{at}: {golden} became {found}"]
    return [] if found == golden else [f"{at}: {golden} became {found}"]


@pytest.mark.parametrize("picture", PICTURES, ids=lambda path: path.name)
def test_an_example_picture_keeps_its_record(gate, picture):
    found = kept(gate.inspect(str(picture)).record)
    file = GOLDEN / f"{picture.name}.json"
    if os.environ.get("RENEW_GOLDEN"):
        file.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    assert differences(found, json.loads(file.read_text(encoding="utf-8"))) == []


def test_differences_are_seen():
    golden = {"box_xyxy": [0.0, 0.0, 10.0, 10.0], "score": 0.5, "count": 5}
    assert differences(golden, golden) == []
    assert differences(golden | {"count": 6}, golden) == ["record.count: 5 became 6"]
    assert differences(golden | {"box_xyxy": [0.0, 0.0, 30.0, 10.0]}, golden) != []
    assert differences(golden | {"score": 0.9}, golden) != []
