"""What Django answers when no view of ours does: problem details under /api/, a page elsewhere; and the pages that explain problem types."""

from __future__ import annotations

import sys

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views import csrf, defaults
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from core import errors
from core.errors import NexusError
from core.problems import problem_of, problem_response

_API = "/api/"
_BY_TYPE = {problem.type: problem for problem in errors.PROBLEMS}


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _problem(request, problem_of(exception)) or defaults.bad_request(request, exception)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _problem(request, errors.PermissionDenied()) or defaults.permission_denied(request, exception)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _problem(request, errors.NotFound()) or defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    """500, or 503 where it is the database that cannot be reached."""
    error = sys.exc_info()[1]
    problem = problem_of(error) if isinstance(error, Exception) else errors.InternalError()
    answer = _problem(request, problem)
    if answer is None:
        answer = defaults.server_error(request)
        answer.status_code = problem.status
    return answer


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    return _problem(request, errors.PermissionDenied("The CSRF token is missing or wrong.")) or csrf.csrf_failure(request, reason)


@csrf_exempt  # or an unknown path would answer POST with 403
def unknown_api_path(request: HttpRequest) -> HttpResponse:
    """404 for every path under /api/ that nothing else answers; also with DEBUG, when Django would show its own page."""
    return problem_response(errors.NotFound("There is nothing at this path."), request.path)


@csrf_exempt  # or it would answer POST with 403
@require_safe
def explain_problem(request: HttpRequest, problem_type: str) -> HttpResponse:
    """The page behind a problem's `type`: what it means and what to do."""
    problem = _BY_TYPE.get(problem_type)
    if problem is None:
        raise Http404
    return render(request, "core/problem.html", {"problem": problem, "meaning": problem.__doc__, "advice": _ADVICE[problem], "all": errors.PROBLEMS})


def _problem(request: HttpRequest, error: NexusError) -> HttpResponse | None:
    """The answer under /api/; None elsewhere, where people are answered with pages."""
    return problem_response(error, request.path) if request.path.startswith(_API) else None


_ADVICE: dict[type[NexusError], str] = {
    errors.MalformedBody: "Send one JSON object in UTF-8. The detail says where reading stopped.",
    errors.ValidationError: "Each entry of errors points at a place in the body you sent and says what is wrong there. Correct them and send it again.",
    errors.BadRequest: "Check the parameters of the URL and the tokens in it; the detail names the one that is not understood.",
    errors.NotAuthenticated: "Send an access token (Authorization: Bearer …). One lasts a quarter of an hour; /api/v1/auth/token/refresh gives a new one.",
    errors.PermissionDenied: "This is for others: the poll's owner, its voters, or those who have voted. With a session, send X-CSRFToken too.",
    errors.NotFound: "Check the address and the id. Paths have no slash at their end; drafts are seen by their owner only.",
    errors.MethodNotAllowed: "The header Allow lists the methods that this address knows.",
    errors.DuplicateVote: "One vote per voter counts, and yours is in. Where the poll lets votes be changed, use PUT on votes/mine.",
    errors.PollNotOpen: "Look at the poll's state, opens_at and closes_at. A draft has to be published first.",
    errors.PollHasVotes: "Once somebody has voted, only the title, the description, who sees results, the listing and a later closing time can change.",
    errors.PollClosed: "A closed poll stays closed; only who sees its results and whether it is listed can still change.",
    errors.PollHasNoCodes: "Make a poll whose voters are code.",
    errors.VoteNotChangeable: "The poll's owner decided that votes stay as they were cast.",
    errors.BodyTooLarge: "Send less: votes may have 512 KiB, everything else 1 MiB.",
    errors.UnsupportedMediaType: "Send the header Content-Type: application/json.",
    errors.IdempotencyKeyReused: "Make a new Idempotency-Key for every new request; use the same one only to send the very same request again.",
    errors.RateLimited: "Wait as many seconds as Retry-After says. RateLimit and RateLimit-Policy say how many requests there are in how much time.",
    errors.InternalError: "This is our fault, and it was written to our log. Trying again later may help.",
    errors.Unavailable: "Try again after the seconds in Retry-After. A vote sent with an Idempotency-Key can be sent again safely: it counts once.",
}
