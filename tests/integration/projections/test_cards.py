"""Cards are copies of polls; results in Redis follow them."""

from __future__ import annotations

from django.db import transaction

from commands.facts import facts_of
from commands.handlers import close_poll, delete_poll, edit_poll
from core.events import PollSaved
from core.redis import sync_redis
from projections.cards import facts_on, keep_card
from projections.models import ChoiceTally, PollCard, PollProjection, PollTally, QuestionTally, TallyGeneration
from projections.results_store import results_key
from tests.factories import make_poll


def test_a_card_says_all_that_the_facts_say(committed_db: None) -> None:
    poll = make_poll(questions=[{"choices": 3, "kind": "multiple", "max_choices": 2}, {}])
    assert facts_on(PollCard.objects.get(poll_id=poll.pk)) == facts_of(poll)
    closed = close_poll(poll_id=poll.pk, actor=poll.owner)
    assert facts_on(PollCard.objects.get(poll_id=poll.pk)) == closed


def test_a_second_card_for_the_same_facts_raises_the_version_and_nothing_else(committed_db: None) -> None:
    poll = make_poll()
    PollTally.objects.update(ballots=7)
    ChoiceTally.objects.update(votes=7)
    PollCard.objects.update(final=True)
    with transaction.atomic():
        keep_card(PollSaved(poll=facts_of(poll)))
    assert PollProjection.objects.get(poll_id=poll.pk).version == 2
    assert PollTally.objects.get().ballots == 7
    assert set(ChoiceTally.objects.values_list("votes", flat=True)) == {7}
    assert PollCard.objects.get().final


def test_new_questions_have_tallies_in_every_generation_and_old_ones_none(committed_db: None) -> None:
    poll = make_poll()
    TallyGeneration.objects.create(poll_id=poll.pk, generation=2, boundary=5)
    facts = edit_poll(poll_id=poll.pk, actor=poll.owner, body={"questions": [{"text": "Q", "choices": [{"text": "A"}, {"text": "B"}, {"text": "C"}]}]})
    expected = {(generation, choice.id) for generation in (1, 2) for choice in facts.questions[0].choices}
    assert set(ChoiceTally.objects.values_list("generation", "choice_id")) == expected
    assert set(QuestionTally.objects.values_list("generation", "question_id")) == {(1, facts.questions[0].id), (2, facts.questions[0].id)}


def test_redis_is_given_every_version_and_forgets_a_deleted_poll(committed_db: None) -> None:
    poll = make_poll()
    key = results_key(1, poll.pk)
    assert PollProjection.objects.get(poll_id=poll.pk).rendered_version == 1
    assert sync_redis().exists(key)
    edit_poll(poll_id=poll.pk, actor=poll.owner, body={"title": "Other"})
    assert PollProjection.objects.get(poll_id=poll.pk).rendered_version == 2
    delete_poll(poll_id=poll.pk, actor=poll.owner)
    assert not sync_redis().exists(key)
