"""What Hydra refuses, in one sentence with the remedy: words that it cannot read, keys that are not there."""

from __future__ import annotations

import dataclasses
import re

from hydra.core.config_store import ConfigStore
from hydra.core.plugins import Plugins
from omegaconf import DictConfig
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, ConfigTypeError

from alpaca_exp import schemas
from alpaca_exp.config import SCHEMAS, nearest
from alpaca_exp.paths import data_root

PAIRS = {")": "(", "]": "[", "}": "{"}
FUNCTIONS = re.compile(r"Unknown function '(\w+)'\nAvailable: (\S+)")
"""Hydra's words for a function that it does not have."""
EXAMPLE = "'trainer.learning_rate=tag(log,interval(1e-5,1e-3))'"
SPACE = "'hydra.sweeper.search_space={trainer.learning_rate: {low: 1e-5, high: 1e-3, log: true}}'"
PLUGINS = ("hydra/launcher", "hydra/sweeper")
HYDRAS_GROUPS = (*PLUGINS, "hydra/job_logging", "hydra/hydra_logging")
"""Groups that are Hydra's, not ours."""
KEYS = (ConfigKeyError, ConfigAttributeError)
NODES = {"DictConfig": "a dictionary", "ListConfig": "a list"}
_QUOTED_KEY = re.compile(r"""[{,]\s*(["'][^"']*["']|[^\s,:{}"']*\\[^,{}]*)\s*:""")
_EVALUATING = re.compile(r"\w+ while evaluating '(.*?)': ")
_MERGED = re.compile(r"Cannot merge (DictConfig|ListConfig) with (DictConfig|ListConfig)")
_OPTION_AS_VALUE = re.compile(r"Merge error: \w+ is not a subclass of (\w+)\. value: (\S+)")
_NO_OPTION = re.compile(r"Could not find '(hydra/\w+)/([\w.-]+)'")
_UNKNOWN = re.compile(r"Key '\w+' not in '(\w+)'")
"""OmegaConf's words for a key that a schema does not have."""


def refusal(error: Exception) -> str:
    """Why a configuration could not be composed."""
    cause = error.__cause__ or error
    if isinstance(cause, KEYS) and (said := _of_a_plugin(cause)):
        return said
    if isinstance(cause, ConfigTypeError) and (found := _MERGED.search(str(cause))):
        here, there = (NODES[name] for name in found.groups())
        return (
            f"{cause.full_key} cannot be merged with what is there: {there} is set where {here} stands; in a "
            f"search space, choices over a range are written {{choices: [1, 2]}}"
        )
    if (found := _OPTION_AS_VALUE.search(str(cause))) and (group := _group_of(found[1])):
        return (
            f"{group}: {found[2]} sets a word where the settings of a group stand; in a file, an option is "
            f"chosen among its defaults: `- override /{group}: {found[2]}`"
        )
    if found := _NO_OPTION.search(str(cause)):
        return f"{found[1]} has no option {found[2]}{nearest(found[2], _options(found[1]))}"
    return short(str(cause))


def _group_of(schema: str) -> str | None:
    """The config group whose options have that schema."""
    return next((path.split("/")[0] for path, one in SCHEMAS.items() if one.__name__ == schema), None)


def unreadable(word: str, error: Exception) -> str:
    """Why a word of the command line cannot be read: `word` is a key, an equals sign and a value."""
    name, _, value = word.partition("=")
    strange = sorted(set(re.findall(r"[^\w./@:~+$-]", name)))
    if strange:
        told = " and ".join("a space" if one == " " else one for one in strange)
        return (
            f"{word} cannot be read: a key has letters, digits, _ and dots, and this one has {told}; what "
            f"to search is written {EXAMPLE} or {SPACE}"
        )
    if found := FUNCTIONS.search(str(error)):
        return f"{word} cannot be read: there is no {found[1]}(){nearest(found[1], found[2].split(','))}"
    if _QUOTED_KEY.search(value):
        return f"{word} cannot be read: inside {{ }} keys stand as they are, without quotes or \\: {SPACE}"
    if open_ := _left_open(value):
        return (
            f"{word} cannot be read: {open_}; with brackets or spaces in it, a word stands in quotes on the "
            f"command line: {EXAMPLE}"
        )
    return f"{word} cannot be read: " + _EVALUATING.sub(r"\1: ", short(str(error)))


def short(text: str) -> str:
    """Hydra's and OmegaConf's messages without their lines of internals."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    kept = [
        line for line in lines if not line.startswith(("full_key:", "object_type", "reference_type", "See "))
    ]
    key = next((line.removeprefix("full_key:").strip() for line in lines if line.startswith("full_key:")), "")
    unknown = _UNKNOWN.match(kept[0]) if key and kept else None
    if unknown:
        return _foreign(key, unknown[1])
    return f"{key}: {kept[0]}" if key and kept else " ".join(kept[:2])


def hydras_keys() -> set[str]:
    """Every key that some launcher or sweeper has, with dots: hydra.launcher.partition."""
    Plugins.instance()  # each stores its keys as it is found
    store = ConfigStore.instance()
    return {
        f"{group.replace('/', '.')}.{key!s}"
        for group in PLUGINS
        for option in store.list(group)
        for key in store.load(f"{group}/{option}").node
        if not str(key).startswith("_")
    }


def _of_a_plugin(error: ConfigKeyError | ConfigAttributeError) -> str | None:
    """A key that the chosen launcher or sweeper does not have."""
    key, parent = str(error.full_key or ""), error.parent_node
    if not key.startswith("hydra.") or not isinstance(parent, DictConfig) or error.key in parent:
        return None
    above = key.rpartition(".")[0]
    own = [str(name) for name in parent if not str(name).startswith("_")]
    if own:
        return f"{key} is not a key{nearest(key, [f'{above}.{name}' for name in own])}"
    return not_a_key(key)


def not_a_key(key: str) -> str:
    """What is wrong with a key of a launcher, or a sweeper, that has none."""
    group = key.rpartition(".")[0].replace(".", "/")
    return f"{key} is not a key: the {group} that was chosen has none; there are {', '.join(_options(group))}"


def _options(group: str) -> list[str]:
    """The options of a group of Hydra's own: of its plugins, and ours."""
    ours = (path.name for path in (data_root() / "conf" / group).glob("*.yaml"))
    return sorted({name.removesuffix(".yaml") for name in (*ConfigStore.instance().list(group), *ours)})


def _left_open(value: str) -> str | None:
    """What is opened and not closed, or the other way round."""
    stack, quote = [], ""
    for sign in value:
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "'\"":
            quote = sign
        elif sign in PAIRS.values():
            stack.append(sign)
        elif sign in PAIRS and (not stack or stack.pop() != PAIRS[sign]):
            return f"its {sign} has no {PAIRS[sign]} before it"
    if quote:
        return f"its {quote} is not closed"
    return f"its {stack[-1]} is not closed" if stack else None


def _foreign(key: str, schema: str) -> str:
    """A key that the chosen option does not have: another option's, or nobody's."""
    parent, _, name = key.rpartition(".")
    others = [
        f"{parent}={path.rpartition('/')[2]}"
        for path, other in SCHEMAS.items()
        if path.startswith(f"{parent}/schema/")
        and name in {field.name for field in dataclasses.fields(other)}
    ]
    if others:
        return f"{key} is a key of {' and '.join(others)}, not of the {parent} that was chosen; leave it out"
    known = getattr(schemas, schema, None)
    own = [f"{parent}.{field.name}" for field in dataclasses.fields(known)] if known else []
    return f"{key} is not a key{nearest(key, own)}"
