"""Which address answers what? Server-made pages and forms; the script of the page adds keys and zoom and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from limbfix.errors import CaseChanged, UsageError
from limbfix.ledger.cases import Case, find_case
from limbfix.review import pages
from limbfix.review.answering import Said, take_back, write_answer
from limbfix.review.desks import Desk
from limbfix.review.endpoints import endpoint
from limbfix.review.guard import Guard
from limbfix.review.label_files import FORMATS, label_file
from limbfix.review.labels import make_labels
from limbfix.review.queueing import next_row
from limbfix.review.reviews import Review

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

PER_PAGE = 48
"""Pictures on one page of the gallery: what a browser holds at once, whatever the ledger's size."""
_MOST_NAME = 80
SHOWS = {"todo": "to do", "done": "answered", "all": "all"}


def make_app(review: Review) -> Guard:
    """Returns the application, guarded."""
    from starlette.applications import Starlette
    from starlette.routing import Route

    site = _Site(review)

    def page(path: str, answer: Callable[..., Response], method: str = "GET") -> Route:
        return Route(path, endpoint(answer, is_form=method == "POST"), methods=[method])

    routes = [
        page("/", site.start),
        page("/desks", site.sit_down, "POST"),
        page("/desk/{desk}/", site.gallery),
        page("/desk/{desk}/next", site.next),
        page("/desk/{desk}/case/{case}", site.case),
        page("/desk/{desk}/case/{case}", site.answer, "POST"),
        page("/desk/{desk}/case/{case}/hold", site.hold, "POST"),
        page("/desk/{desk}/undo", site.undo, "POST"),
        page("/picture/{case}/{kind}", site.picture),
        page("/labels/{format}", site.labels),
        page("/file/{name}", site.file),
    ]
    return Guard(Starlette(routes=routes), review.token)


class _Site:
    """One method per address. `form` holds the fields of a form, each a list."""

    def __init__(self, review: Review) -> None:
        self._review = review
        self._base = f"/{review.token}"

    def start(self, request: Request) -> Response:
        return self._page("start.html", by=self._review.by, state=self._review.state(), problem="")

    def sit_down(self, request: Request, form: dict[str, list[str]]) -> Response:
        name = _one(form, "name").strip()
        if not name or len(name) > _MOST_NAME or not name.isprintable():
            problem = f"Please give a name of 1 to {_MOST_NAME} characters; it stands beside every answer."
            return self._page("start.html", 422, by=name, state=self._review.state(), problem=problem)
        desk = self._review.room.open_desk(name)
        return _go(f"{self._desk_path(desk)}next")

    def gallery(self, request: Request) -> Response:
        desk = self._desk(request)
        if desk is None:
            return _go(f"{self._base}/")
        state = self._review.state()
        show = request.query_params.get("show", "todo")
        show = show if show in SHOWS else "todo"
        rows = [row for row in state.queue if show == "all" or row.is_done == (show == "done")]
        last = max(1, -(-len(rows) // PER_PAGE))
        number = min(max(1, pages.whole(request.query_params.get("page"), 1)), last)
        shown = rows[(number - 1) * PER_PAGE : number * PER_PAGE]
        with self._review.ledger.reading() as reader:
            cards = [pages.card(row, case, desk) for row in shown if (case := find_case(reader, row.case_id))]
        return self._page(
            "gallery.html", desk=desk, here=self._desk_path(desk), state=state, cards=cards, show=show, shows=SHOWS,
            number=number, last=last, total=len(rows), formats=FORMATS, word=desk.take_word(),
        )  # fmt: skip

    def next(self, request: Request) -> Response:
        desk = self._desk(request)
        if desk is None:
            return _go(f"{self._base}/")
        queue, room = self._review.state().queue, self._review.room
        taken = room.held_by_others(desk) | desk.skipped
        after = request.query_params.get("after", "")
        while row := next_row(queue, taken, after=after):
            if room.hold(row.case_id, desk) is None:  # at once, not when the page comes: others ask in between
                return _go(f"{self._desk_path(desk)}case/{row.case_id}")
            taken.add(row.case_id)
        left = [row for row in queue if not row.is_done]
        skipped = sum(row.case_id in desk.skipped for row in left)
        rest = f" You skipped {skipped}." if skipped else ""
        rest += f" Somebody else looks at {len(left) - skipped}." if len(left) > skipped else ""
        desk.word = (
            f"{desk.word} {'Nothing is left for you.' if left else 'Everything is answered. Thank you.'}{rest}".strip()
        )
        return _go(self._desk_path(desk))

    def case(self, request: Request) -> Response:
        return self._case(request, request.path_params["case"])

    def answer(self, request: Request, form: dict[str, list[str]]) -> Response:
        desk, case_id = self._desk(request), request.path_params["case"]
        case = self._find(case_id)
        if desk is None or case is None:
            return _go(f"{self._base}/")
        here, choice = self._desk_path(desk), _one(form, "choice")
        name = pages.title_of(case)
        if choice == "skip":
            desk.skipped.add(case_id)
            desk.word = f"Skipped {name}."
            return _go(f"{here}next?after={case_id}")
        if choice not in ("accept", "reject"):
            return self._case(request, case_id, problem="Please choose: accept, reject or skip.", status=422)
        said = Said(
            who=desk.name,
            choice=choice,
            saw=_one(form, "saw"),
            codes=tuple(form.get("code", ())),
            note=_one(form, "note"),
        )
        try:
            desk.note(case_id, write_answer(self._review.ledger, case, said))
        except CaseChanged:
            return self._conflict(request, case_id, pages.conflict_words(self._find(case_id) or case, choice))
        except UsageError as error:
            return self._case(request, case_id, problem=str(error), status=422)
        desk.word = f"{'Accepted' if choice == 'accept' else 'Rejected'} {name}."
        return _go(f"{here}next?after={case_id}")

    def undo(self, request: Request, form: dict[str, list[str]]) -> Response:
        desk = self._desk(request)
        if desk is None:
            return _go(f"{self._base}/")
        if not desk.written:
            desk.word = "There is nothing to take back here."
            return _go(self._desk_path(desk))
        case_id, written = desk.written[-1]
        try:
            take_back(self._review.ledger, case_id, who=desk.name, answer=written)
            desk.forget(
                case_id, written
            )  # not before: where the ledger cannot be written, U must mean the same answer again
        except CaseChanged:
            desk.forget(case_id, written)
            words = (
                "Somebody decided on this picture after you, so your answer was not taken back. What they said stands."
            )
            return self._conflict(request, case_id, words)
        desk.word = "Taken back. Decide again."
        return _go(f"{self._desk_path(desk)}case/{case_id}")

    def hold(self, request: Request, form: dict[str, list[str]]) -> Response:
        from starlette.responses import Response

        desk = self._desk(request)
        if desk is not None:
            self._review.room.hold(request.path_params["case"], desk)
        return Response(status_code=204 if desk else 404)

    def picture(self, request: Request) -> Response:
        from starlette.responses import Response

        data = self._review.pictures.jpeg(request.path_params["case"], request.path_params["kind"])
        return Response(data, media_type="image/jpeg") if data else Response("No such picture.", 404)

    def labels(self, request: Request) -> Response:
        from starlette.responses import Response

        chosen = FORMATS.get(request.path_params["format"])
        if chosen is None:
            return Response("No such format.", 404)
        data = label_file(make_labels(self._review.ledger, self._review.rates), request.path_params["format"])
        headers = {"content-disposition": f'attachment; filename="{chosen.file_name}"'}
        return Response(data, media_type=chosen.media_type, headers=headers)

    def file(self, request: Request) -> Response:
        from starlette.responses import Response

        found = pages.static_file(request.path_params["name"])
        return Response(found[0], media_type=found[1]) if found else Response("No such file.", 404)

    def _case(self, request: Request, case_id: str, *, problem: str = "", status: int = 200) -> Response:
        desk, case = self._desk(request), self._find(case_id)
        if desk is None or case is None:
            return _go(f"{self._base}/")
        other = self._review.room.hold(case_id, desk)
        state = self._review.state()
        view = pages.case_view(case, self._review.pictures.kinds(case), state)
        return self._page(
            "case.html", status, desk=desk, here=self._desk_path(desk), state=state, view=view, case=case, other=other,
            problem=problem, word=desk.take_word(), can_undo=bool(desk.written),
        )  # fmt: skip

    def _conflict(self, request: Request, case_id: str, words: str) -> Response:
        return self._case(request, case_id, problem=words, status=409)

    def _find(self, case_id: str) -> Case | None:
        if len(case_id) != 64:
            return None
        with self._review.ledger.reading() as reader:
            return find_case(reader, case_id)

    def _desk(self, request: Request) -> Desk | None:
        return self._review.room.desk(request.path_params["desk"])

    def _desk_path(self, desk: Desk) -> str:
        return f"{self._base}/desk/{desk.id}/"

    def _page(self, name: str, status: int = 200, **values: Any) -> Response:
        from starlette.responses import HTMLResponse

        return HTMLResponse(pages.render(name, base=self._base, **values), status)


def _go(path: str) -> Response:
    from starlette.responses import RedirectResponse

    return RedirectResponse(quote(path, safe="/?=&-_"), 303)


def _one(form: dict[str, list[str]], name: str) -> str:
    return form.get(name, [""])[0]
