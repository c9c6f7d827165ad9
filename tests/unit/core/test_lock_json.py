from __future__ import annotations

import pytest

from openpit.core.lock_json import decode


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("[]", []),
        (' [ [ "1" ,\n2 ] ,\t[ 7 , "3" ] ] ', [["1", 2], [7, "3"]]),
        ("[1.50,-3,-0]", [1.5, -3, 0]),
        ("[1e3,1E-2,0.30000000000000004]", [1000.0, 0.01, 0.30000000000000004]),
        ('["\\u0031\\u002e5","\\n\\/\\ud83d\\ude00"]', ["1.5", "\n/😀"]),
    ],
)
def test_json_is_read(text, tree):
    assert decode(text) == tree


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("18446744073709551615", 18446744073709551615),
        ("-9223372036854775808", -9223372036854775808),
        ("-18446744073709551615", -18446744073709552000.0),
        ("18446744073709551616", 18446744073709552000.0),
        ("-9223372036854775809", -9223372036854775808.0),
        ("3e25", 30000000000000005000000000.0),
        ("18446744073709551619.3", 18446744073709552000.0),
        ("123456789.123456789123456789", 123456789.1234568),
        ("-1.7976931348623157e308", -1.7976931348623157e308),
        ("1e-400", 0.0),
        ("0e999", 0.0),
        ("0.0e400", 0.0),
        ("123e-324", 1.23e-322),
        (f"{'1' * 5000}e-4999", 1.1111111111111112),
        (f"1e{'0' * 5000}5", 100000.0),
        (f"0.{'0' * 400}5e401", 5.0),
        (f"1e-{'9' * 5000}", 0.0),
    ],
)
def test_numbers_beyond_64_bits_and_floats_are_read_as_the_reference_reads_them(text, number):
    value = decode(text)

    assert value == number
    assert type(value) is type(number)


@pytest.mark.parametrize("text", ["1e400", "-1.8e308", "1" * 5000, f"1e{'1' * 5000}"])
def test_a_number_that_no_float_holds_is_refused(text):
    with pytest.raises(ValueError, match=r"^number out of range: ") as info:
        decode(f"[[{text}]]")
    assert len(str(info.value)) < 100


@pytest.mark.parametrize("word", ["NaN", "Infinity", "-Infinity"])
def test_what_only_python_takes_for_a_number_is_refused(word):
    with pytest.raises(ValueError, match=rf"^{word} is no number of JSON$"):
        decode(f"[[{word}]]")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", "line 1 column 1"),
        ("   ", "line 1 column 4"),
        ("nul", "line 1 column 1"),
        ('[["1",]]', "line 1 column"),
        ("[[1x]]", "line 1 column 4"),
        ("[[1]]\n\n x", "line 3 column 2"),
        ("[[1]]\x00", "line 1 column 6"),
        ("[[01]]", "line 1 column 4"),
        ("[[1.]]", "line 1 column 4"),
        ("[[.5]]", "line 1 column 3"),
        ("[[+1]]", "line 1 column 3"),
        ("[[-]]", "line 1 column 3"),
        ("[[1e]]", "line 1 column 4"),
        ("['1']", "line 1 column 2"),
        ("\ufeff[]", "line 1 column 1"),
        ("[\x0b]", "line 1 column 2"),
        ('[["1]]', "line 1 column 3"),
        ('[["\n"]]', "line 1 column 4"),
        ('[["\\x"]]', "line 1 column 4"),
        ('[["\\u00zz"]]', "line 1 column"),
    ],
)
def test_broken_json_is_refused_with_its_place(text, place):
    with pytest.raises(ValueError, match=place):
        decode(text)
