"""JSON from anywhere: one reading, or none."""

import pytest

from runtime.bundle.strict_json import parse_object
from runtime.errors import BundleError


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "not valid JSON"),
        ("{", "not valid JSON"),
        ("{} {}", "not valid JSON"),
        ("[]", "must be an object, not a list"),
        ("null", "must be an object, not null"),
        ("3", "must be an object, not a number"),
        ('{"a": 1, "a": 2}', "the key 'a' appears twice"),
        ('{"b": {"a": 1, "a": 1}}', "the key 'a' appears twice"),
        ('{"a": NaN}', "NaN is not a JSON number"),
        ('{"a": -Infinity}', "-Infinity is not a JSON number"),
        ('{"\\u001b[2J": 1}', "not 1 to 255 printable"),
        ('{"' + "k" * 256 + '": 1}', "not 1 to 255 printable"),
        ("[" * 100_000, "nested too deeply"),
        ('{"a": ' + "9" * 5000 + "}", "not valid JSON"),
        (b"\xff\xfe{\x00}\x00", "not valid JSON"),
        ("{}".encode("utf-16"), "not valid JSON"),
        (b"\xef\xbb\xbf{}", "not valid JSON"),
        (b'{"a": "\xff"}', "not valid JSON"),
    ],
)
def test_unsound_texts_are_refused(text, words):
    with pytest.raises(BundleError, match=words):
        parse_object(text, "here")


@pytest.mark.parametrize(
    ("read", "value", "words"),
    [
        (lambda f: f.text("k"), '"a\\nb"', "printable"),
        (lambda f: f.text("k"), '"\\ud800"', "printable"),
        (lambda f: f.text("k"), "1", "must be a string, not a number"),
        (lambda f: f.integer("k", 0, 9), "10", "is 10; it must be from 0 to 9"),
        (lambda f: f.integer("k", 0, 9), "true", "must be a whole number, not true or false"),
        (lambda f: f.number("k"), '"1"', "must be a number, not a string"),
        (lambda f: f.number("k"), "1e999", "must be a finite number"),
        (lambda f: f.number("k"), "1" + "0" * 400, "must be a finite number"),
        (lambda f: f.items("k", 2), "[1, 2, 3]", "has 3 items; at most 2"),
        (lambda f: f.texts("k", 2), '["a", null]', "strings of 1 to 1000 printable characters, not null"),
        (lambda f: f.fields("k", 1), '{"a": 1, "b": 2}', "has 2 keys; at most 1"),
        (lambda f: f.value("other"), "1", "the key 'other' is missing"),
    ],
)
def test_each_field_has_one_type(read, value, words):
    with pytest.raises(BundleError, match=f"^here.*{words}"):
        read(parse_object(f'{{"k": {value}}}', "here"))


def test_sound_fields_are_read():
    fields = parse_object('{"t": "a", "n": 1, "f": 0.5, "l": ["x"], "o": {"i": 2}, "z": null}', "here")
    assert fields.text("t") == "a" and fields.integer("n", 0, 1) == 1 and fields.number("n") == 1.0
    assert fields.number("f") == 0.5 and fields.texts("l", 1) == ("x",)
    assert fields.fields("o").integer("i", 0, 9) == 2
    assert fields.optional_text("z") is None and fields.optional_number("z") is None
    assert list(fields) == ["t", "n", "f", "l", "o", "z"] and "t" in fields and len(fields) == 6
