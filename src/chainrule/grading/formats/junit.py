"""A grade as JUnit XML, for continuous integration: a test case for each part."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from chainrule.grading.result import Grade, shown

#: What XML 1.0 cannot hold at all.
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(grade: Grade) -> str:
    """The grade as JUnit XML; points are properties of the cases."""
    failed = [part for part in grade.parts if part.status != "right"]
    suite = ElementTree.Element(
        "testsuite",
        name=grade.exercise,
        tests=str(len(grade.parts)),
        failures=str(len(failed)),
        errors="0",
        time=f"{sum(part.seconds for part in grade.parts):.3f}",
    )
    for part in grade.parts:
        case = ElementTree.SubElement(
            suite,
            "testcase",
            classname=grade.exercise,
            name=f"{part.name} {part.title}",
            time=f"{part.seconds:.3f}",
        )
        properties = ElementTree.SubElement(case, "properties")
        for name, value in (("score", part.score), ("points", part.points)):
            ElementTree.SubElement(properties, "property", name=name, value=shown(value))
        if part in failed:
            message = f"{part.status}: {shown(part.score)} of {shown(part.points)} points"
            failure = ElementTree.SubElement(case, "failure", message=message)
            failure.text = _FORBIDDEN.sub("?", "\n".join(part.sentences()))
        if part.output:
            output = ElementTree.SubElement(case, "system-out")
            output.text = _FORBIDDEN.sub("?", part.output)
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"
