"""How REST framework reads bodies and picks an answer's form: strict JSON in, JSON out, whatever `Accept` says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import IO, Any

from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request

from core.errors import BodyTooLarge
from core.json_bodies import read_json_object

BODY_LIMIT = 1024 * 1024  # bytes


class StrictJSONParser(BaseParser):
    """A JSON object of at most 1 MiB in UTF-8; raises our own errors for anything else."""

    media_type = "application/json"

    def parse(self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None) -> dict[str, Any]:  # noqa: ARG002
        body = stream.read(BODY_LIMIT + 1)
        if len(body) > BODY_LIMIT:
            raise BodyTooLarge(f"The body may have {BODY_LIMIT} bytes at most.")
        return read_json_object(body)


class IgnoreAccept(BaseContentNegotiation):
    """The first renderer answers; `?format=` picks another where a view has several. No parser for a media type: REST framework refuses it (415)."""

    def select_parser(self, request: Request, parsers: Iterable[BaseParser]) -> BaseParser | None:
        media_type = request.content_type.split(";", 1)[0].strip().lower()
        return next((parser for parser in parsers if parser.media_type == media_type), None)

    def select_renderer(self, request: Request, renderers: Iterable[BaseRenderer], format_suffix: str | None = None) -> tuple[BaseRenderer, str]:  # noqa: ARG002
        known = list(renderers)
        wanted = request.query_params.get("format")
        chosen = next((renderer for renderer in known if renderer.format == wanted), known[0])
        return chosen, chosen.media_type
