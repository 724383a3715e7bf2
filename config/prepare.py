"""Bring a fresh clone to where it can serve, and do nothing the second time."""

import fcntl
import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from django.conf import settings
from django.core.management import call_command, get_commands
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils.translation.reloader import translation_file_changed

from config import typography
from config.typography import space_all

RULES = [Path(__file__), Path(typography.__file__)]
Say = Callable[[str], None]


def prepare(say: Say) -> None:
    """Tables, translations, static files and, with the sandbox, demo data. One process at a time."""
    settings.DATA_DIR.mkdir(parents=True, exist_ok=True)
    with _alone():
        if migrations_missing():
            say("Preparing the database")
            call_command("migrate", verbosity=0, interactive=False)
        call_command("createcachetable", verbosity=0)
        compile_messages(say)
        collect_static(say)
        if settings.SANDBOX and "demo" in get_commands():
            call_command("demo", verbosity=0)


def migrations_missing() -> bool:
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))


def compile_messages(say: Say) -> None:
    """Compile the catalogues that changed. Babel does it: gettext's own tools may not be installed."""
    for folder in settings.LOCALE_PATHS:
        sources = sorted(Path(folder).glob("*/LC_MESSAGES/*.po"))
        # Any of them may have changed what French says: see config.typography.
        newest = max((source.stat().st_mtime_ns for source in [*sources, *RULES]), default=0)
        for source in sources:
            target = source.with_suffix(".mo")
            if not target.exists() or target.stat().st_mtime_ns < newest:
                say(f"Compiling {source.parent.parent.name} texts")
                target.write_bytes(_compiled(source))
                # This process may have read the old texts, or found none, when Django started.
                translation_file_changed(sender=None, file_path=target)


def _compiled(source: Path) -> bytes:
    catalog = _read(source)
    if catalog.locale_identifier == settings.LANGUAGE_CODE:
        for other in source.parents[2].glob(f"*/LC_MESSAGES/{source.name}"):
            if other != source:
                space_all(catalog, named_by=_read(other))
    compiled = BytesIO()
    write_mo(compiled, catalog)
    return compiled.getvalue()


def _read(source: Path) -> Catalog:
    with source.open("rb") as file:
        return read_po(file, locale=source.parent.parent.name)


def collect_static(say: Say) -> None:
    """Collect, fingerprint and compress the static files when any of them, or their packages, changed."""
    stamp = settings.DATA_DIR / "static.stamp"
    now = _static_fingerprint()
    if stamp.exists() and stamp.read_text() == now and (settings.STATIC_ROOT / "staticfiles.json").exists():
        return
    say("Collecting static files")
    call_command("collectstatic", verbosity=0, interactive=False, clear=True)
    stamp.write_text(now)


def _static_fingerprint() -> str:
    files = [
        (str(path), path.stat().st_size, path.stat().st_mtime_ns)
        for folder in [*settings.STATICFILES_DIRS, Path(__file__).parent]
        for path in sorted(Path(folder).rglob("*"))
        if path.is_file() and path.suffix != ".pyc"
    ]
    packages = [version(name) for name in ("django", "django-unfold", "django-htmx", "whitenoise")]
    return hashlib.sha256(json.dumps([files, packages, str(settings.STATIC_ROOT)]).encode()).hexdigest()


@contextmanager
def _alone() -> Iterator[None]:
    with (settings.DATA_DIR / "prepare.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
