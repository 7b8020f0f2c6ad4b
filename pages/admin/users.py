"""Accounts in the admin: who may do what; taking rights away takes effect at once, deleting an account closes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth.admin import UserAdmin
from django.http import HttpRequest

from core.accounts.closing import close_account
from core.accounts.models import User

if TYPE_CHECKING:
    _UserAdmin = UserAdmin[User]
else:
    _UserAdmin = UserAdmin

_RIGHTS = ("is_staff", "is_superuser", "groups", "user_permissions")
_IN_TOKENS = {"is_active", "is_staff"}


class AccountAdmin(_UserAdmin):
    """Rights are given by superusers only, and superusers are changed by their like only: else whoever may edit accounts could become one."""

    list_display = ("username", "email", "is_active", "is_staff", "is_superuser", "date_joined")
    list_filter = ("is_active", "is_staff", "is_superuser", "groups")
    ordering = ("-date_joined",)
    readonly_fields = ("last_login", "date_joined")
    show_full_result_count = False

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str] | tuple[str, ...]:  # noqa: ARG002  (Django's signature)
        return (*self.readonly_fields, *(() if _is_superuser(request) else _RIGHTS))

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_change_permission(request, obj) and _may_touch(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return super().has_delete_permission(request, obj) and _may_touch(request, obj)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:  # noqa: FBT001  (Django's signature)
        if change and _IN_TOKENS & set(form.changed_data):
            obj.void_tokens()
        super().save_model(request, obj, form, change)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:  # noqa: ARG002  (Django's signature)
        close_account(obj)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> tuple[list[str], dict[str, int], set[str], list[str]]:  # noqa: ARG002
        """What confirming does, in words: no row goes away, so nothing protects any."""
        told = [f"{user}: name, e-mail address and password are wiped; polls stay, under a name that says nothing; votes stay counted" for user in objs]
        return told, {"accounts": len(told)}, set(), []


def _is_superuser(request: HttpRequest) -> bool:
    return isinstance(request.user, User) and request.user.is_superuser


def _may_touch(request: HttpRequest, user: User | None) -> bool:
    return user is None or not user.is_superuser or _is_superuser(request)
