"""The page that explains: how a path, a title or a release is read and judged, or why a book is missing."""

from django import forms
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone

from acquisition.services.explain import KINDS, explain
from config.admin_site import site
from config.errors import UnabridgedError


class ExplainForm(forms.Form):
    kind = forms.ChoiceField(choices=[(kind, kind) for kind in KINDS], label="What")
    text = forms.CharField(max_length=2000, label="Path, title, name or book", strip=True)
    author = forms.CharField(max_length=500, required=False, label="Author (of a title)")
    book = forms.CharField(max_length=500, required=False, label="Book (for a release): number or title")


def explain_view(request: HttpRequest) -> HttpResponse:
    """Read-only, so a GET: the answer has an address that can be kept and sent."""
    form = ExplainForm(request.GET or None)
    context = {**site.each_context(request), "title": "Explain", "form": form}
    if form.is_bound and form.is_valid():
        try:
            context["explanation"] = explain(**form.cleaned_data, now=timezone.now())
        except UnabridgedError as error:
            context["fault"] = error.message
    return TemplateResponse(request, "acquisition/admin/explain.html", context)


site.add_page("explain/", explain_view, name="explain")
