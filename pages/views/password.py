"""`/account/reset`: ask for a link by e-mail, and choose a new password with it."""

from __future__ import annotations

from uuid import UUID

from asgiref.sync import sync_to_async
from django.core.exceptions import ValidationError as DjangoValidationError
from django.core.validators import validate_email
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods

from core.accounts.passwords import reset_password, user_behind_link
from core.accounts.reset_mail import request_reset
from core.accounts.serializers import PASSWORD_LIMIT
from core.accounts.sign_in import remember_network
from core.errors import BadRequest, ValidationError
from core.limits import auth_limit
from pages.asking import Visitor, visitor_of
from pages.responses import page

_METHODS = ["GET", "HEAD", "POST"]


@page
@require_http_methods(_METHODS)
async def ask_for_link(request: HttpRequest) -> HttpResponse:
    visitor = await visitor_of(request)
    email, problem = request.POST.get("email", "").strip(), ""
    if request.method == "POST":
        await auth_limit().take(visitor.credentials.address)
        try:
            validate_email(email)
        except DjangoValidationError:
            problem = gettext("Please write an e-mail address, such as name@example.org.")
        else:
            request_reset(email)
            return render(request, "pages/password_sent.html", {"user": visitor.user, "email": email})
    return render(request, "pages/password_forgotten.html", {"user": visitor.user, "email": email, "problem": problem}, status=400 if problem else 200)


@page
@require_http_methods(_METHODS)
async def choose_password(request: HttpRequest, uid: UUID, token: str) -> HttpResponse:
    visitor = await visitor_of(request)
    try:
        if request.method != "POST":
            holder = await sync_to_async(user_behind_link)(uid, token)
            return render(request, "pages/password_choose.html", {"user": visitor.user, "username": holder.username})
        return await _choose(request, visitor, uid, token)
    except BadRequest as dead:
        return render(request, "pages/password_link_dead.html", {"user": visitor.user, "problem": dead}, status=dead.status)


async def _choose(request: HttpRequest, visitor: Visitor, uid: UUID, token: str) -> HttpResponse:
    await auth_limit().take(visitor.credentials.address)
    holder = await sync_to_async(user_behind_link)(uid, token)
    new, again = request.POST.get("new_password", ""), request.POST.get("again", "")
    if new != again:
        problems = [gettext("The two are not the same.")]
    elif "\0" in new or len(new) > PASSWORD_LIMIT:
        problems = [gettext("This cannot be a password.")]
    else:
        try:
            await sync_to_async(reset_password)(uid=uid, token=token, new=new)
        except ValidationError as weak:
            problems = [fault.detail for fault in weak.errors]
        else:
            await sync_to_async(remember_network)(holder.username, visitor.credentials.address)
            return render(request, "pages/password_changed.html", {"user": None, "username": holder.username})
    return render(request, "pages/password_choose.html", {"user": visitor.user, "username": holder.username, "problems": problems}, status=400)
