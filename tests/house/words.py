"""The words and patterns the house rules look for, spelled so that the rules do not find themselves."""

import re

RESERVED_STEMS = {"util", "utils", "helper", "helpers", "service", "services", "manager", "managers", "base", "common"}

MACHINE_PATH = re.compile(r"(?<![\w.:/*{}<>~-])/(?:work|root|home)/[\w.-]+")

REGISTRIES = tuple(
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("npmjs", "com"),
        ("yarnpkg", "com"),
        ("proxy", "golang", "org"),
        ("crates", "io"),
        ("deb", "debian", "org"),
    )
)

SQL_START = re.compile(
    r"\s*(?:select\s.+\sfrom\s|select\s+(?:1|set_config|current_setting|pg_)\b|insert\s+(?:or\s+\w+\s+)?into\s|update\s+\w+\s+set\s|delete\s+from\s"
    r"|with\s+\w+\s+as\s*\(|create\s+(?:table|index|unique|role|policy|trigger)\s|alter\s+(?:table|role)\s|drop\s+(?:table|index)\s"
    r"|pragma\s+\w+|begin\s+immediate|set\s+local\s|grant\s+\w+.*\sto\s|copy\s+\w+\s)",
    re.IGNORECASE | re.DOTALL,
)
