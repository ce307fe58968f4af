"""What tests of a host need: contracts for its adapters, fakes for its pages, and values to draw from.

Nothing of this is for a running site: it comes with `datashare[testing]`. `datashare.testing.strategies` and
`datashare.testing.comparison` need Hypothesis; the rest needs pytest alone.
"""

from __future__ import annotations

from .contracts import AgreementStoreContract

__all__ = [
    "AgreementStoreContract",
]
