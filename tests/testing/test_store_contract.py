"""Each store that breaks a promise fails the contract of stores or that of outboxes."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from datashare.adapters.memory import MemoryAgreementStore
from datashare.domain.agreements import Approve, Remind, RequestAccess
from datashare.errors import StoreUnavailable
from datashare.ports import Settlement
from datashare.testing import AgreementStoreContract, CountingStore, OutboxContract, StoreWithOutbox, at_once
from datashare.testing.changes import NOW, asked

from . import broken_stores as broken
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


BROKEN: list[tuple[type[BrokenStore], Callable[[Any], None]]] = [
    (broken.OneByOne, partial(suite.test_nothing_is_saved_of_a_call_that_is_refused, changes=[asked(), object()])),
    (broken.OneByOne, partial(suite.test_nothing_is_saved_of_a_call_that_is_refused, changes=[asked(), asked()])),
    (broken.Unkept, suite.test_a_change_is_saved_with_all_that_belongs_to_it),
    (broken.Unkept, suite.test_the_first_outcome_of_a_command_is_kept),
    (broken.Uncancelled, partial(suite.test_closing_a_request_cancels_what_asks_for_an_answer, kind=Approve)),
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
    (broken.Stale, suite.test_every_kind_of_event_comes_back),
    (broken.Unchained, suite.test_each_event_is_chained_to_the_one_before_it),
    (broken.Blurting, suite.test_a_chain_holds_the_events_and_what_they_fold_to),
    (broken.Salting, suite.test_each_event_has_a_salt_of_its_own),
    (broken.Resealing, suite.test_what_was_chained_stays_as_it_was),
    (broken.Shuffling, suite.test_chains_are_in_the_order_of_groups_and_urns),
    (broken.Torn, suite.test_chains_that_are_being_read_go_on),
    (broken.Untimed, suite.test_each_record_has_its_instant_beside_it),
    (broken.Hasty, suite.test_the_newest_register_is_kept),
    (broken.Generous, suite.test_a_notice_is_leased_to_one_worker),
    (broken.Reusing, suite.test_no_later_lease_of_a_notice_has_the_name_of_an_earlier_one),
    (broken.Lenient, partial(suite.test_what_became_of_a_notice_is_recorded, settlement=DELIVERED)),
    (broken.LiveOutbox, suite.test_an_answer_about_notices_is_a_copy),
    (broken.Forgiving, suite.test_given_up_notices_wait_again),
    (broken.Eager, suite.test_purging_erases_what_was_settled_before_the_instant),
    (broken.Hoarding, suite.test_delivered_and_cancelled_notices_are_purged),
    (broken.Trusting, suite.test_what_a_fast_clock_holds_waits_again),
    (broken.Trusting, suite.test_what_a_fast_clock_settled_is_purged),
    (broken.Grasping, suite.test_a_group_requeues_its_own_notices_only),
    (broken.Unordered, suite.test_notices_are_listed_by_due_instant_then_id),
]


@pytest.mark.parametrize(("kind", "test"), BROKEN, ids=[f"{kind.__name__}-{n}" for n, (kind, _) in enumerate(BROKEN)])
def test_a_store_that_breaks_a_promise_fails(kind: type[BrokenStore], test: Callable[[Any], None]) -> None:
    """The test that proves the promise fails on it, and passes on one that keeps it."""
    test(BrokenStore())
    with pytest.raises((AssertionError, ValueError, StoreUnavailable, pytest.fail.Exception)):
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
    with pytest.raises(AssertionError, match="answered every call"):
        test([MemoryAgreementStore()])
    with pytest.raises(AssertionError):
        test([])


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
