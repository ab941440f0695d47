"""Servers are killed while patients send: who was told that it arrived can rely on that."""

import pytest

from crowd import Power, all_is_there, send_all
from serving import a_place, new_place  # noqa: F401 (a fixture, asked for by its name)
from troubles import on_own_postgresql

BEHIND_A_PROXY = {"TRUSTED_PROXIES": "1"}


def cuts(place, patients, at_once, times, flow="appointment", trouble=Power.fail):
    """Let trouble come so many times while so many patients send; see that all is there.

    Returns what the last server printed.
    """
    place.settings = BEHIND_A_PROXY
    power = Power(place)
    moments = {number * patients // (times + 1) for number in range(1, times + 1)}
    try:
        shown = send_all(power, patients, at_once, lambda: trouble(power), moments, flow)
    finally:
        power.off()
    all_is_there(place, shown, [f"Patient {number}" for number in range(patients)])
    return power.server.output


@pytest.mark.parametrize(
    ("patients", "times"), [(64, 1), pytest.param(320, 20, marks=pytest.mark.drill)]
)
def test_kill_9_in_the_middle_of_32_senders_loses_and_doubles_nothing(place, patients, times):
    cuts(place, patients, 32, times)


@pytest.mark.drill
def test_intakes_by_20_at_once_survive_two_power_cuts(tmp_path_factory):
    cuts(new_place(tmp_path_factory), 500, 20, 2, flow="intake")


@pytest.mark.drill
def test_postgresql_that_crashes_under_load_is_found_again(request):
    with on_own_postgresql(request) as place:
        said = cuts(place, 48, 16, 3, trouble=lambda power: power.place.postgres.restart())
    assert "the database did not take a request" in said
    assert "incident" not in said
