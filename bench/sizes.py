"""How much is measured; each size can be set in the environment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import attrs


@attrs.frozen(kw_only=True)
class Sizes:
    """How much is measured. Each is set by an environment variable: ``BENCH_`` and its name in capitals.

    Attributes:
        schools: The schools of a large group.
        all_schools: Every open state school of England.
        few_agreements: The agreements of a small store.
        agreements: The agreements of a large store, which is compared with the small one.
        register_rows: The rows of the full register.
        rounds: How often each work is done; long works are done a third as often.
        bars: The factor of every bar, for a machine that is never idle.
        older: The file of an older register, plain or compressed, for the chapter of plans; generated if it is empty.
        newer: The file of a newer register.
        links: The file of the newer register's establishment links.
        group_links: The file of the older register's group links, if that lacks ``Trusts (code)``.
        only: The chapters to measure, separated by commas; all of them if it is empty.
    """

    schools: int = attrs.field(default=700, converter=int)
    all_schools: int = attrs.field(default=24_000, converter=int)
    few_agreements: int = attrs.field(default=1_000, converter=int)
    agreements: int = attrs.field(default=1_000_000, converter=int)
    register_rows: int = attrs.field(default=52_000, converter=int)
    rounds: int = attrs.field(default=12, converter=int)
    bars: float = attrs.field(default=1.0, converter=float)
    older: str = ""
    newer: str = ""
    links: str = ""
    group_links: str = ""
    only: str = ""

    def __attrs_post_init__(self) -> None:
        if bool(self.older) != bool(self.newer):
            raise SystemExit("BENCH_OLDER and BENCH_NEWER go together. Name both files, or neither.")

    @property
    def long_rounds(self) -> int:
        """How often a long work is done."""
        return max(1, self.rounds // 3)

    def chapters(self, known: Iterable[str]) -> list[str]:
        """Return the chapters to measure, in their order."""
        chosen = [name.strip() for name in self.only.split(",") if name.strip()]
        names = list(known)
        unknown = sorted(set(chosen) - set(names))
        if unknown:
            raise SystemExit(f"No such chapter: {', '.join(unknown)}. There are: {', '.join(names)}.")
        return [name for name in names if name in chosen] if chosen else names


VARIABLES = {f"BENCH_{field.name.upper()}": field.name for field in attrs.fields(Sizes)}
"""The environment variables, and the sizes that they set."""


def sizes_in(environment: Mapping[str, str]) -> Sizes:
    """Read the sizes from an environment; a size that is not set has its default."""
    settings = {key: value for key, value in environment.items() if key.startswith("BENCH_")}
    unknown = sorted(settings.keys() - VARIABLES.keys())
    if unknown:
        raise SystemExit(f"No such size: {', '.join(unknown)}. There are: {', '.join(VARIABLES)}.")
    values: dict[str, object] = {VARIABLES[key]: value for key, value in settings.items()}
    return Sizes(**values)  # type: ignore[arg-type]
