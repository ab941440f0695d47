"""Two patients, a member of staff and a stranger, honest and hostile by turns.

Whatever they do, in whatever order: no crash, nothing half written, and nobody sees a stranger.
"""

from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

import time_machine
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from conftest import empty
from hostile import STRAYS, effort, headers, meddled, meddled_query, spoiled, urlencoded, values
from models import STATUSES
from pages import Person, typed_in
from people import BIRTH, INTAKE, an_open_day, details, letters, link_in, submissions
from security import HEADERS, is_private
from signing_in import PASSWORD, add_staff, sign_in
from wholeness import check_whole

NOON = datetime(2026, 12, 1, 18, tzinfo=UTC)  # a Tuesday in Minneapolis
TYPED = {"details": details, "times": details, **{name: INTAKE[name].copy for name in INTAKE}}
LISTS = ["/staff/?view=all", "/staff/?view=spam", "/staff/overview", "/staff/activity"]
WORK = {
    "form[action*='/status']": {"status": st.sampled_from(STATUSES)},
    "form[action*='/assign']": {"me": st.sampled_from(["1", None])},
    "form[action*='/notes']": {"text": st.just("Ottoline has called.") | values},
    "form[action*='/schedule']": {
        "day": st.builds(an_open_day, st.integers(0, 30)),
        "time": st.sampled_from(["09:30", "16:45"]),
    },
    "form[action*='/hold']": {},
    "form[action*='/print']": {},
}


class Watched(Person):
    """Somebody with a browser, whose every answer is looked at.

    `knows` are the only ones of `NAMES` that they may come across, `seen` the private addresses
    that they have come to.
    """

    NAMES = ("quillan", "zebedee", "ottoline")

    def __init__(self, app, knows=(), **own):
        super().__init__(app.test_client())
        self.strangers = [name for name in self.NAMES if name not in knows]
        self.own, self.page, self.seen = own, None, ["/staff/"]

    def ask(self, method, path, **options):
        self.page = super().ask(method, path, **options)
        for answer in (*self.page.response.history, self.page.response):
            assert answer.status_code < 500, answer.status
            assert HEADERS.keys() <= set(answer.headers.keys())
            told = f"{answer.headers}{answer.data.decode('utf-8', 'replace')}".lower()
            assert not [name for name in self.strangers if name in told]
            if is_private(answer.request.path) and answer.request.full_path not in self.seen:
                self.seen.append(answer.request.full_path)
        return self.page

    def go_on(self):
        """Fill in the page of the form as they honestly would, and press its button."""
        name, asked = self.page.path.rpartition("/")[2], self.page.asked()
        typed = {**TYPED.get(name, BIRTH.copy)(), **self.own}
        if self.page.soup.select("main form"):
            self.page.submit(**{field: typed[field] for field in typed if field in asked})


def patient(app, name, year, phone):
    return Watched(
        app,
        knows=[name],
        full_name=f"{name.title()} Doe",
        email=f"{name}@example.org",
        phone=phone,
        birth_year=year,
        message=f"{name.title()} is in pain.",
        hope=f"{name.title()} wants to sleep.",
    )


people = st.sampled_from(["patient", "other", "staff", "stranger"])
patients = st.sampled_from(["patient", "other"])
flows = st.sampled_from(["appointment", "intake"])


class Siege(RuleBasedStateMachine):
    """What they do; Hypothesis chooses what is next, and by whom."""

    def __init__(self, app):
        super().__init__()
        self.app = app
        self.clock = time_machine.travel(NOON)
        self.time = self.clock.start()
        empty()
        add_staff(app, "ada@example.org", "admin")
        self.people = {
            "patient": patient(app, "quillan", "1975", "612-555-0187"),
            "other": patient(app, "zebedee", "1981", "612-555-0123"),
            "staff": Watched(app, knows=Watched.NAMES),
            "stranger": Watched(app),
        }
        for who in ("other", "stranger"):
            self.people[who].visit("/")
        self.comes_in()
        self.fills_in_a_whole_form("patient", "appointment")

    def teardown(self):
        self.clock.stop()

    @invariant()
    def all_is_whole(self):
        check_whole()

    # What is honest

    @rule(who=people, flow=flows)
    def opens_a_form(self, who, flow):
        self.people[who].visit(f"/{flow}/")

    @rule(who=people)
    def goes_on(self, who):
        self.people[who].go_on()

    @rule(who=patients, flow=flows)
    def fills_in_a_whole_form(self, who, flow):
        person = self.people[who]
        person.visit(f"/{flow}/")
        for _page in range(12):
            if person.page.path.startswith("/received/"):
                return
            person.go_on()

    @rule(who=people, data=st.data())
    def follows_a_link(self, who, data):
        person = self.people[who]
        links = [link["href"] for link in person.page.soup.select("a[href^='/']")]
        if links:
            person.visit(data.draw(st.sampled_from(links), "link"))

    @rule(who=patients, button=st.sampled_from(["back", "later"]))
    def goes_back_or_stops(self, who, button):
        page = self.people[who].page
        if page.soup.select(f"button[name={button}]"):
            page.submit(**{button: "yes"})

    @rule(who=patients, then=st.sampled_from(["", "/times", "/cancel"]), data=st.data())
    def reads_a_letter(self, who, then, data):
        person = self.people[who]
        mine = [letter for letter in letters() if letter[1]["to"] == person.own["email"]]
        if mine:
            link = link_in(data.draw(st.sampled_from(mine), "letter"))
            person.visit(link)
            person.go_on()
            if then and link.startswith("/requests/"):
                person.visit(f"{link}{then}")
                person.go_on()

    @rule()
    def comes_in(self):
        page = self.people["staff"].visit("/staff/")
        if page.path == "/staff/login":
            sign_in(page, "ada@example.org", PASSWORD)

    @rule(where=st.sampled_from(LISTS))
    def looks_at_a_list(self, where):
        self.people["staff"].visit(where)

    @rule(forms=st.lists(st.sampled_from(sorted(WORK)), max_size=4), data=st.data())
    def works_on_a_submission(self, forms, data):
        one = data.draw(st.sampled_from(submissions()), "submission")
        page = self.people["staff"].visit(f"/staff/submissions/{one.shown_reference}")
        for form in forms:
            if page.soup.select(form):
                page = page.submit(form, **data.draw(st.fixed_dictionaries(WORK[form])))

    @rule(hours=st.sampled_from([0.1, 1, 25, 24 * 8, 24 * 200]))
    def time_goes_by(self, hours):
        self.time.shift(timedelta(hours=hours))

    # What is not

    @rule(who=people, data=st.data(), more=headers)
    def sends_a_form_with_anything_in_it(self, who, data, more):
        person = self.people[who]
        forms = person.page.soup.select("form[action]")
        if not forms:
            return
        form = data.draw(st.sampled_from(forms), "form")
        fields = person.page.soup.select("form [name], [form][name]")
        offered = [field["value"] for field in fields if field.get("value")]
        names = {*STRAYS, *(field["name"] for field in form.select("[name]"))}
        body = urlencoded(data.draw(meddled(typed_in(form), names, offered)))
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        if form.get("method") == "post":
            person.ask("POST", form["action"], data=body, headers={**kind, **dict(more)})
        else:
            person.ask("GET", form["action"], query_string=body, headers=dict(more))

    @rule(who=people, whose=people, data=st.data(), more=headers)
    def tries_an_address_of_anybody(self, who, whose, data, more):
        address = urlsplit(data.draw(st.sampled_from(self.people[whose].seen), "address"))
        query = data.draw(st.just(address.query) | meddled_query())
        self.people[who].ask("GET", address.path, query_string=query, headers=dict(more))

    @rule(who=people, name=st.sampled_from(["form", "session"]), data=st.data())
    def spoils_a_cookie(self, who, name, data):
        person = self.people[who]
        cookies = [person.client.get_cookie(one) for one in ("form", "session")]
        for cookie in filter(None, cookies):
            person.client.set_cookie(name, data.draw(spoiled(cookie.value), "cookie"))
            person.visit(person.page.path)

    @rule(whose=patients, data=st.data())
    def steals_the_cookie_of_a_form(self, whose, data):
        owner = self.people[whose]
        if cookie := owner.client.get_cookie("form"):
            thief = Watched(self.app, knows=set(Watched.NAMES) - set(owner.strangers))
            for name in ("form", "session"):
                thief.client.set_cookie(name, cookie.value)
            for person in self.people.values():
                thief.visit(data.draw(st.sampled_from(person.seen), "address"))


@effort(few=3, many=60, steps=40)
def test_whatever_people_do_nobody_sees_a_stranger_and_nothing_is_half_written(app, effort):
    run_state_machine_as_test(lambda: Siege(app), settings=effort)
