"""Each store that breaks a promise fails the contract of stores or that of outboxes."""

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from datashare.adapters.memory import MemoryAgreementStore
from datashare.domain.agreements import Approve, Remind, RequestAccess, Withdraw
from datashare.errors import SchemaMismatch, StoreError, StoreUnavailable
from datashare.ports import Settlement
from datashare.testing import (
    AgreementStoreContract,
    CountingStore,
    FailingStore,
    OutboxContract,
    StoreWithOutbox,
    at_once,
)
from datashare.testing.changes import NOW, asked
from datashare.testing.contracts._store_suite import OUTBOX_CALLS, STORE_CALLS
from examples.sqlite_store import SqliteStore, connect, create_tables
from tests.adapters.test_memory_store import erase_words

from . import broken_below as below
from . import broken_chains
from . import broken_outboxes as outboxes
from . import broken_stores as broken
from .broken_below import damage_rows, failing_on, open_store
from .broken_stores import BrokenStore, round_trips_to


class InMemory(AgreementStoreContract, OutboxContract):
    """The contracts, to call their tests one by one."""

    nothing_below = True
    rounds = 2


class OverSomething(InMemory):
    """The contracts for a store with something below it."""

    nothing_below = False


suite = InMemory()
DELIVERED = Settlement.delivered(at=NOW)


def within(test: Callable[..., None], store: StoreWithOutbox) -> None:
    """Run a test with a host's transaction that does not roll back: what was saved stays."""
    test(store, lambda work, _commits: work(store))


TRIED: dict[str, Any] = {
    "kind": Withdraw,
    "fate": Settlement.try_again(due_at=NOW + timedelta(days=1), error=""),
    "is_informed": False,
}
SENT: dict[str, Any] = {"kind": Withdraw, "fate": Settlement.delivered(at=NOW), "is_informed": True}
BROKEN: list[tuple[type[BrokenStore], Callable[[Any], None]]] = [
    (broken.OneByOne, partial(suite.test_nothing_is_saved_of_a_call_that_is_refused, changes=[asked(), object()])),
    (broken.OneByOne, partial(suite.test_nothing_is_saved_of_a_call_that_is_refused, changes=[asked(), asked()])),
    (broken.Unkept, suite.test_a_change_is_saved_with_all_that_belongs_to_it),
    (broken.Unkept, suite.test_the_first_outcome_of_a_command_is_kept),
    (broken.Uncancelled, partial(suite.test_closing_a_request_cancels_what_asks_for_an_answer, kind=Approve)),
    (broken.Telling, partial(suite.test_nobody_is_told_of_the_end_of_a_request_that_never_arrived, **TRIED)),
    (broken.Silencing, partial(suite.test_nobody_is_told_of_the_end_of_a_request_that_never_arrived, **SENT)),
    (broken.Ahead, suite.test_notices_fall_due_and_are_settled_by_the_present_instant),
    (broken.Raising, suite.test_losers_are_answered_and_the_rest_is_saved),
    (broken.AllOrNone, suite.test_losers_are_answered_and_the_rest_is_saved),
    (broken.Flattering, suite.test_nothing_of_a_loser_is_saved),
    (broken.Flattering, partial(suite.test_one_of_several_writers_wins, kind=RequestAccess)),
    (broken.Flattering, partial(suite.test_one_of_several_writers_wins, kind=Remind)),
    (broken.Coarse, suite.test_instants_are_ordered_to_the_microsecond),
    (broken.Normalising, suite.test_settlements_come_back_to_the_character_and_the_microsecond),
    (broken.CaseBlind, suite.test_command_ids_are_told_apart_to_the_character),
    (broken.Textual, suite.test_the_events_of_a_long_history_are_in_order),
    (broken.Mixing, suite.test_no_answer_about_one_group_holds_anything_of_another),
    (broken.Live, suite.test_an_answer_is_a_copy),
    (broken.Pooled, suite.test_answers_that_nobody_reads_to_the_end_hinder_no_call),
    (broken.Stale, suite.test_every_kind_of_event_comes_back),
    (broken_chains.Unchained, suite.test_each_event_is_chained_to_the_one_before_it),
    (broken_chains.Blurting, suite.test_a_chain_holds_the_events_and_what_they_fold_to),
    (broken_chains.Salting, suite.test_each_event_has_a_salt_of_its_own),
    (broken_chains.Resealing, suite.test_what_was_chained_stays_as_it_was),
    (broken_chains.Shuffling, suite.test_chains_are_in_the_order_of_groups_and_urns),
    (broken_chains.Torn, suite.test_chains_that_are_being_read_go_on),
    (broken_chains.Untimed, suite.test_each_record_has_its_instant_beside_it),
    (broken.Hasty, suite.test_the_newest_register_is_kept),
    (outboxes.Generous, suite.test_a_notice_is_leased_to_one_worker),
    (outboxes.Reusing, suite.test_no_later_lease_of_a_notice_has_the_name_of_an_earlier_one),
    (outboxes.Lenient, partial(suite.test_what_became_of_a_notice_is_recorded, settlement=DELIVERED)),
    (outboxes.LiveOutbox, suite.test_an_answer_about_notices_is_a_copy),
    (outboxes.Forgiving, suite.test_given_up_notices_wait_again),
    (outboxes.Eager, suite.test_purging_erases_what_was_settled_before_the_instant),
    (outboxes.Hoarding, suite.test_delivered_and_cancelled_notices_are_purged),
    (outboxes.Waiting, suite.test_what_nobody_delivers_is_purged_too),
    (outboxes.Impatient, suite.test_what_nobody_delivers_is_purged_too),
    (outboxes.Sure, suite.test_what_a_fast_clock_gave_up_is_not_erased_before_it_is_old),
    (outboxes.Trusting, suite.test_what_a_fast_clock_holds_waits_again),
    (outboxes.Trusting, suite.test_what_a_fast_clock_settled_is_purged),
    (outboxes.Grasping, suite.test_a_group_requeues_its_own_notices_only),
    (broken.Repeating, suite.test_each_group_with_an_agreement_is_listed_once),
    (broken.ByCode, suite.test_each_group_with_an_agreement_is_listed_once),
    (outboxes.GroupByGroup, suite.test_the_notices_of_all_groups_are_listed_together),
    (outboxes.Unordered, suite.test_notices_are_listed_by_due_instant_then_id),
    (broken.FirstEventOnly, suite.test_a_change_of_two_events_is_saved_whole),
    (broken.Forgetful, suite.test_a_change_of_two_events_is_saved_whole),
    (broken.Backwards, suite.test_a_change_of_two_events_is_saved_whole),
    (broken_chains.OneHead, suite.test_a_change_of_two_events_is_saved_whole),
    (broken.Unnotified, suite.test_a_winner_beside_losers_is_saved_with_all_that_belongs_to_it),
    (broken.StillAsking, suite.test_a_winner_beside_losers_is_saved_with_all_that_belongs_to_it),
    (broken.Unrepeatable, suite.test_a_winner_beside_losers_is_saved_with_all_that_belongs_to_it),
    (broken.FirstClosed, suite.test_each_request_that_a_call_closes_is_cancelled),
    (broken.OneInstant, suite.test_each_request_that_a_call_closes_is_cancelled),
    (broken.Heedless, suite.test_the_first_outcome_of_a_command_is_kept),
    (broken.Swapping, suite.test_the_first_outcome_of_a_command_is_kept),
    (broken.ShortIds, suite.test_command_ids_are_told_apart_to_the_character),
    (broken.Paged, suite.test_more_events_than_a_page_holds_come_back),
    (broken.PagedStates, suite.test_many_changes_are_saved_in_one_call),
    (broken.Prefixing, suite.test_no_answer_about_one_group_holds_anything_of_another),
    (broken.PrefixingRegisters, suite.test_no_answer_about_one_group_holds_anything_of_another),
    (broken_chains.PrefixingChains, suite.test_no_answer_about_one_group_holds_anything_of_another),
    (broken.PrefixingSchools, suite.test_schools_whose_numbers_begin_alike_are_kept_apart),
    (outboxes.FirstRequeued, suite.test_all_of_many_notices_are_requeued_and_purged),
    (outboxes.FirstPurged, suite.test_all_of_many_notices_are_requeued_and_purged),
    (outboxes.Counted, suite.test_no_later_lease_of_a_notice_has_the_name_of_an_earlier_one),
    (outboxes.FreshFirst, suite.test_a_lease_that_ended_keeps_its_place),
    (outboxes.Sweeping, partial(suite.test_what_became_of_a_notice_is_recorded, settlement=DELIVERED)),
    (outboxes.Curt, suite.test_settlements_come_back_to_the_character_and_the_microsecond),
    (outboxes.Cutting, suite.test_notices_come_back_to_the_character),
    (outboxes.CuttingLeases, suite.test_notices_come_back_to_the_character),
    (
        broken_chains.NeedingWords,
        lambda store: suite.test_erased_words_leave_everything_else(store, partial(erase_words, store.inner)),
    ),
]


@pytest.mark.parametrize(("kind", "test"), BROKEN, ids=[f"{kind.__name__}-{n}" for n, (kind, _) in enumerate(BROKEN)])
def test_a_store_that_breaks_a_promise_fails(kind: type[BrokenStore], test: Callable[[Any], None]) -> None:
    """The test that proves the promise fails on it, and passes on one that keeps it."""
    test(BrokenStore())
    with pytest.raises((AssertionError, ValueError, StoreError, pytest.fail.Exception)):
        test(kind())


@pytest.mark.parametrize(
    "test",
    [
        OverSomething().test_a_call_about_many_agreements_costs_as_much_as_one_about_one,
        OverSomething().test_a_call_about_many_notices_costs_as_much_as_one_about_two,
    ],
    ids=["store", "outbox"],
)
def test_a_store_whose_cost_grows_fails(test: Callable[..., None]) -> None:
    """The contract detects one round trip for each agreement, and a counter that counts nothing."""
    frugal, chatty = CountingStore(MemoryAgreementStore()), broken.Chatty(MemoryAgreementStore())
    test(frugal, round_trips_to(frugal))
    with pytest.raises(AssertionError):
        test(chatty, round_trips_to(chatty))
    with pytest.raises(AssertionError, match="Nothing was counted"):
        test(MemoryAgreementStore(), round_trips_to(frugal))


@pytest.mark.parametrize(
    "test",
    [
        OverSomething().test_only_store_errors_leave_a_broken_store,
        OverSomething().test_only_store_errors_leave_a_broken_outbox,
    ],
    ids=["store", "outbox"],
)
def test_a_store_that_other_errors_leave_fails(test: Callable[..., None]) -> None:
    """So does a store that is said to be broken and answers everything, and a suite without broken stores."""
    with pytest.raises(OSError, match="disk full"):
        test([broken.Foreign()])
    with pytest.raises(AssertionError, match="answered a call"):
        test([MemoryAgreementStore()])
    with pytest.raises(AssertionError, match="There is no broken store"):
        test([])
    unreachable = FailingStore(MemoryAgreementStore(), *STORE_CALLS, *OUTBOX_CALLS)
    test([unreachable])
    test({unreachable: StoreUnavailable})
    with pytest.raises(StoreUnavailable):
        test({unreachable: SchemaMismatch})


def test_a_store_that_answers_although_it_is_broken_fails() -> None:
    """Neither *saved* nor *nothing there* is an answer where what lies below fails."""
    unreachable = FailingStore(MemoryAgreementStore(), *STORE_CALLS, *OUTBOX_CALLS)
    with pytest.raises(AssertionError, match="answered a call"):
        OverSomething().test_only_store_errors_leave_a_broken_store([broken.Hushing(unreachable)])
    with pytest.raises(AssertionError, match="answered a call"):
        OverSomething().test_only_store_errors_leave_a_broken_outbox([broken.Emptying(unreachable)])


@pytest.fixture
def open_kind(tmp_path: Path) -> Callable[[type[SqliteStore]], SqliteStore]:
    """Make stores of any kind, all on one file."""
    create_tables(connect(tmp_path / "agreements.db"))
    return lambda kind: open_store(kind, tmp_path / "agreements.db")


@pytest.mark.parametrize("kind", [below.Caching, below.CachingNotices], ids=lambda kind: kind.__name__)
def test_a_store_that_remembers_what_others_change_fails(
    kind: type[SqliteStore], open_kind: Callable[[type[SqliteStore]], SqliteStore]
) -> None:
    """The contract detects a cache that holds in one instance only."""
    with pytest.raises((AssertionError, ValueError)):
        OverSomething().test_another_store_over_the_same_data_answers_alike(open_kind(kind), partial(open_kind, kind))


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        pytest.param(below.TwoCommits, "half of it was saved", id="two-commits"),
        pytest.param(below.Autocommitting, "half of it was saved", id="autocommit"),
        pytest.param(below.Pretending, "append answered although its first write failed", id="pretending"),
    ],
)
def test_a_store_that_saves_half_fails(kind: type[SqliteStore], said: str, tmp_path: Path) -> None:
    """The contract detects what a failure in the middle leaves, and an answer in place of an error."""
    create_tables(connect(tmp_path / "agreements.db"))
    store = open_store(kind, tmp_path / "agreements.db")

    with pytest.raises(AssertionError, match=said):
        OverSomething().test_a_failure_in_the_middle_leaves_nothing(
            store, partial(failing_on, kind, tmp_path / "agreements.db")
        )


AN_AGREEMENT = suite.test_an_agreement_that_cannot_be_read_hinders_no_other
A_NOTICE = suite.test_a_notice_that_cannot_be_read_hinders_no_other


@pytest.mark.parametrize(
    ("kind", "test"),
    [
        pytest.param(below.Hiding, AN_AGREEMENT, id="hiding"),
        pytest.param(below.HidingGroups, AN_AGREEMENT, id="hiding-groups"),
        pytest.param(below.HidingEvents, AN_AGREEMENT, id="hiding-events"),
        pytest.param(below.HidingNotices, A_NOTICE, id="hiding-notices"),
        pytest.param(below.Stopping, AN_AGREEMENT, id="stopping"),
        pytest.param(below.StoppingLeases, A_NOTICE, id="stopping-leases"),
    ],
)
def test_a_store_that_hides_damage_or_stops_at_it_fails(
    kind: type[SqliteStore], test: Callable[..., None], tmp_path: Path
) -> None:
    """The contract detects what is left out, and what stands in the way of everything else."""
    file = tmp_path / "agreements.db"
    create_tables(connect(file))

    with pytest.raises((AssertionError, StoreError, pytest.fail.Exception)):
        test(open_store(kind, file), partial(damage_rows, file))


def test_a_lock_of_one_process_fails(tmp_path: Path) -> None:
    """The contract detects that another process passes such a lock by."""
    file = tmp_path / "agreements.db"
    create_tables(connect(file))
    make_store = partial(open_store, below.Autocommitting, file)

    with pytest.raises((AssertionError, StoreError)):
        OverSomething().test_one_of_two_processes_wins(make_store(), make_store)


def test_what_goes_wrong_in_the_other_process_is_reported(tmp_path: Path) -> None:
    """The error of the second process fails the test, with its own words."""
    file = tmp_path / "agreements.db"
    create_tables(connect(file))
    nowhere = partial(open_store, SqliteStore, tmp_path / "nowhere" / "agreements.db")

    with pytest.raises(StoreError, match="unable to open database file"):
        OverSomething().test_one_of_two_processes_wins(open_store(SqliteStore, file), nowhere)


@pytest.mark.parametrize("kind", [below.Committing, below.RollingBack], ids=lambda kind: kind.__name__)
def test_a_store_that_ends_the_hosts_transaction_fails(kind: type[SqliteStore], tmp_path: Path) -> None:
    """The contract detects a small call that commits, or rolls back."""
    file = tmp_path / "agreements.db"
    create_tables(connect(file))

    def in_hosts_transaction(work: Callable[[StoreWithOutbox], None], commits: bool) -> None:
        with closing(connect(file)) as connection:
            connection.execute("BEGIN")
            work(kind(connection))
            connection.execute("COMMIT" if commits else "ROLLBACK")

    with pytest.raises((AssertionError, sqlite3.OperationalError)):
        OverSomething().test_no_call_ends_a_hosts_transaction(open_store(kind, file), in_hosts_transaction)


def test_a_store_that_makes_light_of_a_hosts_transaction_fails() -> None:
    """The contract detects one that delivers there, ends nothing with it, or commits half of a failed call."""
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        within(suite.test_nothing_is_delivered_within_a_hosts_transaction, MemoryAgreementStore())
    with pytest.raises(AssertionError):
        within(suite.test_notices_are_requeued_and_purged_within_a_hosts_transaction, MemoryAgreementStore())
    with pytest.raises(pytest.fail.Exception, match="DID NOT RAISE"):
        within(suite.test_nothing_of_a_call_that_failed_is_committed, MemoryAgreementStore())
    with pytest.raises(AssertionError):
        within(suite.test_nothing_of_a_call_that_failed_is_committed, broken.Halving())


def test_calls_at_once_report_what_went_wrong() -> None:
    """An error in one of the threads fails the test that made the calls."""
    with pytest.raises(AssertionError, match="ZeroDivisionError"):
        at_once([lambda: None, lambda: 1 / 0])
