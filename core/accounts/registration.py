"""Makes an account."""

from __future__ import annotations

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db import IntegrityError, transaction

from core.accounts.models import User
from core.errors import FieldError, ValidationError


def register_user(*, username: str, email: str, password: str) -> User:
    """A new user. Several may have one e-mail address, so that nobody learns from this whether an address is known.

    Raises `ValidationError` when the username is taken (also by somebody who was faster) or the password is too weak.
    """
    user = User(username=User.normalize_username(username), email=User.objects.normalize_email(email))
    faults = []
    if User.objects.filter(username=user.username).exists():
        faults.append(_TAKEN)
    try:
        validate_password(password, user)
    except DjangoValidationError as error:
        faults += [FieldError("#/password", " ".join(fault.messages), (fault.code or "weak").replace("_", "-")) for fault in error.error_list]
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
