"""Makes an account."""

from __future__ import annotations

from django.db import IntegrityError, transaction

from core.accounts.models import User
from core.accounts.passwords import password_faults
from core.errors import FieldError, ValidationError


def register_user(*, username: str, email: str, password: str) -> User:
    """A new user. Several may have one e-mail address, so that nobody learns from this whether an address is known.

    Raises `ValidationError` when the username is taken, in whatever case because people would take one for the other, or the password is too weak.
    """
    user = User(username=User.normalize_username(username), email=User.objects.normalize_email(email))
    faults = []
    if User.objects.filter(username__iexact=user.username).exists():
        faults.append(_TAKEN)
    faults += password_faults(password, user, "#/password")
    if faults:
        raise ValidationError(faults[0].detail, errors=tuple(faults))
    user.set_password(password)
    try:
        with transaction.atomic():
            user.save(force_insert=True)
    except IntegrityError as error:
        raise ValidationError(_TAKEN.detail, errors=(_TAKEN,)) from error
    return user


_TAKEN = FieldError("#/username", "This username is taken.", "taken")
