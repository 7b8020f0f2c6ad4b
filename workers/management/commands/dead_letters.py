"""`manage.py dead_letters`: looks after the messages that no worker could deal with."""

from __future__ import annotations

from typing import Any

from django.core.management.base import CommandError, CommandParser

from workers import dead_letters
from workers.dead_letters import Chosen, DeadLetter
from workers.management.bars import bar
from workers.management.operators import DONE, FAILED, FOUND, OperatorCommand
from workers.topology import uses_amqp


class Command(OperatorCommand):
    help = """Look after the dead letters: messages that no worker could read, or that ended one again and again.

When      The queue QUEUE_PREFIX.dead is not empty, or a worker's log says that a message goes to the dead letters.
Lost      is nothing by them: the votes are in PostgreSQL, and a batch that is not counted is published again by the relay. A letter that names a
          batch which is counted meanwhile is waste; one of a later release's format can be replayed once the workers are of that release.
Changes   list and show: nothing, the letters stay. replay: they go back to the workers. drop: they are gone.

Exit codes: list: 0 there are none, 1 there are some; show, replay, drop: 0 done; 2 could not be done (no such letter, not confirmed, the broker away
or not RabbitMQ, which alone keeps dead letters).

Examples:
  manage.py dead_letters list
  manage.py dead_letters show 3f0c9a1be2d4
  manage.py dead_letters replay 3f0c9a1be2d4
  manage.py dead_letters drop --all --dry-run
  manage.py dead_letters drop --all --yes"""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("action", choices=["list", "show", "replay", "drop"])
        parser.add_argument("letters", nargs="*", metavar="LETTER", help="names, as `list` prints them")
        parser.add_argument("--all", action="store_true", help="replay or drop every letter")
        parser.add_argument("--limit", type=int, default=1000, metavar="N", help="look at the N oldest (default: %(default)s)")
        parser.add_argument("--dry-run", action="store_true", help="replay and drop: say which, do nothing")
        parser.add_argument("--yes", action="store_true", help="drop without asking")

    def operate(self, **options: Any) -> int:
        if not uses_amqp():
            raise CommandError("the broker is Redis, which keeps no dead letters", returncode=FAILED)
        if options["limit"] < 1:
            raise CommandError("--limit must be at least 1", returncode=FAILED)
        letters = dead_letters.look(options["limit"])
        if options["action"] == "list":
            return self._list(letters)
        wanted = _wanted(letters, options)
        if options["action"] == "show":
            for letter in wanted:
                self._show(letter)
            return DONE
        return self._deal(wanted, options)

    def _list(self, letters: list[DeadLetter]) -> int:
        for letter in letters:
            self.say(_line(letter))
        self.say(f"{len(letters)} dead letters")
        return FOUND if letters else DONE

    def _show(self, letter: DeadLetter) -> None:
        self.say(_line(letter))
        self.say(f"  task   {letter.task or 'none named'}")
        self.say(f"  batch  {letter.batch.batch_id if letter.batch else 'none that can be read'}")
        self.say(f"  body   {letter.body}")

    def _deal(self, wanted: list[DeadLetter], options: dict[str, Any]) -> int:
        replays = options["action"] == "replay"
        if options["dry_run"]:
            for letter in wanted:
                self.say(_line(letter))
            self.say(f"{len(wanted)} letters would be {'sent back to the workers' if replays else 'dropped'}; nothing was done")
            return DONE
        if not replays and not options["yes"] and not _confirmed(len(wanted)):
            raise CommandError("nothing was dropped; answer yes, or give --yes", returncode=FAILED)
        chosen: Chosen = (lambda _: True) if options["all"] else dead_letters.named({letter.name for letter in wanted})
        with bar("replaying" if replays else "dropping", total=len(wanted), unit="letters") as shown:
            work = dead_letters.replay if replays else dead_letters.drop
            dealt = work(chosen, limit=options["limit"], each=lambda _: shown.update())
        self.say(f"{dealt} letters {'are back with the workers' if replays else 'are dropped'}")
        return DONE


def _wanted(letters: list[DeadLetter], options: dict[str, Any]) -> list[DeadLetter]:
    names = set(options["letters"])
    if bool(names) == options["all"]:
        raise CommandError("name letters as `list` prints them, or give --all", returncode=FAILED)
    unknown = names - {letter.name for letter in letters}
    if unknown:
        raise CommandError(f"there is no dead letter {', '.join(sorted(unknown))}", returncode=FAILED)
    return [letter for letter in letters if options["all"] or letter.name in names]


def _line(letter: DeadLetter) -> str:
    died = f"{letter.died_at:%Y-%m-%d %H:%M:%S} UTC" if letter.died_at else "at an unknown time"
    batch = f", batch {letter.batch.batch_id}" if letter.batch else ""
    return f"{letter.name}  {died}  {letter.reason}{batch}"


def _confirmed(count: int) -> bool:
    try:
        return input(f"Drop {count} dead letters for good? (yes/no) ").strip().lower() == "yes"
    except EOFError:
        return False
