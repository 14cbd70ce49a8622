"""What stands in a markdown text: its headings, links, images and paragraphs."""

from collections.abc import Iterator
from html.parser import HTMLParser
from urllib.parse import unquote

import mistune

_parse = mistune.create_markdown(renderer=None, plugins=["table"])


def headings(text: str) -> list[tuple[int, str]]:
    """Lists the headings of a text.

    Args:
        text: markdown; what looks like a heading in a block of code is none.

    Returns:
        (level, words) of each, in order.
    """
    return [(token["attrs"]["level"], _words(token)) for token in _parse(text) if token["type"] == "heading"]


def anchors(text: str) -> set[str]:
    """The fragments by which JupyterLab and the exported pages reach the headings of a text.

    Args:
        text: markdown.

    Returns:
        The words of each heading, with a hyphen for each space.
    """
    return {words.replace(" ", "-") for _, words in headings(text)}


def links(text: str) -> list[str]:
    """Lists where a text links to.

    Args:
        text: markdown.

    Returns:
        The addresses of links and images, unquoted, in order.
    """
    found = [token for token in _walk(_parse(text)) if token["type"] in ("link", "image")]
    return [unquote(token["attrs"]["url"]) for token in found]


def image_alts(text: str) -> list[str]:
    """Lists the alternative texts of the images in a text.

    Args:
        text: markdown; images written as HTML count too.

    Returns:
        The words for each image; "" where there are none.
    """
    found = []
    for token in _walk(_parse(text)):
        if token["type"] == "image":
            found.append(_words(token))
        elif token["type"] in ("block_html", "inline_html"):
            found += html_image_alts(token["raw"])
    return found


def html_image_alts(text: str) -> list[str]:
    """Lists the alternative texts of the images in a piece of HTML.

    Args:
        text: HTML.

    Returns:
        The words for each image; "" where there are none.
    """
    reader = _Images()
    reader.feed(text)
    return reader.alts


def has_sentence(text: str) -> bool:
    """Whether a text says anything besides headings, tables, code and images.

    Args:
        text: markdown.

    Returns:
        bool.
    """
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
