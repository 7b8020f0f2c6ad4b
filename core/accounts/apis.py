"""The account endpoints: register, sign in, renew, sign out, who am I, the end. Passwords have theirs in `password_apis.py`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request
from rest_framework.response import Response

from core.accounts.authentication import BearerAuthentication
from core.accounts.closing import close_account
from core.accounts.models import User
from core.accounts.registration import register_user
from core.accounts.serializers import (
    Me,
    PasswordChange,
    PasswordReset,
    PasswordResetConfirmation,
    Refresh,
    Registration,
    SignIn,
    TokenPairAnswer,
)
from core.accounts.sign_in import remember_network, sign_in
from core.accounts.tokens import issue_pair, revoke, rotate
from core.api_view import ApiView, body_of, signed_in
from core.clients import address_of
from core.errors import NotAuthenticated
from core.limits import auth_limit
from core.shapes import BEARER, problems

NOBODY: list[Any] = [{}]
NO_STORE = {"Cache-Control": "no-store"}
_Body = Registration | SignIn | Refresh | PasswordChange | PasswordReset | PasswordResetConfirmation


class NobodysApi(ApiView):
    """For whoever is not signed in: a session says nothing here and asks for no CSRF token; a bad Bearer token is refused as everywhere."""

    def get_authenticators(self) -> list[BaseAuthentication]:
        return [BearerAuthentication()]


class LimitedApi(ApiView):
    """Counts every request but OPTIONS against `AUTH_RATE_LIMIT`, and says in the answer how many are left."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if request.method == "POST":
            self.headers.update(auth_limit().take_now(address_of(request)))

    def finalize_response(self, request: Request, response: Response, *args: Any, **kwargs: Any) -> Response:
        """A refusal by a tighter limit speaks of that one."""
        self.headers = {name: value for name, value in self.headers.items() if not response.has_header(name)}
        return super().finalize_response(request, response, *args, **kwargs)


class RegisterApi(LimitedApi, NobodysApi):
    @extend_schema(operation_id="register", tags=["accounts"], auth=NOBODY, request=Registration, responses={201: Me, **problems(400, 401, 413, 415, 429)})
    def post(self, request: Request) -> Response:
        """Makes an account. A username can be had once; whether an e-mail address is known is not told."""
        body = checked(Registration, request)
        user = register_user(username=body["username"], email=body["email"], password=body["password"])
        remember_network(user.username, address_of(request))
        return Response(_me(user), status=201, headers=NO_STORE)


class TokenApi(LimitedApi, NobodysApi):
    @extend_schema(
        operation_id="obtain_tokens", tags=["accounts"], auth=NOBODY, request=SignIn, responses={200: TokenPairAnswer, **problems(400, 401, 413, 415, 429)}
    )
    def post(self, request: Request) -> Response:
        """A pair of tokens for a username and its password."""
        body = checked(SignIn, request)
        user = sign_in(None, username=body["username"], password=body["password"], address=address_of(request))
        if user is None:
            raise NotAuthenticated("The username or the password is wrong.")
        return Response(asdict(issue_pair(user)), headers=NO_STORE)


class TokenRefreshApi(NobodysApi):
    @extend_schema(
        operation_id="refresh_tokens", tags=["accounts"], auth=NOBODY, request=Refresh, responses={200: TokenPairAnswer, **problems(400, 401, 413, 415)}
    )
    def post(self, request: Request) -> Response:
        """A new pair of tokens; the refresh token that was sent works no more."""
        return Response(asdict(rotate(checked(Refresh, request)["refresh"])), headers=NO_STORE)


class LogoutApi(NobodysApi):
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
        revoke(checked(Refresh, request)["refresh"])
        return Response(status=204, headers=NO_STORE)


class MeApi(ApiView):
    @extend_schema(operation_id="who_am_i", tags=["accounts"], auth=BEARER, responses={200: Me, **problems(401)})
    def get(self, request: Request) -> Response:
        """The account behind the credentials."""
        return Response(_me(signed_in(request)), headers=NO_STORE)

    @extend_schema(
        operation_id="close_account",
        tags=["accounts"],
        auth=BEARER,
        responses={204: OpenApiResponse(description="The account is gone; its tokens are void."), **problems(401, 403)},
    )
    def delete(self, request: Request) -> Response:
        """Ends the account for good: name, address and password are wiped. Its polls stay, under a name that says nothing; votes stay counted."""
        close_account(signed_in(request))
        return Response(status=204, headers=NO_STORE)


def checked(shape: type[_Body], request: Request) -> dict[str, Any]:
    """The body as `shape` has it; raises what REST framework's validation does."""
    serializer = shape(data=body_of(request))
    serializer.is_valid(raise_exception=True)
    body: dict[str, Any] = serializer.validated_data
    return body


def _me(user: User) -> dict[str, Any]:
    return {"id": str(user.pk), "username": user.username, "email": user.email, "roles": ["user", "staff"] if user.is_staff else ["user"]}
