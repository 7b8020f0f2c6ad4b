"""The account endpoints: register, sign in, renew, sign out, who am I."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.contrib.auth import authenticate
from django.http import HttpRequest
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from core.accounts.models import User
from core.accounts.registration import register_user
from core.accounts.serializers import Me, Refresh, Registration, SignIn, TokenPairAnswer
from core.accounts.tokens import issue_pair, revoke, rotate
from core.api_view import ApiView, body_of, signed_in
from core.clients import client_address
from core.errors import NotAuthenticated
from core.limits import auth_limit
from core.shapes import BEARER, problems

NOBODY: list[Any] = [{}]


class LimitedApi(ApiView):
    """Counts every request but OPTIONS against `AUTH_RATE_LIMIT`, and says in the answer how many are left."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if request.method == "POST":
            self.headers.update(auth_limit().take_now(address_of(request._request)))  # noqa: SLF001  (DRF's only way to the request below)


class RegisterApi(LimitedApi):
    @extend_schema(operation_id="register", tags=["accounts"], auth=NOBODY, request=Registration, responses={201: Me, **problems(400, 401, 413, 415, 429)})
    def post(self, request: Request) -> Response:
        """Makes an account. A username can be had once; whether an e-mail address is known is not told."""
        body = _checked(Registration, request)
        user = register_user(username=body["username"], email=body["email"], password=body["password"])
        return Response(_me(user), status=201, headers=_NO_STORE)


class TokenApi(LimitedApi):
    @extend_schema(
        operation_id="obtain_tokens", tags=["accounts"], auth=NOBODY, request=SignIn, responses={200: TokenPairAnswer, **problems(400, 401, 413, 415, 429)}
    )
    def post(self, request: Request) -> Response:
        """A pair of tokens for a username and its password."""
        body = _checked(SignIn, request)
        user = authenticate(request._request, username=User.normalize_username(body["username"]), password=body["password"])  # noqa: SLF001
        if not isinstance(user, User):
            raise NotAuthenticated("The username or the password is wrong.")
        return Response(asdict(issue_pair(user)), headers=_NO_STORE)


class TokenRefreshApi(ApiView):
    @extend_schema(
        operation_id="refresh_tokens", tags=["accounts"], auth=NOBODY, request=Refresh, responses={200: TokenPairAnswer, **problems(400, 401, 413, 415)}
    )
    def post(self, request: Request) -> Response:
        """A new pair of tokens; the refresh token that was sent works no more."""
        return Response(asdict(rotate(_checked(Refresh, request)["refresh"])), headers=_NO_STORE)


class LogoutApi(ApiView):
    @extend_schema(
        operation_id="logout",
        tags=["accounts"],
        auth=NOBODY,
        request=Refresh,
        responses={
            204: OpenApiResponse(description="The refresh token is dead. Access tokens live on for their quarter of an hour."),
            **problems(400, 401, 413, 415),
        },
    )
    def post(self, request: Request) -> Response:
        """Makes a refresh token dead."""
        revoke(_checked(Refresh, request)["refresh"])
        return Response(status=204)


class MeApi(ApiView):
    @extend_schema(operation_id="who_am_i", tags=["accounts"], auth=BEARER, responses={200: Me, **problems(401)})
    def get(self, request: Request) -> Response:
        """The account behind the credentials."""
        return Response(_me(signed_in(request)), headers=_NO_STORE)


_NO_STORE = {"Cache-Control": "no-store"}


def _checked(shape: type[Registration | SignIn | Refresh], request: Request) -> dict[str, Any]:
    serializer = shape(data=body_of(request))
    serializer.is_valid(raise_exception=True)
    checked: dict[str, Any] = serializer.validated_data
    return checked


def _me(user: User) -> dict[str, Any]:
    return {"id": str(user.pk), "username": user.username, "email": user.email, "roles": ["user", "staff"] if user.is_staff else ["user"]}


def address_of(request: HttpRequest) -> str:
    """The client's address, through trusted proxies only; under WSGI (Django's test client) from what stands for the ASGI scope there."""
    scope = getattr(request, "scope", None)
    if scope is None:
        forwarded = request.META.get("HTTP_X_FORWARDED_FOR")
        headers = [] if forwarded is None else [(b"x-forwarded-for", forwarded.encode("latin-1"))]
        scope = {"client": (request.META.get("REMOTE_ADDR", ""), 0), "headers": headers}
    return client_address(scope)
