"""How is the server doing? Counters and times in Prometheus' text form; labels come from fixed sets, never from clients."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from limbfix.records import Record
from limbfix.service.judging_queue import JudgingQueue

_SECONDS = (0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60, 120)


class Metrics:
    """The numbers of one server, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter("limbfix_requests", "Answered requests", ["route", "status"], registry=self.registry)
        self.refusals = Counter(
            "limbfix_refusals", "Requests that were refused, by kind of problem", ["kind"], registry=self.registry
        )
        self.pictures = Counter("limbfix_pictures", "Judged pictures", ["verdict", "error"], registry=self.registry)
        self.judging = Histogram(
            "limbfix_judging_seconds", "Time in a worker process", buckets=_SECONDS, registry=self.registry
        )
        self.waiting = Histogram(
            "limbfix_waiting_seconds", "Time in the line", buckets=_SECONDS, registry=self.registry
        )
        self.places_taken = Gauge(
            "limbfix_places_taken", "Pictures on their way through the server", registry=self.registry
        )

    def watch(self, queue: JudgingQueue, places: int) -> None:
        """Shows the state of the line."""
        workers = Gauge("limbfix_workers_ready", "Worker processes that can judge", registry=self.registry)
        workers.set_function(lambda: queue.ready)
        length = Gauge("limbfix_line_length", "Pictures that no worker has begun", registry=self.registry)
        length.set_function(lambda: queue.waiting)
        Gauge("limbfix_places", "Most pictures on their way at once", registry=self.registry).set(places)

    def count(self, record: Record) -> None:
        """Counts a judged picture."""
        error = record["error"]["code"] if record["error"] else ""
        self.pictures.labels(record["verdict"], error).inc()
        self.judging.observe(record["seconds"])

    def text(self) -> bytes:
        """Returns everything in the text form."""
        return generate_latest(self.registry)
