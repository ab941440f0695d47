"""How a form goes from page to page: steps in order, answers kept, none asked in vain.

Knows nothing of what is asked; the flows themselves are in `forms.py`.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from hashlib import sha256
from types import MappingProxyType
from typing import Any

from flask import request
from flask_wtf import FlaskForm
from wtforms import HiddenField, StringField

from content import Library, library
from forms_fields import Question

Answers = Mapping[str, Mapping[str, Any]]  # step name -> field name -> answer
TRAPPED = "filled in a field that people do not see"  # what is said of who fell into the trap


class StepForm(FlaskForm):
    """One page of questions. `draft` names the draft, in case the browser lost its cookie.

    `given` are the answers to the other pages. `website` is a trap: people do not see it, and
    programs that fill in every field do.
    """

    draft = HiddenField()
    website = StringField("Leave this empty")

    def __init__(self, *args: Any, given: Answers = MappingProxyType({}), **kwargs: Any):
        self.given = given
        super().__init__(*args, **kwargs)

    class Meta(FlaskForm.Meta):
        """Only form fields count: an upload or JSON would not be text."""

        def wrap_formdata(self, _form: FlaskForm, formdata: Any) -> Any:
            if formdata is None or hasattr(formdata, "getlist"):
                return formdata
            return request.form if request.method == "POST" else None

    def process(self, *args: Any, **kwargs: Any) -> None:
        self.ask(library())
        super().process(*args, **kwargs)

    def ask(self, content: Library) -> None:
        """Put in what the questions take from the content, before any answer is read."""

    def typed(self) -> dict[str, list[str]]:
        """Everything that was typed into this page, right or wrong, as it was sent."""
        names = {field.name for field in self.questions}
        return {
            name: values
            for name, values in request.form.lists()
            if name in names or name.rpartition("_")[0] in names
        }

    def review(self) -> None:
        """Check answers that come from the draft as if they had been given now."""
        self.validate()
        self.csrf_token.errors = []  # nothing was sent that could have carried a token

    @property
    def questions(self) -> list[Question]:
        return [field for field in self if isinstance(field, Question)]

    @property
    def answers(self) -> dict[str, Any]:
        return {field.name: field.data for field in self.questions}


@dataclass(frozen=True)
class Row:
    """One question as the patient saw it answered."""

    step: str
    title: str  # of the step
    label: str
    text: str
    first_id: str


@dataclass(frozen=True)
class Step:
    """One page of a flow. Where `applies` says no, it is neither asked nor sent."""

    name: str
    title: str
    form: type[StepForm]
    applies: Callable[[Answers], bool] = lambda _answers: True
    # Whether an answer from before still stands, now that others have changed.
    stands: Callable[[Answers], bool] = lambda _answers: True
    interrupts: bool = False  # not one of the pages that people count

    def fill(self, answers: Answers, **kwargs: Any) -> StepForm:
        """The form with the answers that are in the draft."""
        return self.form(data=answers.get(self.name), given=answers, **kwargs)

    def stored(self, answers: Answers) -> StepForm:
        """The same, whatever the request says."""
        return self.fill(answers, formdata=None, meta={"csrf": False})

    def answered(self, answers: Answers) -> bool:
        return self.name in answers and self.stands(answers) and self.stored(answers).validate()

    def rows(self, form: StepForm) -> Iterator[Row]:
        """Every question of this page and its answer in words."""
        for field in form.questions:
            if field.listed:
                yield Row(self.name, self.title, field.label.text, field.shown, field.first_id)


@dataclass(frozen=True)
class Flow:
    """The pages of one kind of submission, in order, and what to know before the first."""

    name: str
    title: str
    about: str
    steps: tuple[Step, ...]

    def step(self, name: str) -> Step | None:
        return next((step for step in self.steps if step.name == name), None)

    def asked(self, answers: Answers) -> list[Step]:
        return [step for step in self.steps if step.applies(answers)]

    def next_step(self, answers: Answers) -> Step | None:
        """The first page that is asked and not answered well; None when all are.

        An answer that was good may not be any more: a day has passed, or our words have changed.
        """
        return next((step for step in self.asked(answers) if not step.answered(answers)), None)

    def before(self, step: Step | None, answers: Answers) -> Step | None:
        """The page before this one (before the check page, for None); None at the beginning.

        Before a page that interrupts, that is the one which was answered last.
        """
        earlier = self.steps[: self.steps.index(step)] if step else self.steps
        if step and step.interrupts:
            earlier = [page for name in answers if (page := self.step(name)) and page != step]
        return next((page for page in reversed(earlier) if page.applies(answers)), None)

    def position(self, step: Step | None, answers: Answers) -> tuple[int, int]:
        """Which page this is (the check page, for None), of how many."""
        counted = [page for page in self.asked(answers) if not page.interrupts]
        number = counted.index(step) + 1 if step in counted else len(counted) + 1
        return number, len(counted) + 1

    def rows(self, answers: Answers) -> Iterator[Row]:
        """Every question and its answer in words, in the order they were asked."""
        for step in self.asked(answers):
            yield from step.rows(step.stored(answers))

    def columns(self, answers: Answers) -> dict[str, Any]:
        """What a submission keeps of the answers: only those asked, and how they were shown."""
        forms = [(step, step.stored(answers)) for step in self.asked(answers)]
        return {
            "kind": self.name,
            "form_version": self.version,
            "answers": {step.name: form.answers for step, form in forms if step.name in answers},
            "shown": [vars(row) for step, form in forms for row in step.rows(form)],
        }

    @cached_property
    def version(self) -> str:
        """Changes with any word or choice written in the forms.

        So a submission tells which form it came from; the consent has a version of its own.
        """
        shape = ("hint", "heading", "choices", "groups", "none", "low", "high")
        asked = [
            (step.name, name, field.args, *map(field.kwargs.get, shape))
            for step in self.steps
            for name, field in inspect.getmembers(step.form)
            if hasattr(field, "field_class")
        ]
        return sha256(repr(asked).encode()).hexdigest()[:12]
