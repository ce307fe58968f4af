"""The ports in memory: complete, atomic, versioned and safe to use from many threads.

They serve tests, examples and tools of one process; what they hold is gone when the process ends. Everything they
return is an immutable value or a new container, so that nobody can change what they hold.
"""

from __future__ import annotations

from .directories import MemoryInstitutionDirectory, MemoryPeopleDirectory
from .store import MemoryAgreementStore

__all__ = ["MemoryAgreementStore", "MemoryInstitutionDirectory", "MemoryPeopleDirectory"]
