"""Jobs as they may lie in a file: without the addresses that hold a password, which travel beside them.

Such an address came from the environment, and by the environment it reaches the job again.
"""

from __future__ import annotations

import dataclasses
import hashlib
import pickle
import zlib
from collections.abc import Iterator, Mapping
from typing import Any

from alpaca_exp.config import password_in
from alpaca_exp.schemas import EndpointConfig, ExperimentConfig
from alpaca_exp.sweeping.jobs import Job

PREFIX = "ALPACA_EXP_ADDRESS_"


def sealed(job: Job) -> tuple[Job, dict[str, str]]:
    """`job` without what is secret in it, and the environment variables that have it."""
    config, variables = job.config, dict[str, str]()
    for endpoint in _endpoints(config):
        if endpoint.base_url and password_in("base_url", endpoint.base_url):
            variables[_variable(endpoint.address)] = endpoint.base_url
            endpoint.base_url = endpoint.address
    return (_packed(job, config) if variables else job), variables


def opened(job: Job, environment: Mapping[str, str]) -> Job:
    """`job` as it was before it was sealed."""
    config, changed = job.config, False
    for endpoint in _endpoints(config):
        if endpoint.base_url and _variable(endpoint.base_url) in environment:
            endpoint.base_url, changed = environment[_variable(endpoint.base_url)], True
    return _packed(job, config) if changed else job


def _packed(job: Job, config: ExperimentConfig) -> Job:
    return dataclasses.replace(job, packed=zlib.compress(pickle.dumps(config)))


def _endpoints(config: Any) -> Iterator[EndpointConfig]:
    if isinstance(config, EndpointConfig):
        yield config
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if dataclasses.is_dataclass(value):
            yield from _endpoints(value)


def _variable(address: str) -> str:
    return PREFIX + hashlib.sha256(address.encode()).hexdigest()[:16].upper()
