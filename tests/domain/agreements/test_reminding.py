"""Pending requests, reminders and withdrawing (rules N)."""

from datetime import timedelta

import attrs
import pytest

from datashare.domain.agreements.commands import AddRecipients, Decline, Named, Remind, Withdraw
from datashare.domain.agreements.context import CautionCode
from datashare.domain.agreements.events import ReminderSent, RequestWithdrawn
from datashare.domain.agreements.ids import ClosedRequest, RequestId, RequestOutcome
from datashare.domain.agreements.refusals import RefusalCode
from datashare.domain.agreements.state import State, Tab
from datashare.domain.policy import Policy
from datashare.domain.visibility import HiddenBecause
from tests.builders import (
    AGREEMENT,
    ANA,
    AUTUMN,
    DEPUTY,
    HEAD,
    NOW,
    SCHOOL,
    agreement_after,
    ask,
    codes,
    context,
    decision_on,
    in_state,
    new,
    only_event,
    open_request,
    refusal_of,
    without,
)

OPEN = [State.PENDING, State.UPGRADING]
DAILY = attrs.evolve(Policy.mat(), least_reminder_interval=timedelta(hours=24))
TICK = timedelta(microseconds=1)


@pytest.mark.rule("N1")
@pytest.mark.parametrize("state", State)
def test_pending_tab_has_the_open_requests(state: State) -> None:
    """First requests and upgrades stand under Pending, and nothing else does."""
    agreement = in_state(state)

    assert (agreement.request is not None) is (Tab.PENDING in agreement.tabs)
    assert (state in OPEN) is (Tab.PENDING in agreement.tabs)


@pytest.mark.rule("N2")
@pytest.mark.parametrize("state", OPEN)
def test_reminder_goes_to_the_recipients(state: State) -> None:
    """A reminder is one event that names the recipients, and the request remembers when."""
    agreement = in_state(state)
    command = Remind(request=open_request(agreement).id)

    event = only_event(agreement, command, context(now=AUTUMN))

    assert isinstance(event, ReminderSent)
    assert (open_request(agreement).id, (HEAD,), AUTUMN) == (event.request, event.recipients, event.at)
    after = agreement_after(agreement, command, context(now=AUTUMN))
    assert attrs.evolve(open_request(agreement), reminded_at=AUTUMN) == open_request(after)
    assert (state, agreement.level) == (after.state, after.level)


@pytest.mark.rule("N2", "N3")
def test_reminder_goes_to_people_added_too_and_skips_who_left() -> None:
    """Only recipients who still are eligible are reminded; the others are reported."""
    asked = agreement_after(new(), ask(recipients=Named((HEAD,))))
    request = open_request(asked).id
    both = agreement_after(asked, AddRecipients(request=request, recipients=Named((DEPUTY,))))

    answer = decision_on(both, Remind(request=request), context(people=without(SCHOOL, HEAD)))

    (event,) = answer.events
    assert isinstance(event, ReminderSent)
    assert (DEPUTY,) == event.recipients
    (caution,) = answer.cautions
    assert (CautionCode.SKIPPED_NOT_REACHABLE, (HEAD,)) == (caution.code, caution.people)
    assert f"Left out, since they can no longer be asked: {HEAD}." == str(caution)
    assert () == decision_on(both, Remind(request=request)).cautions


@pytest.mark.rule("N3", "Q5")
def test_people_who_were_not_asked_are_not_reminded() -> None:
    """Other eligible people of the school get no reminder of a request that they never had."""
    agreement = agreement_after(new(), ask(recipients=Named((HEAD,))))
    command = Remind(request=open_request(agreement).id)

    assert (RefusalCode.NO_REACHABLE_RECIPIENT,) == codes(agreement, command, context(people=without(SCHOOL, HEAD)))


@pytest.mark.rule("N4", "T3")
def test_clock_that_goes_back_invents_no_interval() -> None:
    """Without an interval a reminder is never too soon, not even where the clock says it is earlier."""
    agreement = in_state(State.PENDING)
    command = Remind(request=open_request(agreement).id)

    after = agreement_after(agreement, command, context(now=NOW - timedelta(hours=1)))

    assert NOW == open_request(after).reminded_at


@pytest.mark.rule("N4", "T3")
def test_a_fast_clock_puts_no_reminder_off_for_years() -> None:
    """An instant more than a day ahead says nothing about when the request was sent; a nearer one counts as it is."""
    years, day = timedelta(days=3652), timedelta(days=1)
    asked = agreement_after(new(), ask(), context(now=NOW + years))
    nearby = agreement_after(new(), ask(), context(now=NOW + day))
    remind = Remind(request=open_request(asked).id)

    reminded = agreement_after(asked, remind, context(now=NOW, policy=DAILY))
    agreement_after(reminded, remind, context(now=NOW + day, policy=DAILY))
    assert (RefusalCode.REMINDER_TOO_SOON,) == codes(nearby, remind, context(now=NOW, policy=DAILY))
    agreement_after(nearby, remind, context(now=NOW - TICK, policy=DAILY))


@pytest.mark.rule("N4")
def test_least_interval_counts_from_the_request() -> None:
    """A reminder one microsecond too soon is refused and says from when it is allowed; at that instant it is sent."""
    agreement = in_state(State.PENDING)
    command = Remind(request=open_request(agreement).id)
    earliest = NOW + timedelta(hours=24)

    refusal = refusal_of(agreement, command, context(now=earliest - TICK, policy=DAILY))

    assert (RefusalCode.REMINDER_TOO_SOON, earliest) == (refusal.code, refusal.reasons[0].from_instant)
    assert "30 March 2026 at 01:59 (London)" in str(refusal)
    assert (
        earliest == open_request(agreement_after(agreement, command, context(now=earliest, policy=DAILY))).reminded_at
    )


@pytest.mark.rule("N4")
def test_least_interval_counts_from_the_last_reminder() -> None:
    """The interval is 24 hours, also on the day on which the clocks go back."""
    agreement = in_state(State.PENDING)
    command = Remind(request=open_request(agreement).id)
    reminded = agreement_after(agreement, command, context(now=AUTUMN, policy=DAILY))

    refusal = refusal_of(reminded, command, context(now=AUTUMN + timedelta(hours=24) - TICK, policy=DAILY))

    assert (RefusalCode.REMINDER_TOO_SOON,) == tuple(reason.code for reason in refusal.reasons)
    assert "26 October 2026 at 00:30 (London)" in str(refusal)
    agreement_after(reminded, command, context(now=AUTUMN + timedelta(hours=24), policy=DAILY))


@pytest.mark.rule("N4")
def test_interval_starts_anew_with_a_new_request() -> None:
    """A reminder of an earlier request does not count for a later one, but its sending does."""
    first = in_state(State.PENDING)
    reminded = agreement_after(first, Remind(request=open_request(first).id), context(now=AUTUMN))
    withdrawn = agreement_after(reminded, Withdraw(request=open_request(first).id), context(now=AUTUMN))
    again = agreement_after(withdrawn, ask(), context(now=AUTUMN))

    assert None is open_request(again).reminded_at
    assert (RefusalCode.REMINDER_TOO_SOON,) == codes(
        again, Remind(request=open_request(again).id), context(now=AUTUMN, policy=DAILY)
    )


@pytest.mark.rule("N3", "N4", "R2", "V11")
def test_refused_reminder_names_every_reason() -> None:
    """A reminder refused because of the site, the people and the time gives every reason, the site first."""
    agreement = in_state(State.PENDING)
    in_context = context(policy=DAILY, people={}, site=None)

    assert (
        RefusalCode.NO_SCHOOL_SITE,
        RefusalCode.NO_REACHABLE_RECIPIENT,
        RefusalCode.REMINDER_TOO_SOON,
    ) == codes(agreement, Remind(request=open_request(agreement).id), in_context)


@pytest.mark.rule("N4", "R2")
def test_reminder_of_another_request_says_nothing_about_the_open_one() -> None:
    """The interval and the people of the open request are not reasons against reminding of a closed one."""
    first = in_state(State.PENDING)
    stale = open_request(first).id
    again = agreement_after(agreement_after(first, Withdraw(request=stale)), ask())

    assert (RefusalCode.REQUEST_NOT_OPEN,) == codes(again, Remind(request=stale), context(policy=DAILY, people={}))


@pytest.mark.rule("N6", "T5")
@pytest.mark.parametrize("state", OPEN)
@pytest.mark.parametrize("hidden", [[], [HiddenBecause.CLOSED]], ids=["visible", "hidden"])
@pytest.mark.parametrize("reason", ["", "Sent to the wrong school – désolée"], ids=["empty", "worded"])
def test_open_request_is_withdrawn_by_its_id(state: State, hidden: list[HiddenBecause], reason: str) -> None:
    """The group takes its request back, visible or not; what was in force stays."""
    agreement = in_state(state)
    command = Withdraw(request=open_request(agreement).id, reason=reason)

    event = only_event(agreement, command, context(*hidden, site=None, people={}))
    after = agreement_after(agreement, command, context(*hidden, site=None, people={}))

    assert isinstance(event, RequestWithdrawn)
    assert (command.request, reason) == (event.request, event.reason)
    assert (None, agreement.in_force) == (after.request, after.in_force)
    closed = ClosedRequest(id=command.request, outcome=RequestOutcome.WITHDRAWN, by=ANA, at=NOW)
    assert closed == after.closed[-1]


@pytest.mark.rule("N6", "A4")
def test_stale_page_does_not_withdraw_a_later_request() -> None:
    """Withdrawing a request that was closed leaves the one that is open now alone."""
    first = in_state(State.PENDING)
    stale = open_request(first).id
    declined = agreement_after(first, Decline(request=stale, reason="No"), context(actor=HEAD))
    again = agreement_after(declined, ask())

    refusal = refusal_of(again, Withdraw(request=stale))

    assert RefusalCode.REQUEST_NOT_OPEN is refusal.code
    assert f"Request {stale} was declined by {context().people[HEAD].name} ({HEAD})" in str(refusal)
    assert RequestId(AGREEMENT, 3) == open_request(again).id
