"""Records and pictures drawn to order, for the tests of reports and drawing."""

from __future__ import annotations

from typing import Any

import numpy as np

from limbfix.reports.evidence import Evidence, make_evidence

XSS_PAYLOADS = (
    "<script>alert(1)</script>",
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg onload=alert(1)>",
    "<svg/onload=alert(1)//",
    '"><script>alert(1)</script>',
    '" onmouseover="alert(1)" x="',
    "' onfocus='alert(1)' autofocus='",
    "<iframe src=javascript:alert(1)>",
    "<iframe srcdoc='<script>parent.alert(1)</script>'>",
    "javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "<body onload=alert(1)>",
    "<meta http-equiv=refresh content='0;url=http://evil.invalid/'>",
    "<base href=http://evil.invalid/>",
    "<link rel=stylesheet href=http://evil.invalid/x.css>",
    "<style>@import 'http://evil.invalid/x.css';</style>",
    "<img src=http://evil.invalid/x.png>",
    "<!--<script>alert(1)",
    "<!-- --!><script>alert(1)</script>",
    "</textarea></title></style></noscript><script>alert(1)</script>",
    "{{ ''.__class__.__mro__[1].__subclasses__() }}{% for x in (1,) %}",
    "\u2028alert(1)\u2029</scr\x00ipt>",
    "<math><mi//xlink:href='data:x,<script>alert(1)</script>'>",
    "<details open ontoggle=alert(1)>\ud800\x1b]8;;http://evil.invalid\x07",
)
"""25 strings that run something, or fetch something, where a page trusts them."""


def finding(code: str = "hand.extra_digit", score: float = 0.93, **changes: Any) -> dict[str, Any]:
    """Returns one finding on a hand of a 320 x 240 picture."""
    return {
        "code": code,
        "severity": "error" if score >= 0.8 else "warning" if score >= 0.5 else "info",
        "defect_score": score,
        "measured": 6.0,
        "expected": 5.0,
        "unit": "digits",
        "box_xyxy": [40.0, 60.0, 100.0, 120.0],
        "person_index": 0,
        "hand_index": 0,
        "message": "6 digits on the left hand; a hand has 5",
        "exception": None,
    } | changes


def record(path: str = "renders/a.png", verdict: str = "pass", **changes: Any) -> dict[str, Any]:
    """Returns a whole record of a 320 x 240 picture with one person and one hand."""
    scores = {"reject": 0.93, "flag": 0.6, "pass": 0.04}
    made: dict[str, Any] = {
        "schema_version": 2,
        "path": path,
        "sha256": "ab" * 32,
        "width": 320,
        "height": 240,
        "verdict": verdict,
        "defect_score": scores.get(verdict),
        "reason": "One sentence.",
        "people": [
            {
                "person_index": 0,
                "box_xyxy": [20.0, 10.0, 200.0, 230.0],
                "score": 0.9,
                "defect_score": 0.1,
                "limbs": {name: {"seen": 2, "hidden": 0, "expected": 2} for name in ("arms", "legs", "hands", "feet")},
            }
        ],
        "hands": [
            {
                "hand_index": 0,
                "person_index": 0,
                "side": "left",
                "box_xyxy": [40.0, 60.0, 100.0, 120.0],
                "score": 0.9,
                "defect_score": scores.get(verdict),
                "defect_probability": None,
                "digits": {"count": None, "visible": None, "cannot_tell": "no_model", "items": []},
            }
        ],
        "findings": [finding(score=scores[verdict])] if verdict in ("reject", "flag") else [],
        "source": {"generator": "ComfyUI", "prompt": "two friends\njogging", "seed": "-1"},
        "exceptions": [],
        "notes": [],
        "error": None,
        "policy": "default@0123456789ab",
        "models": {"hand_landmarker.task": "cd" * 32},
        "seconds": 0.12,
    }
    if verdict == "unjudged":
        made |= {"width": None, "height": None, "people": [], "hands": [], "source": None, "sha256": None}
        made["error"] = {"code": "unreadable", "message": "expected a whole PNG, got 12 of 90 bytes; export it again"}
    if verdict == "no_subject":
        made |= {"people": [], "hands": []}
    return made | changes


def digits(number: int = 5, *, cannot_tell: str | None = None, extra: int | None = None) -> dict[str, Any]:
    """Returns `digits` of the hand of `record`: straight digits side by side, the tips above; `extra` is too many."""
    items = [
        {
            "digit_index": k,
            "kind": "finger",
            "score": 0.9,
            "forked": False,
            "extra": k == extra,
            "polyline": [[45.0 + 8 * k, 110.0], [45.0 + 8 * k, 90.0], [45.0 + 8 * k, 75.0]],
            "joints": ["mcp", "pip", "tip"],
            "segments": [],
            "nail": False,
        }
        for k in range(number)
    ]
    return {"count": None if cannot_tell else number, "visible": number, "cannot_tell": cannot_tell, "items": items}


def read_record(path: str = "renders/read.png", verdict: str = "reject", **options: Any) -> dict[str, Any]:
    """Returns a record whose hand was read; options as `digits`."""
    made = record(path, verdict)
    made["hands"][0] |= {"digits": digits(**options), "defect_probability": 0.87}
    return made


def outline(digit_index: int = 0) -> dict[str, Any]:
    """Returns the outline of a digit of `digits`."""
    x = 45.0 + 8 * digit_index
    xy = [[x - 3, 110.0], [x + 3, 110.0], [x + 3, 73.0], [x - 3, 73.0]]
    return {"layout": "digit_outline", "hand_index": 0, "digit_index": digit_index, "xy": xy, "score": []}


def picture(width: int = 320, height: int = 240) -> np.ndarray:
    """Returns uint8 (height, width, 3): a smooth ramp with a bright square where `finding` looks."""
    y, x = np.mgrid[:height, :width]
    pixels = np.stack([x * 255 // width, y * 255 // height, np.full_like(x, 90)], axis=-1).astype(np.uint8)
    pixels[60:120, 40:100] = 240
    return pixels


def hand_keypoints() -> dict[str, Any]:
    """Returns 21 points on the hand of `record`, one of them absent."""
    xy: list[list[float] | None] = [[45.0 + 2.4 * k, 65.0 + 7 * (k % 7)] for k in range(21)]
    xy[20] = None
    return {"layout": "hand21", "xy": xy, "score": [0.9] * 20 + [None]}


def body_keypoints() -> dict[str, Any]:
    """Returns 33 points on the person of `record`; the legs were guessed, not seen."""
    xy = [[60.0 + 40 * (k % 2) + k, 20.0 + 6 * k] for k in range(33)]
    return {"layout": "blazepose33", "xy": xy, "score": [0.9] * 25 + [0.1] * 8}


def evidence(made: dict[str, Any]) -> Evidence | None:
    """Returns the evidence of a record; None for one that could not be read."""
    if made["verdict"] == "unjudged":
        return None
    keypoints = [] if made["verdict"] == "no_subject" else [body_keypoints(), hand_keypoints()]
    return make_evidence(picture(), made, keypoints)
