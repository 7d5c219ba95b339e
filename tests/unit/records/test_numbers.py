"""How numbers are written, in every output alike: their digits, their intervals, and what is said where there is none."""

import pytest

from bench.records import Interval
from bench.records.numbers import (
    count_words,
    format_interval,
    format_load,
    format_number,
    format_percent,
    prose,
    split_prose,
    time_words,
    under_words,
)


def test_in_tables_digits_follow_the_half_width_of_the_interval():
    wanted = {
        Interval(10_840.4, 10_720, 10_960, None): "10,840 (10,720 to 10,960)",
        Interval(5052.3, 5010.2, 5094.7, None): "5,052 (5,010 to 5,095)",
        Interval(0.9027, 0.8953, 0.9101, None): "0.9027 (0.8953 to 0.9101)",
        Interval(50.2, 20, 110, None): "50 (20 to 110)",
        Interval(1.0, 1.0, 1.0, None): "1.000 (1.000 to 1.000)",
        Interval(9080.0, 9080.0, 9080.0, None): "9,080 (9,080 to 9,080)",
        Interval(0.0, 0.0, 0.0, None): "0 (0 to 0)",
        Interval(2.0123, None, None, None): "2.01",
        Interval(2.0123, 1.9, None, None): "2.01",
        None: "-",
    }
    assert {interval: format_interval(interval) for interval in wanted} == wanted


@pytest.mark.parametrize(
    ("interval", "words"),
    [
        (Interval(1.7623, 1.7535, 1.7694, None), "1.76 (1.75 to 1.77)"),  # never more than three digits
        (Interval(1.7623, 1.7, 1.83, None), "1.76 (1.70 to 1.83)"),
        (Interval(1.7623, 1.5, 2.0, None), "1.8 (1.5 to 2.0)"),  # what the half-width leaves open is not written
        (Interval(0.9050, 0.8985, 0.9134, None), "0.905 (0.898 to 0.913)"),
        (Interval(0.0532, 0.0521, 0.0542, None), "0.053 (0.052 to 0.054)"),
        (Interval(4584.0, 4561.0, 4612.0, None), "4,580 (4,560 to 4,610)"),
        (Interval(4584.0, 4100.0, 5200.0, None), "4,600 (4,100 to 5,200)"),
        (Interval(50.2, 20.0, 110.0, None), "50 (20 to 110)"),
        (Interval(0.0, -0.2, 0.2, None), "0.0 (-0.2 to 0.2)"),
    ],
)
def test_in_sentences_an_estimate_is_rounded_to_its_half_width_with_three_digits_at_most(interval, words):
    assert prose(interval) == words
    assert "{} ({})".format(*split_prose(interval)) == words


@pytest.mark.parametrize(
    ("interval", "words"),
    [
        (Interval(2.0123, None, None, None), "2.01"),
        (Interval(2.0123, 1.9, None, None), "2.01"),
        (Interval(2.0123, 2.0123, 2.0123, None), "2.01"),
        (None, "-"),
    ],
)
def test_in_sentences_an_estimate_without_an_interval_of_any_width_stands_alone(interval, words):
    assert prose(interval) == words
    assert split_prose(interval) == (words, "")


def test_a_figure_without_interval_has_three_digits():
    wanted = {None: "-", 0: "0", 0.0213: "0.0213", 94.63: "94.6", 12_345.0: "12,300", -1.5: "-1.50"}
    assert {value: format_number(value) for value in wanted} == wanted


def test_what_is_counted_is_one_or_several():
    wanted = {(1, "launch"): "1 launch", (12, "launch"): "12 launches", (0, "user"): "0 users", (5, "fresh process"): "5 fresh processes"}
    assert {counted: count_words(*counted) for counted in wanted} == wanted


def test_a_share_is_written_in_percent():
    wanted = {0.02: "2 %", 0.1: "10 %", 0.0412: "4.1 %", 1.5: "150 %", 0: "0 %"}
    assert {ratio: format_percent(ratio) for ratio in wanted} == wanted


def test_loads_are_written_in_words():
    wanted = {
        "closed-1": ("1 user", "with 1 user"),
        "closed-16": ("16 users", "with 16 users"),
        "busy-40": ("equal rate, baseline 40 % busy", "at equal rate, baseline 40 % busy"),
        "busy-70-constant": ("equal rate, baseline 70 % busy, evenly spaced", "at equal rate, baseline 70 % busy, evenly spaced"),
        "open-60": ("equal rate, 60 % of saturation", "at equal rate, 60 % of saturation"),
        "own-80": ("80 % of its own saturation", "at 80 % of its own saturation"),
        "open-500rps": ("500 req/s offered", "at 500 req/s offered"),
        "open-500rps-constant": ("500 req/s offered, evenly spaced", "at 500 req/s offered, evenly spaced"),
    }
    assert {load: (format_load(load), under_words(load)) for load in wanted} == wanted


def test_response_time_is_the_word_of_open_loops():
    opened = ("busy-40", "open-60", "open-7rps", "open-7rps-constant", "own-95", "own-95-constant")
    assert {time_words(load) for load in opened} == {"response time"}
    assert {time_words(load) for load in ("closed-1", "closed-128")} == {"service time"}
