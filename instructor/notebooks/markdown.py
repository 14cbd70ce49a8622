"""Headings, links, images and paragraphs of a markdown text."""

from collections.abc import Iterator
from html.parser import HTMLParser
from urllib.parse import unquote

import mistune

_parse = mistune.create_markdown(renderer=None, plugins=["table"])


def headings(text: str) -> list[tuple[int, str]]:
    """List the (level, words) of each heading, in order; comments in code blocks are not headings."""
    return [(token["attrs"]["level"], _words(token)) for token in _parse(text) if token["type"] == "heading"]


def anchors(text: str) -> set[str]:
    """Return the URL fragments of a text's headings in JupyterLab and the exported pages."""
    return {words.replace(" ", "-") for _, words in headings(text)}


def links(text: str) -> list[str]:
    """List the addresses of links and images, unquoted, in order."""
    found = [token for token in _walk(_parse(text)) if token["type"] in ("link", "image")]
    return [unquote(token["attrs"]["url"]) for token in found]


def image_alts(text: str) -> list[str]:
    """List the alt text of each image, Markdown or HTML; "" for an image without one."""
    found = []
    for token in _walk(_parse(text)):
        if token["type"] == "image":
            found.append(_words(token))
        elif token["type"] in ("block_html", "inline_html"):
            found += html_image_alts(token["raw"])
    return found


def html_image_alts(text: str) -> list[str]:
    """List the alt text of each image in a piece of HTML; "" for an image without one."""
    reader = _Images()
    reader.feed(text)
    return reader.alts


def has_sentence(text: str) -> bool:
    """Whether a text says anything besides headings, tables, code and images."""
    kinds = ("paragraph", "list", "block_quote")
    return any(_words(token, with_images=False).strip() for token in _parse(text) if token["type"] in kinds)


class _Images(HTMLParser):
    def __init__(self):
        super().__init__()
        self.alts: list[str] = []

    def handle_starttag(self, tag, attrs):
        if tag == "img":
            self.alts.append(dict(attrs).get("alt") or "")


def _walk(tokens: list[dict]) -> Iterator[dict]:
    for token in tokens:
        yield token
        yield from _walk(token.get("children", []))


def _words(token: dict, with_images: bool = True) -> str:
    if "children" not in token:
        return " " if token["type"] == "softbreak" else token.get("raw", "")
    children = [child for child in token["children"] if with_images or child["type"] != "image"]
    return "".join(_words(child, with_images) for child in children)
