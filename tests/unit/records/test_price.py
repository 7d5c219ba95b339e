"""The price that money is reckoned with: stated, checked, and never measured."""

from dataclasses import asdict

import pytest

from bench.errors import ConfigError
from bench.plan.described import describe
from bench.plan.plan import make_plan
from bench.records.price import Price, make_price, price_from_plan


@pytest.mark.parametrize(
    ("cpu_us", "price", "share", "money"),
    [
        (3600.0, Price(1.0, (1.0,)), 1.0, 1.0),  # a million answers of 3600 us are an hour of a core
        (3600.0, Price(1.0, (0.5,)), 0.5, 2.0),
        (360.0, Price(2.0, (1.0,)), 1.0, 0.2),
        (0.0, Price(2.0, (1.0,)), 1.0, 0.0),
        (191.0, Price(), 0.3, 191 / 3600 * 0.04 / 0.3),
    ],
)
def test_a_million_answers_cost_core_hours_over_the_share_of_a_core_that_works(cpu_us, price, share, money):
    assert price.per_million(cpu_us, share) == pytest.approx(money)


def test_nothing_asked_for_is_the_usual_price():
    assert make_price(None, []) == Price() == Price(0.04, (0.3, 0.7), "US dollars")
    assert make_price(None, [], Price(9.0, (0.9,))) == Price(9.0, (0.9,))


def test_what_is_asked_for_takes_the_place_of_the_usual_and_leaves_the_rest():
    usual = Price(9.0, (0.9,), "euros")
    assert make_price(2.0, [], usual) == Price(2.0, (0.9,), "euros")
    assert make_price(None, [0.1, 1.0], usual) == Price(9.0, (0.1, 1.0), "euros")
    assert make_price(0.0, [], usual) == Price(0.0, (0.9,), "euros")  # a price of nothing is a price
    assert make_price(None, [], usual, "yen") == Price(9.0, (0.9,), "yen")


@pytest.mark.parametrize(("price", "words"), [(-0.01, "-0.01"), (float("inf"), "inf"), (float("nan"), "nan")])
def test_a_price_below_nothing_or_beyond_all_is_refused(price, words):
    with pytest.raises(ConfigError) as caught:
        make_price(price, [])
    assert str(caught.value) == f"--core-hour-price is {words}; a price is 0 or more."


@pytest.mark.parametrize(("share", "words"), [(0.0, "0"), (-0.3, "-0.3"), (1.01, "1.01"), (70.0, "70"), (float("nan"), "nan")])
def test_a_share_that_is_none_is_refused(share, words):
    with pytest.raises(ConfigError) as caught:
        make_price(None, [0.5, share])
    assert str(caught.value) == f"--utilisation is {words}; it is a share of a core's time, over 0 and up to 1."


@pytest.mark.parametrize("share", [1.0, 1e-6])
def test_the_ends_of_a_share_are_allowed(share):
    assert make_price(None, [share]).utilisations == (share,)


def test_the_price_of_a_plan_is_read_back_and_a_plan_without_one_has_the_usual():
    price = Price(0.5, (0.2, 0.4), "euros")
    assert price_from_plan({"price": asdict(price)}) == price
    older = {"per_core_hour": 0.5, "utilisations": [0.2, 0.4]}  # of a version that named no currency
    assert price_from_plan({"price": older}) == Price(0.5, (0.2, 0.4))
    assert price_from_plan({}) == Price()


def test_a_run_keeps_the_price_that_it_was_asked_to_reckon_with_in_its_plan():
    price = Price(0.5, (0.2,), "euros")
    assert price_from_plan(describe(make_plan("smoke", price=price))) == price
    assert price_from_plan(describe(make_plan("smoke"))) == Price()
