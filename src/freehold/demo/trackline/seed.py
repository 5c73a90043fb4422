"""The data Trackline starts with: two customers at work. The same on every machine and day, but for dates, which lie around `now`."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from freehold.demo.trackline.data import ADD_COMMENT, Store

STATUSES = ("done", "done", "in_progress", "todo", "done", "blocked", "todo", "in_progress", "todo")
PRIORITIES = ("normal", "high", "normal", "low", "normal", "urgent", "normal")
TASK = "INSERT INTO tasks VALUES (:id, :tenant, :project, :title, '', :status, :priority, :assignee, :due, :by, :at, :done)"
REMARKS = (
    "Half of it is in; the rest needs an answer from outside first.",
    "I looked at this with the team on Thursday. We take the smaller version.",
    "This was waiting for the budget, which has come through.",
    "Please attach the latest figures before you close it.",
    "Done on my side, over to you for a second look.",
)


@dataclass(frozen=True, slots=True)
class Project:
    """One project of a customer, and the titles of its tasks."""

    name: str
    description: str
    status: str
    titles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Customer:
    """One customer. `marker` is a word that stands in every address of its workspace and in nobody else's data."""

    name: str
    marker: str
    roles: tuple[tuple[str, str, str], ...]
    projects: tuple[Project, ...]


ACME = Customer(
    name="Acme Garden Tools",
    marker="saltmarsh",
    roles=(
        ("Managing director", "MD", "owner"),
        ("Product lead", "PL", "member"),
        ("Design lead", "DL", "member"),
        ("Web developer", "WD", "member"),
        ("Warehouse lead", "WL", "member"),
        ("Photo studio", "PS", "guest"),
    ),
    projects=(
        Project(
            "Spring catalogue",
            "Everything for the printed and the online catalogue, out by the end of February.",
            "active",
            (
                "Agree the list of 140 products",
                "Photograph the new secateurs",
                "Write the texts for hand tools",
                "Write the texts for the watering range",
                "Check prices against the wholesale list",
                "Lay out the centre spread",
                "Saltmarsh range: choose the cover picture",
                "Proofread pages 1 to 32",
                "Proofread pages 33 to 64",
                "Get two quotes from printers",
                "Approve the colour proof",
                "Order 12,000 envelopes",
                "Update the mailing list",
                "Book the delivery slot",
                "Put the PDF on the site",
            ),
        ),
        Project(
            "Web shop checkout",
            "Fewer abandoned baskets: one page, guest orders, delivery dates that are true.",
            "active",
            (
                "Measure where baskets are abandoned",
                "Draw the one-page checkout",
                "Let guests order without an account",
                "Show the delivery date before payment",
                "Say clearly when a code has expired",
                "Address search for rural postcodes",
                "Keep the basket for thirty days",
                "Move card payments to the new provider",
                "Refund from the order page",
                "Test with a screen reader",
                "Load test for the first warm weekend",
                "Error page that offers a phone number",
                "Translate the order mails",
                "Switch ten percent of visitors over",
                "Switch everyone over",
                "Remove the old checkout",
            ),
        ),
        Project(
            "Warehouse move",
            "Out of the old hall by midsummer, without a day on which nothing ships.",
            "active",
            (
                "Measure the new hall",
                "Draw the shelf plan",
                "Count slow-moving stock",
                "Sell or scrap what nobody orders",
                "Order 60 pallet racks",
                "Have the sprinklers inspected",
                "Lease a second forklift",
                "Label every shelf",
                "Move the bulky goods first",
                "Run both halls for two weeks",
                "Redirect suppliers' deliveries",
                "Tell the carriers the new address",
                "Clean and hand back the old hall",
                "Cancel the old alarm contract",
            ),
        ),
        Project(
            "Repair service",
            "Customers send in a tool and get it back sharp: the pilot with three products.",
            "paused",
            (
                "Decide which three tools to begin with",
                "Set the price of a sharpening",
                "Find a workshop within 50 km",
                "Design the return box",
                "Print the return labels from the shop",
                "Write the page about the pilot",
                "Invite 200 regular customers",
                "Stock blades and springs",
                "Track repairs like orders",
                "Ask for a rating after two weeks",
                "Work out the cost of one repair",
                "Tell the shops about the service",
                "Film how to oil a pair of shears",
                "Decide whether the pilot goes on",
            ),
        ),
    ),
)

GLOBEX = Customer(
    name="Globex Field Instruments",
    marker="quillwort",
    roles=(
        ("Operations director", "OD", "owner"),
        ("Firmware lead", "FL", "member"),
        ("Test engineer", "TE", "member"),
        ("Field support", "FS", "member"),
        ("Quality manager", "QM", "member"),
        ("Certification lab", "CL", "guest"),
    ),
    projects=(
        Project(
            "Logger firmware 4.2",
            "Half the power, the same readings. Ships when a unit has run for 90 days on one cell.",
            "active",
            (
                "Profile the radio at minus 20 degrees",
                "Sleep between readings",
                "Batch uploads to once an hour",
                "Keep the clock within a second a day",
                "Sign the update image",
                "Refuse older images",
                "Recover from an interrupted update",
                "Log why a unit restarted",
                "Quillwort board: new pin assignment",
                "Cut the boot time below two seconds",
                "Store 30 days when the network is away",
                "Endurance test with twelve units",
                "Write the release notes",
                "Train field support",
                "Roll out to fifty friendly sites",
                "Roll out to everyone",
            ),
        ),
        Project(
            "Calibration backlog",
            "420 probes are overdue. Down to 40 by the end of the quarter.",
            "active",
            (
                "List every overdue probe by site",
                "Hire a second bench",
                "Write the short procedure",
                "Calibrate the salinity probes",
                "Calibrate the pressure probes",
                "Calibrate the flow meters",
                "Replace probes that fail twice",
                "Print certificates from the database",
                "Send reminders sixty days ahead",
                "Agree a turnaround with the couriers",
                "Audit ten finished certificates",
                "Keep spare probes at four depots",
                "Measure the uncertainty of the bench",
                "Close the backlog",
            ),
        ),
        Project(
            "Type approval",
            "The new logger needs its radio and safety approvals before it may be sold abroad.",
            "active",
            (
                "Choose the laboratory",
                "Send three sealed samples",
                "Radio: conducted emissions",
                "Radio: spurious emissions",
                "Immunity to static discharge",
                "Drop test from 1.5 metres",
                "Dust and water, 30 minutes at one metre",
                "Cell safety data sheet",
                "Translate the safety leaflet",
                "Draw the new type plate",
                "Answer the laboratory's questions",
                "Sign the declaration of conformity",
                "File everything for ten years",
                "Announce the approval to resellers",
            ),
        ),
        Project(
            "Service portal",
            "Customers see their own instruments: last reading, battery, next calibration.",
            "active",
            (
                "Ask eight customers what they look up",
                "Sketch the list of instruments",
                "Sign in with the customer's own account",
                "Show the last reading",
                "Show battery and signal",
                "Warn thirty days before calibration",
                "Order a calibration with two clicks",
                "Download certificates",
                "Export readings as CSV",
                "Let an admin invite colleagues",
                "Map of all sites",
                "Load a year of readings in two seconds",
                "Check contrast and keyboard use",
                "Write the help pages",
                "Invite the first five customers",
            ),
        ),
    ),
)

CUSTOMERS = {"acme": ACME, "globex": GLOBEX}


def seed(store: Store, now: float) -> None:
    """Fill an empty store with both customers, in one transaction."""
    today = datetime.fromtimestamp(now, UTC).replace(hour=9, minute=0, second=0, microsecond=0)
    with store.db:
        for tenant, customer in CUSTOMERS.items():
            _Seeding(store, tenant, customer, today).run()


class _Seeding:
    """One customer's rows."""

    def __init__(self, store: Store, tenant: str, customer: Customer, today: datetime) -> None:
        self._db = store.db
        self._tenant = tenant
        self._customer = customer
        self._today = today
        self._members = [self._id("mem", number) for number in range(len(customer.roles))]

    def run(self) -> None:
        slug = f"{self._tenant}-{self._customer.marker}"
        self._db.execute("INSERT INTO workspaces VALUES (?, ?, ?)", (self._tenant, slug, self._customer.name))
        for number, (role, initials, access) in enumerate(self._customer.roles):
            row = (self._members[number], self._tenant, role, initials, access, self._day(-400 + number))
            self._db.execute("INSERT INTO members VALUES (?, ?, ?, ?, ?, ?)", row)
        for number, project in enumerate(self._customer.projects):
            self._project(number, project)

    def _project(self, number: int, project: Project) -> None:
        ident = self._id("prj", number)
        row = (ident, self._tenant, project.name, project.description, project.status, self._day(-120 + 20 * number))
        self._db.execute("INSERT INTO projects VALUES (?, ?, ?, ?, ?, ?)", row)
        for step, title in enumerate(project.titles):
            self._task(ident, 100 * number + step, step, title)

    def _task(self, project: str, number: int, step: int, title: str) -> None:
        status = STATUSES[number % len(STATUSES)]
        begun = -50 + 3 * step
        row = {
            "id": self._id("tsk", number),
            "tenant": self._tenant,
            "project": project,
            "title": title,
            "status": status,
            "priority": PRIORITIES[number % len(PRIORITIES)],
            "assignee": self._members[number % len(self._members)] if number % 8 else None,
            "due": self._day(begun + 45)[:10],
            "by": self._customer.roles[number % 2][0],
            "at": self._day(begun, number),
            "done": self._day(begun + 4) if status == "done" else None,
        }
        self._db.execute(TASK, row)
        for nth in range(number % 3):
            self._comment(project, str(row["id"]), number, nth, self._day(begun + 2 + nth, number))

    def _comment(self, project: str, task: str, number: int, nth: int, at: str) -> None:
        row = {
            "id": self._id("com", 10 * number + nth),
            "tenant": self._tenant,
            "project_id": project,
            "task_id": task,
            "author": self._customer.roles[(number + nth) % len(self._customer.roles)][0],
            "body": REMARKS[(number + nth) % len(REMARKS)],
            "created_at": at,
        }
        self._db.execute(ADD_COMMENT, row)

    def _id(self, kind: str, number: int) -> str:
        return f"{kind}_{hashlib.sha256(f'{self._tenant}/{kind}/{number}'.encode()).hexdigest()[:12]}"

    def _day(self, days: int, minutes: int = 0) -> str:
        return (self._today + timedelta(days=days, minutes=minutes)).isoformat(timespec="milliseconds").replace("+00:00", "Z")
