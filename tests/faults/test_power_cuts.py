"""The server is killed while patients send: who was told that it arrived can rely on that."""

import pytest

from crowd import Power, all_is_there, send_all
from serving import a_place, new_place  # noqa: F401 (a fixture, asked for by its name)

BEHIND_A_PROXY = {"TRUSTED_PROXIES": "1"}


def power_cuts(place, patients, at_once, cuts, flow="appointment"):
    place.settings = BEHIND_A_PROXY
    power = Power(place)
    moments = {number * patients // (cuts + 1) for number in range(1, cuts + 1)}
    try:
        shown = send_all(power, patients, at_once, power.fail, moments, flow)
    finally:
        power.off()
    all_is_there(place, shown, [f"Patient {number}" for number in range(patients)])


@pytest.mark.parametrize(
    ("patients", "cuts"), [(64, 2), pytest.param(320, 20, marks=pytest.mark.drill)]
)
def test_kill_9_in_the_middle_of_32_senders_loses_and_doubles_nothing(place, patients, cuts):
    power_cuts(place, patients, 32, cuts)


def test_500_intakes_by_20_at_once_survive_two_power_cuts(tmp_path_factory):
    power_cuts(new_place(tmp_path_factory), 500, 20, 2, flow="intake")
