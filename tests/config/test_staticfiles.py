import re
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from django.test import override_settings

from config.staticfiles import squeeze

STATIC = Path(settings.BASE_DIR) / "static"


@pytest.fixture(scope="module")
def collected(tmp_path_factory) -> Path:
    """The result of collectstatic with the storage that production uses."""
    root = tmp_path_factory.mktemp("static")
    collect(root)
    return root


def collect(root: Path) -> None:
    storage = {"BACKEND": "config.staticfiles.BundledStaticFilesStorage"}
    with override_settings(STATIC_ROOT=root, STORAGES={**settings.STORAGES, "staticfiles": storage}):
        call_command("collectstatic", "--noinput", "--ignore=unfold*", "--ignore=admin*", verbosity=0)


def bundle_of(root: Path) -> Path:
    (found,) = (
        path for path in (root / "css").glob("portal.*.css") if re.search(r"\.[0-9a-f]{12}\.", path.name)
    )
    return found


def test_the_stylesheet_is_one_small_file(collected: Path) -> None:
    css = bundle_of(collected).read_text()
    assert "@import" not in css
    assert "/*" not in css
    assert len(css.encode()) < 32 * 1024
    for layer in ("reset", "tokens", "base", "layout", "components", "screens", "utilities"):
        assert f"@layer {layer}{{" in css
    assert css.count("{") == css.count("}")


def test_every_part_is_in_the_bundle(collected: Path) -> None:
    imported = set(re.findall(r'@import "([^"]+)"', (STATIC / "css/portal.css").read_text()))
    written = {str(path.relative_to(STATIC / "css")) for path in (STATIC / "css").rglob("*.css")}
    assert imported == written - {"portal.css"}
    published = {path.name for path in (collected / "css").rglob("*.css")}
    assert all(name.startswith("portal.") for name in published)


def test_addresses_in_the_bundle_lead_to_hashed_files(collected: Path) -> None:
    bundle = bundle_of(collected)
    addresses = re.findall(r'url\("([^"]+)"\)', bundle.read_text())
    assert addresses
    for address in addresses:
        assert (bundle.parent / address).resolve().is_file()
        assert re.search(r"\.[0-9a-f]{12}\.", address)


def test_the_bundle_is_compressed_for_browsers(collected: Path) -> None:
    bundle = bundle_of(collected)
    brotli = Path(f"{bundle}.br")
    assert brotli.stat().st_size < 9 * 1024
    assert Path(f"{bundle}.gz").exists()


def test_collecting_again_changes_nothing(collected: Path) -> None:
    before = sorted(path.name for path in (collected / "css").rglob("*"))
    bundle = bundle_of(collected).read_text()
    collect(collected)
    assert sorted(path.name for path in (collected / "css").rglob("*")) == before
    assert bundle_of(collected).read_text() == bundle


@pytest.mark.parametrize(
    ("loose", "tight"),
    [
        ("a { color: red; }", "a{color:red}"),
        ("a  >\n b , c { x: 1 }", "a > b,c{x:1}"),
        ("& :hover + span { y: calc(1px + 2px); }", "& :hover + span{y:calc(1px + 2px)}"),
        ('a::after { content: "  ; , "; } /* why */', 'a::after{content:"  ; , "}'),
    ],
)
def test_squeezing_keeps_what_a_stylesheet_means(loose: str, tight: str) -> None:
    assert squeeze(loose) == tight


def test_scripts_and_drawings_stay_within_their_budget() -> None:
    assert (STATIC / "portal.js").stat().st_size <= 4 * 1024
    for drawing in (STATIC / "art").glob("*.svg"):
        assert drawing.stat().st_size < 3 * 1024
        assert "<script" not in drawing.read_text()
