"""Numbers are read as carriers, PBXs and people write them (contracts for telephony, section on numbers)."""

from __future__ import annotations

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.core.handles import canonical, problem, read_number, same_line

RUSSIAN = [
    ("8 (921) 123-45-67", "phone:+79211234567"),
    ("+7 921 123 45 67", "phone:+79211234567"),
    ("9211234567", "phone:+79211234567"),
    ("79211234567", "phone:+79211234567"),
    ("+89211234567", "phone:+79211234567"),
    ("8 800 123-45-67", "phone:+78001234567"),
    ("8002000600", "phone:+78002000600"),
    ("77011234567", "phone:+77011234567"),
    ("87011234567", "phone:+77011234567"),
    ("8104930123456", "phone:+4930123456"),
    ("00493012345678", "phone:+493012345678"),
    ("+380441234567", "phone:+380441234567"),
    ("sip:79990001101@10.0.0.1:5060", "phone:+79990001101"),
    ("tel:+74950010100;phone-context=x", "phone:+74950010100"),
    ("%2B79211234567", "phone:+79211234567"),
    ("4950010100 доб. 12", "phone:+74950010100;ext=12"),
    ("+74950010100;ext=12", "phone:+74950010100;ext=12"),
    ("8 495 001-01-00 x 304", "phone:+74950010100;ext=304"),
    ("\u00a08\u2011921\u2011123\u201145\u201167 ", "phone:+79211234567"),
]
NO_NUMBER = [
    ("", "withheld"),
    ("anonymous", "withheld"),
    ("<unknown>", "withheld"),
    ("Restricted", "withheld"),
    ("0", "withheld"),
    ("0000", "withheld"),
    ("asterisk", "not_a_number"),
    ("112", "short"),
    ("101", "short"),
    ("900", "short"),
    ("1234567", "local"),
    ("shop_bot", "not_a_number"),
    ("12345678901234567", "not_a_number"),
]


@pytest.mark.parametrize(("raw", "handle"), RUSSIAN)
def test_a_number_on_a_russian_line_is_read(raw: str, handle: str) -> None:
    assert read_number(raw, "RU").handle == handle


@pytest.mark.parametrize(("raw", "reason"), NO_NUMBER)
def test_what_cannot_be_called_back_has_no_handle_and_a_reason(raw: str, reason: str) -> None:
    number = read_number(raw, "RU")
    assert (number.handle, number.reason) == (None, reason)


def test_a_long_number_without_a_prefix_is_assumed_to_be_international() -> None:
    number = read_number("380441234567", "RU")
    assert (number.handle, number.assumed) == ("phone:+380441234567", True)


@pytest.mark.parametrize(
    ("raw", "country", "handle"),
    [
        ("030 123456", "DE", "phone:+4930123456"),
        ("(202) 456-1111", "US", "phone:+12024561111"),
        ("8 29 123-45-67", "BY", "phone:+375291234567"),
        ("044 123 45 67", "UA", "phone:+380441234567"),
        ("8 701 123 45 67", "KZ", "phone:+77011234567"),
    ],
)
def test_numbers_of_other_countries_follow_the_reference_data(raw: str, country: str, handle: str) -> None:
    assert read_number(raw, country).handle == handle


@given(st.from_regex(r"[3489][0-9]{9}", fullmatch=True))
def test_the_fast_path_agrees_with_the_reference_data(digits: str) -> None:
    parsed = phonenumbers.parse(digits, "RU")
    if phonenumbers.is_valid_number(parsed):
        expected = phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)
        assert read_number(digits, "RU").handle == f"phone:{expected}"


@given(st.text(max_size=30))
def test_any_text_is_survived_and_what_is_read_is_canonical(raw: str) -> None:
    number = read_number(raw, "RU")
    assert (number.handle is None) != (number.reason is None)
    if number.handle is not None:
        assert problem(number.handle) is None
        assert canonical(number.handle, "RU") == number.handle


def test_lines_are_compared_in_any_form() -> None:
    forms = {same_line(name) for name in ("74950010100", "+7 495 001-01-00", "84950010100", "4950010100")}
    assert forms == {"+74950010100"}
    assert same_line(" @Shop_Bot ") == "@shop_bot"


@pytest.mark.parametrize(
    ("text", "handle"),
    [
        ("phone:8 921 123-45-67", "phone:+79211234567"),
        ("email:Ivan@Пример.РФ", "email:ivan@xn--e1afmkfd.xn--p1ai"),
        ("telegram:123456789", "telegram:123456789"),
        ("ext:pbx/101", "ext:pbx/101"),
    ],
)
def test_a_typed_handle_becomes_canonical(text: str, handle: str) -> None:
    assert canonical(text) == handle


@pytest.mark.parametrize("text", ["79211234567", "phone:", "phone:112", "Phone:+79211234567", ":x", "email:ivan"])
def test_what_is_no_handle_is_refused_with_a_right_example(text: str) -> None:
    with pytest.raises(ValueError, match="for example"):
        canonical(text)
