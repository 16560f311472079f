"""The tests, a package so that tests/benchmarks and tests/versions run as modules."""
