"""`/account/sign-in`, `/account/register`, `/account/sign-out`: for polls in which every account has one vote."""

from __future__ import annotations

from asgiref.sync import sync_to_async
from django.contrib.auth import alogin, alogout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext, gettext_lazy
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from core.accounts.models import User
from core.accounts.registration import register_user
from core.accounts.serializers import Registration, SignIn
from core.accounts.sign_in import remember_network, sign_in
from core.errors import ValidationError
from core.limits import auth_limit
from pages.asking import Visitor, visitor_of
from pages.responses import page, see_other

_METHODS = ["GET", "HEAD", "POST"]
_NAMES = {"username": gettext_lazy("Username"), "email": gettext_lazy("E-mail address"), "password": gettext_lazy("Password")}


@page
@sensitive_post_parameters("password")
@require_http_methods(_METHODS)
async def enter(request: HttpRequest) -> HttpResponse:
    """Signs in, and goes on to where the visitor came from."""
    visitor = await visitor_of(request)
    if request.method != "POST":
        return _form(request, "pages/sign_in.html", visitor)
    address = visitor.credentials.address
    await auth_limit().take(address)
    given = SignIn(data=_sent(request, "username", "password"))
    user = None
    if given.is_valid():
        user = await sync_to_async(sign_in)(None, address=address, **given.validated_data)
    if user is None:
        return _form(request, "pages/sign_in.html", visitor, [gettext("The username or the password is wrong.")])
    return await _welcome(request, user)


@page
@sensitive_post_parameters("password")
@require_http_methods(_METHODS)
async def register(request: HttpRequest) -> HttpResponse:
    """Makes an account and signs in to it, with the same rules as the API's `auth/register`."""
    visitor = await visitor_of(request)
    if request.method != "POST":
        return _form(request, "pages/register.html", visitor)
    await auth_limit().take(visitor.credentials.address)
    given = Registration(data=_sent(request, "username", "email", "password"))
    if not given.is_valid():
        return _form(request, "pages/register.html", visitor, [f"{_NAMES[name]}: {text}" for name, texts in given.errors.items() for text in texts])
    try:
        user = await sync_to_async(register_user)(**given.validated_data)
    except ValidationError as refusal:
        return _form(request, "pages/register.html", visitor, [fault.detail for fault in refusal.errors])
    await sync_to_async(remember_network)(user.username, visitor.credentials.address)
    return await _welcome(request, user)


@page
@require_POST
async def leave(request: HttpRequest) -> HttpResponse:
    await alogout(request)
    return see_other(_onward(request))


async def _welcome(request: HttpRequest, user: User) -> HttpResponse:
    await alogin(request, user, backend="django.contrib.auth.backends.ModelBackend")
    return see_other(_onward(request))


def _sent(request: HttpRequest, *names: str) -> dict[str, str]:
    return {name: request.POST.get(name, "") for name in names}


def _onward(request: HttpRequest) -> str:
    """Where the visitor wanted to go: a path of ours, never another site."""
    wanted = request.POST.get("next") or request.GET.get("next") or ""
    return wanted if wanted.startswith("/") and url_has_allowed_host_and_scheme(wanted, allowed_hosts=None) else "/"


def _form(request: HttpRequest, template: str, visitor: Visitor, problems: list[str] | None = None) -> HttpResponse:
    context = {
        "user": visitor.user,
        "next": _onward(request),
        "username": request.POST.get("username", ""),
        "email": request.POST.get("email", ""),
        "problems": problems,
    }
    return render(request, template, context, status=400 if problems else 200)
