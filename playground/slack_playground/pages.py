"""What a browser is served: the page, where it was built, and the files of the workspace."""

import re
from pathlib import Path
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from slack_playground.slack import Slack

PAGE = Path(__file__).parent / "page"
"""Where `make page` puts the page."""

FRONT = """\
The page of this Slack-like server is not built: `make page` builds it, and then this address shows it.

Until then, type in the terminal that runs `make demo`. The bot talks to /api, people act through /control.
"""

GUARD = {
    "Content-Security-Policy": (
        "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; "
        "base-uri 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
"""What bots post may hold anything: the page runs its own scripts alone, loads nothing from elsewhere and stands in no
other page."""


MESSAGE_OF_LINK = re.compile(r"p(\d{1,16})(\d{6})")
"""A message in a link to it: its ts without the dot."""


class Assets(StaticFiles):
    """The page's own scripts and styles, guarded."""

    async def get_response(self, path: str, scope: object) -> Response:
        response = await super().get_response(path, scope)  # type: ignore[arg-type]  # starlette's own mapping
        response.headers.update(GUARD)
        return response


class Pages:
    """The routes of a browser.

    Args:
        page: the folder of the built page.
    """

    def __init__(self, slack: Slack, page: Path) -> None:
        self._slack = slack
        self._page = page

    def routes(self) -> list[Route | Mount]:
        return [
            Route("/", self._front),
            Route("/archives/{channel}", self._jump),
            Route("/archives/{channel}/{message}", self._jump),
            Mount("/page", Assets(directory=self._page, check_dir=False)),
            Route("/files/{file}", self._file),
        ]

    async def _front(self, _: Request) -> Response:
        index = self._page / "index.html"
        if not index.exists():
            return PlainTextResponse(FRONT, headers=GUARD)
        return FileResponse(index, headers=GUARD | {"Cache-Control": "no-cache"})

    async def _jump(self, request: Request) -> Response:
        """Follow a link to a channel or a message, as `chat.getPermalink` gives it, to its place on the page."""
        message = MESSAGE_OF_LINK.fullmatch(request.path_params.get("message", ""))
        ts = f"/{message[1]}.{message[2]}" if message else ""
        return RedirectResponse(f"/#/{quote(request.path_params['channel'], safe='')}{ts}", headers=GUARD)

    async def _file(self, request: Request) -> Response:
        """A file that was shared: a picture as one, everything else as text that no browser takes for a page."""
        file = self._slack.workspace.files.get(request.path_params["file"])
        if file is None or not file.shared:
            return PlainTextResponse("not found", status_code=404, headers=GUARD)
        return Response(file.content, media_type=file.mimetype, headers=GUARD)
