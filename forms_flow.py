"""How a form goes from page to page: steps in order, answers kept, none asked in vain.

Knows nothing of what is asked; the flows themselves are in `forms.py`.
"""

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from hashlib import sha256
from typing import Any

from flask import request
from flask_wtf import FlaskForm
from wtforms import HiddenField

from content import Library, library
from forms_fields import Question

Answers = Mapping[str, Mapping[str, Any]]  # step name -> field name -> answer


class StepForm(FlaskForm):
    """One page of questions. `draft` names the draft, in case the browser lost its cookie."""

    draft = HiddenField()

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
class Step:
    """One page of a flow. Where `applies` says no, it is neither asked nor sent."""

    name: str
    title: str
    form: type[StepForm]
    applies: Callable[[Answers], bool] = lambda _answers: True
    # Steps to be asked again when an answer on this one changes.
    resets: tuple[str, ...] = ()

    def stored(self, answers: Answers) -> StepForm:
        """The form with the answers that are in the draft, whatever the request says."""
        return self.form(formdata=None, data=answers.get(self.name), meta={"csrf": False})

    def answered(self, answers: Answers) -> bool:
        return self.name in answers and self.stored(answers).validate()


@dataclass(frozen=True)
class Row:
    """One question as the patient saw it answered."""

    step: str
    label: str
    text: str
    first_id: str


@dataclass(frozen=True)
class Flow:
    """The pages of one kind of submission, in order."""

    name: str
    title: str
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
        """The page before this one (before the check page, for None); None at the beginning."""
        earlier = self.steps[: self.steps.index(step)] if step else self.steps
        return next((page for page in reversed(earlier) if page.applies(answers)), None)

    def save(self, answers: Answers, step: Step, new: Mapping[str, Any]) -> dict[str, Any]:
        """Return the answers with those of a step put in, and without those they make stale."""
        stale = step.resets if answers.get(step.name) != new else ()
        kept = {name: given for name, given in answers.items() if name not in stale}
        return {**kept, step.name: dict(new)}

    def rows(self, answers: Answers) -> Iterator[Row]:
        """Every question and its answer in words, in the order they were asked."""
        for step in self.asked(answers):
            for field in step.stored(answers).questions:
                yield Row(step.name, field.label.text, field.shown, field.first_id)

    def columns(self, answers: Answers) -> dict[str, Any]:
        """What a submission keeps of the answers: only those asked, and how they were shown."""
        return {
            "kind": self.name,
            "form_version": self.version,
            "answers": {step.name: answers[step.name] for step in self.asked(answers)},
            "shown": [asdict(row) for row in self.rows(answers)],
        }

    @cached_property
    def version(self) -> str:
        """Changes with any label, hint or choice written in the forms.

        So a submission tells which form it came from; the consent has a version of its own.
        """
        asked = [
            (step.name, name, field.args, field.kwargs.get("hint"), field.kwargs.get("choices"))
            for step in self.steps
            for name, field in inspect.getmembers(step.form)
            if hasattr(field, "field_class")
        ]
        return sha256(repr(asked).encode()).hexdigest()[:12]
