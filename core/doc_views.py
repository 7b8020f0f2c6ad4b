"""The OpenAPI document and its two reading rooms, with assets from here; the browser is told to load nothing from another host."""

from __future__ import annotations

import secrets
from functools import cache
from pathlib import Path
from typing import Any, cast

from django.contrib.staticfiles import finders
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView, SpectacularRedocView, SpectacularSwaggerSplitView
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

_LOGO_ELSEWHERE = b"https://cdn.redoc.ly/redoc/logo-mini.svg"
# ReDoc writes style elements, which get in by a nonce; it searches in a worker.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; img-src 'self' data:; font-src 'self' data:; "
    "connect-src 'self'; worker-src blob:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class _SaysWhatItAllows(APIView):
    def options(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:  # type: ignore[override]  # noqa: ARG002
        return HttpResponse(status=204, headers={"Allow": ", ".join(self.allowed_methods)})


class _OnlyFromHere(_SaysWhatItAllows):
    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        answer = super().finalize_response(request, response, *args, **kwargs)
        nonce = secrets.token_urlsafe(16)
        answer["Content-Security-Policy"] = _POLICY.format(nonce=nonce)
        answer["Cross-Origin-Resource-Policy"] = "same-origin"  # Swagger's script holds a CSRF token
        answer["Cache-Control"] = "private, no-store"
        given = getattr(answer, "data", None)  # to its template, where it has one
        if isinstance(given, dict):
            given["nonce"] = nonce
        return answer


class SchemaView(_SaysWhatItAllows, SpectacularAPIView):
    """The document: YAML, or JSON with `?format=json`; other parameters count for nothing."""

    @extend_schema(exclude=True)
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:  # noqa: ARG002
        return cast("Response", self._get_schema_response(request))  # type: ignore[no-untyped-call]

    def _get_version_parameter(self, request: Request) -> None:  # noqa: ARG002
        return None


class DocsView(_OnlyFromHere, SpectacularSwaggerSplitView):
    """Swagger UI; its script comes from the same path with `?script=`."""

    url_name = "schema"
    template_name = "core/swagger.html"


class RedocView(_OnlyFromHere, SpectacularRedocView):
    """ReDoc, without the fonts and the logo that its usual page fetches."""

    url_name = "schema"
    template_name = "core/redoc.html"

    @staticmethod
    def _redoc_standalone() -> str:
        return reverse("redoc-script")


@require_safe
def redoc_script(request: HttpRequest) -> HttpResponse:  # noqa: ARG001
    """ReDoc's script as its package has it, but for the address of a logo elsewhere: browsers would ask for it, and say that our policy forbids it."""
    return HttpResponse(_redoc_script(), content_type="text/javascript; charset=utf-8", headers={"Cache-Control": "public, max-age=3600"})


@cache
def _redoc_script() -> bytes:
    path = finders.find("drf_spectacular_sidecar/redoc/bundles/redoc.standalone.js")
    return Path(str(path)).read_bytes().replace(_LOGO_ELSEWHERE, b"data:,")
