"""The password endpoints: change it, forget it, choose a new one."""

from __future__ import annotations

from dataclasses import asdict
from uuid import UUID

from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from core.accounts.apis import NO_STORE, NOBODY, LimitedApi, NobodysApi, checked
from core.accounts.passwords import change_password, reset_password
from core.accounts.reset_mail import request_reset
from core.accounts.serializers import PasswordChange, PasswordReset, PasswordResetConfirmation, TokenPairAnswer
from core.accounts.sign_in import remember_network
from core.accounts.tokens import issue_pair
from core.api_view import signed_in
from core.clients import address_of
from core.errors import BadRequest
from core.shapes import BEARER, problems


class ChangePasswordApi(LimitedApi):
    @extend_schema(
        operation_id="change_password",
        tags=["accounts"],
        auth=BEARER,
        request=PasswordChange,
        responses={200: TokenPairAnswer, **problems(400, 401, 403, 413, 415, 429)},
    )
    def post(self, request: Request) -> Response:
        """Changes the password. All tokens and sessions of the account are void from then on; the answer is a new pair for who changed it."""
        user = signed_in(request)
        body = checked(PasswordChange, request)
        changed = change_password(user=user, old=body["old_password"], new=body["new_password"])
        remember_network(changed.username, address_of(request))
        return Response(asdict(issue_pair(changed)), headers=NO_STORE)


class ResetPasswordApi(LimitedApi, NobodysApi):
    @extend_schema(
        operation_id="reset_password",
        tags=["accounts"],
        auth=NOBODY,
        request=PasswordReset,
        responses={202: OpenApiResponse(description="If accounts have this address, each gets a link by e-mail."), **problems(400, 401, 413, 415, 429)},
    )
    def post(self, request: Request) -> Response:
        """Mails a link to choose a new password; it works once, for an hour. Whether the address is known is not told."""
        request_reset(checked(PasswordReset, request)["email"])
        return Response(status=202, headers=NO_STORE)


class ConfirmResetApi(LimitedApi, NobodysApi):
    @extend_schema(
        operation_id="confirm_password_reset",
        tags=["accounts"],
        auth=NOBODY,
        request=PasswordResetConfirmation,
        responses={204: OpenApiResponse(description="The password is changed; sign in with it."), **problems(400, 401, 413, 415, 429)},
    )
    def post(self, request: Request) -> Response:
        """Sets a new password with what the mailed link `/account/reset/{uid}/{token}` carries. All tokens and sessions of the account are void then."""
        body = checked(PasswordResetConfirmation, request)
        user = reset_password(uid=_uid(body["uid"]), token=body["token"], new=body["new_password"])
        remember_network(user.username, address_of(request))
        return Response(status=204, headers=NO_STORE)


def _uid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise BadRequest("This link does not work. Ask for a new one.") from error
