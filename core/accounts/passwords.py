"""Changes passwords: by who knows the old one, or holds the link that was mailed. Either makes all tokens and sessions of the account void."""

from __future__ import annotations

from uuid import UUID

from django.contrib.auth.hashers import make_password
from django.contrib.auth.password_validation import validate_password
from django.contrib.auth.tokens import default_token_generator
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db.models import F
from django.db.models.functions import Now

from core.accounts.models import User
from core.accounts.revocations import revocations
from core.errors import BadRequest, FieldError, ValidationError


def change_password(*, user: User, old: str, new: str) -> User:
    """The user with the new password. Raises `ValidationError` when the old one is wrong or the new one too weak."""
    if not user.check_password(old):
        raise ValidationError.at("#/old_password", "This is not the password.", "wrong-password")
    _refuse_weak(new, user)
    if not _replace_password(user, new):
        raise ValidationError.at("#/old_password", "The password was changed meanwhile.", "wrong-password")
    return User.objects.get(pk=user.pk)


def user_behind_link(uid: UUID, token: str) -> User:
    """Whose password a mailed link may reset: it works for an hour, and once. Raises `BadRequest` for any other."""
    user = User.objects.filter(pk=uid, is_active=True).first()
    if user is None or not default_token_generator.check_token(user, token):
        raise BadRequest("This link does not work, or not any more. Ask for a new one.")
    return user


def reset_password(*, uid: UUID, token: str, new: str) -> User:
    """The user with the new password. Raises `BadRequest` as `user_behind_link`, `ValidationError` when it is too weak."""
    user = user_behind_link(uid, token)
    _refuse_weak(new, user)
    if not _replace_password(user, new):
        raise BadRequest("This link was used already. Ask for a new one.")
    return user


def password_faults(password: str, user: User, pointer: str) -> list[FieldError]:
    """What speaks against this password, by `AUTH_PASSWORD_VALIDATORS`."""
    try:
        validate_password(password, user)
    except DjangoValidationError as error:
        return [FieldError(pointer, " ".join(fault.messages), (fault.code or "weak").replace("_", "-")) for fault in error.error_list]
    return []


def _refuse_weak(password: str, user: User) -> None:
    faults = password_faults(password, user, "#/new_password")
    if faults:
        raise ValidationError(faults[0].detail, errors=tuple(faults))


def _replace_password(user: User, new: str) -> bool:
    """Whether the password was still the one that `user` was loaded with.

    One short statement after the hashing decides: a lock held while hashing would hold up the log's horizon, and with it everybody's results.
    """
    unchanged = User.objects.filter(pk=user.pk, password=user.password, is_active=True)
    done = unchanged.update(password=make_password(new), token_generation=F("token_generation") + 1, tokens_revoked_at=Now()) == 1
    if done:
        revocations().note(user.pk, user.token_generation)
    return done
