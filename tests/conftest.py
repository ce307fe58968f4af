"""What all tests share: the profiles of Hypothesis.

Choose one with the environment variable HYPOTHESIS_PROFILE: `default`, `ci` (the same examples on each run)
or `torture` (many more of them).
"""

import os

from hypothesis import HealthCheck, settings

settings.register_profile("default", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.register_profile("torture", deadline=None, max_examples=5_000, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
