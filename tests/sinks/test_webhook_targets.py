"""Where webhooks may go, and what the file of targets may say: nothing into our own networks, no secret in a fault."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.topics import COMMANDS, NOTICES
from sinks.webhooks.guard import NotAllowed, address_of, is_allowed
from sinks.webhooks.targets import Form, TargetsFault, load_targets
from tests.sinks.test_webhooks_out import SECRET

FORBIDDEN = (
    "127.0.0.1", "127.1.2.3", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
    "192.0.0.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1",
    "fd00:ec2::254", "ff02::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1",
    "2002:7f00:1::", "2002:a9fe:a9fe::1", "2001:0:0:0:0:0:0:1", "2001:db8::1",
)  # fmt: skip


@pytest.mark.parametrize("address", FORBIDDEN)
def test_no_address_of_our_own_networks_is_allowed(address: str) -> None:
    assert not is_allowed(address, loopback=False)


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f:cb07::1", "64:ff9b::5db8:d70e"])
def test_public_addresses_are_allowed(address: str) -> None:
    assert is_allowed(address, loopback=False)


def test_a_target_on_loopback_reaches_this_machine_alone() -> None:
    assert is_allowed("127.0.0.1", loopback=True)
    assert not is_allowed("10.0.0.1", loopback=True)
    assert not is_allowed("93.184.215.14", loopback=True)


@given(st.ip_addresses(v=4))
def test_an_address_in_ipv6_clothes_is_judged_as_what_it_is(address: Any) -> None:
    plain = is_allowed(str(address), loopback=False)

    assert is_allowed(f"::ffff:{address}", loopback=False) == plain
    assert is_allowed(f"64:ff9b::{address}", loopback=False) == plain


async def test_a_name_with_one_bad_address_is_bad() -> None:
    async def resolve(_host: str, _port: int) -> Sequence[str]:
        return ["93.184.215.14", "169.254.169.254"]

    with pytest.raises(NotAllowed):
        await address_of("rebinding.example", 443, loopback=False, resolve=resolve)


GOOD = f'[[targets]]\nname = "ops"\nurl = "https://hooks.example.com/x"\nsecrets = ["{SECRET}"]\n'


def test_a_file_of_targets_is_read(tmp_path: Path) -> None:
    path = tmp_path / "hooks.toml"
    path.write_text(GOOD + 'types = ["low_balance", "payment.refill"]\n')

    (found,) = load_targets(path)

    assert (found.name, found.topics, found.form) == ("ops", (NOTICES, COMMANDS), Form.STANDARD)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("https://hooks", "http://hooks"), "https:// is needed"),
        (("https://hooks.example.com/x", "http://127.0.0.1/x"), "https:// is needed"),
        (("https://hooks.example.com/x", "ftp://hooks/x"), "https:// is needed"),
        (("example.com/x", "example.com:22/x"), "port 443 or 8443"),
        (("https://", "https://user:topsecret@"), "neither user nor password"),
        (("/x", "/x#frag"), "fragment"),
        ((SECRET, "whsec_c2hvcnQ="), "24 to 64 bytes"),
        ((SECRET, "topsecret" * 5), "whsec_"),
        ((f'secrets = ["{SECRET}"]', ""), "at least one"),
        (('name = "ops"', 'name = "o p"'), "name"),
        (('name = "ops"', 'name = "ops"\ntypes = ["low"]'), "type of a notice"),
        (('name = "ops"', 'name = "ops"\ntopics = ["charges"]'), "notices or commands"),
        (('name = "ops"', 'name = "ops"\nsurplus = 1'), "surplus"),
        (("[[targets]]", "[[targets]"), "not TOML"),
        ((GOOD, GOOD + GOOD), "one name"),
        ((GOOD, ""), "targets"),
    ],
)
def test_a_fault_in_the_file_names_its_place_and_no_secret(
    tmp_path: Path, change: tuple[str, str], says: str
) -> None:
    path = tmp_path / "hooks.toml"
    path.write_text(GOOD.replace(*change))

    with pytest.raises(TargetsFault, match=says) as fault:
        load_targets(path)

    assert "topsecret" not in str(fault.value)
    assert SECRET not in str(fault.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(TargetsFault, match="No such file"):
        load_targets(tmp_path / "none.toml")
