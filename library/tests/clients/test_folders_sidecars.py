"""Sidecars: both shapes of metadata.json, OPF of EPUB 2 and 3, NFO; and none of them can do harm."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from library.clients.folders.said import Said
from library.clients.folders.sidecars import (
    from_description_text,
    from_metadata_json,
    from_nfo,
    from_opf,
    from_reader_text,
)
from library.domain.facts import SeriesPlace

OPF = """<?xml version="1.0" encoding="UTF-8"?>{doctype}
<package xmlns="http://www.idpf.org/2007/opf"><metadata xmlns:dc="http://purl.org/dc/elements/1.1/"
 xmlns:opf="http://www.idpf.org/2007/opf">{body}</metadata></package>"""


def opf(body: str, doctype: str = "") -> Said:
    return from_opf(OPF.format(body=body, doctype=doctype).encode())


def said(document: Any) -> Said:
    return from_metadata_json(json.dumps(document).encode())


FULL = {
    "title": "T",
    "subtitle": "Sub",
    "authors": ["A B"],
    "narrators": ["N R"],
    "series": ["Mistborn #1", "Cosmere"],
    "genres": ["Fantasy"],
    "publishedYear": 2006,
    "publisher": "House",
    "description": "<p>Words</p>",
    "isbn": "978",
    "asin": "b002",
    "language": "English",
    "explicit": "true",
    "abridged": False,
}


@pytest.mark.parametrize("document", [{**FULL, "tags": ["x"]}, {"tags": ["x"], "metadata": FULL}])
def test_metadata_json_in_both_shapes(document: dict[str, Any]) -> None:
    assert said(document) == Said(
        title="T",
        subtitle="Sub",
        authors=("A B",),
        narrators=("N R",),
        series=(SeriesPlace("Mistborn", "1"), SeriesPlace("Cosmere")),
        genres=("Fantasy",),
        tags=("x",),
        published_year=2006,
        publisher="House",
        description="Words",
        isbn="978",
        asin="B002",
        language="English",
        is_explicit=True,
        is_abridged=False,
    )


@pytest.mark.parametrize(
    "document",
    [
        {"title": None, "series": None, "authors": "A", "genres": {}, "explicit": 3, "publishedYear": []},
        {"title": {"a": 1}, "narrators": 5, "chapters": None},
    ],
)
def test_values_of_wrong_types_say_nothing(document: dict[str, Any]) -> None:
    assert said(document) == Said()


@pytest.mark.parametrize(
    "chapters, count",
    [
        ([{"id": 0, "start": 0, "end": 1, "title": "x"}] * 3, 3),
        ([{"start": 0, "end": 1, "title": "x"}, {"start": 1}], None),
        ([], None),
    ],
)
def test_one_bad_chapter_spoils_the_list(chapters: list[Any], count: int | None) -> None:
    assert said({"chapters": chapters}).chapter_count == count


@pytest.mark.parametrize("data", [b"", b"{", b"[1]", b'"x"', b"\xff\xfe\x00", b"[" * 100_000])
def test_metadata_json_that_is_none_is_a_problem(data: bytes) -> None:
    result = from_metadata_json(data)
    assert [problem.code for problem in result.problems] == ["sidecar_unreadable"]
    assert result.title == ""


def test_opf_of_calibre() -> None:
    result = opf(
        """<dc:title>T</dc:title><dc:creator opf:role="aut">Austen, Jane</dc:creator>
        <dc:creator opf:role="nrt">N R</dc:creator><dc:creator>Nobody</dc:creator><dc:date>1922-11-29</dc:date>
        <dc:identifier opf:scheme="ISBN">978</dc:identifier><dc:identifier opf:scheme="asin">no</dc:identifier>
        <dc:language>und</dc:language><dc:subject>S</dc:subject><dc:tag>t</dc:tag>
        <dc:description>&lt;p&gt;Words&lt;/p&gt;</dc:description>
        <meta name="calibre:series" content="One"/><meta name="calibre:series_index" content="3.0"/>
        <meta name="calibre:series" content="Two"/>"""
    )
    assert result == Said(
        title="T",
        authors=("Jane Austen",),
        narrators=("N R",),
        published_year=1922,
        isbn="978",
        genres=("S",),
        tags=("t",),
        description="Words",
        series=(SeriesPlace("One", "3"), SeriesPlace("Two")),
    )


def test_opf_of_epub_3() -> None:
    result = opf(
        """<dc:creator id="c1">A B</dc:creator><meta refines="#c1" property="role">aut</meta>
        <dc:creator id="c2">N R</dc:creator><meta refines="#c2" property="role">nrt</meta>
        <meta property="belongs-to-collection" id="s">Oz</meta><meta refines="#s" property="group-position">2</meta>"""
    )
    assert (result.authors, result.narrators, result.series) == (("A B",), ("N R",), (SeriesPlace("Oz", "2"),))


def test_narrators_in_a_column_of_calibre() -> None:
    result = opf("""<meta name="calibre:user_metadata:#narrators" content='{"#value#": ["N R", "M S"]}'/>""")
    assert result.narrators == ("N R", "M S")


@pytest.mark.parametrize(
    "doctype, body",
    [
        ('<!DOCTYPE p [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]>', "<dc:title>&b;</dc:title>"),
        ('<!DOCTYPE p [<!ENTITY f SYSTEM "file:///etc/passwd">]>', "<dc:title>&f;</dc:title>"),
        ("", "<dc:title>never closed"),
    ],
)
def test_opf_that_cannot_be_trusted_is_a_problem(doctype: str, body: str) -> None:
    result = opf(body, doctype)
    assert result.title == ""
    assert [problem.code for problem in result.problems] == ["sidecar_unreadable"]


def test_nfo() -> None:
    text = """General Information
===================
 Title:                  The Book: A Story
 Author:                 A B
 Read By:                N R
 Copyright:              2006 by A B (P)2008 House
 Series Name:            Oz
 Position in Series:     3
 Genre:                  Fantasy, Humour
 Unabridged:             Yes
 Publisher:              House
 ASIN:                   b000000001

Book Description
================
First line.
Second line.
"""
    assert from_nfo(text.replace("\n", "\r\n").encode("cp1252")) == Said(
        title="The Book",
        subtitle="A Story",
        authors=("A B",),
        narrators=("N R",),
        published_year=2008,
        series=(SeriesPlace("Oz", "3"),),
        genres=("Fantasy", "Humour"),
        is_abridged=False,
        publisher="House",
        asin="B000000001",
        description="First line.\nSecond line.",
    )


def test_plain_texts() -> None:
    assert from_description_text("\ufeffWörter.\n".encode()).description == "Wörter."
    assert from_description_text("Wörter.".encode("cp1252")).description == "Wörter."
    assert from_reader_text(b"N R and M S\nmore").narrators == ("N R", "M S")
    assert from_reader_text(b"").narrators is None


@given(st.binary(max_size=400))
def test_rubbish_never_raises(data: bytes) -> None:
    for parse in (from_metadata_json, from_opf, from_nfo, from_description_text, from_reader_text):
        assert isinstance(parse(data), Said)


_FIELDS = ["metadata", "title", "series", "authors", "chapters", "publishedYear", "tags", "explicit"]
_leaves = st.none() | st.booleans() | st.floats() | st.text(max_size=9)
_documents = st.recursive(
    _leaves, lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(_FIELDS), inner), max_leaves=8
)


@settings(max_examples=50)
@given(_documents)
def test_any_json_never_raises(document: Any) -> None:
    assert isinstance(said(document), Said)
