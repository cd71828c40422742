"""The house rules, held by tests; every rule is also seen to fail on a planted violation."""
