"""What all tests share: real database servers, programs of the machine, and the profiles of Hypothesis.

Choose a profile with the environment variable HYPOTHESIS_PROFILE: `default`, `ci` (the same examples on each run)
or `torture` (many more of them).
"""

import os

from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.machine", "tests.servers"]

settings.register_profile("default", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.register_profile("torture", deadline=None, max_examples=1_000, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
