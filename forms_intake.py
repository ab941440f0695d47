"""The intake: what a clinician wants to know before the first visit.

`instruments.toml`, `risk_factors.toml` and `red_flags.toml` name these questions by their fields.
"""

from content import Library
from forms_contact import CONTACT, ContactForm, HelperForm
from forms_fields import NOT_AGREED, Choice, Consent, Days, LongText, ManyChoices, Scale
from forms_flow import StepForm
from forms_parts import TextOrNone
from forms_safety import has_headaches

MONTH = 30  # days that the questions look back on
WORST = "The worst pain you can imagine"
YES_NO = (("yes", "Yes"), ("no", "No"), ("unsure", "I am not sure"))
HOW_LONG = (
    ("no", "No"),
    ("short", "Yes, for less than 3 months"),
    ("long", "Yes, for 3 months or longer"),
)
WHEN = (
    ("no", "No"),
    ("month", "Yes, in the last month"),
    ("quarter", "Yes, 1 to 3 months ago"),
    ("earlier", "Yes, longer ago"),
)


class YouForm(HelperForm, ContactForm):
    """Who the patient is. What an appointment request has told us already is not asked again."""

    help_with = ManyChoices(
        "What would you like help with?",
        heading="Your visit",
        groups=[
            (
                "",
                [
                    ("headache", "Headache or migraine"),
                    ("neck", "Neck pain"),
                    ("back", "Back pain"),
                    ("limbs", "Arm or leg symptoms"),
                ],
            )
        ],
        none=("other", "Something else"),
        missing="Select what you would like help with, or “Something else”",
    )

    def ask(self, content: Library) -> None:
        super().ask(content)
        self.full_name.heading = "The patient"
        if self.given.get("origin", {}).get("you"):
            for name in CONTACT:
                del self[name]


class HeadachesForm(StepForm):
    headache_days = Days(
        "On how many of the last 30 days did you have a headache?",
        heading="The last 30 days",
        hint="A number from 0 to 30. Your best guess is fine.",
        most=MONTH,
        missing="Enter the number of days with a headache",
    )
    simple_days = Days(
        "On how many of the last 30 days did you take a simple pain reliever?",
        hint="Like acetaminophen, ibuprofen, naproxen or aspirin, for any pain. Enter 0 for none.",
        most=MONTH,
        missing="Enter the number of days with simple pain relievers",
    )
    strong_days = Days(
        "On how many of the last 30 days did you take a triptan, an ergot, an opioid or a "
        "combination pill?",
        hint="Like sumatriptan, ergotamine, oxycodone, or aspirin with caffeine. Enter 0 for none.",
        most=MONTH,
        missing="Enter the number of days with these medicines",
    )
    worst_pain = Scale(
        "How bad was the worst headache?",
        heading="How they feel",
        missing="Choose how bad the worst headache was",
        low="No pain",
        high=WORST,
    )
    usual_pain = Scale(
        "How bad is a usual headache?",
        missing="Choose how bad a usual headache is",
        low="No pain",
        high=WORST,
    )
    upright = Choice(
        "Is your headache worse when you are upright and better when you lie flat?",
        choices=YES_NO,
        missing="Select whether your headache is worse when you are upright",
    )
    with_headache = ManyChoices(
        "When your head hurts, what else do you notice?",
        groups=[
            (
                "",
                [
                    ("nausea", "My stomach feels upset"),
                    ("light", "I want to be in the dark"),
                    ("limits", "I have to stop what I am doing"),
                ],
            )
        ],
        none=("none", "None of these"),
        missing="Select what you notice, or “None of these”",
    )
    tight_neck = Choice(
        "Do your neck or shoulders feel tight when you have a headache?",
        choices=YES_NO,
        missing="Select whether your neck or shoulders feel tight",
    )
    since = Choice(
        "When did your headaches start?",
        choices=[
            ("month", "In the last month"),
            ("quarter", "1 to 3 months ago"),
            ("year", "3 to 12 months ago"),
            ("years", "More than a year ago"),
        ],
        missing="Select when your headaches started",
    )
    after_injury = Choice(
        "Did your headaches begin after an injury to your head or neck?",
        choices=YES_NO,
        missing="Select whether your headaches began after an injury",
    )
    tried = LongText(
        "What have you tried for your headaches? (optional)",
        limit=1000,
        thing="What you have tried",
        hint="Medicines, exercises, other treatments, and whether they helped.",
    )


class SpineForm(StepForm):
    neck_pain = Choice(
        "Do you have neck pain?",
        heading="Pain",
        choices=HOW_LONG,
        missing="Select whether you have neck pain",
    )
    upper_back_pain = Choice(
        "Do you have pain in your upper back?",
        choices=HOW_LONG,
        missing="Select whether you have pain in your upper back",
    )
    low_back_pain = Choice(
        "Do you have low back pain?",
        choices=HOW_LONG,
        missing="Select whether you have low back pain",
    )
    limbs = ManyChoices(
        "Do you have any of these in your arms or legs?",
        groups=[
            (
                "",
                [
                    ("arm-pain", "Pain that goes into an arm"),
                    ("arm-numb", "Numbness or tingling in an arm or hand"),
                    ("arm-weak", "A weak arm or hand"),
                    ("leg-pain", "Pain that goes into a leg"),
                    ("leg-numb", "Numbness or tingling in a leg or foot"),
                    ("leg-weak", "A weak leg or foot"),
                ],
            )
        ],
        none=("none", "None of these"),
        missing="Select what you have, or “None of these”",
    )
    injury = Choice(
        "Have you hurt your head, neck or back, in a crash, a fall or another way?",
        heading="What happened before",
        choices=WHEN,
        missing="Select whether you have hurt your head, neck or back",
    )
    procedure = Choice(
        "Have you had a spinal tap, an epidural, a spine injection or spine surgery?",
        choices=WHEN,
        missing="Select whether you have had a spinal tap or one of the others",
    )
    bones = ManyChoices(
        "Has a doctor told you that you have any of these?",
        groups=[
            (
                "",
                [
                    ("neck-arthritis", "Arthritis in my neck"),
                    ("back-arthritis", "Arthritis in my back"),
                    ("osteoporosis", "Osteoporosis (weak bones)"),
                ],
            )
        ],
        none=("none", "None of these"),
        missing="Select what you have been told, or “None of these”",
    )


class HealthForm(StepForm):
    medicines = TextOrNone(
        "Which medicines do you take?",
        hint="Also those without a prescription, vitamins and herbs. One on each line.",
        limit=2000,
        none="None",
        missing="Write your medicines",
    )
    allergies = TextOrNone(
        "What are you allergic to?", limit=2000, none="None", missing="Write your allergies"
    )
    conditions = TextOrNone(
        "What other health problems do you have, or have you had?",
        limit=2000,
        none="None",
        missing="Write your health problems",
    )
    pregnancy = Choice(
        "Are you pregnant, or have you been in the last 12 months?",
        hint="We ask because some headaches and medicines need extra care then.",
        choices=[("yes", "Yes, or I may be"), ("no", "No"), ("skip", "I would rather not say")],
        missing="Select an answer, or “I would rather not say”",
    )
    peg_pain = Scale(
        heading="Pain in the past week", missing="Choose a number for your pain on average"
    )
    peg_enjoyment = Scale(missing="Choose a number for enjoyment of life")
    peg_activity = Scale(missing="Choose a number for general activity")
    hope = LongText(
        "What do you hope for from your visit? (optional)",
        heading="What matters to you",
        limit=1000,
        thing="What you hope for",
    )
    consent = Consent("Your agreement", missing=NOT_AGREED)

    def ask(self, content: Library) -> None:
        self.consent.words, self.consent.version = content.consent.text, content.consent.version
        peg = content.instruments.get("peg")
        items = {item.id: item for item in peg.items} if peg and peg.on else {}
        for field in [field for field in self if field.name.startswith("peg_")]:
            if field.name not in items or self.has_no_pain:
                del self[field.name]
            else:
                item = items[field.name]
                field.label.text, field.low, field.high = item.text, item.low, item.high

    @property
    def has_no_pain(self) -> bool:
        """Whether nothing the patient has told us hurts, so that pain is not asked about."""
        spine, limbs = self.given.get("spine", {}), self.given.get("spine", {}).get("limbs", [])
        aches = [spine.get(name) for name in ("neck_pain", "upper_back_pain", "low_back_pain")]
        return (
            bool(spine)
            and set(aches) == {"no"}
            and not {"arm-pain", "leg-pain"} & set(limbs)
            and not has_headaches(self.given)
        )
