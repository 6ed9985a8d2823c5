"""How the unit tests search for counterexamples."""

from hypothesis import HealthCheck, settings

# The same search in every run: a gate that fails once in a while teaches people to run it again. To search elsewhere,
# and longer: pytest tests/unit --hypothesis-profile=explore
settings.register_profile("unit", deadline=None, derandomize=True, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("explore", settings.get_profile("unit"), derandomize=False, max_examples=2000)
settings.load_profile("unit")
