"""Bodies and answers of the account endpoints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth.validators import UnicodeUsernameValidator
from rest_framework import serializers

if TYPE_CHECKING:
    _Shape = serializers.Serializer[Any]
else:
    _Shape = serializers.Serializer

PASSWORD_LIMIT = 1024  # characters; hashing more would only cost time


class _Strict:
    """REST framework takes a number for its digits; a name or a password is a text."""

    def to_internal_value(self, data: object) -> Any:
        if not isinstance(data, str):
            raise serializers.ValidationError("This must be a text.", code="invalid")
        return super().to_internal_value(data)  # type: ignore[misc]  # the field's, beside which this stands


class _Text(_Strict, serializers.CharField):
    """A text."""


class _Email(_Strict, serializers.EmailField):
    """An e-mail address."""


class Registration(_Shape):
    username = _Text(max_length=150, validators=[UnicodeUsernameValidator()])
    email = _Email(max_length=254)
    password = _Text(max_length=PASSWORD_LIMIT, trim_whitespace=False)


class SignIn(_Shape):
    username = _Text(max_length=150)
    password = _Text(max_length=PASSWORD_LIMIT, trim_whitespace=False)


class Refresh(_Shape):
    refresh = _Text(max_length=4096)


class PasswordChange(_Shape):
    old_password = _Text(max_length=PASSWORD_LIMIT, trim_whitespace=False)
    new_password = _Text(max_length=PASSWORD_LIMIT, trim_whitespace=False)


class PasswordReset(_Shape):
    email = _Email(max_length=254)


class PasswordResetConfirmation(_Shape):
    uid = _Text(max_length=100, help_text="from the mailed link")
    token = _Text(max_length=100, help_text="likewise")
    new_password = _Text(max_length=PASSWORD_LIMIT, trim_whitespace=False)


class TokenPairAnswer(_Shape):
    access = serializers.CharField()
    refresh = serializers.CharField()


class Me(_Shape):
    id = serializers.UUIDField()
    username = serializers.CharField()
    email = serializers.EmailField(allow_blank=True)
    roles = serializers.ListField(child=serializers.ChoiceField(("user", "staff")))
