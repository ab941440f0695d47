"""What search engines are told about a page, in the words of schema.org (JSON-LD)."""

from collections.abc import Mapping, Sequence
from typing import Any

from flask import current_app, request, url_for

from content import Article, Reviewed, library

Data = dict[str, Any]
CONTEXT = "https://schema.org"


def absolute(address: str) -> str:
    """Return the public form of an address of ours, whatever name the visitor reached it by."""
    return current_app.config["SITE_URL"] + address


def named_clinic() -> Data:
    name = library().practice.name
    return {"@type": "MedicalClinic", "@id": absolute("/#clinic"), "name": name}


def clinic() -> Data:
    practice = library().practice
    return {
        "@context": CONTEXT,
        **named_clinic(),
        "url": absolute("/"),
        "image": absolute(url_for("static", filename="share.png")),
        "telephone": practice.phone,
        "address": ", ".join(practice.address),
        "medicalSpecialty": ["Musculoskeletal", "Neurologic"],
        "openingHoursSpecification": [
            {
                "@type": "OpeningHoursSpecification",
                "dayOfWeek": day.capitalize(),
                "opens": f"{opens:%H:%M}",
                "closes": f"{closes:%H:%M}",
            }
            for day, (opens, closes) in practice.hours.items()
        ],
    }


def medical_page(page: Reviewed) -> Data:
    """An article or a month. It was reviewed only when somebody has reviewed it."""
    data = {
        "@context": CONTEXT,
        "@type": "MedicalWebPage",
        "name": page.title,
        "description": page.summary,
        "url": absolute(request.path),
        "inLanguage": "en-US",
        "dateModified": page.updated.isoformat(),
        "publisher": named_clinic(),
        "audience": {"@type": "MedicalAudience", "audienceType": "Patient"},
        "citation": [
            source.url or f"{source.publisher}. {source.title}" for source in page.sources
        ],
    }
    if page.reviewed_by:
        data["lastReviewed"] = page.reviewed_on.isoformat()
        data["reviewedBy"] = {"@type": "Person", "name": page.reviewed_by}
    if isinstance(page, Article):
        data |= of_article(page)
    return data


def of_article(article: Article) -> Data:
    data: Data = {"datePublished": article.published.isoformat(), "author": author(article)}
    if article.condition:
        data["about"] = {"@type": "MedicalCondition", "name": article.condition}
    return data


def author(article: Article) -> Mapping[str, str]:
    """A person where the practice has one of that name, else whoever it says."""
    people = {person["name"] for person in library().practice.clinicians}
    kind = "Person" if article.author in people else "Organization"
    return {"@type": kind, "name": article.author}


def breadcrumbs(trail: Sequence[tuple[str, str]]) -> Data:
    """The way from home to a page, as the page shows it."""
    steps = [("Home", url_for("visitors.home")), *trail]
    return {
        "@context": CONTEXT,
        "@type": "BreadcrumbList",
        "itemListElement": [
            {"@type": "ListItem", "position": number, "name": name, "item": absolute(address)}
            for number, (name, address) in enumerate(steps, start=1)
        ],
    }
