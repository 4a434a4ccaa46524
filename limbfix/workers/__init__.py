"""Who judges? This process (`LocalJudge`), or several others that may crash or hang (`WorkerPool`)."""

from limbfix.workers.judging import GateLike, Judged, JudgingOptions, LocalJudge, MakeGate, Task
from limbfix.workers.pool import AHEAD_PER_WORKER, WorkerPool

__all__ = [
    "AHEAD_PER_WORKER",
    "GateLike",
    "Judged",
    "JudgingOptions",
    "LocalJudge",
    "MakeGate",
    "Task",
    "WorkerPool",
]
