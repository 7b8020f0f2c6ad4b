"""What all our REST framework views have in common."""

from __future__ import annotations

from typing import Any, cast

from django.conf import settings
from django.http import HttpRequest
from django.utils.cache import patch_vary_headers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from core.accounts.models import User
from core.errors import NotAuthenticated
from core.origins import check_origin, preflight_headers


class BodiedRequest(Request):
    """REST framework takes an empty or chunked body for none, and so for an empty object of any media type; this reads what is there."""

    def _load_stream(self) -> None:
        self._stream = self._request  # type: ignore[assignment]  # a request is read like a file


class _Headed:
    """A request's headers under the names that lean requests have."""

    def __init__(self, request: Request) -> None:
        self._request = request

    def header(self, name: bytes) -> str | None:
        value: str | None = self._request.headers.get(name.decode())
        return value


class ApiView(APIView):
    """The base of our views: one class per operation; `core/urls.py` joins those that share a path.

    So that they can be joined, they have no attributes of their own, only methods; who may do what is asked inside.
    """

    def initialize_request(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Request:  # noqa: ARG002
        return BodiedRequest(
            request,
            parsers=self.get_parsers(),
            authenticators=self.get_authenticators(),
            negotiator=self.get_content_negotiator(),
            parser_context=self.get_parser_context(request),
        )

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        """Also tells browsers of origins that CORS allows that their pages may read the answer; it is CSRF that keeps the others from acting."""
        answer = super().finalize_response(request, response, *args, **kwargs)
        if request.headers.get("Origin") in settings.CORS_ALLOWED_ORIGINS:
            headed = _Headed(request)
            for name, value in preflight_headers(headed, answer["Allow"]) if request.method == "OPTIONS" else check_origin(headed):
                if name == b"vary":
                    patch_vary_headers(answer, [value.decode()])
                else:
                    answer[name.decode()] = value.decode("latin-1")
        return answer

    def options(self, request: HttpRequest | Request, *args: Any, **kwargs: Any) -> Response:  # noqa: ARG002
        """204; `Allow` is added to every answer by REST framework."""
        return Response(status=204)


def signed_in(request: Request) -> User:
    """The user behind the request; raises `NotAuthenticated` when there is none."""
    if not isinstance(request.user, User):
        raise NotAuthenticated
    return request.user


def body_of(request: Request) -> dict[str, Any]:
    """The body, a JSON object; raises what `StrictJSONParser` does."""
    return cast("dict[str, Any]", request.data)
