"""Secrets: keys of services by the prefix that each vendor gives them, passwords, private keys."""

from __future__ import annotations

import re

from .check import ALWAYS_LISTED, Check, Place, masked

KEY = re.compile(
    r"(?<![A-Za-z0-9])(?:(?:AKIA|ASIA)[A-Z0-9]{16}|gh[pousr]_\w{30,}|github_pat_\w{30,}|glpat-[\w-]{18,}"
    r"|sk-(?:proj-|ant-)?[\w-]{24,}|[sprw]k_(?:live|test)_\w{16,}|xox[abeprs]-[\w-]{10,}|AIza[\w-]{30,}"
    r"|ya29\.[\w-]{20,}|hf_[A-Za-z0-9]{30,}|npm_[A-Za-z0-9]{30,}|pypi-[\w-]{40,}|SG\.[\w-]{16,}\.[\w-]{16,}"
    r"|dop_v1_[0-9a-f]{40,}|eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,})(?![A-Za-z0-9])"
)
PRIVATE_KEY = re.compile(r"-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----")
LOGIN = re.compile(r"\b[a-z][a-z0-9+.-]{2,15}://[^\s:/@?#]+:([^\s@/]{3,})@[\w.-]+")
ASSIGNED = re.compile(
    r"(?i:(?<![a-z])(?:api[_ -]?key|apikey|secret(?:[_ -]?(?:access[_ -]?)?key)?"
    r"|access[_ -]?(?:key|token)|"
    r"auth[_ -]?token|client[_ -]?secret|token|password|passwd|passphrase|pwd|passwort|contraseña))"
    r"[\"']?\s?(?:=|:|=>|:=)\s?[\"']?([^\s\"'<>(){}\[\],;]{6,})"
)
BEARER = re.compile(r"\b[Bb]earer ([\w.~+/-]{20,}=*)")
WORDS = (
    "akia", "asia", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "sk-",
    "k_live_", "k_test_",
    "xox", "aiza", "ya29.", "hf_", "npm_", "pypi-", "sg.", "dop_v1_", "eyj", "private key",
    "bearer ", "api_key",
    "apikey", "api key", "api-key", "secret", "token", "passw", "passphrase", "pwd", "://",
    "access_", "access k",
    "access-", "contraseña",
)  # fmt: skip


def _secret(text: str) -> Place | None:
    found = KEY.search(text)
    if found and _random(found.group()):
        return found.start(), f"key of a service {masked(found.group())}"
    found = PRIVATE_KEY.search(text)
    if found:
        return found.start(), "private key"
    found = LOGIN.search(text)
    if found and not re.fullmatch(r"(?i)x+|\*+|pass(?:word)?|\$?\{.*", found.group(1)):
        return found.start(1), f"password in an address {masked(found.group(1))}"
    return _assigned(text)


def _assigned(text: str) -> Place | None:
    for pattern in (ASSIGNED, BEARER):
        for found in pattern.finditer(text):
            value = found.group(1)
            if (
                re.search(r"\d", value)
                and re.search(r"[A-Za-z]", value)
                and "." not in value.strip(".")
            ):
                return found.start(1), f"password or key {masked(value)}"
            if pattern is BEARER and _random(value):
                return found.start(1), f"password or key {masked(value)}"
    return None


def _random(key: str) -> bool:
    """Tell a key from a name such as ``sk-learn-contrib-project-template``."""
    return len(set(key)) > 8 and (bool(re.search(r"\d", key)) or key != key.lower())


CHECKS = (
    Check(
        "secrets",
        "secret",
        lambda table: table.naming(WORDS),
        _secret,
        0.2,
        ALWAYS_LISTED,
    ),
)
