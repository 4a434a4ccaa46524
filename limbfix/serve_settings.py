"""What may be asked of `limbfix serve`, how much of it, and by whom?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Seconds = Annotated[float, Field(gt=0, le=86_400)]
"""A time to wait: a day at most. Timers of a system end with an error somewhere beyond, at 24 days on Linux."""


class ServeSettings(BaseModel):
    """The table `[serve]` of the settings. How pictures are judged stands above it, as for `limbfix check`.

    Attributes:
        host: address to listen at.
        port: 0 takes a free one.
        keys_file: API keys, `name:key` in a line; more may stand in LIMBFIX_API_KEYS.
        anonymous: whether a server without keys may listen to other machines.
        queue: pictures that may wait beyond those being judged; a request for which there is no room gets 429.
        max_upload_bytes: largest picture.
        max_batch: most pictures in one `/v1/batch`; together they may have four times `max_upload_bytes`.
        max_pixels: largest width x height; the smaller one of this and the setting of the same name above counts.
        upload_seconds: until when a request must have sent its head, and then its body.
        wait_seconds: until when a picture must have been begun; later ones get 503.
        max_connections: open connections, idle ones included; more get 503.
        urls: whether pictures may be fetched from addresses that clients name.
        url_seconds: until when such a picture must be here.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8765
    keys_file: Path | None = None
    anonymous: bool = False
    queue: Annotated[int, Field(ge=0, le=10_000)] = 32
    max_upload_bytes: Annotated[int, Field(gt=0, le=512 << 20)] = 32 << 20
    max_batch: Annotated[int, Field(gt=0, le=1000)] = 16
    max_pixels: Annotated[int, Field(gt=0)] = 50_000_000
    upload_seconds: Seconds = 30.0
    wait_seconds: Seconds = 60.0
    max_connections: Annotated[int, Field(gt=0)] = 512
    urls: bool = False
    url_seconds: Seconds = 10.0
