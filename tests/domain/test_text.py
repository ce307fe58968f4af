"""Pieces of text that people click on."""

from itertools import count

import idna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datashare.domain.people import SchoolSite
from datashare.domain.text import https_link, page_link
from datashare.errors import InvalidValue


@pytest.mark.rule("O1", "O5")
@pytest.mark.parametrize(
    ("address", "link"),
    [
        ("https://hilda.example", "https://hilda.example"),
        ("https://HILDA.example:8443/A?b=c#d", "https://hilda.example:8443/A?b=c#d"),
        ("https://mis/data@school?to=https://x@y", "https://mis/data@school?to=https://x@y"),
        ("https://hilda.example?a=\"'<b>&amp;", "https://hilda.example?a=\"'<b>&amp;"),
        ("https://10.0.0.255/", "https://10.0.0.255/"),
        # U+0430 is Cyrillic, the full stop U+3002 is one of a name, and U+FF0F is no slash but becomes one.
        ("https://g\u043e\u043ed.example/", "https://xn--gd-fmca.example/"),
        ("https://Bücher。example/größe%20", "https://xn--bcher-kva.example/gr%C3%B6%C3%9Fe%20"),
        ("https://faß.example/", "https://xn--fa-hia.example/"),
        ("https://ｇｏｏｄ.example/", "https://good.example/"),
        ("https://good.example\uff0f.evil.example/", ""),
        ("https://good.example@evil.example/", ""),
        ("https://good.example\uff20evil.example/", ""),
        ("https://good.example:pass@evil.example/", ""),
        ("https://good.example:443@evil.example/", ""),
        ("https://@evil.example/", ""),
        ("https://good.example\\@evil.example/", ""),
        ("https://good.example%40evil.example/", ""),
        ("https://good.example\u202e/", ""),
        ("https://good\u200b.example/", ""),
        ("https://good☺.example/", ""),
        ("https://good.example/\u202egpj.exe", ""),
        ("https://good.example/\ud800", ""),
        ("https://good.example/a b", ""),
        ("https://good.example/\r\nBcc: x", ""),
        ("https://2130706433/", ""),
        ("https://0x7f.0.0.1/", ""),
        ("https://127.1/", ""),
        ("https://127.0.0.01/", ""),
        ("https://127.0.0.256/", ""),
        ("https://1.2.3.4.5/", ""),
        ("https://[::1]/", ""),
        ("https://a..example/", ""),
        ("https://-a.example/", ""),
        (f"https://{'a' * 64}.example/", ""),
        (f"https://{'a.' * 126}ab/", ""),
        ("https://hilda.example:/", ""),
        ("https://hilda.example:x/", ""),
        ("https://", ""),
        ("https:///data", ""),
        ("https:hilda.example", ""),
        ("hTTpS://hilda.example/", "https://hilda.example/"),
        ("https://Hilda.example.:8443/a.", "https://hilda.example:8443/a."),
        ("https://10.0.0.255./", "https://10.0.0.255/"),
        ("https://127.1./", ""),
        ("https://hilda.example../", ""),
        ("https://./", ""),
        ("HTTPS://good.example@evil.example/", ""),
        ("https//hilda.example/", ""),
        ("http://hilda.example/", ""),
        (" https://hilda.example/", ""),
        ("javascript:alert(1)//https://hilda.example", ""),
        ("", ""),
    ],
    ids=count(),
)
def test_a_link_shows_its_real_host(address: str, link: str) -> None:
    """User information, characters that hide others and numbers written otherwise make no link; letters turn ASCII."""
    assert link == https_link(address)
    assert link in {"", https_link(link)}


@pytest.mark.rule("O5")
@given(st.text("aZäßς例え0-", min_size=1, max_size=8))
def test_a_host_is_the_one_that_is_looked_up(label: str) -> None:
    """Where IDNA 2008 knows the name, the link leads there."""
    try:
        host = idna.encode(f"{label}.example", uts46=True).decode()
    except idna.IDNAError:
        return

    assert f"https://{host}/" == https_link(f"https://{label}.example/")


LOOPBACK = [
    "http://localhost",
    "http://localhost/",
    "http://localhost:5000/school/100000?tab=data#x",
    "http://127.0.0.1:8000/",
    "http://127.255.0.9",
    "http://[::1]:8000/x",
]
NO_LOOPBACK = [
    "http://school.example/",
    "http://localhost.evil.example/",
    "http://localhost@evil.example/",
    "http://evil.example/@localhost",
    "http://127.0.0.1.evil.example/",
    "http://127.0.0.256/",
    "http://127.1/",
    "http://128.0.0.1/",
    "http://0.0.0.0/",
    "http://[::2]/",
    "http://[::1]evil.example/",
    "http://localhost:x/",
    "http://localhost\\evil.example/",
    "http://localhost/ x",
    "http://localhost/\n",
    "http://localhost/é",
    "ftp://localhost/",
    "//localhost/",
]


@pytest.mark.rule("O1", "O5")
@pytest.mark.parametrize("address", LOOPBACK)
def test_the_page_of_a_school_may_be_on_this_machine(address: str) -> None:
    """So that development works without a certificate; it is linked as it is, and is no link of terms."""
    assert address == page_link(address) == SchoolSite(urn=100000, data_sharing_url=address).data_sharing_url
    assert "" == https_link(address)


@pytest.mark.rule("O1", "O5")
@pytest.mark.parametrize("address", NO_LOOPBACK)
def test_no_other_http_address_passes_for_this_machine(address: str) -> None:
    """Another host is refused, however it is written."""
    assert "" == page_link(address)
    with pytest.raises(InvalidValue, match="data_sharing_url must be an https address"):
        SchoolSite(urn=100000, data_sharing_url=address)
