"""`limbfix doctor`: is this machine fit to run limbfix?"""

from __future__ import annotations

import sys
from typing import Annotated, Literal

import typer

_MARKS = {"ok": "ok  ", "warn": "WARN", "fail": "FAIL"}


def doctor(
    deep: Annotated[bool, typer.Option("--deep", help="Also open every model; takes some seconds.")] = False,
    licence_policy: Annotated[
        Literal["any", "permissive"], typer.Option(help="permissive: GPL, AGPL and non-commercial parts are failures.")
    ] = "any",
) -> None:
    """Prints versions, model files with hashes and licences, owners of cv2, and what to do where something is wrong.

    Exit codes: 0 fit (warnings included), 1 something failed.
    """
    from limbfix.cli.streams import own_stderr
    from limbfix.doctor import diagnose, worst_status
    from limbfix.printing import printable

    with own_stderr():
        rows = diagnose(deep=deep, licence_policy=licence_policy)
    for row in rows:
        print(f"{_MARKS[row.status]}  {printable(row.name)}: {printable(row.message)}")
        if row.remedy and row.status != "ok":
            print(f"      -> {printable(row.remedy)}")
    worst = worst_status(rows)
    counts = {status: sum(row.status == status for row in rows) for status in _MARKS}
    words = f"{counts['ok']} ok, {counts['warn']} to know, {counts['fail']} failed"
    print(f"limbfix doctor: {'FAIL' if worst == 'fail' else 'PASS'} - {words}", file=sys.stderr)
    raise typer.Exit(1 if worst == "fail" else 0)
