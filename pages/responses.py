"""What every page's answer carries: who may keep it, what it may load, and a readable page when it cannot be shown."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any

from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import render

from core.answer_headers import OWN_THINGS_ONLY, PAGE_POLICY
from core.errors import MethodNotAllowed, NexusError, NotFound
from core.problems import problem_of

View = Callable[..., Coroutine[Any, Any, HttpResponse]]

EMBEDDABLE_POLICY = f"{OWN_THINGS_ONLY}; frame-ancestors *"


def page(view: View) -> View:
    """Marks an async view as a page for people.

    Its answers are kept by no cache, because they hold CSRF tokens, keys or what only this visitor may see. A refusal of the domain, or a database
    that is away, becomes a page with its status.
    """
    return _guarded(view, PAGE_POLICY)


def embeddable_page(view: View) -> View:
    """As `page`, for the one page that others may show in a frame."""
    guarded = _guarded(view, EMBEDDABLE_POLICY)

    @wraps(view)
    async def exempt(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        response = await guarded(request, *args, **kwargs)
        response.xframe_options_exempt = True  # how Django is told
        return response

    return exempt


def _guarded(view: View, policy: str) -> View:
    @wraps(view)
    async def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            response = await view(request, *args, **kwargs)
            if isinstance(response, HttpResponseNotAllowed):
                raise MethodNotAllowed(headers={"Allow": response.headers["Allow"]})
        except NotFound as gone:
            raise Http404 from gone
        except (NexusError, OperationalError, InterfaceError) as error:
            problem = problem_of(error)
            response = render(request, "pages/refused.html", {"user": None, "problem": problem}, status=problem.status)
            add_refusal_headers(response, problem)
        response.headers["Content-Security-Policy"] = policy
        response.headers["Cache-Control"] = "private, no-store"
        return response

    return guarded


def add_refusal_headers(response: HttpResponse, refusal: NexusError) -> None:
    """The headers that belong to a refusal, such as `Retry-After`, in whole seconds."""
    for name, value in refusal.headers.items():
        response.headers[name] = value
    if refusal.retry_after is not None:
        response.headers["Retry-After"] = str(max(1, round(refusal.retry_after)))


def see_other(url: str) -> HttpResponse:
    """303: what was sent is done, look there; reloading that does not send it again."""
    return HttpResponse(status=303, headers={"Location": url})
