"""The two views: cast a vote, read results."""

from __future__ import annotations

import uuid

from django.http import Http404
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from bench.peers.drf.polls.models import Choice
from bench.peers.drf.polls.serializers import BallotSerializer
from bench.peers.drf.polls.voters import COOKIE, HEADER, account_voter, anonymous_voter, voter_token
from bench.peers.drf.polls.voting import cast_vote, rules_of


class VotesView(APIView):
    """`POST`: 201 once the vote is durable."""

    def post(self, request: Request, poll_id: uuid.UUID) -> Response:
        rules = rules_of(poll_id)
        ballot = BallotSerializer(data=request.data)
        ballot.is_valid(raise_exception=True)
        question, choice = ballot.validated_data
        voter, new = (account_voter(request), False) if rules.voters == "account" else anonymous_voter(request)
        vote = cast_vote(poll_id=poll_id, rules=rules, voter=voter, question=question, choice=choice)
        body = {"id": vote.id, "poll": poll_id, "cast_at": vote.cast_at, "position": str(vote.id), "results": f"/api/v1/polls/{poll_id}/results"}
        response = Response(body, status=201)
        if new:
            token = voter_token(voter)
            response.headers[HEADER] = token
            response.set_cookie(COOKIE, token, max_age=400 * 24 * 3600, httponly=True, samesite="Lax")
        return response


class ResultsView(APIView):
    """`GET`: the counters of a poll."""

    authentication_classes = ()

    def get(self, request: Request, poll_id: uuid.UUID) -> Response:  # noqa: ARG002
        choices = list(Choice.objects.filter(question__poll_id=poll_id).select_related("question__poll"))
        if not choices:
            raise Http404
        question = choices[0].question
        ballots = sum(choice.votes for choice in choices)
        counted = [
            {"id": choice.id, "text": choice.text, "votes": choice.votes, "share": round(choice.votes / ballots, 4) if ballots else 0} for choice in choices
        ]
        return Response(
            {
                "poll": poll_id,
                "title": question.poll.title,
                "ballots": ballots,
                "questions": [{"id": question.id, "text": question.text, "ballots": ballots, "choices": counted}],
            }
        )


class HealthView(APIView):
    """`GET`: 200 when the process serves."""

    authentication_classes = ()

    def get(self, request: Request) -> Response:  # noqa: ARG002
        return Response({})
