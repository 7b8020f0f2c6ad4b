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


class Registration(_Shape):
    username = serializers.CharField(max_length=150, validators=[UnicodeUsernameValidator()])
    email = serializers.EmailField(max_length=254)
    password = serializers.CharField(max_length=PASSWORD_LIMIT, trim_whitespace=False)


class SignIn(_Shape):
    username = serializers.CharField(max_length=150)
    password = serializers.CharField(max_length=PASSWORD_LIMIT, trim_whitespace=False)


class Refresh(_Shape):
    refresh = serializers.CharField(max_length=4096)


class TokenPairAnswer(_Shape):
    access = serializers.CharField()
    refresh = serializers.CharField()


class Me(_Shape):
    id = serializers.UUIDField()
    username = serializers.CharField()
    email = serializers.EmailField(allow_blank=True)
    roles = serializers.ListField(child=serializers.ChoiceField(("user", "staff")))
