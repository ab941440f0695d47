"""Fill in every field that a page has, found on the page: first all wrong, then right.

So a new field is filled in too. `say` gives the words for a field, by its name.
"""

from people import INTAKE, an_open_day, details

OURS = ("csrf_token", "draft", "website")  # fields that people do not fill in


def all_wrong(page, say, but=OURS):
    """Send a page with words in each of its fields, also in those that take none."""
    return page.submit(**{name: say(name) for name in page.asked() - set(but)})


def all_right(page, say, before, **own):
    """Send a page with words in each field that takes some, and the rest as people do.

    `before` is how it was before anything was wrong; `own` what else is said.
    """
    asked, words = page.asked(), page.words_asked()
    usual = {
        **details(),
        **{name: given for step in INTAKE.values() for name, given in step.items()},
    }
    usual |= {"filled_in_by": "helper", "red_flags": first_flag(page), **days_wished()}
    usual |= {name: say(name) for name in words}
    usual |= {f"{name.removesuffix('_text')}_none": None for name in words}
    given = {name: value for name, value in {**usual, **own}.items() if name in asked}
    return page.submit(**{**dict.fromkeys(asked), **before, **given})


def days_wished():
    """Days so far away that nothing else of the site can be about them."""
    aheads = enumerate((90, 110, 130), start=1)
    return {f"window{number}_day": an_open_day(ahead) for number, ahead in aheads}


def first_flag(page):
    """The first red flag that the page asks for, which leads to the page of advice."""
    flag = page.soup.select_one("[name=red_flags]")
    return flag and flag["value"]


def through(person, flow, say, **own):
    """Go through a flow; yield each page as it came back wrong, and at last all answers."""
    page = person.visit(f"/{flow}/")
    while not page.path.endswith("/check"):
        here, before = page.path, page.typed()
        wrong = all_wrong(page, say)
        assert wrong.status == 422 or here.endswith("/advice"), here
        yield wrong
        page = all_right(wrong, say, before, **own) if wrong.path == here else wrong
        assert page.path != here, page.errors
    yield page
