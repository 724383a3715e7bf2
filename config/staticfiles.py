"""The static-files step: one stylesheet out of readable ones, hashed names, gzip and brotli."""

import posixpath
import re
from collections.abc import Callable, Iterator
from typing import Any

from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import StaticFilesStorage
from django.core.files.base import ContentFile
from whitenoise.storage import CompressedManifestStaticFilesStorage

STYLESHEET = "css/portal.css"
IMPORT = re.compile(r'@import "([^"]+)";\n?')
ADDRESS = re.compile(r'url\("(?!data:)([^"]+)"\)')
STRING_OR_SPACE = re.compile(r"""("[^"]*"|'[^']*')|(?:\s|/\*.*?\*/)+""", re.DOTALL)
TIGHT = re.compile(r"""("[^"]*"|'[^']*')| ?([{};,]) ?|(:) """)


def bundle(name: str, read: Callable[[str], str]) -> str:
    """The stylesheet `name` with its imports in place and its addresses made relative to the first one."""

    def inline(match: re.Match[str]) -> str:
        part = posixpath.join(posixpath.dirname(name), match[1])
        return ADDRESS.sub(lambda url: moved(url, part), read(part))

    def moved(url: re.Match[str], part: str) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(part), url[1]))
        return f'url("{posixpath.relpath(target, posixpath.dirname(name))}")'

    return IMPORT.sub(inline, read(name))


def squeeze(css: str) -> str:
    """Comments and idle white space taken out; strings are left alone."""
    one_line = STRING_OR_SPACE.sub(lambda found: found[1] or " ", css)
    tight = TIGHT.sub(lambda found: found[1] or found[2] or found[3], one_line)
    return tight.replace(";}", "}").strip()


class BundledStaticFilesStorage(CompressedManifestStaticFilesStorage):
    """Joins `css/portal.css` before hashing; the parts are not published."""

    def post_process(self, paths: dict[str, Any], *args: Any, **options: Any) -> Iterator[Any]:
        if STYLESHEET in paths and not options.get("dry_run"):
            paths = self._with_bundle(paths)
        yield from super().post_process(paths, *args, **options)

    def _with_bundle(self, paths: dict[str, Any]) -> dict[str, Any]:
        def read(name: str) -> str:
            storage, path = paths[name]
            with storage.open(path) as file:
                return str(file.read().decode())

        content = squeeze(bundle(STYLESHEET, read))
        parts = [name for name in paths if name.startswith("css/")]
        for name in parts:
            self.delete(name)
        self._save(STYLESHEET, ContentFile(content.encode()))
        kept = {name: where for name, where in paths.items() if name not in parts}
        return {**kept, STYLESHEET: (self, STYLESHEET)}


class StrictStaticFilesStorage(StaticFilesStorage):
    """For tests: plain names, but a file that does not exist is an error, as it is behind the manifest."""

    def url(self, name: str | None) -> str:
        if name and finders.find(name) is None:
            raise ValueError(f"No static file {name!r}")
        return str(super().url(name))
