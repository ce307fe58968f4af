"""The contract of `datashare.ports.AgreementStore`."""

from __future__ import annotations

from datashare.ports import AgreementStore

from ._contract import Contract
from ._store_asking import Asking
from ._store_below import Below
from ._store_chains import Chains
from ._store_joining import Joining
from ._store_keeping import GroupsApart, Order, ValuesThatStay
from ._store_leasing import Leases, Settling
from ._store_notices import Closing, Purging, Requeueing
from ._store_precision import Precision
from ._store_saving import AllOrNothing, VersionCheck, Writers


class AgreementStoreContract(
    AllOrNothing,
    VersionCheck,
    Writers,
    Precision,
    Order,
    GroupsApart,
    ValuesThatStay,
    Leases,
    Settling,
    Closing,
    Requeueing,
    Purging,
    Chains,
    Asking,
    Below,
    Joining,
    Contract,
    port=AgreementStore,
):
    """What every store of agreements must do.

    A subclass gives a fixture `store`; one whose store has something below it, such as a database, gives three more::

        class TestMyAgreementStore(AgreementStoreContract):
            @pytest.fixture
            def store(self, engine: Engine) -> AgreementStore:
                return MyAgreementStore(engine)  # empty, and used from many threads at once

            @pytest.fixture
            def round_trips(self, engine: Engine) -> CountRoundTrips:
                return lambda call: count_statements(engine, call)

            @pytest.fixture
            def broken_stores(self) -> Iterable[AgreementStore]:
                return [MyAgreementStore(unreachable_engine())]

            @pytest.fixture
            def in_hosts_transaction(self, engine: Engine) -> InHostsTransaction:
                return lambda work, commits: work_and_end(engine, work, commits)

    A store that holds something for each thread, such as a connection, gives it back in `leave_thread`, which is called
    in every thread that the tests begin.

    Attributes:
        nothing_below: Whether there is nothing below the store that could be counted or fail; then `round_trips`
            and `broken_stores` are not asked for.
        joins: Whether the store can work within a transaction of the host's.
        rounds: How often a race is repeated; fewer are enough where each takes long.
        steps: How many changes are written while others read.
        walks: How many agreements are taken through commands at random.
        several: For how many agreements the cost is compared with that for one; as many as one statement takes, where
            what lies below takes fewer.
        many: How many changes go through one call; more than the largest group of England has schools.
    """
