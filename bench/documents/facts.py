"""What is found out about one document: a line of the table."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Facts:
    """One line of the table."""

    document: str
    operations: int = 0
    tools: int = 0
    skipped: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    """Reason, and the operation that was skipped for it."""
    list_bytes: int = 0
    largest: int = 0
    """Bytes of the largest tool."""
    pages: int = 0
    seconds: float = 0.0
    """Processor time of reading and compiling."""
    rss_mib: float = 0.0
    asked: list[str] = field(default_factory=list[str])
    """The operations that were to be called."""
    sampled: int = 0
    """Those of them that are tools."""
    calls: int = 0
    requests: int = 0
    """Calls whose request was faithful, whatever became of its answer."""
    faithful: int = 0
    refused: str = ""
    """Why the document was not imported at all."""
    crash: str = ""
    """How the import ended when it neither succeeded nor refused."""
    ungenerated: int = 0
    """Sampled tools no valid arguments were found for."""
    faults: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    """Class, and what happened."""

    @property
    def classes(self) -> dict[str, int]:
        """Faults counted by class."""
        return dict(Counter(fault for fault, _ in self.faults))
