"""Made ledgers for the review, written entry by entry: thousands of cases in a moment, each with tiny pictures."""

from __future__ import annotations

import hashlib
import io
import socket
import threading
from pathlib import Path
from typing import Any

from ledger_cases import Ticking, finding, judged, order, sha_of
from PIL import Image

from limbfix.ledger.appending import Writer
from limbfix.ledger.bodies import case_body, case_id_of, thresholds_of
from limbfix.ledger.deciding import recommend
from limbfix.ledger.evidence import Proof
from limbfix.ledger.refunds import RefundPolicy
from limbfix.ledger.store import Ledger, open_ledger
from limbfix.policies import Policy
from limbfix.review.auditing import Rates
from limbfix.review.pictures import Pictures
from limbfix.review.reviews import Review
from limbfix.review.serving import HOST, make_server, new_token

HOSTILE = (
    "<script>window.hit=1</script>.png",
    '"><img src=x onerror=window.hit=1>.png',
    "a\u202egnp.exe",
    "{{ 7*7 }}{% raw %}.png",
    "javascript:window.hit=1//.png",
    "x' onmouseover='window.hit=1.png",
    "\x1b[2Jnl\nname.png",
    "=HYPERLINK(1).png",
    "\udce9 lone.png",
)


def jpeg(number: int, kind: int) -> bytes:
    """A picture of its own for every number and kind."""
    buffer = io.BytesIO()
    Image.new("RGB", (64, 48), (number % 256, number // 256 * 10 % 256, kind * 80)).save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def write_case(
    writer: Writer, number: int, verdict: str, score: float | None, *, path: str | None = None, prompt: str = ""
) -> str:
    """Adds a case; returns its id."""
    name = f"picture-{number}"
    findings = [finding(score=score or 0.6)] if verdict in ("flag", "reject") else []
    record = judged(name, verdict, *findings) | {"defect_score": score}
    record["path"] = record["path"] if path is None else path
    sold = order(name, customer=f"customer-{number}")
    policy, thresholds = RefundPolicy(), thresholds_of(Policy())
    decision = recommend(record, sold, policy, thresholds=thresholds)
    kinds = (("picture", jpeg(number, 0), None), ("overlay", jpeg(number, 1), None), ("crop", jpeg(number, 2), 0))
    kept = kinds if findings else kinds[:2]
    names = [hashlib.sha256(data).hexdigest() for _, data, _ in kept]
    proof = Proof(
        items=tuple(
            {"kind": kind, "sha256": sha, "finding": index} for sha, (kind, _, index) in zip(names, kept, strict=True)
        ),
        pictures={sha: data for sha, (_, data, _) in zip(names, kept, strict=True)},
    )
    body = case_body(record, sold, policy, thresholds, decision, proof=proof, key=sha_of(f"key-{number}"), before=None)
    body["made_with"]["prompt"] = prompt or None
    writer.append(
        kind="case", case_id=case_id_of(sold), body=body, evidence=proof.pictures, customer=sold.customer,
        order_id=sold.order_id, picture=record["sha256"],
    )  # fmt: skip
    return case_id_of(sold)


def fill(ledger: Ledger, *, flags: int = 0, passes: int = 0, rejects: int = 0) -> list[str]:
    """Adds cases of each verdict with scores spread over its range; returns their ids."""
    ids: list[str] = []
    with ledger.writing() as writer:
        for verdict, count, low, high in (
            ("flag", flags, 0.5, 0.79),
            ("pass", passes, 0.02, 0.48),
            ("reject", rejects, 0.81, 0.99),
        ):
            for place in range(count):
                score = round(low + (high - low) * (place + 0.5) / count, 4)
                ids.append(write_case(writer, len(ids), verdict, score))
    return ids


def new_ledger(folder: Path) -> Ledger:
    return open_ledger(folder / "ledger.db", create=True, key=folder / "key.pem", clock=Ticking())


class Site:
    """A ledger and the page on it, served from a thread."""

    def __init__(self, folder: Path, *, rates: Rates = Rates(passed=0.3, rejected=0.5), **counts: int) -> None:
        self.folder = folder
        self.ledger = new_ledger(folder)
        self.ids = fill(self.ledger, **counts)
        self.review = Review(
            ledger=self.ledger, pictures=Pictures(self.ledger, folder=folder), rates=rates, token=new_token(), by="Ada"
        )

    def __enter__(self) -> Site:
        self._server = make_server(self.review)
        self._listener = socket.create_server((HOST, 0))
        self.port = self._listener.getsockname()[1]
        self.host = f"{HOST}:{self.port}"
        self.url = f"http://{self.host}/{self.review.token}/"
        self._thread = threading.Thread(target=self._server.run, kwargs={"sockets": [self._listener]}, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: Any) -> None:
        self._server.should_exit = True
        self._thread.join(10)
        self._listener.close()
        self.ledger.close()

    @property
    def queue(self) -> list[Any]:
        return self.review.state().queue

    def row(self, case_id: str) -> Any:
        self.review.index.refresh()
        return self.review.index.row(case_id)


def fill_many(ledger: Ledger, count: int) -> None:
    """Adds many flagged cases, all but the first in the image of the first and with a picture only."""
    (first,) = fill(ledger, flags=1)
    with ledger.writing() as writer:
        body = writer.history(first)[0].data
        for number in range(1, count):
            data, name = jpeg(number, 0), f"picture-{number}"
            sha256 = hashlib.sha256(data).hexdigest()
            record = body["record"] | {"path": f"{name}.png", "defect_score": f"0.{5000 + number * 2999 // count}"}
            items = [{"kind": "picture", "sha256": sha256, "finding": None}]
            writer.append(
                kind="case", case_id=sha_of(f"case-{number}"), body=body | {"record": record, "evidence": items},
                evidence={sha256: data}, customer="many", order_id=name, picture=sha_of(name),
            )  # fmt: skip
